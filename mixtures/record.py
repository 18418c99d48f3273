"""fit.json: what `winnow mix fit` found, for `solve` to use again and for `report` to draw."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixtures.choice import LEVEL, Choice, Score
from mixtures.tables import Runs, publish
from pipeline.lock import Lock


class StaleError(ValueError):
    """The fit speaks of other tables or targets."""


def write(path: str, runs: Runs, choices: Sequence[Choice], seed: int, tests: Mapping[str, Any]) -> None:
    """`tests`: scores on runs that took no part, for the reader only."""
    value = {
        "digests": runs.digests,
        "seed": seed,
        "level": LEVEL,
        "domains": list(runs.domains),
        "runs": len(runs.runs),
        "notes": list(runs.notes),
        "targets": {
            one.target: as_plain(one, runs.losses[:, runs.targets.index(one.target)]) for one in choices
        },
        "tests": dict(tests),
    }
    publish(path, json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def as_plain(choice: Choice, losses: np.ndarray) -> dict[str, Any]:
    return {
        "law": choice.law,
        "knows": choice.score.knows,
        "scores": {
            name: {"rank_correlation": list(one.correlation), "error": list(one.error)}
            for name, one in choice.scores.items()
        },
        "curve": [list(point) for point in choice.curve],
        "enough": choice.enough,
        "effects": choice.effects.tolist(),
        "losses": losses.tolist(),
        "held_out": choice.held_out.tolist(),
    }


def load(path: str) -> dict[str, Any]:
    """The record as plain values. Raises StaleError for a file that `write` did not write."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise StaleError(f"{path}: is no JSON ({error}); make it again (`winnow mix fit`)") from error
    lacks = [
        key
        for key in ("digests", "level", "domains", "targets")
        if not isinstance(value, dict) or key not in value
    ]
    if lacks:
        raise StaleError(f"{path}: is no fit, it has no {lacks[0]!r}; make it again (`winnow mix fit`)")
    made: dict[str, Any] = value
    return made


def load_for(path: str, lock: Lock, file: str) -> dict[str, Any]:
    """`load`. Raises StaleError when it was learnt from other tables than the lock in `file`."""
    value = load(path)
    known = set(lock.digests.values())
    if other := [name for name, one in value["digests"].items() if one not in known]:
        raise StaleError(
            f"{path}: was made from another {other[0]} than {file}; make both again (`winnow mix fit`, `winnow mix solve`)"
        )
    return value


def read(path: str, runs: Runs, targets: Iterable[str]) -> tuple[Choice, ...]:
    """The choices for these targets. Raises StaleError when they were made from other tables."""
    value = load(path)
    if sorted(value["digests"].values()) != sorted(runs.digests.values()):
        raise StaleError(
            f"{path}: was made from other tables than {' and '.join(runs.digests)}; make it again (`winnow mix fit`)"
        )
    missing = [name for name in targets if name not in value["targets"]]
    if missing:
        raise StaleError(f"{path}: has no target {missing[0]!r}; make it again (`winnow mix fit`)")
    return tuple(parse(name, value["targets"][name]) for name in targets)


def parse(target: str, value: Mapping[str, Any]) -> Choice:
    scores = {
        name: Score(tuple(one["rank_correlation"]), tuple(one["error"]))
        for name, one in value["scores"].items()
    }
    curve = tuple((int(runs), float(rank), float(error)) for runs, rank, error in value["curve"])
    return Choice(
        target, value["law"], scores, np.array(value["held_out"]), curve, np.array(value["effects"])
    )
