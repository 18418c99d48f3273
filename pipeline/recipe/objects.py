"""The objects of a recipe, what must hold between them, and the table of the shipped stages."""

import os
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import import_module
from operator import attrgetter
from typing import Any, Literal, TypeVar

from pipeline import forms

T = TypeVar("T")

STAGES: dict[str, str] = {
    "refinedweb_lines": "pipeline.rules.refinedweb:RefinedWebLines",
    "c4_lines": "pipeline.rules.c4:C4Lines",
    "gopher_quality": "pipeline.rules.gopher:GopherQuality",
    "gopher_repetition": "pipeline.rules.gopher:GopherRepetition",
    "fineweb_quality": "pipeline.rules.fineweb:FineWebQuality",
    "chinese_quality": "pipeline.rules.chinese:ChineseQuality",
    "url_rules": "pipeline.rules.urls:UrlRules",
    "language": "pipeline.rules.language:KeepLanguages",
    "drop": "pipeline.rules.drop:Drop",
    "garbled": "pipeline.rules.garbled:Garbled",
    "model_output": "pipeline.rules.model_output:ModelOutput",
    "word_lists": "pipeline.rules.word_lists:WordLists",
    "personal_data": "pipeline.rules.personal:RedactPersonalData",
    "fineweb2_chinese": "pipeline.rules.fineweb:FineWeb2Chinese",
    "map_neo_chinese": "pipeline.rules.map_neo:MapNeoChinese",
    "contamination": "pipeline.rules.contamination:Contamination",
    "exact_duplicates": "pipeline.comparisons.exact:ExactDuplicates",
    "near_duplicates": "pipeline.comparisons.near:NearDuplicates",
    "repeated_text": "pipeline.comparisons.repeated:RepeatedText",
    "sample": "pipeline.rules.sample:Sample",
}
"""Every shipped stage: its name in YAML → where its class is. Imported when used."""

NAMES = {place: name for name, place in STAGES.items()}
BESIDE = ("where", "name")  # what every stage takes beside its own fields

_MOST_BYTES = 16 << 20  # of text in one batch, so of one document


_LEAST_PACK = 16
_MOST_POOL = 1 << 30  # tokens that one task holds

ColumnType = Literal["string", "int32", "int64", "float32", "float64", "bool"]


@dataclass(frozen=True)
class Input:
    """Files of one source. `name` stands in the documents' addresses; without one it is the source."""

    source: str
    path: str  # a file, a folder or a pattern; relative to the current directory
    name: str = ""
    format: Literal["auto", "jsonl", "text", "parquet", "warc", "html", "markdown", "code"] = "auto"
    text: str = "text"  # the field of a record that holds its text
    columns: Mapping[str, ColumnType] = field(default_factory=dict)  # fields of a record to judge by
    max_bytes: forms.Count = _MOST_BYTES  # a longer document is quarantined as too_large

    def __post_init__(self) -> None:
        _fill(self, name=self.name or self.source)
        _need_text(self, "source", "path", "text")
        if not 1 <= self.max_bytes <= _MOST_BYTES:
            raise ValueError(f"max_bytes {self.max_bytes} must be from 1 to {_MOST_BYTES} (16MiB, one batch)")


