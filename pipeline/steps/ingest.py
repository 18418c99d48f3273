"""Raw bytes → pieces: the one reading of a split, with every measure taken on the way.

Documents go to `documents/<digest>.parquet`, what could not become one to `quarantine/<digest>.parquet`, columns beside
them; the split's receipt comes last and names the pieces. A split whose receipt is there is not opened.
"""

import errno
import json
import os
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import objects, receipts, tables
from pipeline.data.receipts import Receipt
from pipeline.data.schemas import QUARANTINE
from pipeline.kernels import hashing
from pipeline.readers import Extent, Read, Total, read
from pipeline.steps.measure import ColumnsWriter, Measuring, measure, wanted
from pipeline.steps.view import with_chosen
from pipeline.steps.work import Piece, Split, Work, reading_key

UNREADABLE = "unreadable"


def ingest(split: Split, work: Work) -> list[Piece]:
    """The split's pieces, read and measured now or before."""
    try:
        receipt = receipts.find(work.store, receipt_of(split)) or read_split(split, work)
        return [measure(piece, work) for piece in pieces_of(receipt)]
    except Exception as error:
        error.add_note(f"while reading {split.input}: {named(split)}")
        raise


def named(split: Split) -> str:
    """The files of a split, for messages: the first, and how many more."""
    first, more = split.extents[0], len(split.extents) - 1
    return f"{first.path} from byte {first.start:,}{f' and {more:,} more files' if more else ''}"


def receipt_of(split: Split) -> str:
    return f"ingest/{split.key}"


def pieces_of(receipt: Receipt) -> list[Piece]:
    """The pieces that an ingest receipt names."""
    return [Piece.loads(json.dumps(piece)) for piece in receipt.facts["pieces"]]


def read_split(split: Split, work: Work) -> Receipt:
    """Read, measure, publish."""
    tally = Tally()
    pieces, quarantined = [], []
    for batches in cut(reads(split, work, tally), work):
        documents, quarantine = PieceWriter(split, work), tables.TableWriter(work.store, QUARANTINE)
        for one in batches:
            documents.write(one.documents)
            quarantine.write(one.quarantine)
        pieces += documents.publish()
        quarantined += publish_quarantine(quarantine)
    facts = {
        "input": split.input,
        "reading": split.reading,
        "limit": split.limit,
        "batches": split.batches,
        "pieces": [json.loads(piece.dumps()) for piece in pieces],
        "quarantine": quarantined,
        "extents": extents(split, tally),
        "replaced": tally.replaced,
    }
    return receipts.publish(work.store, Receipt(receipt_of(split), facts, tally.files(pieces, quarantined)))


@dataclass
class Tally:
    """What reading the extents of one split found, extent by extent."""

    digests: list[str] = field(default_factory=list)  # of the raw bytes
    records: list[int] = field(default_factory=list)
    passed_over: list[dict[str, int]] = field(default_factory=list)  # records by type
    replaced: int = 0  # literal U+FFFC

    def files(self, pieces: list[Piece], quarantined: list[dict[str, Any]]) -> dict[str, str]:
        names = {piece.documents: piece.name for piece in pieces}
        return names | {f"quarantine/{one['name']}.parquet": one["name"] for one in quarantined}


def extents(split: Split, tally: Tally) -> list[dict[str, Any]]:
    """Each extent with its fingerprint and the digest of its raw bytes, so that a touched but equal file is known again."""
    found = tally.digests, tally.records, tally.passed_over
    rows = zip(split.extents, split.prints, *found, strict=False)
    return [
        {
            "file": extent.relative,
            "start": extent.start,
            "stop": extent.stop,
            "print": mark,
            "digest": raw,
            "records": records,
            "passed_over": passed_over,
        }
        for extent, mark, raw, records, passed_over in rows
    ]


def reads(split: Split, work: Work, tally: Tally) -> Iterator[Read]:
    """What the split's extents hold, in order, up to the limit; a file that changed since the plan is refused."""
    reading, left = work.readings[split.input], split.limit
    if reading_key(reading) != split.reading:
        raise RuntimeError(f"{split.input}: is to be read in another way than was planned; run again")
    for extent, planned in zip(split.extents, split.prints, strict=True):
        if left is not None and left <= 0:
            return
        check_unchanged(extent, planned)
        for one in count(read(extent, reading, open_file), tally):
            kept = one if left is None else one._replace(documents=one.documents.slice(0, left))
            left = None if left is None else left - kept.documents.num_rows
            yield kept
            if left is not None and left <= 0:
                return
        check_unchanged(extent, planned)


def count(stream: Generator[Read, None, Total], tally: Tally) -> Iterator[Read]:
    """Pass on the reads of one extent; its totals, which come last, go to the tally."""
    total = yield from stream
    tally.digests.append(total.digest)
    tally.records.append(total.records)
    tally.passed_over.append(dict(total.passed_over))
    tally.replaced += total.replaced


