"""A worker that is a guest at serving's own engine: few requests, of the lowest priority, all gone when one of serving's waits.

The engine runs with `--scheduling-policy priority`. Requests go in while nothing waits and its cache is far from full, a few
more each second, and leave on the first request that waits: that one may be serving's.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from synth.queue import Letter
from synth.worker import Worker

LOWEST = 1_000_000  # vLLM serves smaller numbers first; serving's requests have 0


@dataclass(frozen=True)
class Engine:
    """What an engine says of itself."""

    waiting: float
    cache_use: float  # 0 to 1
    asleep: bool = False

    @classmethod
    def of(cls, gauges: Mapping[str, float]) -> "Engine":
        """Of vLLM's metrics, as synth.engine gives them; one that says nothing counts as busy."""
        waiting = gauges.get("vllm:num_requests_waiting", 1.0)
        asleep = gauges.get("vllm:engine_sleep_state:awake", 1.0) == 0
        return cls(waiting, gauges.get("vllm:kv_cache_usage_perc", 1.0), asleep)


@dataclass(frozen=True)
class Manners:
    """When to go in: nothing waits, and the cache is used to less than 0.6, which leaves room for a burst of serving's."""

    most: int = 16  # requests of ours at one engine
    step: int = 2  # more at each look
    cache_limit: float = 0.6
    every_seconds: float = 1.0

    def admitted(self, seen: Engine, ours: int) -> int:
        """Requests of ours that may be at the engine until the next look. Pure."""
        if seen.asleep or seen.waiting:
            return 0
        if seen.cache_use >= self.cache_limit:
            return min(ours, self.most)
        return min(ours + self.step, self.most)


@dataclass
class Guest(Worker):
    """A worker with manners. What it must give up goes back to the queue, and counts as no attempt."""

    manners: Manners = field(default_factory=Manners)
    admitted: int = 0

    def open(self, letter: Letter) -> dict[str, Any]:
        said = super().open(letter)
        return {**said, "body": {**said["body"], "priority": LOWEST}}

    async def room(self, limit: int) -> bool:
        return await super().room(min(limit, self.admitted))

    async def watch_engine(self) -> None:
        await asyncio.gather(super().watch_engine(), self.behave())

    async def behave(self) -> None:
        """Look, and send the newest away where there are too many."""
        while True:
            seen = Engine.of(await self.engine.gauges())
            self.admitted = self.manners.admitted(seen, len(self.flights))
            for one in list(self.flights.values())[self.admitted :]:
                one.cancel()
            await self.tell()
            await asyncio.sleep(self.manners.every_seconds)
