"""Each limit of ChineseQuality, with a text just inside and one just outside."""

import pyarrow as pa
import pytest

from pipeline.rules.chinese import ChineseQuality


def says(text: str) -> str | None:
    rule, documents = ChineseQuality(), pa.record_batch({"text": [text]})
    columns = {name: column for need in rule.needs for name, column in need(documents).to_pydict().items()}
    return rule(pa.record_batch(columns))[0].as_py()


def han(count: int, start: int = 0) -> str:
    """That many characters, all different."""
    return "".join(chr(0x4E00 + start + place) for place in range(count))


def lines(text: str, length: int) -> str:
    return "\n".join(text[at : at + length] for at in range(0, len(text), length))


def repeated(twice: int, once: int) -> str:
    return han(twice) * 2 + han(once, start=twice)


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        (han(201), han(200), "too_few_characters"),
        (han(201), han(200) + "\n " * 50, "too_few_characters"),  # white space does not count
        (lines(han(300), 10), lines(han(300), 10).replace("\n", "\n字\n", 1), "lines_too_short"),
        (han(90) + "a" * 20 + " ".join(map(str, range(100))), han(89) + "abc " * 71, "too_few_han"),
        (repeated(218, 400), repeated(219, 400), "too_many_repeated_grams"),
    ],
)
def test_a_limit_drops_what_is_just_outside(inside, outside, reason):
    assert (says(inside), says(outside)) == (None, reason)
    assert reason in ChineseQuality.reasons


def test_the_share_of_han_is_of_all_characters_but_white_space():
    numbers = "".join(chr(0x100 + place) for place in range(210))
    assert says(han(90) + numbers + " " * 1000) is None
    assert says(han(89) + numbers + "x") == "too_few_han"


def test_traditional_script_is_never_a_reason():
    simplified = "国家图书馆收藏了许多历史书籍，读者可以在这里阅读、学习和研究。"
    traditional = "國家圖書館收藏了許多歷史書籍，讀者可以在這裡閱讀、學習和研究。"
    around = han(300, start=2000)
    assert says(simplified + around) is says(traditional + around) is None


def test_english_is_not_for_this_rule():
    assert says("It was the best of times, it was the worst of times, " * 20) == "too_few_han"


def test_an_empty_text_has_too_few_characters():
    assert says("") == "too_few_characters"
