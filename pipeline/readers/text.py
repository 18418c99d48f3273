"""Plain text: one file is one record, and one document at position 0."""

from collections.abc import Iterator

from pipeline.readers.admit import admit
from pipeline.readers.archives import blocks
from pipeline.readers.batches import Batch
from pipeline.readers.raw import Raw
from pipeline.readers.shape import BOM, EXCERPT_BYTES, Read, Reading, Refused


def read_text(raw: Raw, reading: Reading) -> Iterator[Read]:
    """One row: the document, or why there is none. Reasons: invalid_utf8, those of `admit`, those of `blocks`."""
    batch, held = Batch(raw.extent, reading), bytearray()
    try:
        for block in blocks(raw):
            held += block
            check_size(held, reading.max_bytes)
        data, digest, replaced = admit(decode(held), reading.max_bytes)
    except Refused as refused:
        batch.refuse(0, refused, bytes(held[: EXCERPT_BYTES + len(BOM)]).removeprefix(BOM))
    else:
        rest = [None] * (len(batch.schema) - 6)
        batch.add(0, (digest, None, None, data, *rest), len(data))
        batch.replaced = replaced
    yield batch.take()


def check_size(held: bytearray, max_bytes: int) -> None:
    if len(held) > max_bytes + len(BOM):
        raise Refused("too_large", f"more than {max_bytes:,} bytes")


def decode(data: bytearray) -> str:
    try:
        return data.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise Refused("invalid_utf8", f"{error.reason} at byte {error.start:,}") from error
