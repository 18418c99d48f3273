"""A text and what is known beside it → the row of a document. For readers whose records are no JSON objects."""

from typing import Any, NamedTuple

import orjson

from pipeline.readers.admit import admit
from pipeline.readers.batches import Row
from pipeline.readers.fields import TAKERS, take_column, take_date
from pipeline.readers.shape import Reading


class Found(NamedTuple):
    """A document as a reader found it. `fields`: plain JSON values by name; chosen ones become columns, the rest `extra`."""

    text: str
    fields: dict[str, Any]
    url: str | None = None
    date: str | None = None  # ISO 8601


def row_of(found: Found, reading: Reading) -> tuple[Row, int]:
    """The row, and how many U+FFFC were replaced in it. Refused: those of `admit`, bad_column."""
    data, digest, replaced = admit(found.text, reading.max_bytes)
    fields = dict(found.fields)
    moment = take_date(found.date, found.text)
    if found.date is not None and moment is None:
        fields["date"] = found.date
    chosen = [take_column(fields, name, kind) for name, kind in reading.columns]
    nothing = [None] * (len(TAKERS) - 2)
    kept = {name: value for name, value in fields.items() if value is not None}
    row = (digest, found.url, moment, data, *nothing, orjson.dumps(kept) if kept else None, *chosen)
    return row, replaced
