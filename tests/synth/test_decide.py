"""The farm's decision: whole days as transcripts, and what must hold whatever is seen."""

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from synth.decide import Limits, Seen, decide, idle_minutes
from synth.forecast import Forecast
from tests.synth import weeks

DAYS = sorted((Path(__file__).parent / "days").glob("*.yaml"))


@cache
def forecast() -> Forecast:
    return weeks.forecast()


def look(row: dict[str, Any], workers: int) -> Seen:
    names = {"spent": "spent_gpu_hours", "since_growth": "minutes_since_growth"}
    passed = {
        names.get(key, key): row[key]
        for key in ("gpus", "backlog", "strained", "spent", "since_growth")
        if key in row
    }
    found = weeks.seen(row["at"], row["load"], workers=workers, **passed)
    blind = row.get("blind", 0)
    return dataclasses.replace(found, loads=found.loads[blind:] + (float("nan"),) * blind)


@pytest.mark.parametrize("path", DAYS, ids=lambda path: path.stem)
def test_a_day_goes_as_written(path: Path):
    limits, workers = dataclasses.replace(weeks.LIMITS, budget_gpu_hours=500), 0
    for row in yaml.safe_load(path.read_text()):
        found = decide(
            look(row, workers), dataclasses.replace(limits, on=row.get("switch", True)), forecast()
        )
        assert (found.workers, row["because"] in "; ".join(found.reasons)) == (row["wanted"], True), (
            row,
            found,
        )
        workers = found.workers


LOADS = some.lists(some.floats(0, 2000) | some.just(float("nan")), max_size=70).map(tuple)
LOOKS = some.builds(
    Seen, minute=some.integers(0, 10079), loads=LOADS, gpus=some.integers(0, 300), serving=some.integers(0, 300),
    workers=some.integers(0, 300), backlog=some.integers(0, 20_000), strained=some.booleans(),
    spent_gpu_hours=some.floats(0, 1000), minutes_since_growth=some.floats(0, 100),
)  # fmt: skip
LIMITS = some.builds(
    Limits, requests_per_gpu=some.floats(0.1, 100), headroom=some.floats(0, 1), reserve_gpus=some.integers(0, 20),
    gpus_per_worker=some.integers(1, 8), startup_seconds=some.floats(0, 600), drain_seconds=some.floats(0, 300),
    settle_minutes=some.floats(0, 30), budget_gpu_hours=some.none() | some.floats(0, 1000),
    requests_per_worker=some.integers(1, 256), max_workers=some.integers(0, 300),
)  # fmt: skip


@given(LOOKS, LIMITS)
def test_never_more_than_the_reserve_leaves(seen: Seen, limits: Limits):
    found = decide(seen, limits, forecast())
    assert (
        0 <= found.workers * limits.gpus_per_worker <= max(0, seen.gpus - seen.serving - limits.reserve_gpus)
    )
    assert found.workers <= limits.max_workers
    assert all(found.reasons)


@given(LOOKS, LIMITS, some.integers(1, 100))
def test_more_idle_gpus_never_give_fewer_workers(seen: Seen, limits: Limits, more: int):
    here = decide(seen, limits, forecast()).workers
    assert decide(dataclasses.replace(seen, gpus=seen.gpus + more), limits, forecast()).workers >= here
    assert (
        decide(dataclasses.replace(seen, serving=max(0, seen.serving - more)), limits, forecast()).workers
        >= here
    )


@given(LOOKS, LIMITS)
def test_the_kill_switch_and_a_spent_budget_end_everything(seen: Seen, limits: Limits):
    assert decide(seen, dataclasses.replace(limits, on=False), forecast()).workers == 0
    spent = dataclasses.replace(limits, budget_gpu_hours=seen.spent_gpu_hours)
    assert decide(seen, spent, forecast()).workers == 0


@given(LOOKS, LIMITS)
def test_it_only_grows_on_what_is_known_and_calm(seen: Seen, limits: Limits):
    """Not while serving is strained, nor blind, nor soon after the last growth."""
    if decide(seen, limits, forecast()).workers > seen.workers:
        assert not seen.strained
        assert seen.loads
        assert seen.loads[-1] >= 0
        assert seen.minutes_since_growth >= limits.settle_minutes


@given(some.integers(0, 2**32), some.floats(0, 0.5))
def test_changes_within_any_hour_are_bounded(seed: int, noise: float):
    """However wild the load: at most 60 / settle_minutes growths an hour, and nothing turns twice without one."""
    loads = weeks.office(noise=noise, seed=seed)[600:1080]
    workers, grown, growths = 0, -100, []
    for minute in range(60, len(loads)):
        seen = weeks.seen(
            workers=workers,
            serving=weeks.LIMITS.serving_gpus(loads[minute - 1]),
            minutes_since_growth=minute - grown,
        )
        seen = dataclasses.replace(
            seen, minute=600 + minute, loads=tuple(loads[minute - 60 : minute].tolist())
        )
        found = decide(seen, weeks.LIMITS, forecast()).workers
        if found > workers:
            grown = minute
            growths.append(minute)
        workers = found
    within = np.searchsorted(growths, np.array(growths) + 60) - np.arange(len(growths))
    assert max(within, default=0) <= 60 / weeks.LIMITS.settle_minutes


def test_work_is_shed_before_serving_needs_the_gpus():
    """The load climbs by five GPUs a minute; what the next two minutes need is free when they come."""
    climbing = tuple(300.0 + 40 * max(0, minute - 54) for minute in range(60))
    seen = dataclasses.replace(weeks.seen("Tue 10:00", climbing[-1], workers=100), loads=climbing)
    found = decide(seen, weeks.LIMITS, forecast())
    assert 128 - found.workers >= weeks.LIMITS.serving_gpus(climbing[-1] + 2 * 40)


def test_a_dear_start_needs_a_longer_idle_time():
    """At 07:30 of a weekday the night is nearly over."""
    seen = weeks.seen("Tue 07:30", 105.0)
    cheap = decide(seen, dataclasses.replace(weeks.LIMITS, startup_seconds=30), forecast()).workers
    dear = decide(seen, dataclasses.replace(weeks.LIMITS, startup_seconds=1500), forecast()).workers
    assert dear < cheap


def test_the_idle_time_that_remains_is_told():
    assert idle_minutes(weeks.seen("Tue 02:00", workers=20), weeks.LIMITS, forecast()) == 60
    assert idle_minutes(weeks.seen("Tue 13:00", 880.0, workers=20), weeks.LIMITS, forecast()) == 0


@pytest.mark.parametrize("wrong", [{"requests_per_gpu": 0}, {"reserve_gpus": -1}, {"gpus_per_worker": 0}])
def test_limits_without_sense_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(weeks.LIMITS, **wrong)
