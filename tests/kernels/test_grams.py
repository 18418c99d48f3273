"""Repeated 13-grams against a counter of substrings."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.repeats import repeated_grams
from tests.oracles import generated
from tests.oracles import repeats as oracle

repetitive = st.tuples(st.text("ab中 ", min_size=1, max_size=30), st.integers(1, 4), generated.texts).map(
    lambda drawn: drawn[0] * drawn[1] + drawn[2]
)


@given(st.lists(st.one_of(repetitive, generated.texts), max_size=5))
def test_grams_and_repeated_grams_are_counted(batch):
    assert repeated_grams(pa.array(batch, pa.string())).T.tolist() == [
        list(oracle.repeated_grams(one)) for one in batch
    ]


@given(st.lists(repetitive, max_size=4), st.data())
def test_a_slice_counts_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    assert repeated_grams(whole.slice(start)).tolist() == repeated_grams(whole)[:, start:].tolist()


def test_twice_the_same_twenty_characters():
    twenty = "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往"
    assert repeated_grams(pa.array([twenty + "\n" + twenty])).tolist() == [[28], [16]]