@dataclass(frozen=True)
class Output:
    """Packs of `pack_tokens` tokens in shards of about `pool_tokens`, in the folder `path`.

    `min_long_share`: how much of the tokens should come from documents that fill half a pack or more on their own, for long
    contexts; a run that ends below says so.
    """

    path: str
    tokenizer: str  # a tokenizer.json
    pack_tokens: int = 4096
    pool_tokens: forms.Count = 64_000_000
    end_token: str = "<|endoftext|>"  # noqa: S105  # no password
    pad_token: str | None = None  # without one it is the end token
    seed: int = 0
    min_long_share: float = 0.0

    def __post_init__(self) -> None:
        _fill(self, pad_token=self.pad_token or self.end_token)
        _need_text(self, "path", "tokenizer", "end_token")
        if self.pack_tokens < _LEAST_PACK:
            raise ValueError(f"pack_tokens {self.pack_tokens} must be {_LEAST_PACK} or more")
        if self.pool_tokens > _MOST_POOL:
            raise ValueError(
                f"pool_tokens {self.pool_tokens} must be at most {_MOST_POOL} (1024MiB): one shard's tokens"
            )
        if self.pool_tokens < self.pack_tokens:
            raise ValueError(f"pool_tokens {self.pool_tokens} is below pack_tokens {self.pack_tokens}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed {self.seed} must be from 0 to 2^63 - 1")
        if not 0 <= self.min_long_share <= 1:
            raise ValueError(f"min_long_share {self.min_long_share} must be from 0 to 1")


@dataclass(frozen=True)
class Stage:
    """A rule or comparison at its place: the rows that it speaks of, and its name in reports.

    `where` maps a column to the value it must have, a list of such values, or {min, max}, both inclusive.
    """

    rule: Any
    where: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        _check_shape(self.rule)
        _fill(self, where=limits(self.where), name=self.name or default_name(type(self.rule)))


@dataclass(frozen=True)
class Recipe:
    """Inputs, stages in their order, output. A bare rule among the stages is wrapped in a Stage."""

    inputs: tuple[Input, ...]
    stages: tuple[Stage, ...]
    output: Output

    def __init__(self, inputs: Iterable[Input], stages: Iterable[Any], output: Output) -> None:
        wrapped = tuple(one if isinstance(one, Stage) else Stage(one) for one in stages)
        _fill(self, inputs=tuple(inputs), stages=wrapped, output=output)
        if said := [message for _, message in contradictions(self.inputs, self.stages)]:
            raise ValueError("\n".join(said))


def _fill(thing: Any, **values: Any) -> None:
    """Set fields of a frozen dataclass while it is made."""
    for name, value in values.items():
        object.__setattr__(thing, name, value)


def _need_text(thing: Any, *names: str) -> None:
    for name in names:
        if not getattr(thing, name):
            raise ValueError(f"{name} is empty")


def _check_shape(rule: Any) -> None:
    """Raise ValueError unless this can be written in a recipe and have a key; what it does is checked when placed."""
    kind = rule if isinstance(rule, type) else type(rule)
    if isinstance(rule, type) or not is_dataclass(rule):
        raise ValueError(f"{rule!r} is no stage; a stage is an object of a frozen dataclass")
    if type(getattr(rule, "version", None)) is not int:
        raise ValueError(f"{kind.__name__} states no version; write `version = 1` into the class")
    if not (callable(rule) or hasattr(rule, "nominate") or hasattr(rule, "copies")):
        raise ValueError(f"{kind.__name__} is no stage; it has neither __call__ nor nominate nor copies")
    for name in (*BESIDE, "use"):
        if name in {one.name for one in fields(rule)}:
            raise ValueError(f"{kind.__name__} has a field '{name}', which every stage has; rename it")


def limits(where: Mapping[str, Any]) -> dict[str, Any]:
    """The limits of a `where`, checked; lists become tuples."""
    found = {name: tuple(limit) if isinstance(limit, list) else limit for name, limit in where.items()}
    for name, limit in found.items():
        _check_limit(name, limit)
    return found


def _check_limit(name: str, limit: Any) -> None:
    """Raise ValueError unless a limit of `where` is a value, a list of values, or a range."""
    values = limit if isinstance(limit, tuple) else [limit]
    if isinstance(limit, Mapping):
        values = list(limit.values())
        if not limit or not limit.keys() <= {"min", "max"}:
            said = ", ".join(limit) or "nothing"
            raise ValueError(f"where: {name}: a range has min, max or both, not {said}")
    if not values or not all(isinstance(value, str | int | float) for value in values):
        raise ValueError(f"where: {name}: must be a value, a list of values or {{min, max}}, not {limit!r}")
    if len({float if type(value) is int else type(value) for value in values}) > 1:
        raise ValueError(f"where: {name}: {', '.join(map(repr, values))} are of several types; keep to one")
    if isinstance(limit, Mapping) and len(limit) == 2 and limit["min"] > limit["max"]:
        raise ValueError(f"where: {name}: min {limit['min']} is above max {limit['max']}")


