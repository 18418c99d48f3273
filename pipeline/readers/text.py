"""Plain text: one file is one record, and one document at position 0."""

from collections.abc import Iterator

from pipeline.readers.archives import blocks
from pipeline.readers.batches import Batch
from pipeline.readers.raw import Raw
from pipeline.readers.shape import BOM, Broken, Read, Reading, Refused
from pipeline.readers.texts import check_text


def read_text(raw: Raw, reading: Reading) -> Iterator[Read]:
    """One row: the document, or why there is none. Reasons: invalid_utf8, those of `check_text`, those of `blocks`."""
    batch, held = Batch(raw.extent, reading), bytearray()
    try:
        for block in blocks(raw):
            held += block
            if len(held) > reading.max_bytes + len(BOM):
                raise Refused("too_large", f"more than {reading.max_bytes:,} bytes of text")
        text = check_text(decode(held), reading.max_bytes)
    except Refused as refused:
        batch.refuse(0, refused, bytes(held.removeprefix(BOM)[:1024]))
    else:
        unknown = [None] * (len(batch.schema) - 6)
        batch.add(0, (text.digest, None, None, text.data, *unknown), len(text.data))
        batch.replaced = text.replaced
    yield batch.take()


def decode(data: bytearray) -> str:
    try:
        return data.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise Refused("invalid_utf8", f"{error.reason} at byte {error.start:,}") from error
