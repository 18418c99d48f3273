"""Take out the lines of a page that are no sentences, and drop the page where few are left (Raffel et al. 2020, 2.2)."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.measures.c4 import C4Cuts
from pipeline.rules.shapes import Comparisons, above, below, first_of


@dataclass(frozen=True)
class C4Lines:
    """Take out a page's lines that are no sentences, drop it where few are left (C4, Raffel et al. 2020, section 2.2).

    For web pages in any script; not for code, verse, or books whose lines are broken. What is judged of a page is what
    the line rules left of it: a brace in a menu that goes anyway is no reason, as in the paper's code. C4's word list
    and its language score are stages of their own. datatrove's limits are 3 words a line (measures/c4.py) and 5 sentences.
    """

    min_sentences: int = 3  # of the lines that stay; the paper
    max_braces: int = 0  # '{' in them: code
    max_placeholders: int = 0  # lines with "lorem ipsum"

    cuts = "c4_cuts"
    needs = (C4Cuts(),)
    version = 1
    reasons = ("placeholder_text", "curly_brackets", "too_few_sentences")

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        return {
            "placeholder_text": above(seen["placeholders"], self.max_placeholders),
            "curly_brackets": above(seen["braces"], self.max_braces),
            "too_few_sentences": below(seen["sentences"], self.min_sentences),
        }
