"""Segments → documents for `winnow run`, and books that balance: submitted = accepted + rejected + dead + pending.

Of all that was delivered once or oftener, one accepted result of each id stays: the one in the smallest (segment, row). Every
request is looked for by its id, so a result that nobody asked for, or one counted twice, shows as an imbalance.

    jobs/NAME/checked/DIGEST/SEGMENT.parquet   VERDICTS of a segment under these checks, computed once
    jobs/NAME/collected/NNNNN.parquet          COLLECTED: which rows became the documents of the same number
    jobs/NAME/documents/NNNNN.jsonl.zst        documents; never changed, so their addresses hold
    jobs/NAME/books.json                       the Books of the last collection
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import zstandard

from pipeline import forms
from pipeline.data import tables
from pipeline.data.store import LocalStore
from synth import checks, segments, submit
from synth.requests import Task

ACCEPTED, REJECTED, DROPPED, DEAD, REQUEUED = range(5)
KINDS = {"dead": DEAD, "requeued": REQUEUED, "dropped": DROPPED}
VERDICTS = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("kind", pa.int64(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("life", pa.int64(), nullable=False),
    ]
)
COLLECTED = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
    ]
)
CHECKS_VERSION = 1
SHIFT = 40  # bits of a row's number in a key; above it stands what ranks first


@dataclass
class Books:
    """What became of each request of a job."""

    submitted: int
    accepted: int
    rejected: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    delivered_again: int = 0  # results beyond the first of an id
    strangers: int = 0  # ids with results that were never submitted
    documents: int = 0  # written by this collection

    @property
    def balance(self) -> bool:
        """Whether every request is in one place, and nothing else is anywhere."""
        placed = self.accepted + self.rejected.total() + self.dead.total() + self.pending
        return self.submitted == placed and not self.strangers


@dataclass(frozen=True)
class Standing:
    """All rows of all segments with their verdicts, and the row that stands for each id."""

    segments: list[str]
    starts: np.ndarray  # of each segment among the rows
    rows: pa.Table  # VERDICTS
    final: dict[int, pa.Array]  # ACCEPTED, REJECTED, DROPPED, DEAD → numbers of the rows that stand

    def place(self, row: int) -> tuple[str, int]:
        """(segment, row in it)."""
        at = int(np.searchsorted(self.starts, row, "right")) - 1
        return self.segments[at], row - int(self.starts[at])


def stand(task: Task) -> Standing:
    """Read and check what is new, and rank the rows."""
    names = segments.names(task.store)
    read = [checked(task, name) for name in names]
    rows = pa.concat_tables(read) if read else VERDICTS.empty_table()
    starts = np.cumsum([0, *(one.num_rows for one in read)])[:-1]
    number = pa.array(np.arange(rows.num_rows))
    kind = rows["kind"].combine_chunks()
    finals = ranked(rows, number, pc.less_equal(kind, DROPPED), kind, "min")
    lives = pc.add(pc.multiply(rows["life"], 2), pc.equal(kind, DEAD).cast(pa.int64()))
    last = ranked(rows, number, pc.greater_equal(kind, DEAD), lives, "max")
    died = last.filter(pc.equal(pc.bit_wise_and(pc.shift_right(last["key"], SHIFT), 1), 1))
    died = died.filter(pc.invert(pc.is_in(died["id"], value_set=finals["id"].combine_chunks())))
    chosen = np.asarray(finals["key"])
    kinds, places = chosen >> SHIFT, chosen & ((1 << SHIFT) - 1)
    final = {one: pa.array(np.sort(places[kinds == one])) for one in (ACCEPTED, REJECTED, DROPPED)}
    final[DEAD] = pa.array(np.sort(np.asarray(died["key"]) & ((1 << SHIFT) - 1)))
    return Standing(names, starts, rows, final)


def ranked(rows: pa.Table, number: pa.Array, mask: pa.Array, first: pa.Array, way: str) -> pa.Table:
    """(id, key) of the least or greatest key of each id; a key is what ranks first, then the row's number."""
    key = pc.add(pc.shift_left(pc.cast(first, pa.int64()), SHIFT), number)
    table = pa.table({"id": rows["id"], "key": key}).filter(mask)
    return table.group_by("id").aggregate([("key", way)]).rename_columns(["id", "key"])


