"""Each limit of FineWeb's rules, with a row just inside and one just outside; whole texts in two languages."""

from typing import Any

import pyarrow as pa
import pytest

from pipeline.rules.fineweb import FineWeb2Chinese, FineWebQuality

LONG = "a line of more than thirty characters, number"
SIMPLIFIED = (
    "国家图书馆收藏了许多历史书籍，读者可以在这里阅读、学习和研究。馆内每天都有讲座，内容涉及文学、天文和地理。\n"
    "老人们喜欢坐在窗边看报，年轻人则多半带着电脑写作业。去年冬天下了一场大雪，门前的小路由志愿者清扫干净。\n"
    "为了方便孩子，二楼新开了一间儿童阅览室，墙上画着海洋与森林。如果你有空，也欢迎来这里度过一个安静的下午。\n"
)
TRADITIONAL = (
    "國家圖書館收藏了許多歷史書籍，讀者可以在這裡閱讀、學習和研究。館內每天都有講座，內容涉及文學、天文和地理。\n"
    "老人們喜歡坐在窗邊看報，年輕人則多半帶著電腦寫作業。去年冬天下了一場大雪，門前的小路由志願者清掃乾淨。\n"
    "為了方便孩子，二樓新開了一間兒童閱覽室，牆上畫著海洋與森林。如果你有空，也歡迎來這裡度過一個安靜的下午。\n"
)


def measured(rule: Any, text: str) -> dict[str, list[int]]:
    documents = pa.record_batch({"text": [text]})
    return {name: column for need in rule.needs for name, column in need(documents).to_pydict().items()}


def says(rule: Any, text: str, **other: int) -> str | None:
    """Of a text; or of its columns, some of which have other values."""
    columns = measured(rule, text)
    assert other.keys() <= columns.keys()
    return rule(pa.record_batch(columns | {name: [value] for name, value in other.items()}))[0].as_py()


def page(ended: int, others: int, ending: str = ".", line: str = LONG) -> str:
    return "\n".join(f"{line} {number}{ending if number < ended else ''}" for number in range(ended + others))


def newlines(count: int) -> str:
    """A hundred words of seventeen letters, and so many line ends."""
    words = [f"{chr(97 + number % 26) * 14}{number:03d}." for number in range(100)]
    breaks = {at * 100 // count for at in range(1, count + 1)}
    return "".join(f"{word}\n" if at + 1 in breaks else f"{word} " for at, word in enumerate(words))


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        (page(3, 22), page(2, 23), "too_few_ended_lines"),
        (page(3, 22, '."'), page(2, 23, '."'), "too_few_ended_lines"),
        (page(3, 22, "。”"), page(2, 23, "。”"), "too_few_ended_lines"),
        (
            page(33, 0) + "\n" + page(67, 0, line="it is very short"),
            page(32, 0) + "\n" + page(68, 0, line="it is very short"),
            "too_many_short_lines",
        ),
        (
            "x" * 9 + ".\n" + "x" * 9 + ".\n" + "y" * 39 + ".\n" + "z" * 39 + ". " + "a b c d e f g h",
            "x" * 10 + ".\n" + "x" * 10 + ".\n" + "y" * 38 + ".\n" + "z" * 38 + ". " + "a b c d e f g h",
            "repeated_line_characters",
        ),
        (newlines(30), newlines(31), "too_many_newlines"),
    ],
)
def test_a_limit_of_fineweb_drops_what_is_just_outside(inside, outside, reason):
    rule = FineWebQuality()
    assert (says(rule, inside), says(rule, outside)) == (None, reason)
    assert reason in rule.reasons


def test_a_line_of_thirty_characters_is_short_and_one_more_is_not():
    thirty = "\n".join(f"{'word ' * 5}{number:04d}." for number in range(10))
    assert says(FineWebQuality(), thirty) == "too_many_short_lines"
    assert says(FineWebQuality(), thirty.replace(".", "..")) is None


