"""Lines and paragraphs of a text: how many are short, ended, or stood before."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.kernels.repeated_lines import COUNTS, repeated_lines
from pipeline.measures.grams import counts_schema


@dataclass(frozen=True)
class RepeatedLines:
    """int32 columns, described where they are counted (kernels/repeated_lines.py, COUNTS).

    White space around a line is no part of it, blank lines are none, and of equal lines all but the first count as
    repeated, as in every implementation; datatrove keeps the white space.
    """

    short: int = 30  # characters of a short line at most (FineWeb, Penedo et al. 2024, section 3.5)

    reads = ("text",)
    columns = counts_schema(COUNTS)
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        counts = repeated_lines(documents["text"], self.short)
        return pa.RecordBatch.from_arrays([pa.array(row) for row in counts], schema=self.columns)
