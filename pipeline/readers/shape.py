"""What a reader is given and what it gives: stretches of files in, documents and quarantine rows out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, NamedTuple

import pyarrow as pa

from pipeline.data.ids import without_compression
from pipeline.data.schemas import DOCUMENTS

Open = Callable[[str], BinaryIO]  # a path to a seekable file; OSError where it cannot be read

FORMATS = {"jsonl": (".jsonl", ".ndjson", ".json"), "text": (".txt", ".text")}
COLUMN_TYPES = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}
BOM = b"\xef\xbb\xbf"
MARK, REPLACEMENT = "\ufffc", "\ufffd"  # a medium stands in the text as MARK; both have three bytes
EXCERPT_CHARACTERS = 200
EXCERPT_BYTES = 4 * EXCERPT_CHARACTERS


@dataclass(frozen=True)
class Extent:
    """A stretch of one file of one input. Only plain files of lines are ever cut; a line belongs where it starts."""

    path: str  # as opened
    relative: str  # below the input's root, with / between folders: what ids and quarantine rows show
    start: int = 0  # bytes on disk
    stop: int | None = None  # None: to the end


@dataclass(frozen=True)
class Reading:
    """How the files of one input are read: only what can change documents."""

    name: str
    source: str
    format: str  # a key of FORMATS
    text: str = "text"  # the field of a record that holds its text
    columns: tuple[
        tuple[str, str], ...
    ] = ()  # fields of a record that become columns: (name, key of COLUMN_TYPES)
    max_bytes: int = 16 << 20  # of one document's text

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"{self.name}: unknown format {self.format!r}; there are {', '.join(FORMATS)}")
        if not 1 <= self.max_bytes <= 1 << 30:
            raise ValueError(f"{self.name}: max_bytes {self.max_bytes} must be from 1 to 2^30")
        taken = {*DOCUMENTS.names, self.text}
        for column, kind in self.columns:
            if column in taken:
                raise ValueError(
                    f"{self.name}: column {column!r} has the name of another column; leave it out"
                )
            if kind not in COLUMN_TYPES:
                raise ValueError(
                    f"{self.name}: {column}: unknown type {kind!r}; say {', '.join(COLUMN_TYPES)}"
                )
            taken.add(column)

    @property
    def schema(self) -> pa.Schema:
        """DOCUMENTS, then the chosen columns."""
        chosen = [pa.field(name, COLUMN_TYPES[kind]) for name, kind in self.columns]
        return pa.schema([*DOCUMENTS, *chosen])


class Read(NamedTuple):
    """A part of an extent; ids ascend within each batch and from one part to the next."""

    documents: pa.RecordBatch  # DOCUMENTS + chosen columns
    quarantine: pa.RecordBatch  # QUARANTINE
    records: int  # documents + quarantine rows
    replaced: int  # literal U+FFFC that became U+FFFD


class Total(NamedTuple):
    """What `read` returns at its end, over all of an extent."""

    digest: str  # see `raw_digest`
    records: int
    replaced: int


class Refused(Exception):  # noqa: N818 — no error: a record that is no document, told apart by its reason
    """One record that becomes a quarantine row."""

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class Broken(Refused):
    """The rest of a file that becomes one quarantine row, at the first record that could not be read whole."""

    position: int = 0
    beginning: bytes = b""  # of that record


def format_of(path: str) -> str | None:
    """The format that a file's suffix names, a compression suffix aside; None for a kind that no reader takes."""
    bare = without_compression(path)
    return next((name for name, suffixes in FORMATS.items() if bare.endswith(suffixes)), None)
