"""Files that lie in memory, read whole: what the readers' tests look at."""

import io
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import orjson

from pipeline.readers import Extent, Reading, Total, read
from pipeline.readers.shape import Open


class Rows(NamedTuple):
    documents: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]
    total: Total

    @property
    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.quarantine]

    @property
    def texts(self) -> list[str]:
        return [row["text"] for row in self.documents]


def opener(files: Mapping[str, bytes]) -> Open:
    def open_(path: str) -> BinaryIO:
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return io.BytesIO(files[path])

    return open_


def from_disk(path: str) -> BinaryIO:
    return open(path, "rb")


def reading_of(format_: str = "jsonl", **fields: Any) -> Reading:
    return Reading("web", "web-zh", format_, **fields)


def rows(
    data: bytes,
    reading: Reading | None = None,
    path: str = "a.jsonl",
    start: int = 0,
    stop: int | None = None,
) -> Rows:
    """All rows of one file, or of a range of it."""
    reading = reading or reading_of()
    return collect(Extent(path, path, start, stop), reading, opener({path: data}))


def collect(extent: Extent, reading: Reading, open_: Open) -> Rows:
    documents: list[dict[str, Any]] = []
    quarantine: list[dict[str, Any]] = []
    parts = read(extent, reading, open_)
    while True:
        try:
            part = next(parts)
        except StopIteration as end:
            return Rows(documents, quarantine, end.value)
        assert part.documents.schema == reading.schema
        part.documents.validate(full=True)
        part.quarantine.validate(full=True)
        documents += part.documents.to_pylist()
        quarantine += part.quarantine.to_pylist()


def jsonl(*records: Any) -> bytes:
    """A line a record; bytes stand as they are."""
    lines = (record if isinstance(record, bytes) else orjson.dumps(record) for record in records)
    return b"".join(line + b"\n" for line in lines)
