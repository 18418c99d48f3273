"""Lists of files, whatever is in them: what lies in a folder, with sizes, SHA-256 and rows; verified, split, compared.

A list is JSON ({"format": "winnow-files", "schema": 1, "root", "patterns", "totals", "files": […]}) or the same as Parquet. A run's
own manifest is read as a list of its shards. Paths are relative to the root and sorted, so that listing again, on any machine,
gives the same bytes.
"""

import fnmatch
import heapq
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ship import manifest as manifests
from pipeline.ship.shards import sha256

FORMAT, SCHEMA = "winnow-files", 1
TABLE = pa.schema(
    [("path", pa.string()), ("bytes", pa.int64()), ("sha256", pa.string()), ("rows", pa.int64())]
)
HASHING = 4  # files at once: hashing releases the interpreter, disks like a few readers


class FilesError(ValueError):
    """A list or folder that cannot be used: the message says which, why, and the cure."""


@dataclass(frozen=True)
class File:
    """One file. `sha256` and `rows` (of Parquet) are null where nobody looked."""

    path: str
    bytes: int
    sha256: str | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Files:
    """Files below a root, sorted by path. `patterns`: what they were chosen by; null for a part of a list."""

    root: str
    files: tuple[File, ...]
    patterns: tuple[str, ...] | None = None

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def place(self, file: File) -> str:
        return os.path.join(self.root, file.path)


# Making


def scan(root: str, patterns: Sequence[str] = ()) -> Files:
    """What lies below a folder, hidden files aside; of these, what one of the patterns (`*.parquet`, `zh/*`) matches."""
    if not os.path.isdir(root):
        raise FilesError(f"{root}: no such folder")
    found = Files(root, tuple(sorted(walk(root, ""), key=lambda file: file.path)), tuple(patterns) or ("*",))
    taken = matching(found, patterns)
    if not taken.files:
        raise FilesError(
            f"{root}: none of its {len(found.files):,} files matches {', '.join(patterns) or '*'}"
        )
    return taken


def walk(root: str, below: str) -> Iterator[File]:
    with os.scandir(os.path.join(root, below)) as entries:
        for entry in entries:
            path = f"{below}{entry.name}"
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from walk(root, f"{path}/")
            else:
                yield File(path, entry.stat().st_size)


def digested(files: Files) -> Files:
    """The same with SHA-256 and, of Parquet, rows."""

    def digest(file: File) -> File:
        place = files.place(file)
        rows = pq.read_metadata(place).num_rows if file.path.endswith(".parquet") else file.rows
        return File(file.path, file.bytes, sha256(place), rows)

    with ThreadPoolExecutor(HASHING) as pool:
        return replace(files, files=tuple(pool.map(digest, files.files)))


# Reading and writing


def load(path: str, root: str | None = None) -> Files:
    """A list, or the shards of a run's folder. `root`: where the files lie, if not where the list says."""
    if os.path.isdir(path):
        shards = manifests.read(path)["shards"]
        return Files(
            root or path,
            tuple(File(one["path"], one["bytes"], one["sha256"], one["packs"]) for one in shards),
        )
    try:
        fields = read_table(path) if path.endswith(".parquet") else json.loads(read_text(path))
        if fields.get("format") != FORMAT or fields.get("schema") != SCHEMA:
            raise FilesError(f"{path}: is no list of {FORMAT}, schema {SCHEMA}")
        files = tuple(File(**one) for one in fields["files"])
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError, pa.ArrowInvalid) as error:
        raise FilesError(f"{path}: damaged ({error})") from error
    patterns = None if fields["patterns"] is None else tuple(fields["patterns"])
    return Files(root or os.path.join(os.path.dirname(path), fields["root"]), files, patterns)


def read_text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_table(path: str) -> dict[str, Any]:
    table = pq.read_table(path)
    said = json.loads(table.schema.metadata.get(b"winnow", b"{}")) if table.schema.metadata else {}
    return {**said, "files": table.to_pylist()}


def save(files: Files, path: str) -> None:
    """Write the list; its root is kept relative to the place of the list."""
    root = os.path.relpath(files.root, os.path.dirname(path) or ".")
    head = {"format": FORMAT, "schema": SCHEMA, "root": root, "patterns": files.patterns}
    rows = [asdict(file) for file in files.files]
    if path.endswith(".parquet"):
        table = pa.Table.from_pylist(rows, TABLE.with_metadata({"winnow": json.dumps(head)}))
        pq.write_table(table, path, compression="zstd")
        return
    totals = {"files": len(rows), "bytes": files.bytes}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**head, "totals": totals, "files": rows}, file, ensure_ascii=False, indent=1)


# Using


def verify(files: Files) -> Iterator[str]:
    """Problems, each with its place: a file that is missing, of another size or content, or in no list."""
    for file in files.files:
        try:
            if (size := os.path.getsize(files.place(file))) != file.bytes:
                yield f"{file.path}: {size:,} bytes, the list says {file.bytes:,}"
            elif file.sha256 is not None and sha256(files.place(file)) != file.sha256:
                yield f"{file.path}: its SHA-256 is not the one in the list"
        except FileNotFoundError:
            yield f"{file.path}: missing"
    listed = {file.path for file in files.files}
    if files.patterns is not None:
        for one in scan(files.root, files.patterns).files:
            if one.path not in listed:
                yield f"{one.path}: extra, the list does not name it"


def split(files: Files, parts: int) -> list[Files]:
    """So many lists of about equal bytes: the largest file next to the least loaded part, ties by path and number."""
    loads = [(0, part) for part in range(parts)]
    taken: list[list[File]] = [[] for _ in range(parts)]
    for file in sorted(files.files, key=lambda one: (-one.bytes, one.path)):
        load_, part = heapq.heappop(loads)
        taken[part].append(file)
        heapq.heappush(loads, (load_ + file.bytes, part))
    return [Files(files.root, tuple(sorted(part, key=lambda one: one.path))) for part in taken]


@dataclass(frozen=True)
class Difference:
    """Paths that one list has and the other has not, or has with another content; `moved`: (from, to) of equal content."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]


def diff(before: Files, after: Files) -> Difference:
    """What happened between two lists."""
    old, new = ({file.path: file for file in one.files} for one in (before, after))
    gone = {old[path].sha256: path for path in sorted(old.keys() - new.keys()) if old[path].sha256}
    moved = [
        (gone[new[path].sha256], path) for path in sorted(new.keys() - old.keys()) if new[path].sha256 in gone
    ]
    sources, targets = {one for one, _ in moved}, {one for _, one in moved}
    return Difference(
        tuple(sorted(new.keys() - old.keys() - targets)),
        tuple(sorted(old.keys() - new.keys() - sources)),
        tuple(path for path in sorted(old.keys() & new.keys()) if differs(old[path], new[path])),
        tuple(moved),
    )


def differs(one: File, other: File) -> bool:
    known = one.sha256 is not None and other.sha256 is not None
    return one.bytes != other.bytes or (known and one.sha256 != other.sha256)


def matching(files: Files, patterns: Iterable[str]) -> Files:
    """The files that one of the patterns matches; all without a pattern."""
    globs = tuple(patterns)
    taken = (
        one for one in files.files if not globs or any(fnmatch.fnmatchcase(one.path, glob) for glob in globs)
    )
    return replace(files, files=tuple(taken))
