"""Slice files: what one sender has for many receivers, each receiver's part one range read away.

Layout: the Arrow IPC streams of all slices, one after the other; a JSON footer {target: [[start, length], …]}; its length
in 8 bytes. Written once, published whole, and deleted when the run is done.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from pipeline.data.store import Store

FOLDER = "exchange"


def write(store: Store, name: str, slices: Iterable[tuple[str, pa.RecordBatch]]) -> None:
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


def targets(store: Store, name: str) -> dict[str, list[tuple[int, int]]]:
    """The footer: for whom there are slices, and where."""
    length = int.from_bytes(store.read(name, -8), "big")
    return json.loads(store.read(name, -8 - length)[:length])


def list_targets(store: Store, names: Iterable[str], listing: str) -> Iterator[tuple[str, str]]:
    """(target, where) for every target of these files, once; `where` names its part of a listing that is published here.

    Each footer is read once, here; a target reads its own part of the listing and then only its own slices.
    """
    found: dict[str, list[tuple[str, int, int]]] = {}
    for name in names:
        for target, ranges in targets(store, name).items():
            found.setdefault(target, []).extend((name, start, length) for start, length in ranges)
    parts, at = [], 0
    for target in sorted(found):
        part = json.dumps(found[target]).encode()
        yield target, f"{listing}:{at}:{at + len(part)}"
        parts.append(part)
        at += len(part)
    store.put(b"".join(parts), listing)


@dataclass(frozen=True)
class Inbox:
    """All slices of one target; each walk over it reads them anew."""

    store: Store
    where: str  # as `list_targets` gave it

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return read(self.store, self.where)


def read(store: Store, where: str) -> Iterator[pa.RecordBatch]:
    """All slices of one target, in the order of senders; `where` as `list_targets` gave it."""
    listing, start, stop = where.rsplit(":", 2)
    for name, begin, length in json.loads(store.read(listing, int(start), int(stop))):
        yield decode(store.read(name, begin, begin + length))


def read_from(store: Store, names: Iterable[str], target: str) -> Iterator[pa.RecordBatch]:
    """The slices of one target in a few files, without a listing."""
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
