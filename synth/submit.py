"""A job's rows → letters on the queue, and the record of what was submitted. Twice adds nothing.

Below the farm's store, for a job NAME:

    jobs/NAME/job.json                    the job as it was first submitted; under its name nothing else may be asked
    jobs/NAME/requests/NNNNNN.parquet     chunks of requests, each id once in all of them: CHUNK
    jobs/NAME/names/DIGEST.parquet        further custom_ids of requests that several lines of a batch ask: NAMES
    jobs/NAME/refused/DIGEST.parquet      rows that made no request, and why: REFUSED; one file per reading of the rows
    jobs/NAME/sent/NNNNNN                 the receipt of a chunk: all its letters are on the queue
    jobs/NAME/bodies/ID                   bodies above 1 MB, which their letters only name
"""

import asyncio
import fcntl
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import forms
from pipeline.data import tables
from pipeline.data.store import LocalStore
from synth import requests, rows
from synth.queue import Letter, Queue, open_queue
from synth.requests import Request, Task
from synth.template import RowError

BY_REFERENCE = 1 << 20  # bytes of a body above which its letter only names it; Pulsar takes 5 MiB at most
CHUNK_ROWS = 5_000
CHUNK = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("body", pa.binary(), nullable=False),
        pa.field("max_tokens", pa.int64(), nullable=False),
    ]
)
NAMES = pa.schema(
    [pa.field("id", pa.binary(16), nullable=False), pa.field("custom_id", pa.string(), nullable=False)]
)
REFUSED = pa.schema([pa.field(name, pa.string(), nullable=False) for name in ("row", "reason", "detail")])
MOVES_ON = (
    "rows",
    "budget",
    "checks",
    "document",
    "lane",
)  # fields of a job that may differ when it is submitted again


@dataclass
class Submitted:
    """What a call of `submit` did."""

    rows: int = 0
    new: int = 0  # requests that nobody had asked for in this job
    known: int = 0  # requests that were there, from this call or an earlier one
    sent: int = 0  # letters put on the queue: the new ones, and those of a call that was cut off
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    examples: dict[str, str] = field(
        default_factory=dict
    )  # of each reason: the first row and what is wrong with it


@dataclass
class Asked:
    """What a job has asked so far, by all its submissions."""

    ids: set[bytes] = field(default_factory=set)  # 10 M requests take 1 GB of memory
    tokens: int = 0  # as if every answer had max_tokens
    names: list[tuple[bytes, str]] = field(default_factory=list)  # NAMES that this call found
    refused: list[tuple[str, str, str]] = field(default_factory=list)  # REFUSED of this call


