"""The entries of lists that a user brings: text files, one entry a line."""

import os
from functools import lru_cache

from pipeline.data.files import Paths, matching


def entries(paths: Paths) -> tuple[str, ...]:
    """The entries of all files that paths, patterns and folders name, each once."""
    return tuple(dict.fromkeys(entry for path in matching(paths) for entry in entries_of(path)))


def entries_of(path: str) -> tuple[str, ...]:
    """The lines of a UTF-8 file, stripped, each once, in their order; blank ones and those that begin with # left out.

    ValueError with the line of what is no UTF-8, and for a file without entries.
    """
    state = os.stat(path)
    return _read(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: str, size: int, changed: int) -> tuple[str, ...]:  # noqa: ARG001 - they tell a changed file from the cached one
    with open(path, "rb") as file:
        data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{line}: not UTF-8 ({error.reason}); save the list as UTF-8") from error
    lines = (line.strip() for line in text.split("\n"))
    found = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not found:
        raise ValueError(f"{path}: no entries; write one a line")
    return found