def checked(task: Task, name: str) -> pa.Table:
    """VERDICTS of a segment, from its file if it was judged before."""
    said = orjson.dumps(
        [CHECKS_VERSION, forms.plain(task.job.checks), task.schema], option=orjson.OPT_SORT_KEYS
    )
    target = f"checked/{blake2b(said, digest_size=8).hexdigest()}/{name.rpartition('/')[2]}"
    if not task.store.exists(target):
        found = [
            judge(task, row) for batch in segments.batches(task.store, name) for row in batch.to_pylist()
        ]
        tables.write(task.store, pa.Table.from_pylist(found, schema=VERDICTS), target)
    return tables.read(task.store, target)


def judge(task: Task, row: Mapping[str, Any]) -> dict[str, Any]:
    kind, reason = KINDS.get(row["outcome"], ACCEPTED), row["reason"]
    if kind == ACCEPTED:
        prompt = checks.prompt_text(orjson.loads(row["body"])["messages"])
        reason = checks.verdict(task.job.checks, prompt, row["text"], row["finish"], task.schema)
        kind = REJECTED if reason else ACCEPTED
    return {"id": row["id"], "kind": kind, "reason": reason, "life": row["life"]}


# Books and documents


def collect(task: Task) -> Books:
    """Write the documents that are new, and the books. Raises OSError, ValueError."""
    with submit.locked(task.store):
        restore(task)
        standing = stand(task)
        before = collected(task.store)
        ids = standing.rows["id"].combine_chunks()
        accepted = standing.final[ACCEPTED]
        new = accepted.filter(pc.invert(pc.is_in(ids.take(accepted), value_set=before)))
        if len(new):
            places = [standing.place(row) for row in new.to_pylist()]
            rows = [ids.take(new).to_pylist(), [one for one, _ in places], [at for _, at in places]]
            number = len(list(task.store.list("collected")))
            tables.write(task.store, pa.table(rows, schema=COLLECTED), f"collected/{number:05d}.parquet")
            restore(task)
        books = balance(task, standing, before)
        books.documents = len(new)
        task.store.replace(orjson.dumps(vars(books), option=orjson.OPT_INDENT_2), "books.json")
        return books


def collected(store: LocalStore) -> pa.Array:
    """The ids that are documents already."""
    parts = [tables.read(store, name, ["id"]) for name in store.list("collected")]
    return pa.concat_tables(parts)["id"].combine_chunks() if parts else pa.array([], pa.binary(16))


def balance(task: Task, standing: Standing, before: pa.Array) -> Books:
    """Where each submitted id stands. A document of an earlier collection stays accepted, whatever the checks say now."""
    ids, reasons = standing.rows["id"].combine_chunks(), standing.rows["reason"].combine_chunks()
    asked = submitted(task.store)
    kept = pc.unique(pa.concat_arrays([ids.take(standing.final[ACCEPTED]), before]))
    others = {}
    for kind in (REJECTED, DROPPED, DEAD):
        rows = standing.final[kind]
        others[kind] = rows.filter(pc.invert(pc.is_in(ids.take(rows), value_set=before)))
    known = pa.concat_arrays([kept, *(ids.take(rows) for rows in others.values())])
    counted = {kind: Counter(reasons.take(rows).to_pylist()) for kind, rows in others.items()}
    results = pc.sum(pc.less_equal(standing.rows["kind"], REJECTED)).as_py() or 0
    return Books(
        submitted=len(asked),
        accepted=len(kept),
        rejected=counted[REJECTED]
        + Counter({"dropped": counted[DROPPED].total()} if counted[DROPPED] else {}),
        dead=counted[DEAD],
        pending=pc.sum(pc.invert(pc.is_in(asked, value_set=known))).as_py() or 0,
        delivered_again=results - len(standing.final[ACCEPTED]) - len(standing.final[REJECTED]),
        strangers=pc.sum(pc.invert(pc.is_in(known, value_set=asked))).as_py() or 0,
    )


def submitted(store: LocalStore) -> pa.Array:
    """The ids of all requests of a job."""
    parts = [tables.read(store, f"requests/{name}.parquet", ["id"]) for name in submit.names(store)]
    return pa.concat_tables(parts)["id"].combine_chunks() if parts else pa.array([], pa.binary(16))


def restore(task: Task) -> None:
    """Write each collection's documents that are not there: its list decides, so they come out the same whenever."""
    for name in task.store.list("collected"):
        target = f"documents/{name.rpartition('/')[2].removesuffix('.parquet')}.jsonl.zst"
        if task.store.exists(target):
            continue
        temporary = task.store.temporary()
        with zstandard.open(temporary, "wb") as file:
            for row in chosen(task.store, tables.read(task.store, name)):
                file.write(orjson.dumps(document(task, row)) + b"\n")
        task.store.publish(temporary, target)


