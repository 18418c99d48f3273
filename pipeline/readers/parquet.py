"""Parquet: a row is a record, as it would be in JSON lines; its position is its row in the file.

A range of a file has the row groups that begin in it. What Arrow cannot read of a row group is one row of quarantine, at the
first row that it could not give.
"""

import io
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import NamedTuple, Self

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.tables import BATCH_BYTES
from pipeline.readers.admit import admit_all, admit_utf8
from pipeline.readers.batches import Batch, Row
from pipeline.readers.fields import TAKERS
from pipeline.readers.frames import Frame
from pipeline.readers.guard import stream
from pipeline.readers.jsonl import beside_text, document, row_of, take_known
from pipeline.readers.raw import Raw
from pipeline.readers.shape import Extent, Read, Reading, Refused
from pipeline.readers.whole import decode

OUTLINE, ROWS = "pipeline.readers.rowgroups:outline", "pipeline.readers.rowgroups:rows"

BEFORE = {"id", "source", "digest", "text"}  # columns that are not made of the fields beside the text
OF_TEXT = {"parts", "media"}  # fields that are read beside the text


class Stretch(NamedTuple):
    """Rows of one group from `position` on, or why there are no more of it. `fields`: the columns beside the text."""

    position: int
    rows: pa.RecordBatch | None
    fields: frozenset[str] = frozenset()
    refused: Refused | None = None


def read_parquet(raw: Raw, reading: Reading) -> Iterator[Read]:
    """The rows of an extent's row groups, batch after batch."""
    batch = Batch(raw.extent, reading)
    for stretch in stretches(raw, reading):
        if stretch.rows is None or stretch.refused is not None:
            batch.refuse(stretch.position, stretch.refused or Refused("broken_parquet"), b"")
            continue
        if at_once := documents_of(stretch.rows, stretch.fields, reading):
            if batch.held:
                yield batch.take()
            yield batch.whole(stretch.position, *at_once)
            continue
        texts, others = (column.to_pylist() for column in stretch.rows.columns)
        valid = is_utf8(stretch.rows["text"])
        for index, (text, fields) in enumerate(zip(texts, others, strict=True)):
            size = len(text or b"") + len(fields or b"")
            if batch.full(size):
                yield batch.take()
            try:
                row, replaced = document_of(text, fields, valid, reading)
            except Refused as refused:
                batch.refuse(stretch.position + index, refused, text or b"")
            else:
                batch.add(stretch.position + index, row, size)
                batch.replaced += replaced
    if batch.held:
        yield batch.take()


def documents_of(
    rows: pa.RecordBatch, names: frozenset[str], reading: Reading
) -> tuple[bytes, list[pa.Array]] | None:
    """Digests and columns of a stretch in which no row needs a look of its own: what `document_of` makes of each, much faster."""
    texts, fields = rows.columns
    longest = pc.max(pc.binary_length(fields)).as_py() or 0
    if rows.nbytes > BATCH_BYTES or longest > reading.max_bytes or OF_TEXT & names:
        return None
    if (others := columns_of(fields, names, reading)) is None:
        return None
    if (admitted := admit_all(texts, reading.max_bytes)) is None:
        return None
    url, date, *rest = others
    text, digests = admitted
    return digests, [url, date, text, *rest]


def columns_of(fields: pa.Array, names: frozenset[str], reading: Reading) -> list[pa.Array] | None:
    """The columns of the schema from url on, but text; None when one of them cannot be made of some record."""
    kinds = [field.type for field in reading.schema if field.name not in BEFORE]
    if TAKERS.keys().isdisjoint(names) and not reading.columns:
        return [*(pa.nulls(len(fields), kind) for kind in kinds[:-1]), fields.cast(pa.string())]
    records = (orjson.loads(one) if one else {} for one in fields.to_pylist())
    try:
        rows = [beside_text(record, take_known(record, ""), reading) for record in records]
    except Refused:
        return None
    return [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]


def is_utf8(texts: pa.Array) -> bool:
    """Whether all of large_binary[n] is UTF-8, at Arrow's speed."""
    try:
        texts.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def document_of(text: bytes | None, fields: bytes | None, valid: bool, reading: Reading) -> tuple[Row, int]:
    """The row of a record, and how many U+FFFC were replaced. Refused: too_large, text_not_string, invalid_utf8, bad_column."""
    if text is None:
        raise Refused("text_not_string", "null")
    if max(len(text), len(fields or b"")) > reading.max_bytes:
        raise Refused("too_large", f"{len(text):,} bytes of text, {len(fields or b''):,} of other fields")
    record = orjson.loads(fields) if fields else {}
    if not valid or OF_TEXT & record.keys():
        return document({**record, reading.text: decode(text)}, reading)
    return row_of(record, take_known(record, ""), admit_utf8(text, reading.max_bytes), reading)


def stretches(raw: Raw, reading: Reading) -> Iterator[Stretch]:
    """All rows of the row groups that begin in the extent. What is wrong with a file as a whole stands in its first extent."""
    try:
        with Source(raw) as source:
            yield from groups(source, raw.extent, reading)
    except Refused as refused:
        if raw.extent.start == 0:
            yield Stretch(0, None, refused=refused)


def groups(source: "Source", extent: Extent, reading: Reading) -> Iterator[Stretch]:
    job = {"size": source.size, "text": reading.text}
    (outline,) = list(stream(Frame({"job": OUTLINE, **job}), source.read))
    first = 0
    for index, (begin, rows) in enumerate(outline.head["groups"]):
        if extent.start <= begin and (extent.stop is None or begin < extent.stop):
            yield from group(source, Frame({"job": ROWS, "group": index, **job}), first)
        first += rows


def group(source: "Source", job: Frame, position: int) -> Iterator[Stretch]:
    """The rows of one group, and one more stretch where they break off."""
    with closing(stream(job, source.read)) as answers:
        try:
            for answer in answers:
                with pa.ipc.open_stream(answer.body) as reader:
                    rows = reader.read_next_batch()
                yield Stretch(position, rows, frozenset(answer.head["fields"]))
                position += rows.num_rows
        except Refused as refused:
            yield Stretch(position, None, refused=refused)


class Source:
    """The file that a helper asks for bytes of."""

    def __init__(self, raw: Raw) -> None:
        try:
            self.file = raw.open(raw.extent.path)
            self.size = self.file.seek(0, io.SEEK_END)
        except OSError as error:
            raise Refused("unreadable_file", error.strerror or type(error).__name__) from error

    def read(self, offset: int, length: int) -> bytes:
        """Refused: unreadable_file."""
        try:
            self.file.seek(offset)
            return self.file.read(length)
        except OSError as error:
            raise Refused("unreadable_file", error.strerror or type(error).__name__) from error

    def __enter__(self) -> Self:
        if not self.size:
            self.file.close()
            raise Refused("empty_file")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.file.close()


def count_rows(raw: Raw, reading: Reading) -> int:
    """How many rows the extent gives, and one where some break off."""
    return sum(stretch.rows.num_rows if stretch.rows else 1 for stretch in stretches(raw, reading))
