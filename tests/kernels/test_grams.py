"""Repeated n-grams of words, characters and listed words against counters of tuples."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.grams import Repeats, character_grams, listed_grams, word_grams
from tests.oracles import generated
from tests.oracles import grams as oracle
from tests.oracles.surface import is_han

few_words = st.lists(st.sampled_from(("a", "bc", "中文", "é", "a")), max_size=40).map(" ".join)
copies = st.tuples(st.text("ab中 \n", min_size=1, max_size=30), st.integers(1, 4), generated.texts).map(
    lambda drawn: drawn[0] * drawn[1] + drawn[2]
)
batches = st.lists(
    st.one_of(few_words, copies, generated.texts.filter(lambda text: len(text) < 400)), max_size=4
)


def expected(units: list[list[str]], sizes: int) -> Repeats:
    """What the kernel is to give for these units."""
    cells = [
        [oracle.repeats(one, size) if size > 1 else (0,) * 4 for one in units] for size in range(sizes + 1)
    ]
    return Repeats(*([[cell[kind] for cell in row] for row in cells] for kind in range(4)))


def same(found: Repeats, wanted: Repeats) -> bool:
    return [one.tolist() for one in found] == list(wanted)


@settings(max_examples=60)
@given(batches)
def test_grams_of_words_are_their_definition(batch):
    assert same(word_grams(pa.array(batch, pa.string())), expected([text.split() for text in batch], 10))


@settings(max_examples=60)
@given(batches, st.sampled_from((0, 0.3)))
def test_grams_of_characters_are_their_definition_where_han_are_enough(batch, share):
    found, characters = character_grams(pa.array(batch, pa.string()), share)
    units = ["".join(text.split()) for text in batch]
    seen = [one if sum(map(is_han, one)) >= share * len(one) else "" for one in units]
    assert same(found, expected(list(map(list, seen)), 13))
    assert characters.tolist() == list(map(len, seen))


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from(("a", "bc", "中文", "")), max_size=30), max_size=4))
def test_grams_of_listed_words_are_their_definition(batch):
    words = [word for one in batch for word in one]
    first = np.append(0, np.cumsum(list(map(len, batch)), dtype=np.int64)).astype(np.int64)
    hashes, lengths = (
        np.array(list(map(hash, words))).astype(np.uint64),
        np.array(list(map(len, words)), np.int32),
    )
    assert same(listed_grams(first, hashes, lengths), expected(batch, 10))


@given(batches, st.data())
def test_a_slice_counts_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    for one, other in zip(word_grams(whole.slice(start)), word_grams(whole), strict=True):
        assert one.tolist() == other[:, start:].tolist()


def test_an_example_by_hand():
    """The sea | the sea | the land: the top 2-gram stands twice; no 5-gram, of six words, stands twice."""
    found = word_grams(pa.array(["the sea the sea the land"]))
    assert (found.top[2, 0], found.times[2, 0]) == (12, 2)  # "the sea"; "sea the" stands twice as well, later
    assert (found.top[3, 0], found.times[3, 0]) == (18, 2)  # "the sea the" overlaps itself
    assert (found.covered[2, 0], found.places[2, 0]) == (9, 4)  # "the sea the" from the third word on
    assert found.covered[5].tolist() == [0]


def test_each_character_counts_once_and_the_first_place_does_not():
    ten = "one two three four five six seven eight nine ten"
    found = word_grams(pa.array([f"{ten} {ten}", ten]))
    assert found.covered[5:, 0].tolist() == [len(ten) - 9] * 6
    assert found.covered[:, 1].tolist() == [0] * 11


@pytest.mark.parametrize("text", ["字" * 20_000, "a " * 20_000, "ab" * 20_000])
def test_a_long_loop_is_linear(text):
    found, _ = character_grams(pa.array([text]))
    solid = len(text.replace(" ", ""))
    period = 2 if text.startswith("ab") else 1
    assert found.covered[10, 0] == solid - period
    assert found.places[13, 0] == solid - 12
