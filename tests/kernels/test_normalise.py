"""Normal form against unicodedata and str.split."""

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.normalise import normalise
from tests.oracles import generated


def naive(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


@given(generated.batches)
def test_composed_then_white_space_to_single_spaces(batch):
    assert normalise(pa.array(batch, pa.string())).to_pylist() == [naive(text) for text in batch]


@given(generated.batches)
def test_twice_is_once(batch):
    once = normalise(pa.array(batch, pa.string()))
    assert normalise(once) == once


@given(generated.batches, st.data())
def test_a_slice_is_normalised_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    assert normalise(whole.slice(start)) == normalise(whole).slice(start)


@pytest.mark.parametrize(
    "text", ["a  b", "a \u0338b", "\u2000\u0301", "=\u0338", "a\u0301\u0327", "각", "가\u11a8"]
)
def test_marks_beside_white_space_change_nothing(text):
    assert normalise(pa.array([text])).to_pylist() == [naive(text)]
