"""Fields of a record that are columns of a document: taken when typed right, else left where they are.

A taker gets the field's value and the record's text, and gives what Arrow is to store, or None when it is of another type.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.readers.shape import MARK, Refused

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST_MICROSECOND = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAST_MICROSECOND = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
BELOW_MICROSECONDS = re.compile(r"[.,]\d{7}")
MEDIUM_TYPES = {
    "kind": str,
    "uri": str,
    "offset": int,
    "length": int,
    "digest": str,
    "width": int,
    "height": int,
}
FLOAT32_MAX = 3.4028234663852886e38


def take_url(value: Any, _text: str) -> str | None:
    return value if type(value) is str else None


def take_date(value: Any, _text: str) -> int | None:
    """Microseconds since 1970 from ISO 8601 (UTC where it names no zone) or from seconds since 1970.

    A finer date than microseconds, or one outside the years 1 to 9999, is not taken: it could not be given back.
    """
    moment = None
    if type(value) is str:
        moment = iso_microseconds(value)
    elif type(value) is int or type(value) is float:
        moment = epoch_microseconds(value)
    return moment if moment is not None and FIRST_MICROSECOND <= moment <= LAST_MICROSECOND else None


def epoch_microseconds(value: float) -> int | None:
    if abs(value) > LAST_MICROSECOND:
        return None
    moment = round(value * 1_000_000)
    return moment if moment / 1_000_000 == value else None


def iso_microseconds(value: str) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if BELOW_MICROSECONDS.search(value):
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // MICROSECOND


def take_parts(value: Any, text: str) -> list[dict[str, Any]] | None:
    """Stretches {kind, start, stop} of the text, in bytes of UTF-8."""
    size = len(text.encode()) if value else 0
    return value if type(value) is list and all(is_part(part, size) for part in value) else None


def is_part(part: Any, size: int) -> bool:
    return (
        type(part) is dict
        and part.keys() == {"kind", "start", "stop"}
        and [type(one) for one in (part["kind"], part["start"], part["stop"])] == [str, int, int]
        and 0 <= part["start"] <= part["stop"] <= size
    )


def take_media(value: Any, text: str) -> list[dict[str, Any]] | None:
    """As many media as there are U+FFFC in the text."""
    right = type(value) is list and len(value) == text.count(MARK) and all(map(is_medium, value))
    return [{**medium, "digest": unhex(medium.get("digest"))} for medium in value] if right else None


def is_medium(medium: Any) -> bool:
    """Whether all is as in MEDIUM, the digest in hex; each field may be missing or null."""
    return (
        type(medium) is dict
        and medium.keys() <= MEDIUM_TYPES.keys()
        and all(value is None or type(value) is MEDIUM_TYPES[name] for name, value in medium.items())
        and all(0 <= (medium.get(name) or 0) < 1 << 63 for name in ("offset", "length"))
        and all(0 <= (medium.get(name) or 0) < 1 << 31 for name in ("width", "height"))
        and (medium.get("digest") is None or unhex(medium["digest"]) is not None)
    )


def take_parents(value: Any, _text: str) -> list[bytes] | None:
    """Ids in hex."""
    if type(value) is not list:
        return None
    ids = [one for text in value if (one := unhex(text)) is not None]
    return ids if len(ids) == len(value) else None


def unhex(value: Any) -> bytes | None:
    """16 bytes of 32 lower-case hex digits, which is how they are given back."""
    if type(value) is not str or not re.fullmatch("[0-9a-f]{32}", value):
        return None
    return bytes.fromhex(value)


TAKERS: Mapping[str, Callable[[Any, str], Any]] = {
    "url": take_url,
    "date": take_date,
    "parts": take_parts,
    "media": take_media,
    "parents": take_parents,
}

# Chosen columns

KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "bool": (bool,),
    "int32": (int,),
    "int64": (int,),
    "float32": (int, float),
    "float64": (int, float),
}
LIMITS: Mapping[str, tuple[float, float]] = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "float32": (-FLOAT32_MAX, FLOAT32_MAX),
}
JSON_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
}


def take_column(record: dict[str, Any], name: str, kind: str) -> Any:
    """The field, taken out of the record; None where it is missing or null. Refused: bad_column."""
    value = record.pop(name, None)
    if value is None:
        return None
    if type(value) not in KINDS[kind]:
        raise Refused("bad_column", f"{name}: {JSON_NAMES[type(value)]}, not {kind}")
    if kind in LIMITS and not LIMITS[kind][0] <= value <= LIMITS[kind][1]:
        raise Refused("bad_column", f"{name}: {value} does not fit {kind}")
    return float(value) if kind.startswith("float") else value
