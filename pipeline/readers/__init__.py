"""Raw bytes → documents. One file per format; what is read is digested in the same pass.

`read` gives, part by part, every record of an extent as a document or as a quarantine row, and returns `Total` when it is
exhausted (`total = yield from read(...)`). Memory: one batch and one record.
"""

from collections.abc import Callable, Generator, Iterator, Mapping

from pipeline.readers.count import count_records
from pipeline.readers.jsonl import read_jsonl
from pipeline.readers.raw import Raw
from pipeline.readers.shape import Extent, Open, Read, Reading, Total, format_of
from pipeline.readers.text import read_text

__all__ = ["Extent", "Open", "Read", "Reading", "Total", "count_records", "format_of", "raw_digest", "read"]

READERS: Mapping[str, Callable[[Raw, Reading], Iterator[Read]]] = {"jsonl": read_jsonl, "text": read_text}


def read(extent: Extent, reading: Reading, open_: Open) -> Generator[Read, None, Total]:
    """All rows of an extent. Nothing that a file holds raises: it becomes a row, whose reason says what it was.

    Of a record: broken_json, inexact_json, not_an_object, missing_text, text_not_string, invalid_utf8, nul_bytes, too_large,
    empty_text, bad_column. Of a file, at the first record that was not read whole: empty_file, truncated_archive,
    unreadable_file.
    """
    records = replaced = 0
    with Raw(extent, open_) as raw:
        for one in READERS[reading.format](raw, reading):
            records, replaced = records + one.records, replaced + one.replaced
            yield one
        return Total(raw.hexdigest(), records, replaced)


def raw_digest(extent: Extent, open_: Open) -> str:
    """32 hex digits: blake2b-128 of the bytes [start, stop) on disk. Of an unreadable file: of what could be read, and why no more."""
    with Raw(extent, open_) as raw:
        return raw.hexdigest()
