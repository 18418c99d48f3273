"""Counts of lines and paragraphs against the methods of str."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.repeated_lines import CLOSING_QUOTES, COUNTS, QUOTE, TERMINAL, ending, repeated_lines
from tests.oracles import generated
from tests.oracles import repeated_lines as oracle

pages = st.lists(
    st.sampled_from(
        ("the sea", " the sea", "the  sea", "山。", "他说：“好。”", "why?", "", " ", "\t", "end. ", "é")
    ),
    max_size=30,
).map("\n".join)
batches = st.lists(st.one_of(pages, generated.texts), max_size=5)


@given(batches, st.integers(0, 8))
def test_every_count_is_its_definition(batch, short):
    counts = repeated_lines(pa.array(batch, pa.string()), short)
    assert counts.T.tolist() == [list(oracle.repeated_lines(text, short)) for text in batch]


@given(batches, st.data())
def test_a_slice_counts_like_the_whole(batch, data):
    start = data.draw(st.integers(0, len(batch)))
    whole = pa.array(batch, pa.string())
    assert repeated_lines(whole.slice(start), 30).tolist() == repeated_lines(whole, 30)[:, start:].tolist()


def test_many_different_lines_are_all_told_apart():
    lines = [f"line {number}" for number in range(5000)]
    counts = dict(
        zip(COUNTS, repeated_lines(pa.array(["\n".join([*lines, *lines[:7]])]), 30)[:, 0], strict=True)
    )
    assert counts["repeated_lines"] == 7
    assert counts["paragraphs"] == 1


def test_an_example_by_hand():
    page = 'Menu\n\nThe sea is wide.\n  He said: "Go"\n\nMenu \n\nThe sea is wide.\nHe said: "Go"\n'
    counts = dict(zip(COUNTS, repeated_lines(pa.array([page]), 4)[:, 0].tolist(), strict=True))
    assert counts == {
        "newlines": 9,
        "short_lines": 2,
        "terminal_lines": 2,
        "quoted_lines": 2,
        "repeated_lines": 3,
        "repeated_line_characters": 4 + 13 + 11,
        "paragraphs": 4,
        "repeated_paragraphs": 2,
        "repeated_paragraph_characters": 28,
    }


@pytest.mark.parametrize("mark", [".", "!", "?", "。", "！", "？", "．", "｡", "؟", "।", "‽", "\U0001da88"])
def test_marks_that_end_sentences(mark):
    assert ending(ord(mark)) == TERMINAL


@pytest.mark.parametrize(
    "mark", ["…", ",", ":", ";", "，", "；", "、", "：", ")", "）", "a", "字", "\U0010ffff", "-"]
)
def test_marks_that_do_not(mark):
    assert ending(ord(mark)) == 0


def test_closing_quotes():
    assert {ending(ord(mark)) for mark in CLOSING_QUOTES} == {QUOTE}
