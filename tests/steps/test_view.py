"""Scopes: equality, membership and range in the column's own type; a null is in no scope."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from pipeline.steps.view import with_chosen, within

NUMBERS = pa.array([1, 2, None, 3], pa.int32())
FLOATS = pa.array([0.1, 0.5, None], pa.float32())
WORDS = pa.array(["mit", None, "cc0", ""])


@pytest.mark.parametrize(
    ("values", "limit", "inside"),
    [
        (NUMBERS, 2, [False, True, False, False]),
        (NUMBERS, [1, 3], [True, False, False, True]),
        (NUMBERS, {"min": 2}, [False, True, False, True]),
        (NUMBERS, {"min": 2, "max": 2}, [False, True, False, False]),
        (FLOATS, 0.1, [True, False, False]),
        (FLOATS, [0.1], [True, False, False]),
        (FLOATS, {"max": 0.1}, [True, False, False]),
        (WORDS, ("mit", ""), [True, False, False, True]),
        (WORDS.dictionary_encode(), "cc0", [False, False, True, False]),
        (pa.nulls(2, pa.string()), {"max": "x"}, [False, False]),
        (pa.array([True, False, None]), False, [False, True, False]),
    ],
)
def test_a_scope_is_what_it_says(values: pa.Array, limit: Any, inside: list[bool]):
    assert within(values, limit).to_pylist() == inside


def test_dates_are_compared_as_moments():
    days = pa.array(
        [datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)], pa.timestamp("us", tz="UTC")
    )
    assert within(days, {"min": "2019-06-01"}).to_pylist() == [False, True]
    assert within(days, "2019-01-01T01:00:00+01:00").to_pylist() == [True, False]


def test_a_column_that_an_input_lacks_is_null_of_its_type():
    documents = pa.RecordBatch.from_pydict({"id": pa.array([1, 2])})
    filled = with_chosen(documents, {"stars": pa.int32()})
    assert filled.schema.field("stars").type == pa.int32()
    assert within(filled["stars"], 3).to_pylist() == [False, False]
