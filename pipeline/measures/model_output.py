"""What tells a model's answer that went wrong: loops, repetition, and what it opened and never closed."""

import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.kernels import looping, unfinished
from pipeline.kernels.text import buffers


@dataclass(frozen=True)
class Repetition:
    """int32 columns, described where they are counted (kernels/looping.py, COUNTS)."""

    repeats: int = 4  # times that a stretch must stand at the end to be a loop

    reads = ("text",)
    columns = pa.schema([pa.field(name, pa.int32(), nullable=False) for name in looping.COUNTS])
    version = 1

    def __post_init__(self) -> None:
        if self.repeats < 2:
            raise ValueError(f"repeats {self.repeats} must be 2 or more")

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        counts = looping.repetition(documents["text"], self.repeats)
        return pa.RecordBatch.from_arrays([pa.array(row) for row in counts], schema=self.columns)


@dataclass(frozen=True)
class Unfinished:
    """int32 columns, described where they are counted (kernels/unfinished.py, COUNTS)."""

    reads = ("text",)
    columns = pa.schema([pa.field(name, pa.int32(), nullable=False) for name in unfinished.COUNTS])
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        counts = unfinished.unfinished(documents["text"])
        return pa.RecordBatch.from_arrays([pa.array(row) for row in counts], schema=self.columns)


@dataclass(frozen=True)
class Compressed:
    """text_bytes: of the text in UTF-8; compressed_bytes: by zlib at level 6. A call a document: zlib knows no batches.

    Builds of zlib differ by a few bytes, so its version is part of the key.
    """

    zlib: str = ""  # filled in

    reads = ("text",)
    columns = pa.schema(
        [
            pa.field("text_bytes", pa.int32(), nullable=False),
            pa.field("compressed_bytes", pa.int32(), nullable=False),
        ]
    )
    version = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "zlib", zlib.ZLIB_RUNTIME_VERSION)

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        offsets, values = buffers(documents["text"])
        data = memoryview(values.data)
        bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        sizes = [len(zlib.compress(data[start:stop], 6)) for start, stop in bounds]
        columns = [pa.array(np.diff(offsets)), pa.array(sizes, pa.int32())]
        return pa.RecordBatch.from_arrays(columns, schema=self.columns)
