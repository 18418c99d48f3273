"""Drop pages whose surface no good page has, or that repeat themselves (Rae et al. 2021, appendix A.1)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.measures.grams import REPEATED, TOP, WordGrams
from pipeline.measures.lines import RepeatedLines
from pipeline.measures.surface import Surface
from pipeline.rules.shapes import Compared, Comparisons, above, below, check_order, first_of, per


@dataclass(frozen=True)
class GopherQuality:
    """Drop texts whose surface no good prose has (Rae et al. 2021, appendix A.1).

    For English and other spaced scripts; for Chinese see rules/chinese.py: the limits do not carry over. A word is what str.split() gives, its length the mean over the text (dolma takes the median); lines count where
    they hold more than white space; stop words count once each (DCLM counts them all).
    """

    min_words: int = 50
    max_words: int = 100_000
    min_word_length: float = 3  # mean characters per word
    max_word_length: float = 10
    max_symbol_ratio: float = 0.1  # '#' per word
    max_ellipsis_ratio: float = 0.1  # '…' or '...' per word
    max_bullet_lines: float = 0.9  # share of lines that begin with a bullet
    max_ellipsis_lines: float = 0.3  # share of lines that end in an ellipsis
    min_alphabetic_words: float = 0.8  # share of words with a letter
    min_stop_words: int = 2  # distinct, of the, be, to, of, and, that, have, with

    needs = (Surface(),)
    version = 1
    reasons = (
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
        names = ("words", "words", "word_characters", "alphabetic_words", "stop_words")
        return surface(self, Words(*(seen[name] for name in names)), seen)


class Words(NamedTuple):
    """Counts by one definition of a word, a row a document."""

    all: pa.Array
    plain: pa.Array  # those whose number and length are judged
    characters: pa.Array  # in the plain ones
    alphabetic: pa.Array
    stop: pa.Array  # distinct


def surface(limits: Any, words: Words, seen: pa.RecordBatch) -> dict[str, Compared]:
    """What GopherQuality compares, by any definition of a word."""
    lines, length = seen["lines"], per(words.characters, words.plain)
    return {
        "too_few_words": below(words.plain, limits.min_words),
        "too_many_words": above(words.plain, limits.max_words),
        "words_too_short": below(length, limits.min_word_length),
        "words_too_long": above(length, limits.max_word_length),
        "too_many_symbols": above(per(seen["symbols"], words.all), limits.max_symbol_ratio),
        "too_many_ellipses": above(per(seen["ellipses"], words.all), limits.max_ellipsis_ratio),
        "too_many_bullet_lines": above(per(seen["bullet_lines"], lines), limits.max_bullet_lines),
        "too_many_ellipsis_lines": above(per(seen["ellipsis_lines"], lines), limits.max_ellipsis_lines),
        "too_few_alphabetic_words": below(per(words.alphabetic, words.all), limits.min_alphabetic_words),
        "too_few_stop_words": below(words.stop, limits.min_stop_words),
    }


@dataclass(frozen=True)
class GopherRepetition:
    """Drop texts that repeat their lines, paragraphs or n-grams of words (Rae et al. 2021, appendix A.1, table A1).

    For English and other spaced scripts; for Chinese see rules/fineweb.py and rules/map_neo.py. Shares are of lines,
    of paragraphs, or of characters, white space not counted. What is repeated, and how published implementations differ:
    measures/lines.py and measures/grams.py.
    """

    max_repeated_lines: float = 0.3
    max_repeated_paragraphs: float = 0.3
    max_repeated_line_characters: float = 0.2
    max_repeated_paragraph_characters: float = 0.2
    max_top_2_gram: float = 0.2
    max_top_3_gram: float = 0.18
    max_top_4_gram: float = 0.16
    max_repeated_5_grams: float = 0.15
    max_repeated_6_grams: float = 0.14
    max_repeated_7_grams: float = 0.13
    max_repeated_8_grams: float = 0.12
    max_repeated_9_grams: float = 0.11
    max_repeated_10_grams: float = 0.1

    needs = (Surface(), RepeatedLines(), WordGrams())
    version = 1
    reasons = (
        "repeated_lines",
        "repeated_paragraphs",
        "repeated_line_characters",
        "repeated_paragraph_characters",
        *(f"top_{size}_gram" for size in TOP),
        *(f"repeated_{size}_grams" for size in REPEATED),
    )

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        characters = seen["word_characters"]
        shares = {
            "repeated_lines": per(seen["repeated_lines"], seen["lines"]),
            "repeated_paragraphs": per(seen["repeated_paragraphs"], seen["paragraphs"]),
            "repeated_line_characters": per(seen["repeated_line_characters"], characters),
            "repeated_paragraph_characters": per(seen["repeated_paragraph_characters"], characters),
        }
        shares |= {f"top_{size}_gram": per(seen[f"top_word_{size}_gram"], characters) for size in TOP}
        shares |= {
            f"repeated_{size}_grams": per(seen[f"repeated_word_{size}_grams"], characters)
            for size in REPEATED
        }
        return {name: above(share, getattr(self, f"max_{name}")) for name, share in shares.items()}
