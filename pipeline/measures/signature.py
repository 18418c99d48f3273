"""What texts are found similar by before anyone compares them: a MinHash signature."""

from dataclasses import dataclass

import pyarrow as pa

from pipeline.kernels.minhash import permutations, signatures


@dataclass(frozen=True)
class Signature:
    """signature: `hashes` little-endian uint32, those of a datasketch LeanMinHash (seed 1, scheme affine32).

    shingles: runs of five tokens in the text, each as often as it stands (kernels/shingles.py); 0: it has no token.
    `LeanMinHash(seed=1, hashvalues=np.frombuffer(signature, "<u4"), scheme="affine32")` loads one.
    """

    hashes: int = 112

    reads = ("text",)
    version = 1

    @property
    def columns(self) -> pa.Schema:
        return pa.schema(
            [
                pa.field("signature", pa.binary(4 * self.hashes), nullable=False),
                pa.field("shingles", pa.int32(), nullable=False),
            ]
        )

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        signed, shingles = signatures(documents["text"], permutations(self.hashes))
        schema, data = self.columns, pa.py_buffer(signed.astype("<u4", copy=False))
        column = pa.Array.from_buffers(schema.field("signature").type, len(signed), [None, data])
        return pa.RecordBatch.from_arrays([column, pa.array(shingles)], schema=schema)
