"""How much of a text its own n-grams repeat: of words between white space, or of characters."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.kernels.grams import Repeats, character_grams, word_grams

TOP, REPEATED = (2, 3, 4), (5, 6, 7, 8, 9, 10)  # the n of Rae et al. 2021, table A1
LONG = 13  # the n of ChineseWebText


def gram_names(unit: str) -> list[str]:
    """The names of the columns that `gram_columns` gives."""
    return [
        *(f"top_{unit}_{size}_gram" for size in TOP),
        *(f"top_{unit}_{size}_gram_times" for size in TOP),
        *(f"repeated_{unit}_{size}_grams" for size in REPEATED),
    ]


def gram_columns(repeats: Repeats) -> list[pa.Array]:
    """Of each text: the characters of its top 2-, 3- and 4-gram, times included, how often each of the three stands, and
    the characters in 5- to 10-grams that stood before.
    """
    tops = [*(repeats.top[size] for size in TOP), *(repeats.times[size] for size in TOP)]
    return [pa.array(row) for row in (*tops, *(repeats.covered[size] for size in REPEATED))]


def counts_schema(names: Iterable[str]) -> pa.Schema:
    """int32 columns that are never null."""
    return pa.schema([pa.field(name, pa.int32(), nullable=False) for name in names])


@dataclass(frozen=True)
class WordGrams:
    """Characters in repeated n-grams of words, described in kernels/grams.py; a word is what str.split() gives.

    Published implementations differ; this is what ours does, and who does not:
    - characters are those of the words, white space not counted, as in the totals they are divided by (dolma, DCLM and
      RedPajama alike; datatrove joins top grams by spaces, repeated ones not, and divides by the whole length);
    - of a repeated gram its later places count, not the first, as for lines (RedPajama, datatrove; dolma and DCLM count
      every place), and each character once (dolma counts it as often as grams overlap there; datatrove goes on behind
      each gram it found, so that it may miss a part of what lies there);
    - a top gram stands at least twice (datatrove's may stand once: in a text of ten words any 2-gram is a fifth of it);
      of several that stand equally often it is the first in the text (datatrove; dolma the last in a sort).
    """

    reads = ("text",)
    columns = counts_schema(gram_names("word"))
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(gram_columns(word_grams(documents["text"])), schema=self.columns)


@dataclass(frozen=True)
class CharacterGrams:
    """Characters in repeated n-grams of characters, white space left out; and grams: places where a 13-gram begins,
    repeated_grams: those among them whose 13-gram stands more than once.

    A text with a smaller share of Han is not looked at (all its counts are 0): nearly all its short grams of letters
    stand many times, which says nothing and costs the most. Which of a gram's places count: WordGrams.
    """

    min_han_share: float = 0.05  # of the characters; far below what rules for Chinese ask

    reads = ("text",)
    columns = counts_schema([*gram_names("character"), "grams", "repeated_grams"])
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        repeats, seen = character_grams(documents["text"], float(self.min_han_share), LONG)
        grams = np.maximum(seen - (LONG - 1), 0).astype(np.int32)
        found = [*gram_columns(repeats), pa.array(grams), pa.array(repeats.places[LONG])]
        return pa.RecordBatch.from_arrays(found, schema=self.columns)
