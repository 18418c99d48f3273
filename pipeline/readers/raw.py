"""The raw bytes of an extent, block after block, digested in passing: reading and digesting are one pass."""

from hashlib import blake2b
from io import SEEK_END
from types import TracebackType
from typing import BinaryIO, Self

from pipeline.readers.shape import Broken, Extent, Open

MOST_FOOTER = 64 << 20  # bytes


class Raw:
    """A file from one byte before the extent (that byte says whether a line starts there) to wherever it is asked."""

    def __init__(self, extent: Extent, open_: Open) -> None:
        self.extent, self.open = extent, open_
        self.at = max(0, extent.start - 1)  # of the next byte
        self.file: BinaryIO | None = None
        self.hash, self.failed = blake2b(digest_size=16), False

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end of the file. Broken when the file cannot be read."""
        try:
            block = self.opened().read(size)
        except OSError as error:
            raise self.fail(error.strerror or type(error).__name__) from error
        begin, end = self.extent.start - self.at, self.bounded(self.at + len(block)) - self.at
        self.hash.update(memoryview(block)[max(0, begin) : max(0, end)])
        self.at += len(block)
        return block

    def opened(self) -> BinaryIO:
        if self.file is None:
            self.file = self.open(self.extent.path)
            self.file.seek(self.at)
        return self.file

    def bounded(self, at: int) -> int:
        return at if self.extent.stop is None else min(at, self.extent.stop)

    def fail(self, detail: str) -> Broken:
        """What could be read and what then failed is what the documents stand on, so both are digested."""
        if not self.failed:
            self.hash.update(f"\0unreadable: {detail}".encode())
        self.failed = True
        return Broken("unreadable_file", detail)

    def hexdigest(self) -> str:
        """32 hex digits over [start, stop); reads what nobody asked for. Of Parquet the footer too, which every range stands on."""
        try:
            while not self.failed and self.bounded(self.at) == self.at and self.read(1 << 20):
                pass
            if self.extent.stop is not None and self.extent.path.endswith(".parquet"):
                self.hash.update(self.footer())
        except Broken:
            pass  # digested too
        return self.hash.hexdigest()

    def footer(self) -> bytes:
        """The end of a Parquet file: metadata, their length in four bytes, PAR1. Nothing of a file that is none."""
        try:
            file = self.opened()
            size = file.seek(0, SEEK_END)
            file.seek(max(0, size - 8))
            length = int.from_bytes(file.read(8)[:4], "little") + 8
            if length > min(size, MOST_FOOTER):
                return b""
            file.seek(size - length)
            return file.read(length)
        except OSError as error:
            raise self.fail(error.strerror or type(error).__name__) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.file is not None:
            self.file.close()
