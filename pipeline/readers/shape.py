"""What a reader is given and what it gives: stretches of files in, documents and quarantine rows out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import BinaryIO, ClassVar, NamedTuple

import pyarrow as pa

from pipeline.data.ids import without_compression
from pipeline.data.schemas import DOCUMENTS
from pipeline.readers.languages import language_of

Open = Callable[[str], BinaryIO]  # a path to a seekable file; OSError where it cannot be read

FORMATS: Mapping[str, tuple[str, ...]] = {
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "text": (".txt", ".text"),
    "parquet": (".parquet",),
    "warc": (".warc", ".arc"),
    "html": (".html", ".htm", ".xhtml"),
    "markdown": (".md", ".markdown"),
    "code": (),  # by pipeline.readers.languages
}
"""The suffixes of each format's files, a compression suffix aside."""

EXTRAS = {"warc": ("web", ("fastwarc", "resiliparse", "warcio")), "html": ("web", ("resiliparse",))}
"""What must be installed beside the base for a format: (extra, modules)."""

OWN_COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "code": (("code_language", "string"), ("generated", "bool"), ("vendored", "bool"))
}
"""Columns that every document of a format has, without being chosen."""

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

    version: ClassVar[int] = 2

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
    records: int  # documents + quarantine rows + records passed over
    replaced: int  # literal U+FFFC that became U+FFFD
    passed_over: Mapping[str, int] = {}  # records that are no documents by their type, by that type


class Total(NamedTuple):
    """What `read` returns at its end, over all of an extent."""

    digest: str  # see `raw_digest`
    records: int
    replaced: int
    passed_over: Mapping[str, int] = {}


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
    """The format that a file's name says, a compression suffix aside; None for a kind that no reader takes."""
    bare = without_compression(path)
    found = next((name for name, suffixes in FORMATS.items() if bare.endswith(suffixes or "/")), None)
    if found == "parquet" and bare != path:
        return None  # pages are packed one by one, files never
    return found or ("code" if language_of(bare) else None)


def fits(path: str, format_: str) -> bool:
    """Whether a file of this name is read in an input of this format. A source tree also has Markdown and HTML in it."""
    if format_ == "code":
        return language_of(without_compression(path)) is not None
    return format_of(path) == format_


def check_installed(name: str, format_: str) -> None:
    """ValueError with the cure, where a format needs a library that is not there."""
    extra, modules = EXTRAS.get(format_, ("", ()))
    if missing := [module for module in modules if find_spec(module) is None]:
        raise ValueError(
            f"{name}: format {format_} needs {' and '.join(missing)}; pip install 'winnow[{extra}]'"
        )
