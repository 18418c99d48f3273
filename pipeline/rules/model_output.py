"""Drop what a model wrote after it had lost its way, or before it was done."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.measures.model_output import Compressed, Repetition, Unfinished
from pipeline.measures.surface import Surface
from pipeline.rules.shapes import Comparisons, above, below, first_of, per

SHORT = 1000  # characters up to which nothing is said about compression: any text repeats some of its bytes


@dataclass(frozen=True)
class ModelOutput:
    """Drop generated texts that loop, repeat themselves, or were cut off; for synthetic sources.

    No limits are published; these are the project's proposals, each with the most that sound text has
    beside it. Books and lists repeat sentences by right. What the generator says of itself, such as
    finish_reason, is a column to judge by with `where`. Words of doubt ("wait", "但是") are style, not
    repetition.
    """

    max_loop: int = 199  # characters at the end that are one stretch four times or more; sound: 62
    max_duplicate_grams: float = 0.2  # of runs of 20 characters (unspaced) or 10 words; sound: .18 of answers
    max_equal_sentences: int = 4  # of 8 letters or more; sound: 4 of answers
    min_compressed: float = 0.2  # of texts of 1,000 characters; sound: .24 en, .20 zh, .16 Indic scripts
    max_open: int = 0  # thoughts, boxes, code fences, formulas
    max_characters: int | None = None  # the generator's own limit: within 5 % of it, an open end is a cut

    needs = (Repetition(), Unfinished(), Compressed(), Surface())
    version = 1
    reasons = (
        "loops_at_end",
        "too_many_duplicate_grams",
        "too_many_equal_sentences",
        "compresses_too_well",
        "open_thought",
        "open_box",
        "open_fence",
        "open_formula",
        "cut_off",
    )

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        long = pc.greater_equal(seen["characters"], SHORT)
        compressed = per(seen["compressed_bytes"], seen["text_bytes"])
        open_end = pc.equal(seen["open_end"], 1)
        cut = above(seen["open_brackets"], self.max_open, where=open_end).broken
        if self.max_characters is not None:
            full = pc.greater_equal(seen["characters"], 0.95 * self.max_characters)
            cut = pc.or_(cut, pc.and_(open_end, full))
        return {
            "loops_at_end": above(seen["loop_characters"], self.max_loop),
            "too_many_duplicate_grams": above(
                per(seen["duplicate_long_grams"], seen["long_grams"]), self.max_duplicate_grams
            ),
            "too_many_equal_sentences": above(seen["equal_sentences"], self.max_equal_sentences),
            "compresses_too_well": below(compressed, self.min_compressed, where=long),
            "open_thought": above(seen["open_thoughts"], self.max_open),
            "open_box": above(seen["open_boxes"], self.max_open),
            "open_fence": above(seen["open_fences"], self.max_open),
            "open_formula": above(seen["open_formulas"], self.max_open),
            "cut_off": cut,
        }
