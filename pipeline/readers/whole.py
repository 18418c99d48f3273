"""Files that are one record each: the bytes of a file → one document, or one row that says why there is none."""

from collections.abc import Callable, Iterator

from pipeline.readers.archives import blocks
from pipeline.readers.batches import Batch
from pipeline.readers.raw import Raw
from pipeline.readers.rows import Found, row_of
from pipeline.readers.shape import BOM, EXCERPT_BYTES, Read, Reading, Refused


def read_whole(raw: Raw, reading: Reading, find: Callable[[bytes], Found]) -> Iterator[Read]:
    """One row at position 0. Reasons: those of `blocks`, of `find`, of `row_of`, and too_large for the file's own bytes."""
    batch, held = Batch(raw.extent, reading), bytearray()
    try:
        for block in blocks(raw):
            held += block
            check_size(held, reading.max_bytes)
        row, replaced = row_of(find(bytes(held)), reading)
    except Refused as refused:
        batch.refuse(0, refused, bytes(held[: EXCERPT_BYTES + len(BOM)]).removeprefix(BOM))
    else:
        batch.add(0, row, len(held))
        batch.replaced = replaced
    yield batch.take()


def check_size(held: bytearray, max_bytes: int) -> None:
    if len(held) > max_bytes + len(BOM):
        raise Refused("too_large", f"more than {max_bytes:,} bytes")


def decode(data: bytes) -> str:
    """UTF-8, its byte-order mark aside. Refused: invalid_utf8."""
    try:
        return data.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise Refused("invalid_utf8", f"{error.reason} at byte {error.start:,}") from error
