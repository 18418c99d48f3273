"""Plain text: one file is one record, and one document at position 0."""

from collections.abc import Iterator

from pipeline.readers.raw import Raw
from pipeline.readers.rows import Found
from pipeline.readers.shape import Read, Reading
from pipeline.readers.whole import decode, read_whole


def read_text(raw: Raw, reading: Reading) -> Iterator[Read]:
    """One row: the document, or why there is none."""
    return read_whole(raw, reading, lambda data: Found(decode(data), {}))
