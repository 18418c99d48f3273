"""What editors left of each document, in characters: the books' side of cuts."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels import cuts


@dataclass(frozen=True)
class Edited:
    """Characters after the edits at this place, and how many they took out and put in.

    characters = those of the text as ingested − characters_cut + characters_put. `empty`: nothing but white space is left.
    """

    reads = ("text", "original", "cuts")
    columns = pa.schema(
        [
            ("characters", pa.int64()),
            ("characters_cut", pa.int64()),
            ("characters_put", pa.int64()),
            ("empty", pa.bool_()),
        ]
    )
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        text = documents["text"]
        cut, put = cuts.totals(documents["original"], documents["cuts"])
        empty = pc.equal(pc.utf8_trim_whitespace(text), "")
        columns = [pc.cast(pc.utf8_length(text), pa.int64()), pa.array(cut), pa.array(put), empty]
        return pa.RecordBatch.from_arrays(columns, schema=self.columns)
