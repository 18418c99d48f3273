"""Inputs → splits: what would be read, decided without reading it.

Large plain files are cut to ranges, archives stream as they are, and small files are dealt to batches by the digest of their
path, so that an added file touches one batch. A file whose fingerprint changed is digested once, here: if its bytes are the
ones that were read before, its old receipt stands under the new key and nothing is read again.
"""

import glob
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pipeline.data import objects, receipts
from pipeline.data.ids import COMPRESSIONS, file_digest, without_compression
from pipeline.data.keys import digest
from pipeline.data.receipts import FOLDER, Receipt
from pipeline.data.store import Store
from pipeline.readers import Extent, Reading, fits, format_of, raw_digest
from pipeline.readers.shape import FORMATS
from pipeline.steps.ingest import UNREADABLE, fingerprint, open_file, receipt_of
from pipeline.steps.work import Split, Work, reading_key

OUTGROWN = 8  # times as many batches as were first planned: then all are dealt anew
EXPANDS = 4  # an archive is counted as this many times its size when batches are made


class PlanError(ValueError):
    """An input that cannot be planned; `input`: its name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.input = name


@dataclass(frozen=True)
class File:
    """One file of an input, as found."""

    path: str
    relative: str
    bytes: int
    print: str

    @property
    def packed(self) -> bool:
        return self.path.endswith(COMPRESSIONS)

    @property
    def weight(self) -> int:
        return self.bytes * (EXPANDS if self.packed else 1)


@dataclass(frozen=True)
class Plan:
    """All splits of a run, and what was passed over: files of a kind that no reader takes, by input."""

    splits: tuple[Split, ...]
    passed_over: Mapping[str, int]
    aliases: tuple[Receipt, ...] = ()  # receipts of touched but equal files, to be published before the run

    @property
    def key(self) -> str:
        return digest([split.key for split in self.splits], dict(self.passed_over))

    @property
    def name(self) -> str:
        return f"plan/{digest(self.dumps())}.json"

    def dumps(self) -> str:
        splits = [json.loads(split.dumps()) for split in self.splits]
        return json.dumps({"splits": splits, "passed_over": dict(self.passed_over)}, sort_keys=True)

    @staticmethod
    def loads(text: str | bytes) -> "Plan":
        fields = json.loads(text)
        splits = tuple(Split.loads(json.dumps(split)) for split in fields["splits"])
        return Plan(splits, fields["passed_over"])


def plan(work: Work, paths: Mapping[str, str], limit: int | None = None) -> Plan:
    """The splits of all inputs; `paths`: each input's file, folder or glob, by input name."""
    known = Known(work.store)
    splits: list[Split] = []
    passed_over: dict[str, int] = {}
    for name, reading in work.readings.items():
        files, passed_over[name] = find_files(paths[name], reading, name)
        refuse_shared_addresses(files, name)
        cuts = (
            limited(files, name, limit)
            if limit is not None
            else list(cut(files, reading, known.batches(name), work.piece_bytes))
        )
        splits += [replace(one, key=split_key(one, reading), reading=reading_key(reading)) for one in cuts]
    return Plan(tuple(splits), passed_over, tuple(known.aliases(splits)))


def split_key(split: Split, reading: Reading) -> str:
    """What the documents of a split depend on: how it is read, where it lies, and which bytes were there."""
    where = [
        [one.relative, one.start, one.stop, mark]
        for one, mark in zip(split.extents, split.prints, strict=True)
    ]
    return digest(reading_key(reading), where, split.limit)


# Finding files


def find_files(path: str, reading: Reading, name: str) -> tuple[list[File], int]:
    """The input's files in the order of their relative path, and how many others were passed over."""
    root, found = list_files(path)
    if not found:
        raise no_files(name, path)
    single = len(found) == 1 and found[0] == path
    taken = found if single else [one for one in found if fits(one, reading.format)]
    if not taken:
        raise PlanError(
            name,
            f"none of the {len(found)} files of {path!r} is named like {reading.format}; rename them, or name one file outright",
        )
    marks = objects.marks(path) if objects.remote(path) else {}
    files = [
        found_file(one, os.path.relpath(one, root).replace(os.sep, "/"), marks.get(one)) for one in taken
    ]
    return sorted(files, key=lambda file: os.fsencode(file.relative)), len(found) - len(taken)


