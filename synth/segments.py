"""What workers learnt, in files that appear whole and never change. A message is acknowledged after its row is in one.

jobs/NAME/segments/WORKER-DIGEST.parquet    RESULTS; under the key "winnow" of its schema a Tally of the time since the last
jobs/NAME/segments/verdicts-…               rows of `winnow synth dead requeue` and `drop`
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data import tables
from pipeline.data.store import LocalStore

Outcome = Literal["result", "dead", "requeued", "dropped"]
RESULTS = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string()),  # of the dead
        pa.field("detail", pa.string()),
        pa.field("life", pa.int32(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("custom_id", pa.string()),
        pa.field("parents", pa.list_(pa.string())),
        pa.field("body", pa.string()),  # of the request
        pa.field("revision", pa.string()),
        pa.field("engine", pa.string()),
        pa.field("text", pa.string()),
        pa.field("thought", pa.string()),
        pa.field("finish", pa.string()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("seconds", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Tally:
    """Sums over segments. `began`, `ended`: seconds since 1970, for rates; nothing is decided by them."""

    rows: int = 0
    results: int = 0
    dead: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    gpu_seconds: float = 0.0
    began: float = float("inf")
    ended: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        ways = {"began": min, "ended": max}
        both = {one.name: (getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        return Tally(**{name: ways[name](pair) if name in ways else sum(pair) for name, pair in both.items()})


def tally(rows: Iterable[Mapping[str, Any]], gpu_seconds: float, began: float, ended: float) -> Tally:
    """Of the rows of one segment."""
    results = [row for row in rows if row["outcome"] == "result"]
    dead = [row for row in rows if row["outcome"] == "dead"]
    tokens = [sum(row[name] or 0 for row in results) for name in ("prompt_tokens", "completion_tokens")]
    prompt, completion = tokens
    return Tally(
        len(results) + len(dead), len(results), len(dead), prompt, completion, gpu_seconds, began, ended
    )


def publish(store: LocalStore, writer: str, rows: Sequence[Mapping[str, Any]], counted: Tally) -> str:
    """Commit rows as a segment; its name. It is called by what it holds: whatever has the name already is the same rows."""
    schema = RESULTS.with_metadata({"winnow": orjson.dumps(asdict(counted))})
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), sink, **tables.options(schema))
    data = sink.getvalue().to_pybytes()
    name = f"segments/{writer}-{blake2b(data, digest_size=16).hexdigest()}.parquet"
    store.put(data, name)
    return name


def names(store: LocalStore) -> list[str]:
    """All segments, sorted: the order in which an id's results are ranked."""
    return sorted(store.list("segments"))


def read_tally(store: LocalStore, name: str) -> Tally:
    """From the footer alone."""
    said = pq.read_schema(store.path(name)).metadata[b"winnow"]
    return Tally(**{**orjson.loads(said), "began": orjson.loads(said)["began"] or float("inf")})


def batches(store: LocalStore, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a segment, its checksums verified."""
    return tables.batches(store, name, columns)
