"""What the surface of a text tells: counts of its characters, words and lines, by kind."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.kernels.surface import COUNTS, surface


@dataclass(frozen=True)
class Surface:
    """int32 columns, described where they are counted (kernels/surface.py, COUNTS)."""

    reads = ("text",)
    columns = pa.schema([pa.field(name, pa.int32(), nullable=False) for name in COUNTS])
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(
            [pa.array(row) for row in surface(documents["text"])], schema=self.columns
        )
