"""Shingles against plain Python; overlaps against sets."""

from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.shingles import TOKENS, overlaps, shingle_sets, shingles
from tests.oracles import generated
from tests.oracles import shingles as oracle

FOLDED = (
    *"ﬁﬀ½²Ⅳ㍿ＡａⅷﾊﾟがヽＫſİΣς＝",
    "\u0338",
    "\u00ad",
    "\ufe0f",
    "\U000e0100",
    "\u200d",
    "豈",
    "ㅏ",
    "ᄒ",
    "ᅡ",
    "͏",
)
folding = st.lists(st.sampled_from((*FOLDED, "a", "字", " ", ",", "e\u0301", "ไท", "नि")), max_size=12).map(
    "".join
)
batches = st.one_of(generated.batches, st.lists(folding, max_size=6))


@given(batches)
def test_shingles_are_their_definition(batch):
    offsets, values = shingles(pa.array(batch, pa.string()))
    found = [values[start:stop].tolist() for start, stop in pairwise(offsets)]
    assert found == [oracle.shingles(text) for text in batch]


@given(batches)
def test_a_set_holds_each_shingle_once_in_the_order_of_first_places(batch):
    found = shingle_sets(pa.array(batch, pa.string())).to_pylist()
    assert found == [list(dict.fromkeys(oracle.shingles(text))) for text in batch]


@given(generated.batches, st.data())
def test_a_slice_has_the_shingles_of_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    assert shingle_sets(whole.slice(start)).to_pylist() == shingle_sets(whole).to_pylist()[start:]


sets = st.lists(st.lists(st.integers(1, 40), unique=True, max_size=30), min_size=1, max_size=5)


@given(sets, sets, st.data())
def test_overlaps_are_those_of_sets(first, second, data):
    pairs = st.tuples(st.integers(0, len(first) - 1), st.integers(0, len(second) - 1))
    chosen = sorted(data.draw(st.lists(pairs, max_size=9)), key=lambda pair: pair[1])
    left, right = (np.array([pair[side] for pair in chosen], np.int64) for side in (0, 1))
    ragged = [
        (
            np.r_[0, np.cumsum([len(one) for one in many])].astype(np.int64),
            np.array([*chain(*many)], np.uint64),
        )
        for many in (first, second)
    ]
    expected = [len({*first[one]} & {*second[other]}) for one, other in chosen]
    assert overlaps(*ragged, left, right).tolist() == expected


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The end-of-line, don’t!", ["the", "end", "of", "line", "don", "t"]),
        ("他说hello，世界。", ["他", "说", "hello", "世", "界"]),
        ("ｆｕｌｌ　ＷＩＤＴＨ １２", ["full", "width", "12"]),
        ("ﬁne ½ ﾊﾟ", ["fine", "1", "2", "パ"]),
        ("co\u00adoperate ☺\ufe0f", ["cooperate"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("한글 문서", ["한글", "문서"]),
        ("कोई", ["कोई"]),
        ("…—!? \n", []),
        ("臺灣 台湾", ["臺", "灣", "台", "湾"]),  # scripts are not converted
    ],
)
def test_what_a_token_is(text, tokens):
    """Worked by hand; the oracle says so, and the kernel agrees with the oracle above."""
    assert list(oracle.tokens(text)) == tokens


def test_short_texts_have_one_shingle_and_empty_ones_none():
    texts = pa.array(["", "!", "a", "a b", "b a", "a b c d", "a b c d e", "a b c d e f"])
    found = shingle_sets(texts).to_pylist()
    assert [len(one) for one in found] == [0, 0, 1, 1, 1, 1, 1, 2]
    assert len({one[0] for one in found if one}) == 5  # the last begins as the one before it
    assert TOKENS == 5


def test_what_does_not_count_tells_no_texts_apart():
    texts = ["Ｔｈｅ “fine” sea，\n　is wide", "the ﬁne sea is\u00ad (WIDE)", "the fine sea is wide"]
    assert len({tuple(one) for one in shingle_sets(pa.array(texts)).to_pylist()}) == 1


def test_a_huge_text_is_scanned_in_one_go():
    text = "海 sea " * 200_000
    offsets, _ = shingles(pa.array([text]))
    assert offsets[-1] == 400_000 - 4
    assert len(shingle_sets(pa.array([text]))[0]) == 2
