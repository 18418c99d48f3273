"""Each limit of GopherRepetition, with a text just inside and one just outside."""

from dataclasses import replace
from itertools import count

import pyarrow as pa
import pytest

from pipeline.rules.gopher import GopherRepetition

RULE = GopherRepetition()
ANY_TOP = replace(RULE, max_top_2_gram=9, max_top_3_gram=9, max_top_4_gram=9)


def says(text: str, rule: GopherRepetition = RULE) -> str | None:
    documents = pa.record_batch({"text": [text]})
    columns = {name: column for need in rule.needs for name, column in need(documents).to_pydict().items()}
    return rule(pa.record_batch(columns))[0].as_py()


def fresh(characters: int, start: int = 100) -> list[str]:
    """Words that stand once, with so many characters together, three or more each."""
    numbers = count(start)
    words = [str(next(numbers)) for _ in range(characters // 3 - 1)]
    return [*words, str(next(numbers)) + "x" * (characters - 3 * len(words) - 3)]


def lines(repeats: int, paragraph: str) -> str:
    """Ten paragraphs, `repeats` of them one that stood before; the others have five lines of their own."""
    rest = (9 - repeats) * 5
    own = [" ".join(fresh(60, 1000 * (line + 1))) for line in range(rest)]
    blocks = [paragraph.join(own[at : at + 5]) for at in range(0, rest, 5)]
    return "\n\n".join([*blocks, *["ab"] * (repeats + 1)])


def top(size: int, times: int, characters: int) -> str:
    """A gram of two-character words, so many times, between words that stand once; so many characters in all."""
    gram = ["aa", "bb", "cc", "dd"][:size]
    between = fresh(characters - 2 * size * times)
    parts = [[*gram, between[at]] for at in range(times)]
    return " ".join(word for part in parts for word in part) + " " + " ".join(between[times:])


def twice(size: int, characters: int) -> str:
    """A gram of so many words and characters, twice in a text of a hundred characters."""
    letters = "abcdefghij"[:size]
    gram = [*letters[:-1], letters[-1] * (characters - size + 1)]
    return " ".join([*gram, *fresh(100 - 2 * characters), *gram])


@pytest.mark.parametrize(
    ("inside", "outside", "reason", "rule"),
    [
        (lines(3, " "), lines(4, " "), "repeated_lines", RULE),
        (lines(3, "\n"), lines(4, "\n"), "repeated_paragraphs", RULE),
        (
            "\n".join(["x" * 20, "x" * 20, *fresh(60)]),
            "\n".join(["x" * 20, "x" * 20, *fresh(59)]),
            "repeated_line_characters",
            RULE,
        ),
        (
            "\n\n".join(["x" * 20, "x" * 20, *fresh(60)]),
            "\n\n".join(["x" * 20, "x" * 20, *fresh(59)]),
            "repeated_paragraph_characters",
            replace(RULE, max_repeated_line_characters=1),
        ),
        (top(2, 5, 100), top(2, 5, 99), "top_2_gram", RULE),
        (top(3, 3, 100), top(3, 3, 99), "top_3_gram", RULE),
        (top(4, 2, 100), top(4, 2, 99), "top_4_gram", RULE),
        *((twice(n, 20 - n), twice(n, 21 - n), f"repeated_{n}_grams", ANY_TOP) for n in range(5, 11)),
        (
            "海天 一色 山高月小 海天 一色 " + "字" * 28,
            "海天 一色 山高月小 海天 一色 " + "字" * 27,
            "top_2_gram",
            RULE,
        ),
    ],
)
def test_a_limit_drops_what_is_just_outside(inside, outside, reason, rule):
    assert (says(inside, rule), says(outside, rule)) == (None, reason)
    assert reason in RULE.reasons


def test_a_gram_that_stands_once_is_not_repeated():
    """Datatrove drops this text: any of its 2-grams is over a fifth of it."""
    assert says("A text of four words.") is None


def test_white_space_around_a_line_is_no_difference_and_no_share():
    text = "\n".join([f"  {'x' * 20}", "x" * 20 + "   ", *fresh(59)])
    assert says(text) == says(text + " " * 100) == "repeated_line_characters"


def test_an_empty_text_repeats_nothing():
    assert says("") is None
