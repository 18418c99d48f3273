"""Blocks of decompressed bytes, from plain files and from gzip, Zstandard and bzip2 of any number of members.

A decompressor is fed a few bytes at a time, so that what comes out of one step is bounded (512 bytes of Zstandard give at most
16 MiB, of gzip 0.5 MiB), and so that little is lost before a corrupt place. Measured at levels 3 and 19: not slower than
feeding 64 KiB.
"""

import bz2
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import zstandard

from pipeline.readers.raw import Raw
from pipeline.readers.shape import Broken

BLOCK = 1 << 20
FEED = 512
FREE, RATIO = 256 << 20, 500
"""An archive that gives more than FREE bytes, and more than RATIO for each of its own, is a bomb. Measured: Zstandard packs
500,000 JSON lines that differ by a number alone 113 times (gzip 33); lines that are all equal 10,700 times, and a file that has
nothing else is taken for a bomb.
"""


def blocks(raw: Raw) -> Iterator[bytes]:
    """The bytes of an extent, in blocks of about 1 MiB. Broken, after all bytes that there are: empty_file, truncated_archive,
    decompression_bomb, unreadable_file.
    """
    suffix = raw.extent.path[raw.extent.path.rfind(".") :]
    if suffix in MEMBERS and (raw.extent.start or raw.extent.stop is not None):
        raise ValueError(f"{raw.extent.relative}: an archive is read whole, not from byte {raw.extent.start}")
    given = 0
    for block in joined(decompressed(raw, MEMBERS[suffix])) if suffix in MEMBERS else plain(raw):
        given += len(block)
        yield block
    if not given and raw.extent.start == 0:
        raise Broken("empty_file")


def plain(raw: Raw) -> Iterator[bytes]:
    while block := raw.read(BLOCK):
        yield block


def joined(steps: Iterator[bytes]) -> Iterator[bytes]:
    """Small steps as blocks; those before a broken place too."""
    held, size = [], 0
    try:
        for step in steps:
            held.append(step)
            size += len(step)
            if size >= BLOCK:
                yield b"".join(held)
                held, size = [], 0
    except Broken:
        yield b"".join(held)
        raise
    yield b"".join(held)


def decompressed(raw: Raw, new: Callable[[], Any]) -> Iterator[bytes]:
    """Member after member, step by step."""
    member, fed = new(), False
    taken = given = 0
    for feed in feeds(raw):
        rest, taken = feed, taken + len(feed)
        while rest:
            for step in expand(member, rest):
                given += len(step)
                check_ratio(taken, given)
                yield step
            fed, rest = not member.eof, member.unused_data if member.eof else b""
            member = new() if member.eof else member
    if fed:
        raise Broken("truncated_archive", "ends within a member")


def check_ratio(taken: int, given: int) -> None:
    if given > FREE and given > RATIO * taken:
        raise Broken("decompression_bomb", f"more than {given:,} bytes of {taken:,}")


def feeds(raw: Raw) -> Iterator[bytes]:
    for block in plain(raw):
        yield from (block[at : at + FEED] for at in range(0, len(block), FEED))


def expand(member: Any, feed: bytes) -> Iterator[bytes]:
    """What one feed gives. bzip2 makes 46 MB of 45 bytes, and has a limit for it."""
    try:
        if not isinstance(member, bz2.BZ2Decompressor):
            yield member.decompress(feed)
            return
        yield member.decompress(feed, BLOCK)
        while not (member.eof or member.needs_input):
            yield member.decompress(b"", BLOCK)
    except (zlib.error, zstandard.ZstdError, OSError) as error:
        raise Broken("truncated_archive", str(error)) from error


MEMBERS: dict[str, Callable[[], Any]] = {
    ".gz": lambda: zlib.decompressobj(wbits=16 + zlib.MAX_WBITS),
    ".zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
    ".bz2": bz2.BZ2Decompressor,
}
