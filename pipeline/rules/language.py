"""Keep the languages that a corpus is for, where it is clear enough which one a text is in."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.forms import suggest
from pipeline.measures.language import LANGUAGES, Language
from pipeline.rules.shapes import Comparisons, below, first_of


@dataclass(frozen=True)
class KeepLanguages:
    """Keep texts in some languages, by fastText's lid.176; the score as in CCNet (Wenzek et al. 2020).

    What counts is how likely it is that a text is in any of the kept languages, so that a text of two of
    them, half Chinese and half English, stays. `zh` is Chinese in either script. FineWeb asks .65 of
    English, FineWeb-2 .692 of Chinese, MAP-NEO .4. Short texts, tables and code have low scores in any
    language: let `where` leave them out.
    """

    keep: tuple[str, ...] = ("zh", "en")
    min_score: float = 0.5

    needs = (Language(),)
    version = 1
    reasons = ("other_language", "uncertain_language")

    def __post_init__(self) -> None:
        if not self.keep:
            raise ValueError("keep is empty; name the languages to keep, such as zh and en")
        for name in self.keep:
            if name not in LANGUAGES:
                raise ValueError(f"keep: unknown language '{name}'; {suggest(name, LANGUAGES)}")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score {self.min_score} must be from 0 to 1")

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        kept = pa.array(self.keep, pa.string())
        first, second = (pc.is_in(seen[name], kept) for name in ("language", "next_language"))
        score = pc.add(
            pc.if_else(first, seen["language_score"], 0.0), pc.if_else(second, seen["next_score"], 0.0)
        )
        return {
            "other_language": below(score, self.min_score, where=pc.invert(first)),
            "uncertain_language": below(score, self.min_score),
        }
