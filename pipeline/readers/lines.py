"""Blocks of bytes → lines with the offset at which each starts. Lines end at LF."""

from collections.abc import Iterable, Iterator

from pipeline.readers.shape import EXCERPT_BYTES, Broken

# position; bytes without its LF, of a line above the limit only its beginning; size
Line = tuple[int, bytes, int]


class Unfinished:
    """A line whose end is in a later block. Above `longest` bytes only its beginning is kept."""

    def __init__(self, longest: int) -> None:
        self.longest, self.parts, self.size = longest, [b""], 0

    def add(self, part: bytes) -> None:
        if self.size <= self.longest:
            self.parts.append(part)
        self.size += len(part)
        if self.size > self.longest and len(self.parts) > 1:
            self.parts = [self.beginning()]

    def beginning(self) -> bytes:
        return b"".join(self.parts)[:EXCERPT_BYTES]

    def end(self, part: bytes) -> tuple[bytes, int]:
        """The whole line and its size; what is held is empty again."""
        self.add(part)
        whole, size = b"".join(self.parts), self.size
        self.parts, self.size = [b""], 0
        return whole, size


def lines(blocks: Iterable[bytes], start: int, stop: int | None, longest: int) -> Iterator[Line]:
    """The lines that start in [start, stop); `blocks` begin at byte max(0, start - 1).

    A line of more than `longest` bytes is passed over in flat memory. Broken is raised on with its
    position and beginning: those of the line that was not read to its end.
    """
    at, held = max(0, start - 1), Unfinished(longest)
    last = stop if stop is not None else 1 << 62
    try:
        for block in blocks:
            *ended, rest = block.split(b"\n")
            for part in ended:
                text, size = part, len(part)
                if held.size or size > longest:
                    text, size = held.end(part)
                if at >= start:
                    yield at, text, size
                at += size + 1
                if at >= last:
                    return
            held.add(rest)
    except Broken as broken:
        broken.position = max(at, start)
        broken.beginning = held.beginning() if at >= start else b""
        raise
    if held.size and at >= start:
        yield at, *held.end(b"")
