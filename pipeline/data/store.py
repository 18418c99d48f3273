"""The one seam to storage: few verbs over names below a root. Nothing is ever overwritten in place.

Here the verbs, and local disks; buckets are in `data/objects.py`. A file appears whole or not at all: it is written under a temporary name, flushed to disk, and published by a hard link
that fails if the name is taken (create-if-absent). Whoever loses that race reads back what won.
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

TEMPORARY, LOCK = "tmp", ".lock"


class Store(Protocol):
    """What steps ask of storage; each verb is described where local disks do it."""

    @property
    def root(self) -> str: ...
    def __hash__(self) -> int: ...
    def path(self, name: str) -> str: ...
    def exists(self, name: str) -> bool: ...
    def size(self, name: str) -> int: ...
    def changed(self, name: str) -> float: ...
    def touch(self, name: str) -> None: ...
    def open(self, name: str) -> pa.NativeFile: ...
    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes: ...
    def list(self, prefix: str) -> Iterator[str]: ...
    def top(self) -> set[str]: ...
    def temporary(self) -> str: ...
    def publish(self, temporary: str, name: str) -> bool: ...
    def put(self, data: bytes, name: str) -> bool: ...
    def replace(self, data: bytes, name: str) -> None: ...
    def delete(self, name: str) -> None: ...
    def sweep(self, folder: str = TEMPORARY) -> None: ...
    def lock(self) -> AbstractContextManager[object]: ...
    def check_writable(self) -> None: ...


@dataclass(frozen=True)
class LocalStore:
    """Names with / between folders, below one folder of a local (POSIX) disk."""

    root: str

    def path(self, name: str) -> str:
        """Where a name lies, for libraries that open files themselves."""
        return f"{self.root}/{name}"

    def exists(self, name: str) -> bool:
        """Whether the name was published."""
        return os.path.exists(self.path(name))

    def size(self, name: str) -> int:
        """Bytes of a published file."""
        return os.stat(self.path(name)).st_size

    def changed(self, name: str) -> float:
        """When a file was published or touched, in seconds of the disk's clock."""
        return os.stat(self.path(name)).st_mtime

    def touch(self, name: str) -> None:
        """Let a file, which is there, have changed now."""
        os.utime(self.path(name))

    def open(self, name: str) -> pa.NativeFile:
        """A published file, for reading and seeking."""
        return pa.OSFile(self.path(name))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes [start, stop) of a published file; a negative start counts from its end."""
        with Path(self.path(name)).open("rb") as file:
            file.seek(start, os.SEEK_END if start < 0 else os.SEEK_SET)
            return file.read() if stop is None else file.read(stop - start)

    def list(self, prefix: str) -> Iterator[str]:
        """All names below a folder, sorted; an absent folder holds none."""
        for folder, folders, files in os.walk(self.path(prefix)):
            folders.sort()
            below = os.path.relpath(folder, self.root)
            yield from (f"{below}/{file}" for file in sorted(files))

    def top(self) -> set[str]:
        """The names of files and folders right below the root."""
        return set(os.listdir(self.root)) if os.path.isdir(self.root) else set()

    def temporary(self) -> str:
        """A local path to write to, unknown to every other writer."""
        os.makedirs(self.path(TEMPORARY), exist_ok=True)
        return self.path(f"{TEMPORARY}/{uuid.uuid4().hex}")

    def publish(self, temporary: str, name: str) -> bool:
        """Give a finished temporary file its name; False if the name was taken, and the file is gone either way."""
        target = self.path(name)
        flush(temporary)
        make_folder(os.path.dirname(target))
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)
        flush(os.path.dirname(target))
        return True

    def put(self, data: bytes, name: str) -> bool:
        """Publish bytes; see `publish`."""
        temporary = self.temporary()
        Path(temporary).write_bytes(data)
        return self.publish(temporary, name)

    def replace(self, data: bytes, name: str) -> None:
        """Put bytes in the place of whatever has the name: for the manifest, the one name that moves on."""
        temporary = self.temporary()
        Path(temporary).write_bytes(data)
        flush(temporary)
        os.replace(temporary, self.path(name))
        flush(os.path.dirname(self.path(name)))

    def delete(self, name: str) -> None:
        """Remove a published file, and the folders that it leaves empty."""
        os.unlink(self.path(name))
        folder = os.path.dirname(name)
        while folder and not os.listdir(self.path(folder)):
            os.rmdir(self.path(folder))
            folder = os.path.dirname(folder)

    def sweep(self, folder: str = TEMPORARY) -> None:
        """Remove a folder of leftovers, whole."""
        shutil.rmtree(self.path(folder), ignore_errors=True)

    def lock(self) -> AbstractContextManager[object]:
        """The folder, ours alone until the handle is closed; BlockingIOError when it is another's."""
        os.makedirs(self.root, exist_ok=True)
        handle = Path(self.path(LOCK)).open("a")  # noqa: SIM115  # open as long as it is ours
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            handle.close()
            raise
        return handle

    def check_writable(self) -> None:
        """PermissionError when nothing could be published here."""
        above = self.root
        while not os.path.lexists(above):
            above = os.path.dirname(os.path.abspath(above))
        if not os.path.isdir(above) or not os.access(above, os.W_OK):
            raise PermissionError(f"{self.root}: cannot be written to")


def make_folder(path: str) -> None:
    """A folder and those above it, each on disk in the one above: a receipt must not outlive what it names."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    make_folder(above)
    os.makedirs(path, exist_ok=True)
    flush(above)


def flush(path: str) -> None:
    """Wait until a file, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
