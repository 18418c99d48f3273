"""How often the words of a list stand in a text: what a rule, or a reader, needs to see a word in its context."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ahocorasick_rs import BytesAhoCorasick

from pipeline.data.lists import entries
from pipeline.kernels.text import buffers
from pipeline.kernels.whole_words import count_words


@dataclass(frozen=True)
class ListedWords:
    """listed_words: places with a word or phrase of the list; distinct_listed_words: how many different ones.

    Compared after NFKD and in lower case, so that full-width letters are found. A word of a spaced script is found whole
    ("ass" not in "class"), one of an unspaced script anywhere. The lists' bytes are part of the key.
    """

    lists: (
        str | tuple[str, ...]
    )  # files, patterns, folders: UTF-8, one word or phrase a line, # begins a comment

    reads = ("text",)
    files = ("lists",)
    columns = pa.schema(
        [
            pa.field("listed_words", pa.int32(), nullable=False),
            pa.field("distinct_listed_words", pa.int32(), nullable=False),
        ]
    )
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        words = entries(self.lists)
        text = folded(documents["text"])
        offsets, values = buffers(text)
        found = automaton(words).find_matches_as_indexes(values[: offsets[-1]].data, overlapping=True)
        places = np.array(found, np.int64).reshape(-1, 3).T
        counts = count_words(text, (places[0], places[1], places[2]), len(words))
        return pa.RecordBatch.from_arrays([pa.array(row) for row in counts], schema=self.columns)


def folded(texts: pa.StringArray) -> pa.StringArray:
    """Text as it is compared: NFKD, lower case. (For NFKC, Arrow to version 25 decomposes too: apache/arrow#51225.)"""
    return pc.utf8_lower(pc.utf8_normalize(texts, form="NFKD"))


@lru_cache(maxsize=8)
def automaton(words: tuple[str, ...]) -> BytesAhoCorasick:
    """Finds all words of a list in one pass, in time that grows with the text and the finds alone."""
    different = dict.fromkeys(folded(pa.array(words, pa.string())).to_pylist())
    return BytesAhoCorasick([word.encode() for word in different])