def open_file(path: str) -> Any:
    """OSError of what is no plain file: a pipe would be waited for, and some devices have no end."""
    if objects.remote(path):
        return objects.open_file(path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "Not a plain file", path)
    return open(path, "rb")


def fingerprint(path: str) -> str:
    """Size and time of change, of an object its ETag: what tells, without reading, that a file may be another."""
    try:
        if objects.remote(path):
            return objects.fingerprint(path)
        found = os.stat(path)
    except OSError:
        return UNREADABLE
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.R_OK):
        return UNREADABLE
    return f"{found.st_size}-{found.st_mtime_ns}"


def check_unchanged(extent: Extent, planned: str) -> None:
    if (now := fingerprint(extent.path)) != planned:
        raise RuntimeError(f"{extent.path}: changed since the run was planned ({planned} → {now}); run again")


def cut(stream: Iterator[Read], work: Work) -> Iterator[Iterator[Read]]:
    """The reads as one stream of full batches a piece."""
    batches = coalesce(stream)
    ahead = next(batches, None)

    def piece() -> Iterator[Read]:
        nonlocal ahead
        size = rows = 0
        while ahead is not None:
            size, rows = size + ahead.documents.nbytes, rows + ahead.documents.num_rows
            if rows > ahead.documents.num_rows and (size > work.piece_bytes or rows > work.piece_rows):
                return
            one, ahead = ahead, next(batches, None)
            yield one

    while ahead is not None:
        yield piece()


def coalesce(stream: Iterator[Read]) -> Iterator[Read]:
    """Small reads joined until a batch is full."""
    held: list[Read] = []
    size = rows = 0
    for one in stream:
        more, longer = (
            one.documents.nbytes + one.quarantine.nbytes,
            max(one.documents.num_rows, one.quarantine.num_rows),
        )
        if held and (size + more > tables.BATCH_BYTES or rows + longer > tables.BATCH_ROWS):
            yield join(held)
            held, size, rows = [], 0, 0
        held.append(one)
        size, rows = size + more, rows + longer
    if held:
        yield join(held)


def join(reads: list[Read]) -> Read:
    if len(reads) == 1:
        return reads[0]
    documents = tables.as_batch(pa.Table.from_batches([one.documents for one in reads]))
    quarantine = tables.as_batch(pa.Table.from_batches([one.quarantine for one in reads]))
    return reads[0]._replace(documents=documents, quarantine=quarantine)


class PieceWriter:
    """One piece: documents and all their columns, batch by batch."""

    def __init__(self, split: Split, work: Work) -> None:
        self.split, self.work = split, work
        self.documents: tables.TableWriter | None = None
        self.columns: list[ColumnsWriter] = []
        self.fold, self.bytes, self.first, self.last = (0, 0), 0, "", ""

    def write(self, batch: pa.RecordBatch) -> None:
        """Documents in id order, at most one batch of them."""
        if not batch.num_rows:
            return
        if self.documents is None:
            self.documents = tables.TableWriter(self.work.store, batch.schema)
            self.columns = [ColumnsWriter(self.work.store, placed) for placed in wanted(self.work.placed)]
        self.documents.write(batch)
        measuring = Measuring(with_chosen(batch, self.work.placed.chosen))
        for writer in self.columns:
            writer.write(measuring)
        self.fold = hashing.add([self.fold, fold(batch)])
        self.bytes += pc.sum(pc.binary_length(batch["text"])).as_py()
        self.reach(batch["id"])

    def reach(self, ids: pa.Array) -> None:
        ends = pc.min_max(pc.cast(ids, pa.binary())).as_py()
        self.first = min(self.first or ends["min"].hex(), ends["min"].hex())
        self.last = max(self.last, ends["max"].hex())

    def publish(self) -> list[Piece]:
        """No piece where there is no document; else one, whose name is its content."""
        if self.documents is None:
            return []
        self.documents.writer.close()
        name = receipts.file_digest(self.documents.path)
        rows = self.documents.rows
        piece = Piece(name, self.split.input, rows, self.bytes, self.fold, self.first, self.last)
        self.work.store.publish(self.documents.path, piece.documents)
        for writer in self.columns:
            writer.publish(name)
        return [piece]


def fold(batch: pa.RecordBatch) -> tuple[int, int]:
    """A digest of the rows that adds up over any cutting; the text takes part by its digest."""
    return hashing.fold(batch.drop_columns(["text"]))


def publish_quarantine(writer: tables.TableWriter) -> list[dict[str, Any]]:
    """The quarantine file of one piece, when it has rows."""
    if not writer.rows:
        writer.discard()
        return []
    writer.writer.close()
    name = receipts.file_digest(writer.path)
    writer.store.publish(writer.path, f"quarantine/{name}.parquet")
    return [{"name": name, "rows": writer.rows}]
