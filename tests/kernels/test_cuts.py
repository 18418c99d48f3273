"""Cuts against plain Python on bytes: Chinese, emoji and combining marks included."""

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.schemas import CUTS
from pipeline.kernels import cuts
from tests.oracles import cuts as oracle

ALPHABET = "ab \n中文，é\u0301👩‍🚀\ufffc"
texts = st.text(ALPHABET, max_size=12)


@st.composite
def cuts_of(draw: st.DrawFn, text: str) -> list[dict[str, Any]]:
    """Sorted cuts of a text, some empty, some touching."""
    bounds = [len(text[:at].encode()) for at in range(len(text) + 1)]
    ends = sorted(draw(st.lists(st.sampled_from(bounds), max_size=8)))
    pairs = zip(ends[::2], ends[1::2], strict=False)
    return [
        {"start": start, "stop": stop, "put": draw(st.text(ALPHABET, max_size=4))} for start, stop in pairs
    ]


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[dict], list[dict], list[dict]]:
    """A text and three lists of cuts, each of the text after those before."""
    text = draw(texts)
    first = draw(cuts_of(text))
    after = oracle.apply(text, first)
    second = draw(cuts_of(after))
    return text, first, second, draw(cuts_of(oracle.apply(after, second)))


batches = st.lists(edited(), max_size=5)


def columns(batch: list[tuple]) -> list[pa.Array]:
    kinds = (pa.string(), CUTS, CUTS, CUTS)
    return [pa.array([row[at] for row in batch], kind) for at, kind in enumerate(kinds)]


@given(batches)
def test_apply_is_its_definition(batch):
    text, first, *_ = columns(batch)
    assert cuts.apply(text, first).to_pylist() == [oracle.apply(row[0], row[1]) for row in batch]


@given(batches)
def test_composed_cuts_do_what_both_do_in_turn(batch):
    text, first, second, _ = columns(batch)
    assert cuts.apply(text, cuts.compose(first, second)) == cuts.apply(cuts.apply(text, first), second)


@given(batches)
def test_how_three_edits_are_grouped_changes_no_text(batch):
    text, first, second, third = columns(batch)
    left = cuts.compose(cuts.compose(first, second), third)
    right = cuts.compose(first, cuts.compose(second, third))
    assert cuts.apply(text, left) == cuts.apply(text, right)


@given(batches)
def test_composed_cuts_ascend_without_touching_and_none_is_hollow(batch):
    _, first, second, _ = columns(batch)
    for row in cuts.compose(first, second).to_pylist():
        assert all(one["stop"] < two["start"] for one, two in pairwise(row))
        assert all(one["start"] < one["stop"] or one["put"] for one in row)


@given(batches)
def test_totals_count_characters(batch):
    text, first, *_ = columns(batch)
    expected = [oracle.totals(row[0], row[1]) for row in batch]
    assert list(zip(*(side.tolist() for side in cuts.totals(text, first)), strict=True)) == expected


@given(batches)
def test_totals_balance_with_the_text_that_is_left(batch):
    text, first, second, _ = columns(batch)
    both = cuts.compose(first, second)
    cut, put = cuts.totals(text, both)
    left = [len(one) for one in cuts.apply(text, both).to_pylist()]
    assert (pa.compute.utf8_length(text).to_numpy() + put).tolist() == (cut + left).tolist()


@given(batches, st.data())
def test_slices_are_as_good_as_copies(batch, data):
    text, first, second, _ = columns(batch)
    start = data.draw(st.integers(0, len(batch)))
    whole, part = cuts.compose(first, second), cuts.compose(first.slice(start), second.slice(start))
    assert part.to_pylist() == whole.slice(start).to_pylist()
    assert cuts.apply(text.slice(start), first.slice(start)) == cuts.apply(text, first).slice(start)
    assert [side.tolist() for side in cuts.totals(text.slice(start), first.slice(start))] == [
        side[start:].tolist() for side in cuts.totals(text, first)
    ]


