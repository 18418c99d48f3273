"""Take out a web page's lines that are no prose, and drop the page where they are many (Penedo et al. 2023, G.2)."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.measures.refinedweb import LineCuts
from pipeline.rules.shapes import Comparisons, above, first_of, per


@dataclass(frozen=True)
class RefinedWebLines:
    """Take out a page's lines that are no prose, and drop it where they are many (Penedo et al. 2023, appendix G.2).

    For pages of any language; what a bad line and a word is: measures/refinedweb.py. Not for code or Markdown.
    """

    max_cut_share: float = 0.05  # of the page's words

    cuts = "cuts"
    needs = (LineCuts(),)
    version = 1
    reasons = ("too_many_words_cut",)

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        share = per(seen["words_cut"], seen["words_before"])
        return {"too_many_words_cut": above(share, self.max_cut_share)}
