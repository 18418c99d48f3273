"""The parts that rules are made of."""

import pyarrow as pa
import pytest

from pipeline.rules.shapes import check_order, first_of, per


def test_the_first_broken_limit_is_the_reason_and_null_breaks_none():
    short, long = pa.array([True, False, True, False, None]), pa.array([True, True, False, False, None])
    reasons = first_of(short=short, long=long)
    assert reasons.to_pylist() == ["short", "long", "short", None, None]
    assert reasons.type == pa.dictionary(pa.int8(), pa.string())


def test_no_rows_have_no_reasons():
    assert first_of(short=pa.array([], pa.bool_())).to_pylist() == []


def test_nothing_of_nothing_is_nothing():
    counts, totals = pa.array([1, 0, 3, None], pa.int32()), pa.array([4, 0, 10, 1], pa.int32())
    assert per(counts, totals).to_pylist() == [0.25, 0.0, 0.3, None]


def test_limits_that_contradict_each_other_are_named():
    check_order(low=1, high=1)
    with pytest.raises(ValueError, match="min_words 50 is above max_words 10"):
        check_order(min_words=50, max_words=10)
