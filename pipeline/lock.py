"""The mixture lock: how much of each group a training reads, as a file that recipes take. Read, written, checked.

    {"groups": {name: {"share", "tokens", "epochs"}}, "by", "digests", "seed", "versions", …}

`by` is the column whose values are the groups ("source"); `tokens` are those of the training, `epochs` how often the
group's own are read for them. Shares sum to 1. Other keys (how it was found, spreads) are kept and ignored.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOLERANCE = 1e-6  # of the sum of shares; they are written with 9 digits
_KEYS = ("groups", "by", "digests", "seed", "versions")
_NUMBERS = ("share", "tokens", "epochs")


class LockError(ValueError):
    """What is wrong in a lock: file, place, value and cure."""


@dataclass(frozen=True)
class Group:
    """`share` of the training's tokens, as many `tokens`, read from the group's own in `epochs` passes."""

    share: float
    tokens: int
    epochs: float


@dataclass(frozen=True)
class Lock:
    """A mixture that is decided. `digests`: of every file that decided it, by its name; `more`: all other keys."""

    groups: Mapping[str, Group]
    by: str = "source"
    digests: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


def read(path: str) -> Lock:
    """The lock in a file. Raises LockError, or OSError where there is none."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise LockError(
            f"{path}:{error.lineno}: not JSON: {error.msg}; write it again (`winnow mix solve`)"
        ) from error
    return parse(value, path)


def parse(value: Any, file: str = "lock") -> Lock:
    """The lock in plain values; `file` is the name that messages give it. Raises LockError."""
    if not isinstance(value, dict) or (missing := [key for key in _KEYS if key not in value]):
        lacks = f"has no '{missing[0]}'" if isinstance(value, dict) else "is no mapping"
        raise LockError(f"{file}: {lacks}; a lock has {', '.join(_KEYS)}")
    if not isinstance(value["groups"], dict) or not value["groups"]:
        raise LockError(f"{file}: groups must be a mapping with one or more names")
    groups = {name: _group(one, f"{file}: groups.{name}") for name, one in value["groups"].items()}
    total = math.fsum(one.share for one in groups.values())
    if abs(total - 1) > TOLERANCE:
        raise LockError(f"{file}: groups: the shares sum to {total:.9f}; they must sum to 1")
    kinds = {"by": str, "digests": dict, "seed": int, "versions": dict}
    for key, kind in kinds.items():
        if not isinstance(value[key], kind):
            raise LockError(f"{file}: {key} is {value[key]!r}; it must be {kind.__name__}")
    more = {key: one for key, one in value.items() if key not in _KEYS}
    return Lock(groups, value["by"], value["digests"], value["seed"], value["versions"], more)


def _group(value: Any, place: str) -> Group:
    if not isinstance(value, dict) or any(name not in value for name in _NUMBERS):
        raise LockError(f"{place}: must have {', '.join(_NUMBERS)}")
    for name in _NUMBERS:
        number = value[name]
        fits = (
            isinstance(number, int | float)
            and not isinstance(number, bool)
            and math.isfinite(number)
            and number >= 0
        )
        if not fits:
            raise LockError(f"{place}.{name} is {number!r}; it must be a number of 0 or more")
    return Group(float(value["share"]), round(value["tokens"]), float(value["epochs"]))


def dumps(lock: Lock) -> str:
    """JSON, keys in their order, one value a line: equal locks are equal bytes. Raises LockError."""
    groups = {
        name: {"share": one.share, "tokens": one.tokens, "epochs": one.epochs}
        for name, one in lock.groups.items()
    }
    value = {
        "groups": groups,
        "by": lock.by,
        "digests": dict(lock.digests),
        "seed": lock.seed,
        "versions": dict(lock.versions),
        **lock.more,
    }
    parse(value)
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(path: str, lock: Lock) -> None:
    """`dumps` into a file, whole or not at all."""
    text = dumps(lock)
    beside = Path(f"{path}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
