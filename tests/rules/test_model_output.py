"""Each limit of ModelOutput, with a text just inside and one just outside, in Chinese and English."""

import random

import pytest

from pipeline.rules.model_output import ModelOutput
from tests.rules.rows import says

WORDS = [first + second for first in "bdfgklmnprst" for second in ("ado", "ebi", "ico", "ofu", "uga")]


def english(count: int, seed: int = 0) -> str:
    """That many words without order."""
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def chinese(count: int, seed: int = 0) -> str:
    return "".join(chr(0x4E00 + random.Random(f"{seed}-{place}").randrange(4000)) for place in range(count))


@pytest.mark.parametrize(
    ("inside", "outside", "reason"),
    [
        (
            english(54) + ". " + english(18),
            english(50) + ". " + english(22) + ".",
            "too_many_duplicate_grams",
        ),
        (chinese(70) + chinese(36), chinese(70) + chinese(37), "too_many_duplicate_grams"),
        (
            "".join(f"{english(20, seed)}. Let me check again! " for seed in range(4)),
            "".join(f"{english(20, seed)}. Let me check again! " for seed in range(5)),
            "too_many_equal_sentences",
        ),
        (
            "".join(f"{chinese(30, seed)}。让我们再检查一下！" for seed in range(4)),
            "".join(f"{chinese(30, seed)}。让我们再检查一下！" for seed in range(5)),
            "too_many_equal_sentences",
        ),
        ("<think>Well.</think> Done.", "Done. <think>Well.", "open_thought"),
        ("<think>好。</think>完了。", "<think>好。", "open_thought"),
        (r"So \boxed{\frac{1}{2}}", r"So \boxed{\frac{1}{2}", "open_box"),
        ("```py\nx = (1\n```", "```py\nx = (1\n", "open_fence"),
        ("结果：\n~~~\n1\n~~~", "结果：\n~~~\n1\n```", "open_fence"),
        (r"It is $$x$$ and \(y\).", r"It is $$x$$ and \(y.", "open_formula"),
        (r"It costs $5 or \$6.", r"It is $$x.", "open_formula"),
        ("It is fine (or so.", "It is fine (or so", "cut_off"),
        ("他说（好像。", "他说（好像", "cut_off"),
        ("First (\nthen the end", "First\nthen (the end", "cut_off"),
    ],
)
def test_a_limit_drops_what_is_just_outside(inside, outside, reason):
    assert (says(ModelOutput(), inside), says(ModelOutput(), outside)) == (None, reason)
    assert reason in ModelOutput.reasons


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (
            english(40) + ": " + "So x is 2. " * 18,
            english(40) + ": " + "So x is 2. " * 19,
        ),  # 198, 209 characters
        (
            chinese(40) + "：" + "所以我们再想想。" * 24,
            chinese(40) + "：" + "所以我们再想想。" * 25,
        ),  # 192, 200
        (("a" * 70 + "b") * 3, ("a" * 70 + "b") * 4),  # four times
    ],
)
def test_a_text_that_loops_at_its_end_goes(inside, outside):
    lax = ModelOutput(max_duplicate_grams=1, max_equal_sentences=10**6)
    assert (says(lax, inside), says(lax, outside)) == (None, "loops_at_end")


@pytest.mark.parametrize(("text", "length"), [(english(8), 900), (chinese(30), 900)])
def test_long_texts_that_compress_too_well_go(text, length):
    """Little but one stretch, changed so that neither grams nor sentences nor the end repeat."""
    lax = ModelOutput(max_duplicate_grams=1, max_equal_sentences=10**6, max_loop=10**6)
    repeated = (text * length)[:1000]
    assert says(lax, repeated) == "compresses_too_well"
    assert says(lax, repeated[:999]) is None  # not long enough to say so
    assert says(lax, (english(400) if text.isascii() else chinese(1000))) is None


def test_an_open_end_counts_only_near_the_generators_limit():
    text = "x " * 474 + "y"  # 949 characters
    for_length = ModelOutput(
        max_characters=1000, max_duplicate_grams=1, max_equal_sentences=9, max_loop=999, min_compressed=0
    )
    assert says(for_length, text) is None
    assert says(for_length, text + "z") == "cut_off"
    assert says(for_length, text + ".") is None
    assert says(for_length, "字" * 949 + "。") is None


def test_style_is_no_repetition():
    thoughts = ("Wait, that is wrong. ", "Alternatively, take x. ", "但是，等一下。")
    assert (
        says(ModelOutput(), "".join(f"{thoughts[place % 3]}{english(25, place)}. " for place in range(9)))
        is None
    )
