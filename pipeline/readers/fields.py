"""Fields of a record that are columns of a document: taken when typed right, else left where they are.

A taker gives the value as Arrow stores it, or None when the field is of another type.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.readers.shape import MARK, Refused

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST, LAST = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND, (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
FLOAT32_MAX = 3.4028234663852886e38
MEDIUM_TYPES = {
    "kind": str,
    "uri": str,
    "offset": int,
    "length": int,
    "digest": str,
    "width": int,
    "height": int,
}
