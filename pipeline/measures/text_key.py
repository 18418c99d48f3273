"""What makes two texts the same text: a digest after normalisation."""

from dataclasses import dataclass
from hashlib import blake2b

import pyarrow as pa

from pipeline.kernels.normalise import normalise
from pipeline.kernels.text import buffers


@dataclass(frozen=True)
class TextKey:
    """key: blake2b-128 of the text after NFC, white space to single spaces and none at the ends; case stays."""

    reads = ("text",)
    columns = pa.schema([pa.field("key", pa.binary(16), nullable=False)])
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([text_keys(documents["text"])], schema=self.columns)


def text_keys(texts: pa.StringArray) -> pa.FixedSizeBinaryArray:
    """binary(16)[texts]."""
    offsets, values = buffers(normalise(texts))
    data = values.tobytes()
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    keys = b"".join(blake2b(data[start:stop], digest_size=16).digest() for start, stop in bounds)
    return pa.Array.from_buffers(pa.binary(16), len(texts), [None, pa.py_buffer(keys)])
