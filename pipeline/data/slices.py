"""Slice files: what one sender has for many receivers, each receiver's part one range read away.

Layout: the Arrow IPC streams of all slices, one after the other; a JSON footer {target: [[start, length], …]}; its length
in 8 bytes. Written once, published whole, and deleted when the run is done.
"""

import json
from collections.abc import Iterable, Iterator

import pyarrow as pa

from pipeline.data.store import LocalStore

FOLDER = "exchange"


def write(store: LocalStore, name: str, slices: Iterable[tuple[str, pa.RecordBatch]]) -> None:
    """Publish one sender's slices, (target, batch) in any order."""
    index: dict[str, list[tuple[int, int]]] = {}
    temporary = store.temporary()
    with open(temporary, "wb") as file:
        for target, batch in slices:
            data = encode(batch)
            index.setdefault(target, []).append((file.tell(), len(data)))
            file.write(data)
        footer = json.dumps(index, sort_keys=True).encode()
        file.write(footer + len(footer).to_bytes(8, "big"))
    store.publish(temporary, name)


def targets(store: LocalStore, name: str) -> dict[str, list[tuple[int, int]]]:
    """The footer: for whom there are slices, and where."""
    length = int.from_bytes(store.read(name, -8), "big")
    return json.loads(store.read(name, -8 - length)[:length])


def read(store: LocalStore, names: Iterable[str], target: str) -> Iterator[pa.RecordBatch]:
    """All slices that the named files hold for one target."""
    for name in names:
        for start, length in targets(store, name).get(target, ()):
            yield decode(store.read(name, start, start + length))


def encode(batch: pa.RecordBatch) -> bytes:
    """One batch as an Arrow IPC stream; a slice of a large batch takes only its own rows along."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def decode(data: bytes) -> pa.RecordBatch:
    """What `encode` made."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_next_batch()
