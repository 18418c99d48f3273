"""Buckets behind the same verbs: outputs under s3:// and gs://, and inputs there, through obstore.

A publish is one conditional put (create if absent), so an object appears whole or not at all and one of two writers wins. Reads and
writes that break off are tried again by the client, with growing pauses, for three minutes; then StoreError ends the run, and what
was published stands. Credentials come from the environment alone, as the clouds' own tools read it (AWS_*, GOOGLE_*), or from the
machine's role. A process opens its clients after it was started: they do not survive a fork.
"""

import glob
import io
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.data.store import TEMPORARY, LocalStore, Store

SCHEMES = ("s3://", "gs://")
BLOCK = 4 << 20  # bytes of one request when a file is read in small steps
TRIES = 3  # of a put whose end the client does not know, each with its own retries
DAY = 86_400.0
PARTIAL = "winnow-partial-"  # local files that are to become objects


class StoreError(RuntimeError):
    """The bucket did not do what was asked, or is out of reach. No OSError: nothing may take it for a damaged file."""


def remote(path: str) -> bool:
    """Whether a path names an object, or a place for objects."""
    return path.startswith(SCHEMES)


def store_at(root: str) -> Store:
    """The store below a folder, or below a bucket's URL."""
    return ObjectStore(root.rstrip("/")) if remote(root) else LocalStore(root)


@dataclass(frozen=True)
class ObjectStore:
    """Names below one URL; see LocalStore for what each verb promises."""

    root: str

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def exists(self, name: str) -> bool:
        try:
            self.size(name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        return int(head(self.path(name))["size"])

    def changed(self, name: str) -> float:
        return float(head(self.path(name))["last_modified"].timestamp())

    def touch(self, name: str) -> None:
        """An object of no bytes, which need not be there."""
        self.replace(b"", name)

    def open(self, name: str) -> pa.NativeFile:
        """A published file: each read is one request, for just the bytes asked for."""
        return pa.PythonFile(Ranges(self.path(name)), mode="r")

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        wanted: Any = (
            {"suffix": -start} if start < 0 else {"offset": start} if stop is None else (start, stop)
        )
        url = self.path(name)
        if stop is not None and stop <= start:
            return b""
        return get(url, None if wanted == {"offset": 0} else wanted)

    def list(self, prefix: str) -> Iterator[str]:
        above = "" if prefix == "." else f"/{prefix}"
        skip = len(self.root) + 1
        return iter(sorted(url[skip:] for url, _ in below(self.root + above)))

    def top(self) -> set[str]:
        bucket, key = parted(self.root)
        with told(self.root):
            found = client(bucket).list_with_delimiter(key or None)
        names = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        return {os.path.basename(name) for name in names}

    def temporary(self) -> str:
        handle, path = tempfile.mkstemp(prefix=PARTIAL)
        os.close(handle)
        return path

    def publish(self, temporary: str, name: str) -> bool:
        try:
            return self.create(Path(temporary), name)
        finally:
            os.unlink(temporary)

    def put(self, data: bytes, name: str) -> bool:
        return self.create(data, name)

    def create(self, data: bytes | Path, name: str) -> bool:
        """One conditional put; False if the name was taken."""
        taken = library().exceptions.AlreadyExistsError
        bucket, key = parted(self.path(name))
        for turn in range(TRIES):
            try:
                with told(self.path(name)):
                    client(bucket).put(key, data, mode="create", use_multipart=False)
            except taken:
                return False
            except StoreError:
                # A server may refuse a large body before it has read it, or do its work and lose the answer.
                if self.exists(name):
                    return False
                if turn + 1 == TRIES:
                    raise
                time.sleep(2**turn)
            else:
                return True
        raise AssertionError

    def replace(self, data: bytes, name: str) -> None:
        bucket, key = parted(self.path(name))
        with told(self.path(name)):
            client(bucket).put(key, data, use_multipart=False)

    def delete(self, name: str) -> None:
        self.remove([name])

    def remove(self, names: Iterable[str]) -> None:
        bucket, _ = parted(self.root)
        with told(self.root):
            client(bucket).delete([parted(self.path(name))[1] for name in names])

    def sweep(self, folder: str = TEMPORARY) -> None:
        """Remove a folder of objects; of temporary files, which are local, those that a dead process left a day ago."""
        if folder != TEMPORARY:
            self.remove(self.list(folder))
            return
        for path in glob.glob(os.path.join(tempfile.gettempdir(), f"{PARTIAL}*")):
            found = os.stat(path)
            if found.st_uid == os.getuid() and time.time() - found.st_mtime > DAY:
                os.unlink(path)

    def lock(self) -> AbstractContextManager[object]:
        """None: overlapping runs publish the same bytes, and each name once."""
        return nullcontext()

    def check_writable(self) -> None:
        """Whether the bucket answers; what may be written there only writing tells."""
        self.top()


# Objects by their URL


def open_file(url: str) -> io.BufferedReader:
    """An object for reading in small steps, and seeking. FileNotFoundError, PermissionError, StoreError."""
    return io.BufferedReader(Ranges(url), BLOCK)


def fingerprint(url: str) -> str:
    """Size and ETag: equal for equal bytes, whoever looks."""
    return mark_of(head(url))


def marks(path: str) -> dict[str, str]:
    """URL → fingerprint of every object that a URL names: one object, a folder, or a pattern with `*`, `?`, `[…]` and `**`.

    Hidden ones, whose name or folder begins with a dot, aside. ValueError for a pattern in the bucket's name.
    """
    if not glob.has_magic(path):
        found = dict(visible(path.rstrip("/")))
        if found:
            return found
        try:
            return {path: fingerprint(path)}
        except FileNotFoundError:
            return {}
    fixed = os.path.dirname(path[: next(at for at, sign in enumerate(path) if sign in "*?[")])
    if not remote(fixed):
        raise ValueError(f"{path}: name the bucket; a pattern stands below it")
    pattern = path[len(fixed) + 1 :].split("/")
    return {url: mark for url, mark in visible(fixed) if matches(url[len(fixed) + 1 :].split("/"), pattern)}


def visible(folder: str) -> Iterator[tuple[str, str]]:
    skip = len(folder)
    yield from ((url, mark) for url, mark in below(folder) if "/." not in url[skip:])


def matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether a path's parts are those of a pattern; `**` stands for any number of folders."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(matches(parts[at:], pattern[1:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and matches(parts[1:], pattern[1:])


class Ranges(io.RawIOBase):
    """An object as a file: each read is one request for a range of the object as it was when it was opened."""

    def __init__(self, url: str) -> None:
        found = head(url)
        self.url, self.length, self.etag, self.at = url, int(found["size"]), found["e_tag"], 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.length}[whence]
        return self.at

    def readinto(self, buffer: Any) -> int:
        stop = min(self.length, self.at + len(buffer))
        if stop <= self.at:
            return 0
        data = get(self.url, (self.at, stop), self.etag)
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)


