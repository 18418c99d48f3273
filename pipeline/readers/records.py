"""Blocks of a WARC or ARC file → its records, each with its place, and what lies between them when a length lies.

The cutting is ours, because a library's iterator ends a file at the first record whose length is wrong (FastWARC 2.0) or passes
over what it does not understand without a word: here a length is believed only when the next record, or the end, follows it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.readers.shape import BOM, EXCERPT_BYTES, Broken, Refused

LONGEST_HEAD = 64 << 10
FILEDESC = b"filedesc:"  # the first record of an ARC file
LINE_ENDS = re.compile(rb"[\r\n]*")
LEAP = 4096  # bytes: more than any beginning of a record needs to be known by


class Record(NamedTuple):
    """One stretch of the file, from where a record begins to where the next one does."""

    position: int
    data: bytes  # head and body; of one that is longer than asked for, or no record, its beginning
    size: int  # of all of it
    head_size: int = 0
    problem: Refused | None = None  # why it is no record

    @property
    def head(self) -> bytes:
        return self.data[: self.head_size]

    @property
    def excerpt(self) -> bytes:
        return self.data[:EXCERPT_BYTES]


class Grammar(NamedTuple):
    begins: re.Pattern[bytes]  # a record, where it is known that one must
    found: re.Pattern[bytes]  # a record, looked for in the middle of bytes; at the start of its line
    ends: re.Pattern[bytes]  # the end of its head
    length: re.Pattern[bytes]  # of its body, in the head


WARC_BEGINS = re.compile(rb"WARC/\d")
WARC = Grammar(
    begins=WARC_BEGINS,
    found=re.compile(rb"(?<=\n)WARC/\d\.\d+[ \t]*\r?\n[A-Za-z][A-Za-z0-9-]*[ \t]*:"),
    ends=re.compile(rb"\r?\n\r?\n"),
    length=re.compile(rb"(?im)^Content-Length[ \t]*:[ \t]*(\d{1,18})[ \t]*\r?$"),
)
_LINE = rb"[A-Za-z][A-Za-z0-9+.-]*:[^\r\n]{0,3000}[ ][^\s]{1,60}[ ]\d{8,18}[ ][^\r\n]{1,200}[ ]"
ARC = Grammar(  # URL, IP address, date, type, length (Burner and Kahle 1996)
    begins=re.compile(_LINE + rb"-?\w+\r?\n"),
    found=re.compile(rb"(?<=\n)" + _LINE + rb"-?\w+\r?\n"),
    ends=re.compile(rb"\n"),
    length=re.compile(rb"[ ](\d{1,18})\r?\n?$"),
)


def records(blocks: Iterator[bytes], longest: int) -> Iterator[Record]:
    """All records, one after the other; nothing of the file lies outside them but line ends.

    `longest`: bytes of a body that are kept; of more only a beginning, in flat memory. Problems: broken_header, wrong_length,
    truncated_record, stray_bytes, and those of `blocks`, of the record that they cut.
    """
    cutter = Cutter(blocks, longest)
    while (record := cutter.next()) is not None:
        yield record


class Cutter:
    """`held`: the bytes from `at` on that were read. `broken`: why there are no more, until a row has said it."""

    def __init__(self, blocks: Iterator[bytes], longest: int) -> None:
        self.blocks, self.longest = blocks, longest
        self.held, self.at, self.ended = bytearray(), 0, False
        self.broken: Broken | None = None
        if self.fill(len(BOM)) and self.held.startswith(BOM):
            self.drop(len(BOM))
        self.grammar = ARC if self.fill(len(FILEDESC)) and self.held.startswith(FILEDESC) else WARC

    def fill(self, size: int) -> bool:
        """Hold `size` bytes, if there are as many."""
        while len(self.held) < size and not self.ended:
            try:
                self.held += next(self.blocks)
            except StopIteration:
                self.ended = True
            except Broken as broken:
                self.ended, self.broken = True, broken
        return len(self.held) >= size

    def drop(self, size: int) -> None:
        del self.held[:size]
        self.at += size

    def next(self) -> Record | None:
        """The record at hand; None at the end."""
        self.skip_line_ends()
        if not self.held:
            return self.give(0, 0, self.broken) if self.broken else None
        self.fill(LONGEST_HEAD)
        if not self.grammar.begins.match(self.held):
            return self.until_found(0, Refused("stray_bytes", "no record begins here"))
        head = self.grammar.ends.search(self.held, 0, LONGEST_HEAD)
        if head is None:
            return self.until_found(0, Refused("broken_header", "it has no end"))
        return self.with_head(bytes(self.held[: head.end()]))

    def skip_line_ends(self) -> None:
        while self.fill(1):
            found = LINE_ENDS.match(self.held)
            self.drop(found.end() if found else 0)
            if self.held:
                return

    def with_head(self, head: bytes) -> Record:
        """The record with this head, if its length is right."""
        lengths = {int(digits) for digits in self.grammar.length.findall(head)}
        if len(lengths) != 1:
            said = "several lengths" if lengths else "no length"
            return self.until_found(len(head), Refused("broken_header", said))
        (length,) = lengths
        if length > self.longest:
            return self.too_long(len(head), length)
        stop = len(head) + length
        if not self.fill(stop):
            return self.cut_short(len(head), length)
        if not self.is_followed(stop):
            said = f"no record follows its {length:,} bytes"
            return self.until_found(len(head), Refused("wrong_length", said))
        return self.give(stop, len(head), None)

    def is_followed(self, stop: int) -> bool:
        """Whether line ends and then a record, or the end of the file, come after `stop`."""
        self.fill(stop + LEAP)
        after = self.held[stop : stop + LEAP].lstrip(b"\r\n")
        return not after or bool(self.grammar.begins.match(after))

    def cut_short(self, head: int, length: int) -> Record:
        """A record of which the file has less than it says: broken off, or lying where another begins within."""
        found = self.grammar.found.search(self.held, head)
        if found is not None:
            said = f"another record begins within its {length:,} bytes"
            return self.give(found.start(), head, Refused("wrong_length", said))
        said = f"{len(self.held) - head:,} of {length:,} bytes"
        return self.give(len(self.held), head, self.broken or Refused("truncated_record", said))

    def too_long(self, head: int, length: int) -> Record:
        """A record of which the beginning is kept; it ends where another begins, which is how a lie is known."""
        record = self.until_found(head, None)
        size = record.size - head
        if record.problem is not None or 0 <= size - length <= LEAP:
            return record
        said = f"{size:,} bytes before the next record, not {length:,}"
        return record._replace(problem=Refused("wrong_length" if self.held else "truncated_record", said))

    def until_found(self, head: int, problem: Refused | None) -> Record:
        """All bytes up to the next record as one, in flat memory."""
        position, looked = self.at, max(1, head)
        self.fill(2 * LONGEST_HEAD)
        kept = self.first(2 * LONGEST_HEAD)
        while (found := self.grammar.found.search(self.held, looked)) is None and not self.ended:
            self.drop(max(0, len(self.held) - LEAP))
            looked = 1
            self.fill(len(self.held) + 1)
        stop = found.start() if found else len(self.held)
        self.drop(stop)
        if found is None:
            problem, self.broken = self.broken or problem, None
        size = self.at - position
        return Record(position, kept[:size], size, head, problem)

    def first(self, size: int) -> bytes:
        with memoryview(self.held) as view:
            return bytes(view[:size])

    def give(self, stop: int, head: int, problem: Refused | None) -> Record:
        """What is held up to `stop` as one record."""
        record = Record(self.at, self.first(stop), stop, head, problem)
        if problem is self.broken:
            self.broken = None
        self.drop(stop)
        return record
