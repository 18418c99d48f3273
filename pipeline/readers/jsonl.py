"""JSON lines: one object a line, its text in one field, everything else kept.

A document's position is the offset of its line in the decompressed file. Decimal numbers are read as doubles, as RFC 8259 (§6)
has it, and given back in their shortest form; what JSON could not give back is refused.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from pipeline.readers.admit import admit
from pipeline.readers.archives import blocks
from pipeline.readers.batches import Batch, Row
from pipeline.readers.exact import check_exact
from pipeline.readers.fields import TAKERS, take_column
from pipeline.readers.lines import lines
from pipeline.readers.raw import Raw
from pipeline.readers.shape import BOM, Broken, Read, Reading, Refused

ESCAPED = 6  # bytes of \u0061, the longest way to write a byte of text
AROUND = 64 << 10  # bytes of a record beside its text that are always allowed
UNKNOWN = (None,) * len(TAKERS)


def read_jsonl(raw: Raw, reading: Reading) -> Iterator[Read]:
    """The rows of an extent, batch after batch."""
    batch = Batch(raw.extent, reading)
    longest = ESCAPED * reading.max_bytes + AROUND
    try:
        for position, whole, size in lines(blocks(raw), raw.extent.start, raw.extent.stop, longest):
            line = whole if position else whole.removeprefix(BOM)
            if not line or line.isspace():
                continue
            if batch.full(len(line)):
                yield batch.take()
            if size > len(whole):
                batch.refuse(position, Refused("too_large", f"a line of {size:,} bytes"), line)
            else:
                add(batch, position, line)
    except Broken as broken:
        batch.refuse(broken.position, broken, broken.beginning)
    if batch.held:
        yield batch.take()


def add(batch: Batch, position: int, line: bytes) -> None:
    """One line as a document or a quarantine row."""
    try:
        row, replaced = document(parse(line), batch.reading)
    except Refused as refused:
        batch.refuse(position, refused, line)
    else:
        batch.add(position, row, len(line))
        batch.replaced += replaced


def parse(line: bytes) -> Any:
    """What the line says, whole; Refused: invalid_utf8, nul_bytes, broken_json, inexact_json."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise why_broken(line, error) from error
    check_exact(line, record)
    return record


def why_broken(line: bytes, error: orjson.JSONDecodeError) -> Refused:
    try:
        line.decode()
    except UnicodeDecodeError as undecodable:
        return Refused("invalid_utf8", f"{undecodable.reason} at byte {undecodable.start:,} of the line")
    if 0 in line:
        return Refused("nul_bytes", f"NUL at byte {line.index(0):,} of the line")
    return Refused("broken_json", str(error))


def document(record: Any, reading: Reading) -> tuple[Row, int]:
    """The row of a record, and how many U+FFFC were replaced in it."""
    if type(record) is not dict:
        raise Refused("not_an_object")
    if reading.text not in record:
        raise Refused("missing_text", f"no field {reading.text!r}")
    text = record.pop(reading.text)
    if type(text) is not str:
        raise Refused("text_not_string")
    known = take_known(record, text)
    return row_of(record, known, admit(text, reading.max_bytes, known[3] or ()), reading)


def take_known(record: dict[str, Any], text: str) -> Sequence[Any]:
    """url, date, parts, media, parents, taken out of the record."""
    if TAKERS.keys().isdisjoint(record):
        return UNKNOWN
    return [take(record, name, text) if name in record else None for name in TAKERS]


def row_of(
    record: dict[str, Any], known: Sequence[Any], admitted: tuple[bytes, bytes, int], reading: Reading
) -> tuple[Row, int]:
    """The row of what `admit` and `take_known` gave, and of what is left of the record; and how many U+FFFC were replaced."""
    data, digest, replaced = admitted
    url, date, *others = beside_text(record, known, reading)
    return (digest, url, date, data, *others), replaced


def beside_text(record: dict[str, Any], known: Sequence[Any], reading: Reading) -> Row:
    """A row without digest and text."""
    chosen = [take_column(record, name, kind) for name, kind in reading.columns]
    return (*known, extra(record), *chosen)


def take(record: dict[str, Any], name: str, text: str) -> Any:
    """A field that is a column of every document; it stays in the record when typed otherwise."""
    value = record[name]
    taken = None if value is None else TAKERS[name](value, text)
    if taken is not None or value is None:
        del record[name]
    return taken


def extra(record: dict[str, Any]) -> bytes | None:
    """The other fields as JSON."""
    if not record:
        return None
    try:
        return orjson.dumps(record)
    except orjson.JSONEncodeError as error:
        raise Refused("broken_json", f"nested too deep: {error}") from error
