"""Drop pages that are lists, menus or copies of their own lines (Penedo et al. 2024 and 2025: FineWeb, FineWeb-2)."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.measures.grams import REPEATED, TOP
from pipeline.measures.jieba import JiebaWords
from pipeline.measures.lines import RepeatedLines
from pipeline.measures.surface import Surface
from pipeline.rules.gopher import Words, surface
from pipeline.rules.shapes import Compared, Comparisons, above, below, check_order, first_of, per


@dataclass(frozen=True)
class FineWebQuality:
    """Drop pages that are lists, menus or copies of their own lines (FineWeb, Penedo et al. 2024, section 3.5).

    For English and other spaced scripts. The limits are the paper's. Its code has .01 for repeated lines, which one
    menu entry that stands twice on a page of 3,000 characters exceeds; FineWeb-2 went back to .1, and so do we: write
    max_repeated_line_characters: 0.01 for what the published data set had. A line is ended by a mark that ends
    sentences or a closing quotation mark, as in the code that made the data set; later datatrove leaves quotation marks
    out. A value at its limit stays, as in the code (in the paper it goes).
    """

    min_ended_lines: float = 0.12  # share of lines that end in punctuation
    max_short_lines: float = 0.67  # share of lines of at most 30 characters
    max_repeated_line_characters: float = 0.1  # share of the characters
    max_newlines: float = 0.3  # per word

    needs = (Surface(), RepeatedLines())
    version = 1
    reasons = ("too_few_ended_lines", "too_many_short_lines", "repeated_line_characters", "too_many_newlines")

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        ended = pc.add(seen["terminal_lines"], seen["quoted_lines"])
        repeated = per(seen["repeated_line_characters"], seen["word_characters"])
        newlines = per(seen["newlines"], seen["words"])
        return {
            "too_few_ended_lines": below(per(ended, seen["lines"]), self.min_ended_lines),
            "too_many_short_lines": above(per(seen["short_lines"], seen["lines"]), self.max_short_lines),
            "repeated_line_characters": above(repeated, self.max_repeated_line_characters),
            "too_many_newlines": above(newlines, self.max_newlines),
        }


@dataclass(frozen=True)
class FineWeb2Chinese:
    """Drop Chinese pages by the limits FineWeb-2 found for Mandarin (Penedo et al. 2025, configs/cmn_Hani.yml).

    For Chinese in either script: words are jieba's, and both scripts give the same (measures/jieba.py). Not named in
    that file and as in its pipeline: 50 to 100,000 words, symbols, bullets, ellipses; no rule on short lines, on
    paragraphs, nor C4's. Top n-grams are joined by spaces there, which count: so they do here, as the limits were found
    that way.
    """

    max_repeated_lines: float = 0.287
    max_top_2_gram: float = 0.256
    max_top_3_gram: float = 0.201
    max_top_4_gram: float = 0.171
    max_repeated_5_grams: float = 0.198
    max_repeated_6_grams: float = 0.182
    max_repeated_7_grams: float = 0.167
    max_repeated_8_grams: float = 0.154
    max_repeated_9_grams: float = 0.14
    max_repeated_10_grams: float = 0.127
    min_ended_lines: float = 0.106  # share of lines that end in a mark that ends sentences
    max_repeated_line_characters: float = 0.1  # share of the characters
    max_newlines: float = 0.178  # per word
    min_words: int = 50  # with a letter or digit, here and in the two below
    max_words: int = 100_000
    min_word_length: float = 1  # mean characters per word
    max_word_length: float = 5
    max_symbol_ratio: float = 0.1  # '#' per word
    max_ellipsis_ratio: float = 0.1  # '…' or '...' per word
    max_bullet_lines: float = 0.9  # share of lines that begin with a bullet
    max_ellipsis_lines: float = 0.3  # share of lines that end in an ellipsis
    min_alphabetic_words: float = 0.735  # share of words with a letter
    min_stop_words: int = 2  # distinct, of 22

    needs = (Surface(), RepeatedLines(), JiebaWords())
    version = 1
    reasons = (
        "repeated_lines",
        *(f"top_{size}_gram" for size in TOP),
        *(f"repeated_{size}_grams" for size in REPEATED),
        "too_few_ended_lines",
        "repeated_line_characters",
        "too_many_newlines",
        "too_few_words",
        "too_many_words",
        "words_too_short",
        "words_too_long",
        "too_many_symbols",
        "too_many_ellipses",
        "too_many_bullet_lines",
        "too_many_ellipsis_lines",
        "too_few_alphabetic_words",
        "too_few_stop_words",
    )

    def __post_init__(self) -> None:
        check_order(min_words=self.min_words, max_words=self.max_words)
        check_order(min_word_length=self.min_word_length, max_word_length=self.max_word_length)

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        names = ("words", "plain_words", "plain_characters", "alphabetic_words", "stop_words")
        words = Words(*(seen[f"jieba_{name}"] for name in names))
        return {**self.repetition(seen), **self.lines(seen), **surface(self, words, seen)}

    def repetition(self, seen: pa.RecordBatch) -> dict[str, Compared]:
        """Masks of the first ten reasons."""
        characters = seen["jieba_characters"]
        shares = {"repeated_lines": per(seen["repeated_lines"], seen["lines"])}
        for size in TOP:
            spaces = pc.multiply(seen[f"top_jieba_{size}_gram_times"], size - 1)
            shares[f"top_{size}_gram"] = per(pc.add(seen[f"top_jieba_{size}_gram"], spaces), characters)
        for size in REPEATED:
            shares[f"repeated_{size}_grams"] = per(seen[f"repeated_jieba_{size}_grams"], characters)
        return {name: above(share, getattr(self, f"max_{name}")) for name, share in shares.items()}

    def lines(self, seen: pa.RecordBatch) -> dict[str, Compared]:
        """Masks of the reasons that are about lines alone."""
        repeated = per(seen["repeated_line_characters"], seen["word_characters"])
        newlines = per(seen["newlines"], seen["jieba_words"])
        return {
            "too_few_ended_lines": below(per(seen["terminal_lines"], seen["lines"]), self.min_ended_lines),
            "repeated_line_characters": above(repeated, self.max_repeated_line_characters),
            "too_many_newlines": above(newlines, self.max_newlines),
        }
