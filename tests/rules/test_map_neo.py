"""Each limit of MapNeoChinese, with a row just inside and one just outside; whole texts in both scripts."""

import pyarrow as pa
import pytest

from pipeline.rules.map_neo import MapNeoChinese
from tests.rules.test_fineweb import SIMPLIFIED, TRADITIONAL, says

RULE = MapNeoChinese()
LIMITS = [
    # reason, columns just inside, columns just outside; of a text of 1,000 characters, 500 words and 100 lines
    ("too_many_bracketed", {"bracketed": 100}, {"bracketed": 101}),
    ("too_few_sentences", {"stretches": 2}, {"stretches": 1}),
    ("too_few_characters", {"word_characters": 50, "distinct": 50}, {"word_characters": 49, "distinct": 50}),
    (
        "too_many_characters",
        {"word_characters": 10_000, "distinct": 1001},
        {"word_characters": 10_001, "distinct": 1001},
    ),
    ("words_too_short", {"jieba_plain_characters": 650}, {"jieba_plain_characters": 649}),
    ("words_too_long", {"jieba_plain_characters": 5000}, {"jieba_plain_characters": 5001}),
    ("too_many_hashes", {"hash_runs": 100}, {"hash_runs": 101}),
    ("too_many_ellipses", {"ellipsis_runs": 100}, {"ellipsis_runs": 101}),
    ("too_many_digits", {"digits": 300, "letters": 700}, {"digits": 301, "letters": 700}),
    ("too_many_more_lines", {"more_lines": 30}, {"more_lines": 31}),
    ("too_many_marked_lines", {"marked_lines": 90}, {"marked_lines": 91}),
    ("no_punctuation", {"marks": 1}, {"marks": 0}),
    ("too_few_distinct", {"distinct": 101}, {"distinct": 100}),
    ("entropy_too_low", {"entropy": 3.0}, {"entropy": 2.999}),
    *(
        (f"top_{n}_gram", {f"top_character_{n}_gram": most}, {f"top_character_{n}_gram": most + 1})
        for n, most in ((2, 200), (3, 180), (4, 160))
    ),
    *(
        (
            f"repeated_{n}_grams",
            {f"repeated_character_{n}_grams": 600},
            {f"repeated_character_{n}_grams": 601},
        )
        for n in range(5, 11)
    ),
]
THOUSAND = {
    "word_characters": 1000,
    "lines": 100,
    "distinct": 400,
    "digits": 0,
    "letters": 900,
    "jieba_plain_words": 500,
    "jieba_plain_characters": 800,
}


@pytest.mark.parametrize(("reason", "inside", "outside"), LIMITS)
def test_a_limit_drops_what_is_just_outside(reason, inside, outside):
    assert says(RULE, SIMPLIFIED, **THOUSAND | inside) is None
    assert says(RULE, SIMPLIFIED, **THOUSAND | outside) == reason


def test_every_limit_has_its_rows():
    assert [reason for reason, _, _ in LIMITS] == list(MapNeoChinese.reasons)


@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text, None),
        (lambda text: f"【{text[:16]}】{text}", None),
        (lambda text: f"【{text[:26]}】{text}", "too_many_bracketed"),
        (lambda text: text.replace("。", "，"), "too_few_sentences"),
        (lambda text: text[:51], None),
        (lambda text: text[:31] + "。山", "too_few_characters"),
        (lambda text: text + "".join(map(chr, range(0x4E00, 0x4E00 + 9900))), "too_many_characters"),
        (lambda text: text + "1234567890" * 6, None),
        (lambda text: text + "1234567890" * 7, "too_many_digits"),
        (lambda text: text + "展开\n", None),
        (lambda text: text + "展開\n更多\n", "too_many_more_lines"),
        (lambda text: text + "哈" * 45, "top_2_gram"),
        (lambda text: text * 2, None),
        (lambda text: text * 3, "repeated_5_grams"),
        (lambda text: text[:0] + "天天向上，好好学习！" * 6, "entropy_too_low"),
    ],
)
def test_a_page_is_judged_alike_in_both_scripts(text, change, reason):
    assert says(RULE, change(text)) == reason


def test_a_long_law_keeps_its_distinct_characters():
    """Of 9,000 characters, 250 different ones in every window of 1,000: 2.8 % of the whole, 25 % of each window."""
    page = "".join(chr(0x4E00 + number % 250) + ("。" if number % 20 == 19 else "") for number in range(8500))
    assert says(RULE, page) != "too_few_distinct"


def test_english_is_not_for_this_rule():
    assert says(RULE, "It was the best of times. It was the worst of times, " * 20) == "words_too_short"


def test_contradictory_limits_are_refused():
    with pytest.raises(ValueError, match="min_characters 50 is above max_characters 10"):
        MapNeoChinese(max_characters=10)


def test_entropy_is_compared_in_its_own_precision():
    rule = MapNeoChinese(min_entropy=3.1)
    assert pa.scalar(3.1, pa.float32()).as_py() != 3.1
    assert says(rule, SIMPLIFIED, **THOUSAND, entropy=3.1) is None
