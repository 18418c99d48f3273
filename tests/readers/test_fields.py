from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers.fields import TAKERS
from tests.readers.memory import jsonl, rows
from tests.readers.test_jsonl import json_values

MEDIUM = {
    "kind": "image",
    "uri": "a.png",
    "offset": 0,
    "length": 9,
    "digest": "ab" * 16,
    "width": 3,
    "height": 4,
}

RIGHT = [
    ("url", "https://a.example/海", "https://a.example/海"),
    ("date", "2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
    ("date", "2024-02-29T23:59:59.123456Z", datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)),
    ("date", "2024-03-01T07:00:00+08:00", datetime(2024, 2, 29, 23, tzinfo=UTC)),
    ("date", 0, datetime(1970, 1, 1, tzinfo=UTC)),
    ("date", -1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ("date", 1709164800.25, datetime(2024, 2, 29, 0, 0, 0, 250_000, tzinfo=UTC)),
    ("parts", [], []),
    ("parts", [{"kind": "title", "start": 0, "stop": 6}], [{"kind": "title", "start": 0, "stop": 6}]),
    ("media", [MEDIUM], [{**MEDIUM, "digest": b"\xab" * 16}]),
    ("parents", ["0f" * 16, "10" * 16], [b"\x0f" * 16, b"\x10" * 16]),
]
WRONG = [
    ("url", 7),
    ("url", ["https://a.example"]),
    ("date", "yesterday"),
    ("date", "2024-02-30"),
    ("date", "2024-02-29T23:59:59.1234567Z"),
    ("date", ""),
    ("date", True),
    ("date", 1709164800000),
    ("date", 1e300),
    ("date", 1e308),
    ("date", 2**63),
    ("date", 0.12345678),
    ("date", {"$date": 0}),
    ("parts", "title"),
    ("parts", [{"kind": "title", "start": 0}]),
    ("parts", [{"kind": "title", "start": 0, "stop": 1, "more": 1}]),
    ("parts", [{"kind": None, "start": 0, "stop": 1}]),
    ("parts", [{"kind": "title", "start": 0, "stop": 10}]),
    ("parts", [{"kind": "title", "start": 3, "stop": 2}]),
    ("parts", [{"kind": "title", "start": -1, "stop": 2}]),
    ("media", []),
    ("media", [MEDIUM, MEDIUM]),
    ("media", [{**MEDIUM, "digest": "AB" * 16}]),
    ("media", [{**MEDIUM, "width": 1 << 31}]),
    ("media", [{**MEDIUM, "length": -1}]),
    ("media", [{**MEDIUM, "alt": "sea"}]),
    ("media", ["a.png"]),
    ("parents", "0f" * 16),
    ("parents", ["0f" * 15]),
    ("parents", [None]),
]


@pytest.mark.parametrize(("name", "value", "stored"), RIGHT, ids=str)
def test_a_field_typed_right_is_a_column(name: str, value: Any, stored: Any):
    """The text has nine bytes, and one object mark."""
    (row,) = rows(jsonl({"text": "海天\ufffc", name: value})).documents
    assert row[name] == stored
    assert row["extra"] is None


@pytest.mark.parametrize(("name", "value"), WRONG, ids=str)
def test_a_field_typed_wrong_goes_to_extra_unharmed(name: str, value: Any):
    (row,) = rows(jsonl({"text": "海天\ufffc", name: value})).documents
    assert row[name] is None
    assert orjson.loads(row["extra"]) == {name: value}


def test_a_null_field_is_a_null_column():
    (row,) = rows(jsonl({"text": "a", **dict.fromkeys(TAKERS)})).documents
    assert [row[name] for name in (*TAKERS, "extra")] == [None] * 6


@given(fields=st.dictionaries(st.sampled_from(sorted(TAKERS)), json_values | st.text("0123456789-:T.Z+W")))
def test_whatever_a_field_holds_the_record_is_a_document(fields: dict[str, Any]):
    (row,) = rows(jsonl({"text": "a", **fields})).documents
    left = orjson.loads(row["extra"] or "{}")
    assert all(left[name] == fields[name] and row[name] is None for name in left)
    assert all((row[name] is None) == (fields[name] is None) for name in fields.keys() - left.keys())
