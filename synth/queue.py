"""What carries requests to workers: one contract, two ways. `queue_sqlite` is a file on one machine, `queue_pulsar` a broker.

The contract, tested on both by tests/synth/test_queue.py: what `send` returned for is delivered until it is acknowledged, at
least once; of one sender and ordinal once only. A letter in the hands of a worker that died goes to another at once. Attempts
stand in the letter, because counters of a broker do not survive its restart. Letters of the urgent lane go first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from synth.farm import Farm

Lane = Literal["urgent", "normal"]
LANES: tuple[Lane, ...] = ("urgent", "normal")


class QueueError(OSError):
    """The queue refuses or cannot be reached: the message says why, and the cure."""


@dataclass(frozen=True)
class Letter:
    """One request on its way. `handle` is the queue's own; None before it was received."""

    id: str  # 32 hex digits
    body: bytes
    lane: Lane = "normal"
    attempt: int = 0  # failures so far
    crashes: int = 0  # times that an engine or worker died with it in hand
    life: int = 0  # times that it was taken back out of the dead
    handle: Any = field(default=None, compare=False)

    @property
    def key(self) -> tuple[str, int]:
        """A request in one of its lives."""
        return self.id, self.life


@dataclass(frozen=True)
class Counts:
    """Letters of one variant. The broker counts with some delay."""

    waiting: int
    in_hand: int
    delayed: int
    dead: int


class Queue(Protocol):
    """The letters of one variant."""

    async def send(self, letters: Sequence[Letter], sender: str, first: int) -> None:
        """Durable when it returns. `first` ≥ 1: the ordinal of the first of them; what the sender sent before adds nothing."""

    async def receive(self, seconds: float) -> Letter | None:
        """The next letter, or None after some time."""

    async def ack(self, letters: Sequence[Letter]) -> None:
        """They are done. A hint: it may be lost, and they come again."""

    async def hand_back(self, letter: Letter) -> None:
        """Not me, not now: it goes to whoever asks next."""

    async def retry(self, letter: Letter, again: Letter, seconds: float) -> None:
        """Put `again` in the place of a letter, to be delivered after some time."""

    async def bury(self, letter: Letter, reason: str) -> None:
        """Move it to the dead letters."""

    async def counts(self) -> Counts:
        """How many there are, without reading them."""

    async def close(self) -> None:
        """Let go; what is in hand goes back."""


async def open_queue(farm: Farm, variant: str, create: bool = False) -> Queue:
    """The queue of one variant. Raises QueueError where it was never made, unless `create`."""
    if farm.pulsar:
        from synth.queue_pulsar import open_pulsar

        return await open_pulsar(farm.pulsar, variant, create)
    from synth.queue_sqlite import SqliteQueue

    return SqliteQueue(f"{farm.store}/queue.sqlite", variant, create)
