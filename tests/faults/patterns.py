"""Every regular expression of the project, found in its source, and texts that each of them could choke on, made from its own parts."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "synth", "mixtures")
VERBS = ("search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn")


class Pattern(NamedTuple):
    """`name`: module, and the name it is given or the function it stands in; `verbs`: how it is used."""

    name: str
    compiled: re.Pattern[Any]
    verbs: frozenset[str]


def patterns() -> Iterator[Pattern]:
    """All of them; not RE2's, which Arrow uses for what users write: they take linear time by construction."""
    sources = {
        path: path.read_text("utf-8")
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    everything = "\n".join(sources.values())
    for path, text in sources.items():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for statement in ast.parse(text).body:
            for call, keyword in calls(statement):
                verb, name = ast.unparse(call.func).removeprefix("re."), keyword or named(statement)
                used = (
                    re.findall(rf"\b{name}\.({'|'.join(VERBS)})\(", everything)
                    if verb == "compile"
                    else [verb]
                )
                yield Pattern(
                    f"{module}:{named(statement)}", compiled(call, module), frozenset(used or ["search"])
                )


def calls(node: ast.AST, keyword: str = "") -> Iterator[tuple[ast.Call, str]]:
    """Calls of `re.compile` and its like, with the name of the argument that each is for."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {
        f"re.{verb}" for verb in ("compile", *VERBS)
    }:
        yield node, keyword
    for child in ast.iter_child_nodes(node):
        yield from calls(child, child.arg or "" if isinstance(child, ast.keyword) else keyword)


def named(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0])
    return str(getattr(statement, "name", "") or ast.unparse(statement))


def compiled(call: ast.Call, module: str) -> re.Pattern[Any]:
    """The pattern as the module's own names make it."""
    rest = [ast.unparse(one) for one in (*call.args[1:], *(key.value for key in call.keywords))]
    flags = [one for one in rest if one.startswith("re.")]
    return eval(
        f"re.compile({', '.join([ast.unparse(call.args[0]), *flags])})",
        {**vars(import_module(module)), "re": re},
    )


# Attacks


MOST_PARTS = 25  # of a pattern, for its parts to be tried in pairs


def attacks(pattern: re.Pattern[Any], size: int) -> Iterator[Any]:
    """Texts of about `size`: what each part of the pattern reads, and each two parts, over and over, behind a true beginning and
    before an end that cannot be.
    """
    parsed = parser.parse(pattern.pattern, pattern.flags)
    parts = sorted({"\n", *filter(None, fragments(parsed))})
    starts = sorted({"", *beginnings(parsed)})
    for one, other in product(parts, ["", *(parts if len(parts) <= MOST_PARTS else ["\n"])]):
        for start in starts if not other else starts[:1]:
            text = start + (one + other) * (size // len(one + other)) + "\x01\x00"
            yield text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


def fragments(parsed: Any) -> Iterator[str]:
    """What each node below reads, at its least."""
    for code, value in parsed:
        yield example([(code, value)])
        for inner in children(code, value):
            yield example(inner)
            yield from fragments(inner)


def beginnings(parsed: Any) -> Iterator[str]:
    """What stands before each part that repeats, at the top level."""
    for at, (code, _) in enumerate(parsed):
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            yield example(parsed[:at])


def children(code: Any, value: Any) -> list[Any]:
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return [value[2]]
    if code is codes.SUBPATTERN:
        return [value[-1]]
    if code is codes.ATOMIC_GROUP:
        return [value]
    if code is codes.ASSERT:
        return [value[1]]
    return list(value[1]) if code is codes.BRANCH else []


def example(parsed: Any) -> str:
    """A shortest text that the nodes read; of what may be nothing, one."""
    return "".join(one_of(code, value) for code, value in parsed)


def one_of(code: Any, value: Any) -> str:
    if code is codes.LITERAL:
        return chr(value)
    if code is codes.NOT_LITERAL:
        return "b" if value == ord("a") else "a"
    if code is codes.ANY:
        return "a"
    if code is codes.IN:
        return member(value)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return example(value[2]) * max(1, value[0])
    inner = children(code, value)
    return example(inner[0]) if inner else ""


def member(items: Any) -> str:
    """One character of a set."""
    if items[0][0] is codes.NEGATE:
        return next(sign for sign in "a 1-" if not any(covers(item, ord(sign)) for item in items[1:]))
    kinds = {codes.CATEGORY_SPACE: " ", codes.CATEGORY_DIGIT: "1", codes.CATEGORY_WORD: "a"}
    kind, value = items[0]
    if kind is codes.CATEGORY:
        return kinds.get(value, "-")
    return chr(value[0] if kind is codes.RANGE else value)


def covers(item: Any, code: int) -> bool:
    kind, value = item
    if kind is codes.RANGE:
        return value[0] <= code <= value[1]
    if kind is codes.CATEGORY:
        return {
            codes.CATEGORY_SPACE: code == 32,
            codes.CATEGORY_NOT_WORD: chr(code) in " -",
            codes.CATEGORY_WORD: chr(code) in "a1",
        }.get(value, False)
    return kind is codes.LITERAL and value == code
