"""Dataclasses out of YAML and back, with the line of every mistake.

`load` gives a Form (plain values and the line of each), `build` makes a frozen dataclass of it; both report all
mistakes at once. `dump` and `write` lead back to YAML. `schema` describes a dataclass to editors.

The YAML is a small, plain one: only true and false are booleans, a date or `no` is text, 1e-3 is a number,
a number that begins with 0 is refused, and so are anchors, tags, repeated keys and further documents.
"""

import difflib
import json
import re
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import yaml
from pydantic import BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import to_jsonable_python

T = TypeVar("T")
_COUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(k|M|B|G|T|KiB|MiB|GiB)")
_TIMES = {
    "k": 10**3,
    "M": 10**6,
    "B": 10**9,
    "G": 10**9,
    "T": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


def _count(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _COUNT.fullmatch(value)
    number = Fraction(found[1]) * _TIMES[found[2]] if found else Fraction(1, 2)
    if number.denominator != 1:
        raise ValueError(f"'{value}' is no count; write it like 64000000, 64M, 1.5T or 16MiB")
    return int(number)


_COUNT_SCHEMA = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^{_COUNT.pattern}$"}]}
Count = Annotated[int, BeforeValidator(_count), WithJsonSchema(_COUNT_SCHEMA)]
"""A whole number that YAML may also write as 64M (10^6), 25B (10^9) or 16MiB (2^20)."""

Path = tuple[str | int, ...]  # the keys and indices that lead from the root to a value

_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_CONSTANTS = _WORDS | {".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}
_LINE_BREAKS = re.compile("[\r\n\x85\u2028\u2029]")


@dataclass(frozen=True)
class Mistake:
    """Place, value and cure of one mistake; lines count from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class FormError(ValueError):
    """The mistakes of one file in the order of their lines; `file`, `line` and `message` are the first one's."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(mistakes)
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.line)
        first = self.mistakes[0]
        self.file, self.line, self.message = first.file, first.line, first.message
        self.lines = [str(mistake) for mistake in self.mistakes]

    def __str__(self) -> str:
        return "\n".join(self.lines)


class Mistakes(list[Mistake]):
    """Collects what several readings find, to report it together."""

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Keep the mistakes of a FormError raised inside, and go on behind it."""
        try:
            yield
        except FormError as error:
            self.extend(error.mistakes)

    def stop(self) -> None:
        """Raise FormError if there are any."""
        if self:
            raise FormError(self)


def suggest(word: str, known: Collection[str]) -> str:
    """The cure for a misspelt word: its nearest neighbour, or all that would have been understood."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known) or 'none'}"


@dataclass(frozen=True)
class Form:
    """A plain value (None, bool, int, float, str, list, dict) and the line that each part of it stands on."""

    value: Any
    file: str
    lines: Mapping[Path, int]
    path: Path = ()

    @property
    def line(self) -> int:
        """The line of this value; of a mapping's entry, the line of its key."""
        return self.lines[self.path]

    def __getitem__(self, key: str | int) -> "Form":
        return replace(self, value=self.value[key], path=(*self.path, key))

    def __iter__(self) -> Iterator["Form"]:
        """The parts of a list or mapping, in order."""
        keys = self.value if isinstance(self.value, dict) else range(len(self.value))
        return (self[key] for key in keys)

    def mistake(self, message: str) -> Mistake:
        """A mistake that stands on this line."""
        return Mistake(self.file, self.line, message)

    @contextmanager
    def blame(self, what: str) -> Iterator[None]:
        """Turn a ValueError raised inside into a FormError at this line."""
        try:
            yield
        except FormError:
            raise
        except ValueError as error:
            raise FormError([self.mistake(f"{what}: {error}")]) from error


def load(text: str, file: str) -> Form:
    """The one document in `text`; `file` is the name that messages give it. Raises FormError."""
    with _yaml_errors(text, file):
        Mistakes(_foreign(text, file)).stop()
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    if root is None:
        return Form(None, file, {(): 1})
    reading = _Reading(file)
    reading.lines[()] = _line(root)
    value = reading.plain(root, ())
    reading.mistakes.stop()
    return Form(value, file, reading.lines)


@contextmanager
def _yaml_errors(text: str, file: str) -> Iterator[None]:
    try:
        yield
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FormError([Mistake(file, line, f"not YAML: {error.reason}")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        about = f" ({error.context})" if error.context else ""
        raise FormError([Mistake(file, line, f"not YAML: {error.problem}{about}")]) from error


def _foreign(text: str, file: str) -> Iterator[Mistake]:
    """What YAML has and a form has not: anchors, aliases, tags, several documents."""
    documents = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents == 2 and isinstance(event, yaml.DocumentStartEvent):
            yield Mistake(file, line, "a second document begins here; keep one to a file")
        if isinstance(event, yaml.AliasEvent):
            yield Mistake(file, line, f"alias '*{anchor}' is not read here; write its value out")
        elif anchor:
            yield Mistake(file, line, f"anchor '&{anchor}' is not read here; take it away")
        if tag:
            yield Mistake(file, line, f"tag '{tag}' is not read here; write the plain value")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


@dataclass(frozen=True)
class _Reading:
    """Nodes → plain values; lines and mistakes are noted on the way."""

    file: str
    lines: dict[Path, int] = field(default_factory=dict)
    mistakes: Mistakes = field(default_factory=Mistakes)

    def plain(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.SequenceNode):
            self.lines.update({(*path, i): _line(part) for i, part in enumerate(node.value)})
            return [self.plain(part, (*path, i)) for i, part in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            entries = self.entries(node)
            self.lines.update({(*path, name): _line(key) for name, (key, _) in entries.items()})
            return {name: self.plain(part, (*path, name)) for name, (_, part) in entries.items()}
        try:
            return node.value if getattr(node, "style", None) else scalar(node.value)
        except ValueError as error:
            return self.note(node, str(error))

    def entries(self, node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Each name → (key, value). A key is text, however it looks."""
        entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.note(key, "a key must be a word, not a list or mapping")
            elif key.value in entries:
                first = _line(entries[key.value][0])
                self.note(key, f"'{key.value}' stands twice, first on line {first}; keep one")
            else:
                entries[key.value] = key, value
        return entries

    def note(self, node: yaml.Node, message: str) -> None:
        self.mistakes.append(Mistake(self.file, _line(node), message))


def scalar(word: str) -> str | int | float | bool | None:
    """What an unquoted word stands for. Raises ValueError for a number that begins with 0."""
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if not _FLOAT.fullmatch(word):
        return word
    if _LEADING_ZERO.match(word):
        raise ValueError(f"{word} begins with 0; write the number without it, or '{word}' for the text")
    digits = word.replace("_", "")
    return int(digits) if _INTEGER.fullmatch(word) else float(digits)


def _settable(cls: Any) -> dict[str, bool]:
    """Fields of a dataclass that its maker takes → whether they must be given."""
    return {one.name: one.default is one.default_factory is MISSING for one in fields(cls) if one.init}


def snake_case(name: str) -> str:
    """GopherQuality → gopher_quality."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def check_fields(cls: type, form: Form, what: str, beside: Collection[str] = ()) -> None:
    """Raise FormError for unknown and missing fields; those in `beside` are read by someone else."""
    if not isinstance(form.value, dict):
        raise FormError([form.mistake(f"{what}: must be a mapping of fields, not {_shown(form.value)}")])
    known = _settable(cls)
    names = [*known, *beside]
    missing = [name for name, required in known.items() if required and name not in form.value]
    mistakes = Mistakes(form.mistake(f"{what}: field '{name}' is missing; add it") for name in missing)
    for name in [name for name in form.value if name not in names]:
        mistakes.append(form[name].mistake(f"{what}: unknown field '{name}'; {suggest(name, names)}"))
    mistakes.stop()


def build(cls: type[T], form: Form, what: str = "", beside: Collection[str] = ()) -> T:
    """The dataclass that a mapping describes.

    `what` is its name in messages (default: the class's own); fields in `beside` are passed over. Raises FormError
    with all unknown and missing fields and wrong types; when there are none, with what `__post_init__` says.
    """
    what, mistakes = what or snake_case(cls.__name__), Mistakes()
    with mistakes.gather():
        check_fields(cls, form, what, beside)
    hints = get_type_hints(cls, include_extras=True)
    values: dict[str, Any] = {}
    for name in _settable(cls):
        if isinstance(form.value, dict) and name in form.value and name not in beside:
            with mistakes.gather():
                values[name] = read(hints[name], form[name], what, name)
    mistakes.stop()
    with form.blame(what):
        return cls(**values)


def read(hint: Any, form: Form, what: str, name: str) -> Any:
    """The value of field `name` by its type hint: strictly, but a list may be a tuple and 1 a float."""
    if is_dataclass(hint):
        return build(cast(type, hint), form, f"{what}.{name}" if what else name)
    if form.value is not None and _holds_dataclass(hint):
        arguments = [argument for argument in get_args(hint) if argument is not types.NoneType]
        if get_origin(hint) in (Union, types.UnionType) and len(arguments) == 1:
            return read(arguments[0], form, what, name)
        if isinstance(form.value, list) and get_origin(hint) in (tuple, list, Sequence):
            parts = list(_parts(arguments[0], form, what, name).values())
            return parts if get_origin(hint) is list else tuple(parts)
        if isinstance(form.value, dict) and get_origin(hint) in (dict, Mapping):
            return _parts(arguments[1], form, what, name)
    return _validated(hint, form, what, name)


def _parts(hint: Any, form: Form, what: str, name: str) -> dict[Any, Any]:
    """Each part of a list or mapping under its index or key."""
    mistakes, found = Mistakes(), {}
    for part in form:
        with mistakes.gather():
            found[part.path[-1]] = read(hint, part, what, _dotted(name, part.path[-1:]))
    mistakes.stop()
    return found


def _holds_dataclass(hint: Any) -> bool:
    return is_dataclass(hint) or any(_holds_dataclass(argument) for argument in get_args(hint))


def _validated(hint: Any, form: Form, what: str, name: str) -> Any:
    try:
        return TypeAdapter(hint).validate_json(json.dumps(form.value), strict=True)
    except ValidationError as error:
        found = _by_place(error, form)
    raise FormError(
        [_wrong(one, said, what, _dotted(name, one.path[len(form.path) :])) for one, said in found]
    )


def _by_place(error: ValidationError, form: Form) -> list[tuple[Form, list[Any]]]:
    """What pydantic says, gathered by place: of a union it speaks once for every branch."""
    said: dict[Path, tuple[Form, list[Any]]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        place = form
        for key in detail["loc"]:  # some steps are the names of a union's branches, which nobody wrote
            place = place[key] if (*place.path, key) in form.lines else place
        said.setdefault(place.path, (place, []))[1].append(detail)
    return list(said.values())


_EXPECTED = {"none_required": "null", "bool_type": "true or false", "string_type": "a string"}
_EXPECTED |= {"float_type": "a number"} | dict.fromkeys(("int_type", "int_from_float"), "a whole number")
_EXPECTED |= dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list")
_EXPECTED |= dict.fromkeys(("dict_type", "mapping_type", "dataclass_type"), "a mapping")


def _wrong(place: Form, details: list[Any], what: str, name: str) -> Mistake:
    start = f"{what}: " if what else ""
    expected = [_EXPECTED.get(detail["type"], detail.get("ctx", {}).get("expected")) for detail in details]
    if None not in expected:
        either = " or ".join(dict.fromkeys(str(word) for word in expected))
        return place.mistake(f"{start}{name} must be {either}, not {_shown(place.value)}")
    said = "; ".join(dict.fromkeys(detail["msg"].removeprefix("Value error, ") for detail in details))
    return place.mistake(f"{start}{name}: {said}")


def _dotted(name: str, path: Path) -> str:
    return name + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else write(value, one_line=True)
    return text if len(text) <= 60 else text[:59] + "…"


def dump(thing: Any) -> dict[str, Any]:
    """Plain values of a dataclass's fields, without those that it would have anyway."""
    given = {name: getattr(thing, name) for name in _settable(type(thing))}
    for name in list(given):
        rest = {key: value for key, value in given.items() if key != name}
        given = rest if _makes(thing, rest) else given
    return {name: plain(value) for name, value in given.items()}


def _makes(thing: Any, values: Mapping[str, Any]) -> bool:
    """Asked of the class itself, because `__post_init__` may fill a field from the others."""
    try:
        return bool(type(thing)(**values) == thing)
    except (TypeError, ValueError):
        return False  # a required field, or one that the others cannot stand without


def plain(value: Any) -> Any:
    """None, bool, int, float, str, list or dict; sets are sorted, dataclasses become mappings."""
    if is_dataclass(value):
        return dump(value)
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        parts = [plain(part) for part in value]
        return parts if isinstance(value, list | tuple) else sorted(parts)
    return to_jsonable_python(value)


class _Writer(yaml.SafeDumper):
    """Quotes every text that `load` would not give back as it is."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML calls it so
        return True


def _represent_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    quoted = "'" if _FLOAT.fullmatch(text) or text in _CONSTANTS else None
    style = '"' if _LINE_BREAKS.search(text) else quoted
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _represent_text)


def write(value: Any, one_line: bool = False) -> str:
    """YAML of a plain value, keys in their order: a document, or one line without its end."""
    style: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": float("inf")}
    if one_line:  # a list of one, because a scalar alone would be followed by an end mark
        return yaml.dump([value], Dumper=_Writer, default_flow_style=True, **style)[1:-2]
    return yaml.dump(value, Dumper=_Writer, default_flow_style=None, **style)


def schema(cls: type) -> dict[str, Any]:
    """JSON Schema (2020-12) of a dataclass's mapping: its docstring as description, no further fields."""
    found = TypeAdapter(cls).json_schema()
    for part in (found, *found.get("$defs", {}).values()):
        if "properties" in part:
            part["additionalProperties"] = False
    return found