def no_files(name: str, path: str) -> PlanError:
    where = "" if os.path.isabs(path) or objects.remote(path) else f" below {os.getcwd()}"
    return PlanError(name, f"no file matches {path!r}{where}; give a file, a folder, or a glob in quotes")


def guess_format(name: str, path: str) -> str:
    """The one format of an input's files, by their names; a README beside them says nothing of it."""
    files = list_files(path)[1]
    named = [one for one in files if not os.path.basename(one).startswith("README") or one == path]
    found = sorted({kind for one in named if (kind := format_of(one))})
    if len(found) == 1:
        return found[0]
    if not files:
        raise no_files(name, path)
    what = f"files of several formats ({', '.join(found)})" if found else "no file of a known format"
    known = f"; there are {', '.join(FORMATS)}" if not found else ""
    raise PlanError(name, f"{path!r} has {what}; say which with format:{known}")


def list_files(path: str) -> tuple[str, list[str]]:
    """The root that relative paths start at, and the files below it, hidden ones aside."""
    if objects.remote(path):
        found = list(objects.marks(path))
        single = found == [path]
        return os.path.dirname(path) if single else glob_root(path) if glob.has_magic(path) else path, found
    if os.path.isdir(path):
        return path, list(walk(path))
    if glob.has_magic(path):
        return glob_root(path), [one for one in glob.glob(path, recursive=True) if not os.path.isdir(one)]
    return os.path.dirname(path) or ".", [path] if os.path.lexists(path) else []


def walk(folder: str, above: frozenset[str] = frozenset()) -> Iterator[str]:
    """The files below a folder, those behind links too; a link that leads back up is not followed."""
    inside = above | {os.path.realpath(folder)}
    with os.scandir(folder) as entries:
        found = [one.path for one in entries if not one.name.startswith(".")]
    for path in found:
        if not os.path.isdir(path):  # a link to itself is no folder either; DirEntry.is_dir would raise
            yield path
        elif os.path.realpath(path) not in inside:
            yield from walk(path, inside)


def glob_root(pattern: str) -> str:
    """The folders before the first that has a wildcard."""
    parts = pattern.split("/")
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")


def found_file(path: str, relative: str, mark: str | None = None) -> File:
    """`mark`: its fingerprint, when the listing told it."""
    mark = mark or fingerprint(path)
    return File(path, relative, int(mark.split("-")[0]) if "-" in mark else 0, mark)


def refuse_shared_addresses(files: list[File], name: str) -> None:
    """Two files of one input that differ in their compression suffix alone would give equal ids."""
    seen: dict[str, str] = {}
    for file in files:
        other = seen.setdefault(without_compression(file.relative), file.relative)
        if other != file.relative:
            raise PlanError(
                name,
                f"{other!r} and {file.relative!r} would share addresses; keep one, or make them two inputs",
            )


# Cutting


def cut(files: Iterable[File], reading: Reading, batches: int | None, piece_bytes: int) -> Iterator[Split]:
    """Ranges of large files, whole archives, batches of small files."""
    name, small = reading.name, list[File]()
    for file in files:
        if file.weight * 4 <= piece_bytes:
            small.append(file)
        elif file.packed or file.bytes <= piece_bytes or not cuttable(file, reading):
            yield split_of(name, [(file, 0, None)])
        else:
            yield from ranges(name, file, piece_bytes)
    if small:
        fresh = batches_for(small, piece_bytes)
        count = batches if batches and fresh <= OUTGROWN * batches else fresh
        yield from deal(name, small, count)


def cuttable(file: File, reading: Reading) -> bool:
    """Lines by the byte they begin at, and row groups of files whose digests know that they are Parquet, by their name."""
    return reading.format == "jsonl" or (reading.format == "parquet" and file.path.endswith(".parquet"))


