"""Each limit of GopherQuality, with a text just inside and one just outside."""

import pyarrow as pa
import pytest

from pipeline.measures.surface import Surface
from pipeline.rules.gopher import GopherQuality

STOPS = ["the", "and"]


def says(text: str, rule: GopherQuality | None = None) -> str | None:
    seen = Surface()(pa.record_batch({"text": [text]}))
    return (rule or GopherQuality())(seen)[0].as_py()


def prose(words: int, *special: str) -> str:
    """That many words, the special ones and two stop words among them."""
    return " ".join([*special, *STOPS, *["word"] * (words - len(special) - 2)])


def lines(count: int, beginning: str, ending: str, special: int) -> str:
    """Ten words a line."""
    marked = [f"{beginning}{prose(10)}{ending}"] * special
    return "\n".join([*marked, *[prose(10)] * (count - special)])


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        (prose(50), prose(49), "too_few_words"),
        (prose(100_000), prose(100_001), "too_many_words"),
        ("the and " * 50, "the and to " * 50, "words_too_short"),
        (
            "the and " + "x" * 24 + " abcdefghij" * 57,
            "the and " + "x" * 25 + " abcdefghij" * 57,
            "words_too_long",
        ),
        (prose(60, *["#tag"] * 6), prose(60, *["#tag"] * 7), "too_many_symbols"),
        (prose(60, *["so…on"] * 6), prose(60, *["so...on"] * 7), "too_many_ellipses"),
        (lines(10, "• ", "", 9), lines(10, "- ", "", 10), "too_many_bullet_lines"),
        (lines(10, "", "…", 3), lines(10, "", "...", 4), "too_many_ellipsis_lines"),
        (prose(60, *["1234"] * 12), prose(60, *["1234"] * 13), "too_few_alphabetic_words"),
        (prose(60), prose(60).replace("and", "not"), "too_few_stop_words"),
        (prose(60).replace("the", '"The,"'), prose(60).replace("the", "them"), "too_few_stop_words"),
    ],
)
def test_a_limit_drops_what_is_just_outside(inside, outside, reason):
    assert (says(inside), says(outside)) == (None, reason)
    assert reason in GopherQuality.reasons


def test_an_empty_text_has_too_few_words():
    assert says("") == "too_few_words"


def test_chinese_is_not_for_this_rule():
    assert says("天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。" * 100) == "too_few_words"


def test_the_first_limit_in_the_order_of_reasons_is_the_reason():
    assert says("# ... " * 10) == "too_few_words"
    assert says("# ... " * 10, GopherQuality(min_words=0)) == "words_too_short"


def test_contradictory_limits_are_refused():
    with pytest.raises(ValueError, match="min_words 50 is above max_words 10"):
        GopherQuality(max_words=10)
    with pytest.raises(ValueError, match="min_word_length 3 is above max_word_length 2"):
        GopherQuality(max_word_length=2)
