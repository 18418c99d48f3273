"""WordLists: a word alone is never a reason; each limit just inside and just outside, in Chinese and English."""

from pathlib import Path

import pytest

from pipeline.rules.word_lists import WordLists
from tests.rules.rows import says, seen

LIST = str(Path(__file__).parents[1] / "lists" / "words.txt")
EN, ZH = "harbour stone salt water ", "明月清风水落石出"


@pytest.mark.parametrize("words", ["stone", "明月", "stone harbour", "明月清风", "stone " * 50, "明月" * 50])
def test_a_word_or_two_are_no_reason_however_often(words):
    assert says(WordLists(LIST), words) is None


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        (
            "x" * 574 + " " + EN + "\n.\n.\n.\n.\n.",
            "x" * 562 + " " + EN + "\n.\n.\n.\n.\n.",
            "dense_in_listed_words",
        ),
        ("字" * 591 + ZH + "\n。" * 6, "字" * 577 + ZH + "\n。" * 6, "dense_in_listed_words"),
        (
            "x" * 1000 + "\n" + EN + "\n.\n.\n.\n.",
            "x" * 1000 + "\n" + EN + "\n.\n.\n.",
            "listed_words_in_many_lines",
        ),
        (
            "字" * 1000 + "\n" + ZH + "\n。" * 4,
            "字" * 1000 + "\n" + ZH + "\n。" * 3,
            "listed_words_in_many_lines",
        ),
    ],
)
def test_a_limit_drops_what_is_just_outside(inside, outside, reason):
    assert (says(WordLists(LIST), inside), says(WordLists(LIST), outside)) == (None, reason)
    assert reason in WordLists.reasons


def test_words_are_found_whole_in_any_case_and_width():
    found = seen(
        WordLists(LIST), "STONE, ｓｔｏｎｅ, stonework, keystone; 水落石出處, salt  water"
    ).to_pylist()[0]
    assert (found["listed_words"], found["distinct_listed_words"]) == (3, 2)
