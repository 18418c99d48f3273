"""Lines or paragraphs of a text that are long enough to be told apart: where they stand, and a hash of what they say."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from pipeline.kernels.blocks import find_blocks

BLOCK = pa.struct([("key", pa.uint64()), ("start", pa.int32()), ("stop", pa.int32())])


@dataclass(frozen=True)
class Blocks:
    """blocks: list<{key, start, stop}>, in order: bytes start to stop hold one block, up to where the next one begins.

    A line ends at '\\n'. A paragraph is a run of lines with no blank one between them. Equal keys: equal lines, white space
    around each aside. Blocks of fewer than `min_tokens` words, or characters of scripts without spaces, are left out.
    """

    unit: Literal["line", "paragraph"] = "line"
    min_tokens: int = 13

    reads = ("text",)
    columns = pa.schema([pa.field("blocks", pa.list_(BLOCK), nullable=False)])
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        first, keys, places = find_blocks(documents["text"], self.unit == "paragraph", self.min_tokens)
        fields = [pa.array(keys), *(pa.array(side) for side in places)]
        blocks = pa.StructArray.from_arrays(fields, fields=list(BLOCK))
        lists = pa.ListArray.from_arrays(pa.array(first.astype(np.int32)), blocks, type=pa.list_(BLOCK))
        return pa.RecordBatch.from_arrays([lists], schema=self.columns)
