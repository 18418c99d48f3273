"""Raw bytes → documents. One file per format; what is read is digested in the same pass.

`read` gives, part by part, every record of an extent as a document or as a quarantine row, and returns `Total` when it is
exhausted (`total = yield from read(...)`). Memory: one batch and one record.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping

from pipeline.readers.code import read_code
from pipeline.readers.count import count_records
from pipeline.readers.html import read_html
from pipeline.readers.jsonl import read_jsonl
from pipeline.readers.markdown import read_markdown
from pipeline.readers.parquet import read_parquet
from pipeline.readers.raw import Raw
from pipeline.readers.shape import Extent, Open, Read, Reading, Total, fits, format_of
from pipeline.readers.text import read_text
from pipeline.readers.warc import read_warc

__all__ = [
    "Extent", "Open", "Read", "Reading", "Total", "count_records", "fits", "format_of", "raw_digest", "read",
]  # fmt: skip

READERS: Mapping[str, Callable[[Raw, Reading], Iterator[Read]]] = {
    "jsonl": read_jsonl,
    "text": read_text,
    "parquet": read_parquet,
    "warc": read_warc,
    "html": read_html,
    "markdown": read_markdown,
    "code": read_code,
}


def read(extent: Extent, reading: Reading, open_: Open) -> Generator[Read, None, Total]:
    """All records of an extent: each a document, a row whose reason says why it is none, or passed over by its type.

    Nothing that a file holds raises. Reasons of any record: too_large, nul_bytes, empty_text, invalid_utf8, bad_column; of
    JSON: broken_json, inexact_json, not_an_object, missing_text, text_not_string; of web archives: broken_header,
    wrong_length, wrong_digest, stray_bytes, truncated_record, broken_payload, not_text; of HTML: nested_too_deep,
    too_many_tags; of Parquet: broken_parquet. Of a record that its parser did not survive: parser_died, timeout. Of a file, at
    the first record that was not read whole: empty_file, truncated_archive, decompression_bomb, unreadable_file.
    """
    records = replaced = 0
    passed_over: Counter[str] = Counter()
    with Raw(extent, open_) as raw:
        for one in READERS[reading.format](raw, reading):
            records, replaced = records + one.records, replaced + one.replaced
            passed_over.update(one.passed_over)
            yield one
        return Total(raw.hexdigest(), records, replaced, dict(passed_over))


def raw_digest(extent: Extent, open_: Open) -> str:
    """32 hex digits: blake2b-128 of the bytes [start, stop) on disk. Of an unreadable file: of what could be read, and why no more."""
    with Raw(extent, open_) as raw:
        return raw.hexdigest()
