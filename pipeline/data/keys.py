"""Keys: a step's result is named by a digest of all that can change it, and of nothing else.

A stage or measure that loads files says in which of its fields their paths stand: `files = ("list",)`. What is in such a file
is then part of the key, and where it lies is not. An empty path stands for none.
"""

import dataclasses
import json
from hashlib import blake2b
from typing import Any

from pipeline.data.receipts import file_digest


def digest(*parts: Any) -> str:
    """32 hex digits of plain values (text, numbers, None, lists, mappings with text keys), order of mappings aside."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def describe(value: Any) -> Any:
    """Plain values that tell one stage, measure or setting from another: class, version and every field."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind: Any = type(value)
        fields = {field.name: describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        fields |= {name: content(name, fields[name]) for name in getattr(kind, "files", ()) if fields[name]}
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "version": kind.version, "fields": fields}
    if isinstance(value, dict | tuple | list | frozenset | set):
        return describe_many(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(
        f"a stage's field holds {value!r}: fields are plain values, lists, mappings or dataclasses"
    )


def content(field: str, path: str) -> str:
    """What stands in a key for a file: the digest of its bytes. ValueError where it cannot be read."""
    try:
        return file_digest(path)
    except OSError as error:
        cure = "give the path of a file, relative to where winnow is called"
        raise ValueError(f"{field}: cannot read '{path}' ({error.strerror}); {cure}") from error


def describe_many(values: Any) -> Any:
    if isinstance(values, dict):
        return {str(key): describe(value) for key, value in values.items()}
    if isinstance(values, frozenset | set):
        return sorted(describe(value) for value in values)
    return [describe(value) for value in values]
