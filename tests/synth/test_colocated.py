"""Requests at serving's own engines: in while nothing waits, out on the first that does."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from synth import collect, submit
from synth.colocated import LOWEST, Calm, Guest, Manners, replica
from synth.engine import EngineError
from synth.farm import Farm
from synth.work import Post, work
from synth.worker import Flight
from tests.synth import farms
from tests.synth.conftest import run

ENGINES = some.builds(Calm, waiting=some.integers(0, 5), cache_use=some.floats(0, 1), asleep=some.booleans())


def test_a_few_more_at_each_calm_look():
    ours, seen = 0, []
    for _ in range(10):
        ours = Manners(most=7, step=2).admitted(Calm(0, 0.1), ours)
        seen.append(ours)
    assert seen[:5] == [2, 4, 6, 7, 7]


def test_all_leave_on_the_first_request_that_waits():
    assert Manners().admitted(Calm(1, 0.1), 16) == 0


def test_a_fuller_cache_lets_no_more_in():
    assert Manners().admitted(Calm(0, 0.59), 4) == 6
    assert Manners().admitted(Calm(0, 0.6), 4) == 4


@given(ENGINES, some.integers(0, 100))
def test_never_more_than_the_most_nor_a_jump(seen: Calm, ours: int):
    manners = Manners()
    admitted = manners.admitted(seen, ours)
    assert 0 <= admitted <= min(manners.most, ours + manners.step)
    assert not (admitted and (seen.waiting or seen.asleep))


def test_an_engines_metrics_are_read():
    calm = {"vllm:num_requests_waiting": 0.0, "vllm:kv_cache_usage_perc": 0.25}
    assert Calm.of(calm) == Calm(0, 0.25)
    assert Calm.of({**calm, "vllm:engine_sleep_state:awake": 0.0}).asleep
    assert Calm.of({}).waiting


def test_a_guest_keeps_to_one_replica_and_leaves_when_it_is_gone():
    assert replica("http://localhost:8000/v1", "guest") == "http://127.0.0.1:8000/v1"
    with pytest.raises(EngineError, match="is the host's name right"):
        replica("http://nowhere.invalid:8000", "guest")
    guest: Any = SimpleNamespace(engine=SimpleNamespace(url="http://10.0.0.1"))
    with pytest.raises(EngineError, match="another replica is chosen"):
        run(Guest.recover(guest, "gone"))


def test_a_guest_that_leaves_still_gives_way():
    async def waits() -> dict[str, float]:
        return {"vllm:num_requests_waiting": 1.0}

    async def body() -> bool:
        flight = Flight([], 1, {}, asking=asyncio.create_task(asyncio.sleep(60)))  # type: ignore[arg-type]  # any task
        guest: Any = SimpleNamespace(
            engine=SimpleNamespace(gauges=waits), manners=Manners(), flights={1: flight},
            leaving=asyncio.Event(), tell=lambda: asyncio.sleep(0),
        )  # fmt: skip
        guest.leaving.set()
        behaving = asyncio.create_task(Guest.behave(guest))
        await asyncio.wait([flight.asking], timeout=5)  # type: ignore[list-item]  # set above
        behaving.cancel()
        return flight.asking.cancelled()  # type: ignore[union-attr]

    assert run(body())


class Crowded(Guest):
    """Every third look finds a request of serving's waiting."""

    looks, most, yielded = 0, 0, 0

    async def behave(self) -> None:
        async def gauges() -> dict[str, float]:
            Crowded.looks += 1
            waits = float(Crowded.looks % 3 == 0)
            Crowded.yielded += bool(waits and self.flights)
            Crowded.most = max(Crowded.most, len(self.flights))
            assert all(one.said["body"]["priority"] == LOWEST for one in self.flights.values())
            return {"vllm:num_requests_waiting": waits, "vllm:kv_cache_usage_perc": 0.1}

        self.engine.gauges = gauges  # type: ignore[method-assign]
        self.manners = Manners(most=5, every_seconds=0.05)
        await super().behave()


def test_a_guest_gives_way_and_still_finishes_all(tmp_path: Path):
    task = farms.task(
        tmp_path,
        Farm(str(tmp_path / "farm")),
        farms.texts(40),
        checks={"max_repeated": 1.0, "truncated": True},
    )
    submit.run(task)
    with farms.double() as url:
        run(work(Post(task.farm, "double", url), farms.QUICK, Crowded))
    books = collect.collect(task)
    assert books.balance
    assert (books.submitted, books.pending, books.dead.total()) == (40, 0, 0)
    assert Crowded.most <= 5
    assert Crowded.yielded
