"""The output folder: ours alone while a run writes, and refused when it is somebody else's, of another layout, or in use."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from pipeline.data.schemas import SCHEMA_VERSION
from pipeline.data.store import LOCK, TEMPORARY, Store

MARKER = "winnow.json"  # says that a folder is ours, and its schema


class FolderError(RuntimeError):
    """The output folder cannot be used: the message says why, and the cure."""


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """The output folder, ours alone until the end; refused when it is somebody else's, of another schema, or in use."""
    with claim(store):
        check_schema(store)
        yield


def note_start(store: Store) -> None:
    """Date the lock: what is older was there before the run that begins now."""
    store.touch(LOCK)


def began(store: Store) -> float:
    """When the last run that had something to do began, in seconds of the store's clock."""
    return store.changed(LOCK)


def claim(store: Store) -> AbstractContextManager[object]:
    """Make the folder ours when it is new or empty, and lock it."""
    try:
        if not store.exists(MARKER):
            refuse_foreign(store)
            store.put(json.dumps({"schema": SCHEMA_VERSION}).encode(), MARKER)
        return store.lock()
    except BlockingIOError as error:
        raise FolderError(
            f"{store.root}: another run is using this folder; wait for it, or end it"
        ) from error
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise FolderError(
            f"{store.root}: cannot be written to ({error.strerror}); choose another output: path"
        ) from error
    except OSError as error:
        raise FolderError(
            f"{store.root}: {error.strerror}; free the disk or choose another output: path"
        ) from error


def check_folder(store: Store) -> None:
    """What `claim` would refuse, without writing anything."""
    try:
        store.check_writable()
    except PermissionError as error:
        raise FolderError(f"{error}; choose another output: path") from error
    if store.exists(MARKER):
        check_schema(store)
    else:
        refuse_foreign(store)


def refuse_foreign(store: Store) -> None:
    """Refuse what is not empty, unless another run has just made it ours (its marker is the first that it writes)."""
    strangers = sorted(store.top() - {TEMPORARY, LOCK})
    if strangers and not store.exists(MARKER):
        raise FolderError(
            f"{store.root}: holds {strangers[0]!r} and is not of ours; choose an empty folder as output: path"
        )


def check_schema(store: Store) -> None:
    """Refuse a folder that another layout of ours wrote."""
    schema = json.loads(store.read(MARKER)).get("schema")
    if schema != SCHEMA_VERSION:
        raise FolderError(
            f"{store.root}: has schema {schema}, this version writes {SCHEMA_VERSION}; choose another output: path"
        )
