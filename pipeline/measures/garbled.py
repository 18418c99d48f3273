"""How much of a text was once read wrongly: counts of what no writer writes."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.kernels.garbled import COUNTS, garbled


@dataclass(frozen=True)
class Garbage:
    """int32 columns, described where they are counted (kernels/garbled.py, COUNTS)."""

    reads = ("text",)
    columns = pa.schema([pa.field(name, pa.int32(), nullable=False) for name in COUNTS])
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        counts = garbled(documents["text"])
        return pa.RecordBatch.from_arrays([pa.array(row) for row in counts], schema=self.columns)