def ranges(name: str, file: File, piece_bytes: int) -> Iterator[Split]:
    """Equal ranges of one plain file, none above a piece."""
    count = -(-file.bytes // piece_bytes)
    edges = [file.bytes * index // count for index in range(count + 1)]
    for start, stop in pairwise(edges):
        yield split_of(name, [(file, start, stop if stop < file.bytes else None)], stop - start)


def batches_for(files: list[File], piece_bytes: int) -> int:
    """A power of two, so that a batch holds about a quarter of a piece, and at most some 4,000 files."""
    wanted = max(sum(file.weight for file in files) / (piece_bytes / 4), len(files) / 4096)
    return 1 << max(0, int(wanted - 1e-9).bit_length() if wanted > 1 else 0)


def deal(name: str, files: list[File], count: int) -> Iterator[Split]:
    """Small files by the leading bits of the digest of their path; a batch is in the order of ids."""
    dealt: dict[int, list[tuple[bytes, File]]] = {}
    for file in files:
        address = file_digest(name, file.relative)
        dealt.setdefault(int.from_bytes(address, "big") * count >> 64, []).append((address, file))
    for batch in sorted(dealt):
        members = [(file, 0, None) for _, file in sorted(dealt[batch], key=lambda member: member[0])]
        yield replace(split_of(name, members), batches=count)


def limited(files: list[File], name: str, limit: int) -> list[Split]:
    """One split that stops after the first documents; its pieces are nobody else's."""
    return [replace(split_of(name, [(file, 0, None) for file in files]), limit=limit)]


def split_of(name: str, members: Sequence[tuple[File, int, int | None]], size: int | None = None) -> Split:
    extents = tuple(Extent(file.path, file.relative, start, stop) for file, start, stop in members)
    prints = tuple(file.print for file, _, _ in members)
    return Split(
        name, "", extents, prints, sum(file.bytes for file, _, _ in members) if size is None else size
    )


# What was read before


class Known:
    """The ingest receipts of a folder, by what they read."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.receipts = [read_receipt(store, name) for name in store.list(f"{FOLDER}/ingest")]
        self.by_place: dict[tuple[Any, ...], list[Receipt]] = {}
        for receipt in self.receipts:
            self.by_place.setdefault(place_of(receipt), []).append(receipt)

    def batches(self, name: str) -> int | None:
        """How many batches the input's small files were first dealt to."""
        counts = (
            one.facts["batches"]
            for one in self.receipts
            if one.facts["input"] == name and one.facts["batches"]
        )
        return max(counts, default=None)  # of several the last: the number only grows

    def aliases(self, splits: Sequence[Split]) -> Iterator[Receipt]:
        """What need not be read again. A record may run past the end of its range: ranges of a file are spared all or none."""
        found = [(split, self.alias(split)) for split in splits]
        read = {(split.input, split.part_of) for split, alias in found if split.part_of and not alias}
        for split, alias in found:
            if alias and (split.input, split.part_of) not in read:
                yield alias

    def alias(self, split: Split) -> Receipt | None:
        """A receipt under the split's key, when all of its bytes were read before under another fingerprint."""
        if split.limit is not None or self.store.exists(receipts.receipt_name(receipt_of(split))):
            return None
        candidates = self.by_place.get(place(split), [])
        digests = Digests(split)
        old = next((one for one in candidates if digests.equal(one.facts["extents"])), None)
        if old is None:
            return None
        rows = [{**row, "print": mark} for row, mark in zip(old.facts["extents"], split.prints, strict=True)]
        return Receipt(receipt_of(split), {**old.facts, "extents": rows}, old.files)


class Digests:
    """The digests of a split's files as they are now, each read at most once."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.read: dict[int, str] = {}

    def equal(self, rows: list[dict[str, Any]]) -> bool:
        """Whether every extent has the bytes that it had: by an equal fingerprint, or by reading it."""
        return len(rows) == len(self.split.extents) and all(
            self.unchanged(index, row) for index, row in enumerate(rows)
        )

    def unchanged(self, index: int, row: dict[str, Any]) -> bool:
        mark = self.split.prints[index]
        return mark != UNREADABLE and (mark == row["print"] or self.digest(index) == row["digest"])

    def digest(self, index: int) -> str:
        if index not in self.read:
            self.read[index] = raw_digest(self.split.extents[index], open_file)
        return self.read[index]


def read_receipt(store: Store, name: str) -> Receipt:
    return receipts.parse(store.read(name), receipts.step_of(name))


def place(split: Split) -> tuple[Any, ...]:
    extents = tuple((one.relative, one.start, one.stop) for one in split.extents)
    return split.input, split.reading, split.limit, extents


def place_of(receipt: Receipt) -> tuple[Any, ...]:
    facts = receipt.facts
    extents = tuple((row["file"], row["start"], row["stop"]) for row in facts["extents"])
    return facts["input"], facts["reading"], facts["limit"], extents
