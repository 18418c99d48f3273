"""Blocks against the methods of str: the same stretches, and equal keys for equal lines alone."""

from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.measures.blocks import Blocks
from tests.oracles import blocks as oracle
from tests.oracles import generated

UNITS = pytest.mark.parametrize("unit", ["line", "paragraph"])
LINES = st.lists(
    st.sampled_from(["the sea is wide", "  the sea is wide\t", "海天一色", "海天一色\u3000", "", " ", "...", "a\rb", "\ufffc"]),
    max_size=9,
).map("\n".join)  # fmt: skip


@UNITS
@given(batch=st.lists(LINES, max_size=5) | generated.batches, least=st.integers(1, 5))
def test_blocks_are_their_definition(unit, batch, least):
    found = Blocks(unit, least)(pa.record_batch({"text": pa.array(batch, pa.string())}))["blocks"].to_pylist()
    wanted = [oracle.blocks(text, unit, least) for text in batch]
    places = [[(block["start"], block["stop"]) for block in blocks] for blocks in found]
    assert places == [[one[:2] for one in blocks] for blocks in wanted]
    keys = [block["key"] for blocks in found for block in blocks]
    said = [one[2] for blocks in wanted for one in blocks]
    for (key, one), (other_key, other) in combinations(zip(keys, said, strict=True), 2):
        assert (key == other_key) == (one == other)


@UNITS
@pytest.mark.parametrize(
    ("inside", "outside"), [("w " * 13, "w " * 12), ("字" * 13, "字" * 12), ("w字" * 7, "w字" * 6)]
)
def test_a_block_of_thirteen_tokens_counts_and_one_of_twelve_does_not(unit, inside, outside):
    found = Blocks(unit)(pa.record_batch({"text": [inside, outside, f"{outside}\n\n{inside}"]}))["blocks"]
    assert [len(blocks) for blocks in found.to_pylist()] == [1, 0, 1]


def test_a_huge_line_and_many_lines():
    texts = ["字" * 400_000, "the sea is wide\n" * 50_000]
    first, second = Blocks(min_tokens=4)(pa.record_batch({"text": texts}))["blocks"].to_pylist()
    assert [(block["start"], block["stop"]) for block in first] == [(0, 1_200_000)]
    assert len(second) == 50_000
    assert len({block["key"] for block in second}) == 1