def get(url: str, wanted: Any = None, etag: str | None = None) -> bytes:
    """The bytes of an object, or a range of them; StoreError when it is not the one of this ETag any more."""
    bucket, key = parted(url)
    options = {name: value for name, value in (("range", wanted), ("if_match", etag)) if value is not None}
    with told(url):
        return bytes(client(bucket).get(key, options=options).bytes())


def head(url: str) -> Any:
    bucket, key = parted(url)
    with told(url):
        return client(bucket).head(key)


def below(folder: str) -> Iterator[tuple[str, str]]:
    """(URL, fingerprint) of every object below one."""
    bucket, key = parted(folder)
    with told(folder):
        for some in client(bucket).list(key or None):
            yield from ((f"{bucket}/{one['path']}", mark_of(one)) for one in some)


def mark_of(found: Any) -> str:
    return f"{found['size']}-{found['e_tag'] or found['last_modified'].isoformat()}".replace('"', "")


def parted(url: str) -> tuple[str, str]:
    """The bucket's URL, and the key in it."""
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    return f"{scheme}://{bucket}", key


@lru_cache(maxsize=16)
def client(bucket: str) -> Any:
    """The client of one bucket, opened once a process."""
    # The whole of a request, and a silence in it; plain HTTP is spoken only where the environment names an http:// endpoint.
    limits: Any = {"timeout": "15m", "read_timeout": "60s", "allow_http": True}
    return library().store.from_url(bucket, client_options=limits)


def library() -> Any:
    """obstore; ValueError with the cure when it is not installed."""
    try:
        import obstore.exceptions  # noqa: PLC0415  # an extra
        import obstore.store  # noqa: PLC0415
    except ImportError as error:
        raise ValueError("s3:// and gs:// need obstore; pip install 'winnow[objects]'") from error
    return obstore


@contextmanager
def told(url: str) -> Iterator[None]:
    """Errors of the client with their place: FileNotFoundError, PermissionError, else StoreError."""
    errors = library().exceptions
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{url}: no such object") from error
    except errors.AlreadyExistsError:
        raise
    except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
        raise PermissionError(f"{url}: not allowed with the credentials of this environment") from error
    except errors.PreconditionError as error:
        raise StoreError(f"{url}: changed while it was read; run again") from error
    except errors.BaseError as error:
        said = str(error).split("\n", 1)[0]
        raise StoreError(f"{url}: {said}; run again, what was published stands") from error
