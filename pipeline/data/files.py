"""Files that a stage loads: named beside the recipe, told apart by what is in them.

A stage or measure says in `files` which of its fields hold a path, a pattern, or a list of them. In keys such a field
stands as the digests of the files' bytes (`data/keys.py`): where a file lies and what it is called changes no key.
"""

import dataclasses
import glob
import os
from functools import lru_cache
from typing import Any, TypeVar

from pipeline.data.ids import COMPRESSIONS
from pipeline.data.receipts import file_digest

T = TypeVar("T")
Paths = str | tuple[str, ...] | list[str]


def located(stage: T, folder: str) -> T:
    """The stage, its relative paths made to begin at `folder`, where the recipe lies; "" is the current directory."""
    names = getattr(stage, "files", ())
    thing: Any = stage
    return dataclasses.replace(thing, **{name: joined(folder, getattr(stage, name)) for name in names})


def joined(folder: str, paths: Paths) -> Paths:
    if isinstance(paths, str):
        return paths and os.path.join(folder, paths)
    return tuple(os.path.join(folder, path) for path in paths)


def matching(paths: Paths) -> list[str]:
    """The files that paths, patterns and folders name, sorted; `*.jsonl` also finds a.jsonl.zst. "" names none.

    ValueError where one names no file: missing input is an error.
    """
    found = set[str]()
    for path in [paths] if isinstance(paths, str) and paths else paths:
        pattern = os.path.join(glob.escape(path), "*") if os.path.isdir(path) else path
        taken = [
            one for end in ("", *COMPRESSIONS) for one in glob.glob(pattern + end) if os.path.isfile(one)
        ]
        if not taken:
            raise ValueError(f"no file matches {path!r}; a relative path begins where the recipe lies")
        found.update(taken)
    return sorted(found)


def contents(paths: Paths) -> list[str]:
    """The digests of the files that a stage names, in an order that no name changes."""
    return sorted(content(path) for path in matching(paths))


def content(path: str) -> str:
    """32 hex digits of a file's bytes; a file is read once while its size and time of change stay."""
    found = os.stat(path)
    return digest_of(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1024)
def digest_of(path: str, _size: int, _changed: int) -> str:
    return file_digest(path)
