"""Drop Chinese pages by the surface limits of ChineseWebText (Chen et al. 2023, arXiv 2311.01149, its hand-made rules)."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.measures.grams import CharacterGrams
from pipeline.measures.surface import Surface
from pipeline.rules.shapes import Comparisons, above, below, first_of, per


@dataclass(frozen=True)
class ChineseQuality:
    """Drop Chinese texts by the surface limits of ChineseWebText (Chen et al. 2023), in either script.

    The paper drops pages with any traditional character, and with them all of Taiwan's and Hong Kong's; here the script
    is never a reason. Characters are counted without white space, which Chinese text does not need; a line has more than white space
    on it. Han are the characters of that script alone: neither its punctuation nor Kana.
    """

    min_characters: int = 201  # the paper: more than 200
    min_line_length: float = 10  # mean characters per line
    min_han_share: float = 0.3  # of all characters
    max_repeated_share: float = 0.5  # of all 13-grams of characters

    needs = (Surface(), CharacterGrams())
    version = 1
    reasons = ("too_few_characters", "lines_too_short", "too_few_han", "too_many_repeated_grams")

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        characters = seen["word_characters"]
        repeated = per(seen["repeated_grams"], seen["grams"])
        return {
            "too_few_characters": below(characters, self.min_characters),
            "lines_too_short": below(per(characters, seen["lines"]), self.min_line_length),
            "too_few_han": below(per(seen["han"], characters), self.min_han_share),
            "too_many_repeated_grams": above(repeated, self.max_repeated_share),
        }
