"""Drop what a column says is not wanted: generated code, a licence, a year."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.rules.shapes import first_of


@dataclass(frozen=True)
class Drop:
    """Drop every document that its `where` speaks of, such as {generated: true}; give it a `name` that says why."""

    needs = ()
    version = 1
    reasons = ("unwanted",)

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(unwanted=pa.array(np.ones(seen.num_rows, np.bool_)))
