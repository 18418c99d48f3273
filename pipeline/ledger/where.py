"""What lies behind a pack: every document in it, where it came from, and where in it its tokens begin."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import tables
from pipeline.ledger import LedgerError, Run
from pipeline.ledger.why import origin
from pipeline.steps.work import Piece


@dataclass(frozen=True)
class Span:
    """Tokens start to stop of a pack are those of one copy of one document, from its token `at` on."""

    start: int
    stop: int
    id: str
    source: str
    copy: int
    at: int
    file: str
    position: int
    url: str | None
    begins: str  # of the document's text as it came


def find_shard(run: Run, name: str) -> str:
    """The path of a shard by its path, its file name, or its pool's number. LedgerError where there is no such shard."""
    paths = [shard["path"] for shard in run.manifest["shards"]]
    found = [
        path
        for path in paths
        if name in {path, path.rpartition("/")[2]} or (name.isdigit() and pool(path) == int(name))
    ]
    if len(found) != 1:
        raise LedgerError(
            f"{run.store.root}: no shard {name!r}; `winnow manifest list {run.store.root}` names all {len(paths):,}"
        )
    return str(found[0])


def pool(path: str) -> int:
    return int(path.rpartition("/")[2].partition("-")[0])


def spans(run: Run, shard: str, pack: int) -> list[Span]:
    """The spans of one pack, in order. LedgerError for a pack that is not there."""
    lists = tables.read(run.store, shard, ["spans"])["spans"].combine_chunks()
    if not 0 <= pack < len(lists):
        raise LedgerError(f"{shard}: has packs 0 to {len(lists) - 1:,}, not {pack:,}")
    rows = lists[pack].as_py()
    known = {found[0]: found[1:] for found in documents(run, {row["id"] for row in rows})}
    return [
        Span(
            row["start"],
            row["stop"],
            row["id"].hex(),
            row["source"],
            row["copy"],
            row["at"],
            *known[row["id"]],
        )
        for row in rows
    ]


def documents(run: Run, ids: set[bytes]) -> Iterator[tuple[bytes, str, int, str | None, str]]:
    """(id, file, position, URL, beginning) of each of these documents."""
    wanted = pa.array(sorted(ids), pa.binary(16))
    for piece in run.pieces:
        if any(piece.first <= one.hex() <= piece.last for one in ids):
            yield from in_piece(run, piece, wanted)


def in_piece(run: Run, piece: Piece, wanted: pa.Array) -> Iterator[tuple[bytes, str, int, str | None, str]]:
    mask = np.asarray(pc.is_in(tables.read(run.store, piece.documents, ["id"])["id"], wanted))
    if not mask.any():
        return
    columns = ["id", "source", "url", "date", "text"]
    for row in tables.read(run.store, piece.documents, columns).filter(pa.array(mask)).to_pylist():
        at = origin(run, piece, row)
        yield row["id"], at.file, at.position, at.url, row["text"][:80]
