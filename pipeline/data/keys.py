"""Keys: a step's result is named by a digest of all that can change it, and of nothing else."""

import dataclasses
import json
from hashlib import blake2b
from typing import Any

from pipeline.data.files import contents


def digest(*parts: Any) -> str:
    """32 hex digits of plain values (text, numbers, None, lists, mappings with text keys), order of mappings aside."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def describe(value: Any) -> Any:
    """Plain values that tell one stage, measure or setting from another: class, version and every field.

    Of fields that hold paths (the class names them in `files`) the digests of what lies there, never the paths.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind: Any = type(value)
        loaded = getattr(kind, "files", ())
        fields = {
            name: (contents if name in loaded else describe)(getattr(value, name))
            for name in (field.name for field in dataclasses.fields(value))
        }
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "version": kind.version, "fields": fields}
    if isinstance(value, dict | tuple | list | frozenset | set):
        return describe_many(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a recipe made in Python may say 1 where the same one read from YAML has 1.0
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(
        f"a stage's field holds {value!r}: fields are plain values, lists, mappings or dataclasses"
    )


def describe_many(values: Any) -> Any:
    if isinstance(values, dict):
        return {str(key): describe(value) for key, value in values.items()}
    if isinstance(values, frozenset | set):
        return sorted(describe(value) for value in values)
    return [describe(value) for value in values]
