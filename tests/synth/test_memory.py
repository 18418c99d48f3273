"""A worker's memory does not grow with what it has done: five times as many requests as it remembers, and a week's worth of segments.

The scheduler's week is in test_schedule.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import psutil
import pytest

from synth.engine import Answer, Engine
from synth.farm import Farm
from synth.queue import Counts, Letter
from synth.worker import REMEMBERED, Worker
from tests.synth import farms
from tests.synth.conftest import run

WARM = 2 * REMEMBERED  # everything that fills up is full
GROWTH_BYTES = 8 << 20  # by then; a kilobyte kept of each request would be 60 MB


class Instant(Engine):
    """Answers at once, without a server."""

    async def complete(self, _: object) -> Answer:
        return Answer("a short answer", "", "stop", 10, 3)

    async def version(self) -> str:
        return "instant"

    async def alive(self) -> bool:
        return True

    async def gauges(self) -> dict[str, float]:
        return {}


@dataclass
class Endless:
    """A queue of `count` letters that nobody has to keep; `seen`: resident bytes at each ten thousandth."""

    count: int
    seen: list[int]
    given: int = 0

    async def receive(self, _: float) -> Letter | None:
        if self.given == self.count:
            return None
        self.given += 1
        if self.given % 10_000 == 0:
            self.seen.append(psutil.Process().memory_info().rss)
        said = {
            "job": "j",
            "custom_id": str(self.given),
            "parents": [],
            "revision": "main",
            "body": {"messages": []},
        }
        return Letter(f"{self.given:032x}", orjson.dumps(said))

    async def ack(self, letters: Sequence[Letter]) -> None: ...
    async def hand_back(self, letter: Letter) -> None: ...
    async def close(self) -> None: ...

    async def counts(self) -> Counts:
        return Counts(self.count - self.given, 0, 0, 0)


@pytest.mark.soak
def test_a_workers_memory_is_flat(tmp_path: Path):
    queue = Endless(5 * REMEMBERED, [])
    farm = Farm(str(tmp_path / "farm"))
    habits = replace(farms.QUICK, in_flight=64, commit_seconds=5)

    async def body() -> None:
        async with Instant("http://127.0.0.1:9") as engine:
            await Worker(farm, queue, engine, habits, "w").run()  # type: ignore[arg-type]

    run(body(), 3_600)
    assert queue.given == queue.count
    settled, *later = queue.seen[WARM // 10_000 - 1 :]
    assert max(later) - settled < GROWTH_BYTES, [f"{one / 1e6:.0f} MB" for one in queue.seen]
