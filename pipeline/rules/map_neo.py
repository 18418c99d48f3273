"""Drop Chinese pages by the surface limits of MAP-NEO's Matrix (Zhang et al. 2024, arXiv 2405.19327, its filter.py)."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.measures.grams import REPEATED, TOP, CharacterGrams
from pipeline.measures.jieba import JiebaWords
from pipeline.measures.map_neo import Variety
from pipeline.measures.surface import Surface
from pipeline.rules.shapes import Compared, Comparisons, above, at_most, below, check_order, first_of, per


@dataclass(frozen=True)
class MapNeoChinese:
    """Drop Chinese texts by the surface limits of MAP-NEO's Matrix (Zhang et al. 2024), in either script.

    The limits are those of its code (chinese_data_clean_pipeline/filter/filter.py). Characters are counted without
    white space and before NFKC; distinct ones in windows, not in the whole text (measures/map_neo.py); n-grams are of
    characters, and of repeated ones all that they cover counts (the code takes how many distinct characters they have,
    which no long text exceeds). Its language score and lists of URLs are stages of their own. The upper limit of 10,000
    characters is meant for web pages: not for books and laws.
    """

    max_bracketed: float = 0.1  # share of characters between 【 and 】
    min_sentences: int = 2  # the code: more than one
    min_characters: int = 50
    max_characters: int = 10_000
    min_word_length: float = 1.3  # mean characters per word of jieba that has a letter or digit
    max_word_length: float = 10
    max_hash_ratio: float = 0.1  # runs of '#' per character
    max_ellipsis_ratio: float = 0.1  # runs of '…' or '..' per character
    max_digits: float = 0.3  # share of letters and digits
    max_more_lines: float = 0.3  # share of lines that end in 展开, 更多 …
    max_marked_lines: float = 0.9  # share of lines that begin with a mark of a list
    min_marks: int = 1  # of punctuation
    min_distinct: float = 0.1  # share of the characters, window by window
    min_entropy: float = 3  # of the characters, nats
    max_top_2_gram: float = 0.2  # share of the characters, here and below
    max_top_3_gram: float = 0.18
    max_top_4_gram: float = 0.16
    max_repeated_5_grams: float = 0.6
    max_repeated_6_grams: float = 0.6
    max_repeated_7_grams: float = 0.6
    max_repeated_8_grams: float = 0.6
    max_repeated_9_grams: float = 0.6
    max_repeated_10_grams: float = 0.6

    needs = (Surface(), Variety(), CharacterGrams(), JiebaWords())
    version = 1
    reasons = (
        "too_many_bracketed",
        "too_few_sentences",
        "too_few_characters",
        "too_many_characters",
        "words_too_short",
        "words_too_long",
        "too_many_hashes",
        "too_many_ellipses",
        "too_many_digits",
        "too_many_more_lines",
        "too_many_marked_lines",
        "no_punctuation",
        "too_few_distinct",
        "entropy_too_low",
        *(f"top_{size}_gram" for size in TOP),
        *(f"repeated_{size}_grams" for size in REPEATED),
    )

    def __post_init__(self) -> None:
        check_order(min_characters=self.min_characters, max_characters=self.max_characters)
        check_order(min_word_length=self.min_word_length, max_word_length=self.max_word_length)

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        return {**self.surface(seen), **self.variety(seen), **self.repetition(seen)}

    def surface(self, seen: pa.RecordBatch) -> dict[str, Compared]:
        """Masks of the reasons up to words_too_long."""
        characters = seen["word_characters"]
        length = per(seen["jieba_plain_characters"], seen["jieba_plain_words"])
        return {
            "too_many_bracketed": above(per(seen["bracketed"], characters), self.max_bracketed),
            "too_few_sentences": below(seen["stretches"], self.min_sentences),
            "too_few_characters": below(characters, self.min_characters),
            "too_many_characters": above(characters, self.max_characters),
            "words_too_short": below(length, self.min_word_length),
            "words_too_long": above(length, self.max_word_length),
        }

    def variety(self, seen: pa.RecordBatch) -> dict[str, Compared]:
        """Masks of the reasons up to entropy_too_low."""
        characters, lines = seen["word_characters"], seen["lines"]
        digits = per(seen["digits"], pc.add(seen["letters"], seen["digits"]))
        return {
            "too_many_hashes": above(per(seen["hash_runs"], characters), self.max_hash_ratio),
            "too_many_ellipses": above(per(seen["ellipsis_runs"], characters), self.max_ellipsis_ratio),
            "too_many_digits": above(digits, self.max_digits),
            "too_many_more_lines": above(per(seen["more_lines"], lines), self.max_more_lines),
            "too_many_marked_lines": above(per(seen["marked_lines"], lines), self.max_marked_lines),
            "no_punctuation": below(seen["marks"], self.min_marks),
            "too_few_distinct": at_most(per(seen["distinct"], characters), self.min_distinct),
            "entropy_too_low": below(seen["entropy"], pa.scalar(self.min_entropy, pa.float32())),
        }

    def repetition(self, seen: pa.RecordBatch) -> dict[str, Compared]:
        """Masks of the reasons that are about n-grams of characters."""
        characters = seen["word_characters"]
        shares = {f"top_{size}_gram": per(seen[f"top_character_{size}_gram"], characters) for size in TOP}
        for size in REPEATED:
            shares[f"repeated_{size}_grams"] = per(seen[f"repeated_character_{size}_grams"], characters)
        return {name: above(share, getattr(self, f"max_{name}")) for name, share in shares.items()}