def contradictions(
    inputs: Sequence[Input | None], stages: Sequence[Stage | None]
) -> Iterator[tuple[forms.Path, str]]:
    """(path, what is wrong there) between parts that are right alone; None stands for one that is not."""
    if not inputs:
        yield ("inputs",), "inputs: is empty; a recipe needs one or more"
    for part, found in (("inputs", inputs), ("stages", stages)):
        names = set[str]()
        for index, one in enumerate(found):
            if one and one.name in names:
                yield (part, index), f"{one.name}: two {part} have this name; give one of them a `name:`"
            names |= {one.name} if one else set()
    for index, one in enumerate(stages):
        if one and getattr(one.rule, "scoped", False) and not one.where:
            yield ("stages", index), f"{one.name}: needs a `where`, or it would drop everything"
    samples = [(index, one.name) for index, one in enumerate(stages) if one and hasattr(one.rule, "copies")]
    for index, name in samples[1:]:
        yield ("stages", index), f"{name}: is the second stage that gives copies; keep one"
    if samples and samples[-1][0] != len(stages) - 1:
        index, name = samples[-1]
        yield ("stages", index), f"{name}: gives copies and must stand last; move it to the end"
    if all(inputs):
        yield from _unknown_sources({one.source for one in inputs if one}, stages)


def _unknown_sources(known: set[str], stages: Sequence[Stage | None]) -> Iterator[tuple[forms.Path, str]]:
    for index, stage in enumerate(stages):
        if stage is not None:
            for source in sorted(_sources(stage) - known):
                said = f"{stage.name}: no input has source {source!r}; {forms.suggest(source, sorted(known))}"
                yield ("stages", index), said


def _sources(stage: Stage) -> set[str]:
    """The sources that a stage names: in its `where`, as weights, as preference."""
    said = stage.where.get("source", ())
    named = {said} if isinstance(said, str) else set(said) if isinstance(said, list | tuple) else set()
    weighed = getattr(stage.rule, "epochs", ()) if getattr(stage.rule, "by", None) == "source" else ()
    return {one for one in (*named, *weighed, *getattr(stage.rule, "prefer", ())) if isinstance(one, str)}


def address(kind: type) -> str:
    """`package.module:Class`, by which YAML finds it."""
    return f"{kind.__module__}:{kind.__qualname__}"


def default_name(kind: type) -> str:
    """A shipped stage's name in YAML; of others the class's name in snake_case."""
    return NAMES.get(address(kind)) or forms.snake_case(kind.__name__)


def stage_class(place: str) -> Any:
    """Import what `package.module:Class` names. Raises ValueError where there is no such thing."""
    module, _, name = place.partition(":")
    if not module or not name:
        raise ValueError(f"use: '{place}' is no place of a class; write package.module:Class")
    try:
        kind = attrgetter(name)(import_module(module))
    except ModuleNotFoundError as error:
        cure = "the module must lie beside the recipe, on PYTHONPATH, or be installed"
        raise ValueError(f"use: cannot find {place} ({error}); {cure}") from error
    except AttributeError as error:
        raise ValueError(f"use: {module} has no {name} ({error})") from error
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(at.filename)}, line {at.lineno}"
        raise ValueError(
            f"use: {module} cannot be imported ({where}: {type(error).__name__}: {error})"
        ) from error
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise ValueError(f"use: {place} is no dataclass; write @dataclass(frozen=True) above the class")
    return kind
