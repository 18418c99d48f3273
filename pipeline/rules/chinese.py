"""Drop Chinese pages by the surface limits of ChineseWebText (Chen et al. 2023, arXiv 2311.01149, its hand-made rules)."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.measures.grams import CharacterGrams
from pipeline.measures.surface import Surface
from pipeline.rules.shapes import first_of, per


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
        characters = seen["word_characters"]
        repeated = per(seen["repeated_grams"], seen["grams"])
        return first_of(
            too_few_characters=pc.less(characters, self.min_characters),
            lines_too_short=pc.less(per(characters, seen["lines"]), self.min_line_length),
            too_few_han=pc.less(per(seen["han"], characters), self.min_han_share),
            too_many_repeated_grams=pc.greater(repeated, self.max_repeated_share),
        )