LIMITS = [
    # reason, columns just inside, columns just outside; of a text of 1,000 characters, 1,000 words and 1,000 lines
    ("repeated_lines", {"repeated_lines": 287}, {"repeated_lines": 288}),
    ("top_2_gram", {"top_jieba_2_gram": 206, "top_jieba_2_gram_times": 50}, {"top_jieba_2_gram": 207, "top_jieba_2_gram_times": 50}),
    ("top_3_gram", {"top_jieba_3_gram": 101, "top_jieba_3_gram_times": 50}, {"top_jieba_3_gram": 102, "top_jieba_3_gram_times": 50}),
    ("top_4_gram", {"top_jieba_4_gram": 111, "top_jieba_4_gram_times": 20}, {"top_jieba_4_gram": 112, "top_jieba_4_gram_times": 20}),
    *(
        (f"repeated_{n}_grams", {f"repeated_jieba_{n}_grams": most}, {f"repeated_jieba_{n}_grams": most + 1})
        for n, most in zip(range(5, 11), (198, 182, 167, 154, 140, 127), strict=True)
    ),
    ("too_few_ended_lines", {"terminal_lines": 106}, {"terminal_lines": 105}),
    ("repeated_line_characters", {"repeated_line_characters": 100}, {"repeated_line_characters": 101}),
    ("too_many_newlines", {"newlines": 178}, {"newlines": 179}),
    ("too_few_words", {"jieba_plain_words": 50, "jieba_plain_characters": 100}, {"jieba_plain_words": 49, "jieba_plain_characters": 100}),
    ("too_many_words", {"jieba_plain_words": 100_000, "jieba_plain_characters": 200_000}, {"jieba_plain_words": 100_001, "jieba_plain_characters": 200_000}),
    ("words_too_short", {"jieba_plain_characters": 1000}, {"jieba_plain_characters": 999}),
    ("words_too_long", {"jieba_plain_characters": 5000}, {"jieba_plain_characters": 5001}),
    ("too_many_symbols", {"symbols": 100}, {"symbols": 101}),
    ("too_many_ellipses", {"ellipses": 100}, {"ellipses": 101}),
    ("too_many_bullet_lines", {"bullet_lines": 900}, {"bullet_lines": 901}),
    ("too_many_ellipsis_lines", {"ellipsis_lines": 300}, {"ellipsis_lines": 301}),
    ("too_few_alphabetic_words", {"jieba_alphabetic_words": 735}, {"jieba_alphabetic_words": 734}),
    ("too_few_stop_words", {"jieba_stop_words": 2}, {"jieba_stop_words": 1}),
]  # fmt: skip
THOUSAND = {
    **dict.fromkeys(("word_characters", "lines", "terminal_lines", "jieba_words", "jieba_plain_words"), 1000),
    "jieba_alphabetic_words": 1000,
    "jieba_characters": 1000,
    "jieba_plain_characters": 2000,
    "newlines": 0,
}


@pytest.mark.parametrize(("reason", "inside", "outside"), LIMITS)
def test_a_limit_of_fineweb_2_drops_what_is_just_outside(reason, inside, outside):
    rule = FineWeb2Chinese()
    assert says(rule, SIMPLIFIED, **THOUSAND | inside) is None
    assert says(rule, SIMPLIFIED, **THOUSAND | outside) == reason


def test_every_limit_of_fineweb_2_has_its_rows():
    assert [reason for reason, _, _ in LIMITS] == list(FineWeb2Chinese.reasons)


@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text, None),
        (lambda text: text + text.split("\n")[0] + "\n", "repeated_5_grams"),
        (lambda text: text.replace("。", "，"), "too_few_ended_lines"),
        (lambda text: text.replace("，", "\n"), None),
        (lambda text: text.replace("，", "\n\n"), "too_many_newlines"),
        (lambda text: text[:60] + "。", "too_few_words"),
        (lambda text: text + "查看更多" * 20, "top_2_gram"),
    ],
)
def test_a_chinese_page_is_judged_alike_in_both_scripts(text, change, reason):
    assert says(FineWeb2Chinese(), change(text)) == reason


def test_english_is_not_for_the_chinese_rule():
    assert says(FineWeb2Chinese(), page(60, 0).replace("\n", " ")) == "too_few_words"


def test_contradictory_limits_are_refused():
    with pytest.raises(ValueError, match="min_words 50 is above max_words 10"):
        FineWeb2Chinese(max_words=10)
    with pytest.raises(ValueError, match="min_word_length 1 is above max_word_length 0"):
        FineWeb2Chinese(max_word_length=0)
