"""How a farm stands, from footers of files and counts of queues: no request and no result is read."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import orjson
import pyarrow.parquet as pq

from synth import segments, submit
from synth.farm import Farm
from synth.queue import Counts, QueueError, open_queue
from synth.segments import Tally

RECENT_SECONDS = 600  # over which rates are taken, or since the work began


@dataclass(frozen=True)
class JobStatus:
    """One job. Rows count what was delivered twice twice; `accepted` is of the last collection."""

    job: str
    variant: str
    submitted: int
    done: Tally
    recent: Tally
    recent_seconds: float  # that rates are taken over
    books: dict[str, Any] | None

    @property
    def tokens_per_second(self) -> float:
        return self.recent.completion_tokens / self.recent_seconds

    @property
    def left_seconds(self) -> float | None:
        """At the present rate; None where nothing happens."""
        rate = self.recent.rows / self.recent_seconds
        return max(0, self.submitted - self.done.rows) / rate if rate else None


def jobs(farm: Farm, now: float | None = None) -> Iterator[JobStatus]:
    """All jobs of a farm."""
    now = time.time() if now is None else now
    for name in farm.jobs():
        store = farm.job(name)
        tallies = [segments.read_tally(store, one) for one in segments.names(store)]
        recent = reduce(add, (one for one in tallies if one.ended > now - RECENT_SECONDS), Tally())
        asked = sum(
            pq.read_metadata(store.path(f"requests/{one}.parquet")).num_rows for one in submit.names(store)
        )
        books = orjson.loads(store.read("books.json")) if store.exists("books.json") else None
        yield JobStatus(
            name,
            variant_of(farm, name),
            asked,
            reduce(add, tallies, Tally()),
            recent,
            min(RECENT_SECONDS, max(1.0, now - recent.began)),
            books,
        )


async def queues(farm: Farm) -> dict[str, Counts | str]:
    """Each variant that the farm's jobs use → its letters, or why they cannot be counted."""
    found: dict[str, Counts | str] = {}
    for name in sorted({variant_of(farm, job) for job in farm.jobs()}):
        try:
            queue = await open_queue(farm, name)
        except QueueError as error:
            found[name] = str(error)
        else:
            found[name] = await queue.counts()
            await queue.close()
    return found


def variant_of(farm: Farm, job: str) -> str:
    return str(orjson.loads(farm.job(job).read("job.json"))["job"]["variant"])
