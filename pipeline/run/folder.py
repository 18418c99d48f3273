"""The output folder: ours alone while a run writes, and refused when it is somebody else's, of another layout, or in use."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.data.schemas import SCHEMA_VERSION
from pipeline.data.store import LocalStore

LOCK = ".lock"
MARKER = "winnow.json"  # says that a folder is ours, and its schema


class FolderError(RuntimeError):
    """The output folder cannot be used: the message says why, and the cure."""


@contextmanager
def locked(store: LocalStore) -> Iterator[None]:
    """The output folder, ours alone until the end; refused when it is somebody else's, of another schema, or in use."""
    claim(store)
    with open(store.path(LOCK), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderError(
                f"{store.root}: another run is using this folder; wait for it, or end it"
            ) from error
        yield


def note_start(store: LocalStore) -> None:
    """Date the lock: what is older was there before the run that begins now."""
    os.utime(store.path(LOCK))


def began(store: LocalStore) -> float:
    """When the last run that had something to do began, in seconds of the disk's clock."""
    return os.stat(store.path(LOCK)).st_mtime


def claim(store: LocalStore) -> None:
    """Make the folder ours when it is new or empty."""
    try:
        os.makedirs(store.root, exist_ok=True)
        if not store.exists(MARKER):
            refuse_foreign(store)
            store.put(json.dumps({"schema": SCHEMA_VERSION}).encode(), MARKER)
        with open(store.path(LOCK), "a"):
            pass
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise FolderError(
            f"{store.root}: cannot be written to ({error.strerror}); choose another output: path"
        ) from error
    except OSError as error:
        raise FolderError(
            f"{store.root}: {error.strerror}; free the disk or choose another output: path"
        ) from error
    check_schema(store)


def check_folder(store: LocalStore) -> None:
    """What `claim` would refuse, without writing anything."""
    above = store.root
    while not os.path.lexists(above):
        above = os.path.dirname(os.path.abspath(above))
    if not os.path.isdir(above) or not os.access(above, os.W_OK):
        raise FolderError(f"{store.root}: cannot be written to; choose another output: path")
    if store.exists(MARKER):
        check_schema(store)
    elif os.path.isdir(store.root):
        refuse_foreign(store)


def refuse_foreign(store: LocalStore) -> None:
    strangers = sorted(set(os.listdir(store.root)) - {"tmp", LOCK})
    if strangers:
        raise FolderError(
            f"{store.root}: holds {strangers[0]!r} and is not of ours; choose an empty folder as output: path"
        )


def check_schema(store: LocalStore) -> None:
    """Refuse a folder that another layout of ours wrote."""
    schema = json.loads(store.read(MARKER)).get("schema")
    if schema != SCHEMA_VERSION:
        raise FolderError(
            f"{store.root}: has schema {schema}, this version writes {SCHEMA_VERSION}; choose another output: path"
        )
