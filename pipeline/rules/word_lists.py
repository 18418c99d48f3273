"""Drop texts that a list of words describes, never for a single word."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.measures.surface import Surface
from pipeline.measures.word_lists import ListedWords
from pipeline.rules.shapes import Comparisons, above, first_of, per


@dataclass(frozen=True)
class WordLists:
    """Drop texts with many different words of a list, close together; a word alone is never a reason.

    Lists cannot tell use from mention: news, law, medicine, novels and the speech of minorities use the
    words too, and C4's rule, a page for a word, took these out more than others (Dodge et al. 2021, arXiv
    2104.08758, section 5). Nor do they know new spellings, irony, or harm in plain words. What they are
    good for is pages made of such words, and columns by which a person or a classifier looks further.
    Bring a list per language, each as a stage of its own with a `name`.
    """

    lists: str | tuple[str, ...] = (
        "words/*.txt"  # files, patterns, folders; UTF-8, a word or phrase a line, # comments
    )
    max_distinct: int = 2  # different words that any text may have
    max_per_1000: float = (
        5.0  # hits per 1,000 characters: chosen here, a word in every two or three sentences
    )
    max_per_line: float = (
        0.5  # different words per line: ChineseWebText (Chen et al. 2023), for Chinese and English here
    )

    files = ("lists",)
    version = 1
    reasons = ("dense_in_listed_words", "listed_words_in_many_lines")

    @property
    def needs(self) -> tuple[Any, ...]:
        return (ListedWords(self.lists), Surface())

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(**self.compares(seen))

    def compares(self, seen: pa.RecordBatch) -> Comparisons:
        hits, distinct = seen["listed_words"], seen["distinct_listed_words"]
        several = pc.greater(distinct, self.max_distinct)
        density = pc.multiply(per(hits, seen["characters"]), 1000)
        return {
            "dense_in_listed_words": above(density, self.max_per_1000, where=several),
            "listed_words_in_many_lines": above(
                per(distinct, seen["lines"]), self.max_per_line, where=several
            ),
        }