def test_a_later_cut_may_begin_inside_what_an_earlier_one_put():
    first = pa.array([[{"start": 1, "stop": 3, "put": "XY"}]], CUTS)
    second = pa.array([[{"start": 2, "stop": 4, "put": "Z"}]], CUTS)
    assert cuts.compose(first, second).to_pylist() == [[{"start": 1, "stop": 4, "put": "XZ"}]]
    assert cuts.apply(pa.array(["abcd"]), cuts.compose(first, second)).to_pylist() == ["aXZ"]


def test_cutting_out_what_was_put_in_leaves_no_cut():
    first = pa.array([[{"start": 1, "stop": 1, "put": "XY"}]], CUTS)
    second = pa.array([[{"start": 1, "stop": 3, "put": ""}]], CUTS)
    assert cuts.compose(first, second).to_pylist() == [[]]


def test_no_list_is_no_cut_and_no_put_is_an_empty_one():
    texts_, found = pa.array(["ab", "中文"]), pa.array([None, [{"start": 0, "stop": 3, "put": None}]], CUTS)
    assert cuts.apply(texts_, found).to_pylist() == ["ab", "文"]
    assert cuts.compose(found, found.take(pa.array([0, 0]))).to_pylist()[0] == []


@pytest.mark.parametrize("bad", [[(2, 1)], [(0, 2), (1, 3)], [(0, 9)], [(-1, 1)]])
def test_cuts_that_do_not_ascend_within_their_text_are_an_error(bad):
    found = pa.array([[], [{"start": start, "stop": stop, "put": ""} for start, stop in bad]], CUTS)
    with pytest.raises(ValueError, match="row 1: cuts must ascend"):
        cuts.apply(pa.array(["abcd", "abcd"]), found)


def test_as_many_lists_as_texts():
    with pytest.raises(ValueError, match="1 lists of cuts for 2 texts"):
        cuts.apply(pa.array(["a", "b"]), pa.array([[]], CUTS))


PARTS = pa.list_(pa.struct([("kind", pa.string()), ("start", pa.int64()), ("stop", pa.int64())]))


@given(batches)
def test_parts_move_with_the_text(rows):
    """Every stretch between two characters, and a null list."""
    bounds = [[len(text[:at].encode()) for at in range(len(text) + 1)] for text, *_ in rows]
    stretches = [[{"kind": "k", "start": a, "stop": b} for a, b in pairwise(one)] or None for one in bounds]
    moved = cuts.move_parts(pa.array([first for _, first, *_ in rows], CUTS), pa.array(stretches, PARTS))
    assert moved.to_pylist() == [
        parts
        and [
            {**part, **{name: oracle.move(part[name], first) for name in ("start", "stop")}} for part in parts
        ]
        for parts, (_, first, *_) in zip(stretches, rows, strict=True)
    ]
    moved.validate(full=True)


def test_what_is_put_belongs_to_the_part_before():
    parts = pa.array([[{"kind": "q", "start": 0, "stop": 3}, {"kind": "a", "start": 3, "stop": 6}]], PARTS)
    cut = pa.array([[{"start": 2, "stop": 4, "put": "XYZ"}]], CUTS)  # "ab" + "XYZ" + "ef"
    assert [(part["start"], part["stop"]) for part in cuts.move_parts(cut, parts).to_pylist()[0]] == [
        (0, 5),
        (5, 7),
    ]


@given(batches)
def test_media_go_with_their_marks(rows):
    media = [list(range(text.count("\ufffc"))) or None for text, *_ in rows]
    first = [one for _, one, *_ in rows]
    kept = cuts.keep_media(
        pa.array([text for text, *_ in rows], pa.string()),
        pa.array(first, CUTS),
        pa.array(media, pa.list_(pa.int64())),
    )
    assert kept.to_pylist() == [
        one and oracle.keep_media(text, said, one)
        for one, said, (text, *_) in zip(media, first, rows, strict=True)
    ]