def chosen(store: LocalStore, places: pa.Table) -> Iterator[Mapping[str, Any]]:
    """The rows of segments that a list of places names, in its order, one segment in memory at a time."""
    for segment in pc.unique(places["segment"]).to_pylist():
        mine = places.filter(pc.equal(places["segment"], segment))["row"]
        yield from tables.read(store, segment).take(mine).to_pylist()


def document(task: Task, row: Mapping[str, Any]) -> dict[str, Any]:
    """A record for the reader of JSON lines: text, parts and parents are columns of a document, the rest is kept beside it."""
    body = orjson.loads(row["body"])
    said = {"prompt": checks.prompt_text(body["messages"]), "thought": row["thought"], "answer": row["text"]}
    text, parts = "", []
    for name in task.job.document:
        if said[name]:
            text += "\n\n" if text else ""
            start = len(text.encode())
            text += said[name]
            parts.append({"kind": name, "start": start, "stop": len(text.encode())})
    sampling = {name: value for name, value in body.items() if name not in ("messages", "model", "seed")}
    return {
        "text": text,
        "parts": parts,
        "parents": row["parents"] or None,
        "job": task.job.job,
        "custom_id": row["custom_id"],
        "request": row["id"].hex(),
        "prompt_digest": blake2b(said["prompt"].encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        "model": body["model"],
        "revision": row["revision"],
        "engine": row["engine"],
        "sampling": sampling,
        "seed": body["seed"],
        "finish": row["finish"],
        "prompt_tokens": row["prompt_tokens"],
        "completion_tokens": row["completion_tokens"],
        "attempt": row["attempt"],
    }


def batch_lines(task: Task) -> Iterator[bytes]:
    """OpenAI's batch output: a line for each custom_id that was answered or died, in the order of segments."""
    standing = stand(task)
    further: dict[bytes, set[str]] = {}
    for name in task.store.list("names"):
        for row in tables.read(task.store, name).to_pylist():
            further.setdefault(row["id"], set()).add(row["custom_id"])
    for kind in (ACCEPTED, REJECTED, DEAD):
        places = [standing.place(row) for row in standing.final[kind].to_pylist()]
        table = pa.table(
            {"segment": [one for one, _ in places], "row": pa.array([at for _, at in places], pa.int64())}
        )
        for row in chosen(task.store, table):
            for custom_id in sorted({row["custom_id"], *further.get(row["id"], ())}):
                yield orjson.dumps(batch_line({**row, "custom_id": custom_id})) + b"\n"


def batch_line(row: Mapping[str, Any]) -> dict[str, Any]:
    line = {"id": row["id"].hex(), "custom_id": row["custom_id"], "response": None, "error": None}
    if row["outcome"] == "dead":
        return {**line, "error": {"code": row["reason"], "message": row["detail"]}}
    message = {"role": "assistant", "content": row["text"]}
    if row["thought"]:
        message["reasoning_content"] = row["thought"]
    usage = {name: row[name] for name in ("prompt_tokens", "completion_tokens")}
    usage["total_tokens"] = sum(usage.values())
    choice = {"index": 0, "message": message, "finish_reason": row["finish"]}
    said = {
        "object": "chat.completion",
        "model": orjson.loads(row["body"])["model"],
        "choices": [choice],
        "usage": usage,
    }
    return {**line, "response": {"status_code": 200, "request_id": line["id"], "body": said}}


# The dead


def dead(task: Task) -> list[dict[str, Any]]:
    """The rows of the dead: id, reason, detail, attempt, life, custom_id."""
    standing = stand(task)
    names = ("reason", "detail", "attempt", "life", "custom_id")
    places = [standing.place(row) for row in standing.final[DEAD].to_pylist()]
    table = pa.table(
        {
            "segment": pa.array([one for one, _ in places], pa.string()),
            "row": pa.array([at for _, at in places], pa.int64()),
        }
    )
    return [
        {"id": row["id"].hex(), **{name: row[name] for name in names}} for row in chosen(task.store, table)
    ]


def settle_dead(task: Task, rows: list[dict[str, Any]], outcome: str) -> None:
    """Write that the dead are requeued or dropped."""
    again = int(outcome == "requeued")
    written = [
        {
            "id": bytes.fromhex(row["id"]),
            "outcome": outcome,
            "life": row["life"] + again,
            "attempt": row["attempt"],
        }
        for row in rows
    ]
    segments.publish(task.store, f"verdicts-{outcome}", written, segments.Tally())