@contextmanager
def locked(store: LocalStore) -> Iterator[None]:
    """One submission, requeueing or collection of a job at a time."""
    os.makedirs(store.root, exist_ok=True)
    with open(store.path("lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def submit(task: Task) -> Submitted:
    """Put everything on the queue that is not there yet. Raises ValueError, QueueError, OSError."""
    refuse_misnamed(task)
    queue = await open_queue(task.farm, task.job.variant, create=True)
    try:
        with locked(task.store):
            same_job(task)
            return await put(task, queue)
    finally:
        await queue.close()


def refuse_misnamed(task: Task) -> None:
    """ValueError when the template names a field that the very first row has not."""
    for place, row in islice(rows.read(task.job.rows), 1):
        try:
            list(requests.requests(task, row, place))
        except RowError as error:
            if error.reason == "missing_field":
                raise ValueError(
                    f"{place}: {error}; mend the template, or write {{% if … is defined %}}"
                ) from error


def same_job(task: Task) -> None:
    """ValueError when the name stands for another job."""
    said = {
        "job": forms.plain(
            {name: value for name, value in vars(task.job).items() if name not in MOVES_ON and name != "farm"}
        ),
        "asks": task.asks,
        "model": task.variant.model,
        "revision": task.variant.revision,
    }
    mine = orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
    if task.store.put(mine, "job.json"):
        return
    before = orjson.loads(task.store.read("job.json"))
    mine_again = orjson.loads(mine)
    for part in before:
        if before[part] != mine_again[part]:
            raise ValueError(
                f"{task.store.path('job.json')}: '{task.job.job}' was submitted with another {part}; give the changed job a new name"
            )


async def put(task: Task, queue: Queue) -> Submitted:
    done, asked, chunks = Submitted(), Asked(), names(task.store)
    for name in chunks:
        table = tables.read(task.store, f"requests/{name}.parquet", ["id", "max_tokens"])
        asked.ids.update(table["id"].to_pylist())
        asked.tokens += pc.sum(table["max_tokens"]).as_py()
        if not task.store.exists(f"sent/{name}"):
            done.sent += await send(task, queue, name)
    fresh = made(task, asked, done)
    number = int(chunks[-1]) + 1 if chunks else 0
    while part := list(islice(fresh, CHUNK_ROWS)):
        name = f"{number:06d}"
        write(task, name, part)
        done.sent += await send(task, queue, name)
        number += 1
    note(task.store, "refused", asked.refused, REFUSED)
    note(task.store, "names", asked.names, NAMES)
    return done


def note(store: LocalStore, folder: str, rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> None:
    """One file a call, called by what it holds: the same again adds nothing."""
    if rows:
        table = pa.table(list(map(list, zip(*rows, strict=True))), schema=schema)
        digest = blake2b(repr(rows).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        tables.write(store, table, f"{folder}/{digest}.parquet")


def names(store: LocalStore) -> list[str]:
    """The chunks of a job, in the order in which they were written."""
    return [os.path.basename(path).removesuffix(".parquet") for path in store.list("requests")]


def made(task: Task, asked: Asked, done: Submitted) -> Iterator[Request]:
    """The requests that are not in `asked`, which grows; rows that make none are noted."""
    for place, row in rows.read(task.job.rows):
        done.rows += 1
        try:
            for request in requests.requests(task, row, place):
                key = bytes.fromhex(request.id)
                if key in asked.ids:
                    done.known += 1
                    if task.job.form == "batch":
                        asked.names.append((key, request.custom_id))
                    continue
                refuse_costly(task, asked, request.most)
                asked.ids.add(key)
                asked.tokens += request.most
                done.new += 1
                yield request
        except RowError as error:
            asked.refused.append((place, error.reason, str(error)))
            done.refused[error.reason] += 1
            done.examples.setdefault(error.reason, f"{place}: {error}")


def refuse_costly(task: Task, asked: Asked, most: int) -> None:
    budget = task.job.budget
    if budget.requests and len(asked.ids) >= budget.requests:
        raise RowError("over_budget", f"the budget of {budget.requests:,} requests is spent")
    if budget.tokens and asked.tokens + most > budget.tokens:
        raise RowError(
            "over_budget", f"{most:,} tokens more than {asked.tokens:,}; the budget has {budget.tokens:,}"
        )


def write(task: Task, name: str, part: Sequence[Request]) -> None:
    """Publish a chunk, and before it the bodies that are too large to travel."""
    bodies = []
    for request in part:
        body = request.letter(task)
        if len(body) > BY_REFERENCE:
            task.store.put(body, f"bodies/{request.id}")
            body = orjson.dumps({"job": task.job.job, "reference": True})
        bodies.append(body)
    columns = [[bytes.fromhex(one.id) for one in part], bodies, [one.most for one in part]]
    if not tables.create(task.store, pa.table(columns, schema=CHUNK), f"requests/{name}.parquet"):
        raise FileExistsError(
            f"{task.store.path(f'requests/{name}.parquet')}: appeared meanwhile; submit again"
        )


async def send(task: Task, queue: Queue, name: str) -> int:
    """All letters of a chunk, then its receipt. Sent again after a crash they keep sender and ordinals, and add nothing.

    Chunks are sent in their order, as a queue remembers only the last ordinal of a sender.
    """
    table = tables.read(task.store, f"requests/{name}.parquet")
    ids, bodies = table["id"].to_pylist(), table["body"].to_pylist()
    letters = [Letter(one.hex(), body, task.job.lane) for one, body in zip(ids, bodies, strict=True)]
    await queue.send(letters, task.job.job, int(name) * CHUNK_ROWS + 1)
    task.store.put(b"", f"sent/{name}")
    return len(letters)


# The dead


async def requeue(task: Task, dead: dict[str, int]) -> int:
    """Put dead requests on the queue for another life; `dead`: id → the life that ended."""
    queue = await open_queue(task.farm, task.job.variant)
    try:
        letters = [
            replace(letter, life=dead[letter.id] + 1)
            for name in names(task.store)
            for letter in chosen(task, name, dead)
        ]
        sender = blake2b(orjson.dumps(sorted(dead.items())), digest_size=8).hexdigest()
        await queue.send(letters, f"{task.job.job}-again-{sender}", 1)
        return len(letters)
    finally:
        await queue.close()


def chosen(task: Task, name: str, ids: dict[str, int]) -> Iterator[Letter]:
    table = tables.read(task.store, f"requests/{name}.parquet")
    for row in table.to_pylist():
        if row["id"].hex() in ids:
            yield Letter(row["id"].hex(), row["body"], task.job.lane)


def run(task: Task) -> Submitted:
    """`submit`, for who has no event loop."""
    return asyncio.run(submit(task))
