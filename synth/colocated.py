"""A worker that is a guest at serving's own engine: few requests, of the lowest priority, all gone when one of serving's waits.

The engine runs with `--scheduling-policy priority`. Requests go in while nothing waits and its cache is far from full, a few
more each second, and leave on the first request that waits: that one may be serving's. Metrics and requests must be of one and
the same engine, so behind a name of several replicas a guest keeps to one of them.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from synth.engine import EngineError
from synth.queue import Letter
from synth.worker import Worker

LOWEST = 1_000_000  # vLLM serves smaller numbers first; serving's requests have 0


def replica(url: str, guest: str) -> str:
    """The URL of one of the addresses that a name leads to (in a cluster: a headless Service); the guest's name decides which."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise EngineError(f"{url}: {error}; is the host's name right, and a replica ready?") from error
    addresses = sorted(str(one[4][0]) for one in found)
    chosen = int.from_bytes(blake2b(guest.encode(), digest_size=8).digest()) % len(addresses)
    return parts._replace(netloc=addresses[chosen] + (f":{parts.port}" if parts.port else "")).geturl()


@dataclass(frozen=True)
class Calm:
    """What an engine says of how busy it is."""

    waiting: float
    cache_use: float  # 0 to 1
    asleep: bool = False

    @classmethod
    def of(cls, gauges: Mapping[str, float]) -> "Calm":
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

    def admitted(self, seen: Calm, ours: int) -> int:
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

    async def recover(self, how: str) -> None:
        """A replica that is gone does not come back under its address: leave, and choose among those there are at the next start."""
        if how == "gone":
            raise EngineError(f"{self.engine.url}: gone; start again, and another replica is chosen")
        await super().recover(how)

    async def behave(self) -> None:
        """Look, and send the newest away where there are too many."""
        while True:
            seen = Calm.of(await self.engine.gauges())
            self.admitted = self.manners.admitted(seen, len(self.flights))
            for one in list(self.flights.values())[self.admitted :]:
                one.cancel()
            await self.tell()
            await asyncio.sleep(self.manners.every_seconds)
