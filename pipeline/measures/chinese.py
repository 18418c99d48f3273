"""How much of a text repeats itself, character by character."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.kernels.repeats import repeated_grams


@dataclass(frozen=True)
class RepeatedGrams:
    """grams: runs of 13 characters without white space; repeated_grams: those that the text has more than once."""

    reads = ("text",)
    columns = pa.schema([pa.field(name, pa.int32(), nullable=False) for name in ("grams", "repeated_grams")])
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        counts = repeated_grams(documents["text"])
        return pa.RecordBatch.from_arrays([pa.array(row) for row in counts], schema=self.columns)
