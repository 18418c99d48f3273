"""Megatron's indexed datasets: `tokens.bin/.idx`, `segments.bin/.idx`, `loss.bin/.idx`; and `spans.parquet`.

Each pack is one sequence and one document of exactly `length` tokens, so that Megatron's GPT dataset, which reads length + 1
tokens at stride length, begins every sample where a pack begins; the last pack of an epoch has no token after it and is
never begun. Megatron's own masks (reset_position_ids, reset_attention_mask, eod_mask_loss) go by the end token: they see every
document's end but not that of a fragment of a document that was cut; `segments` and `loss` see both.

Layout, version 1 (`megatron/core/datasets/indexed_dataset.py`): magic, version, a code of the type, numbers of sequences and
documents, then length int32, first byte int64 and first sequence int64 of each.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pyarrow as pa

from pipeline.ship.formats.npy import SPANS, spans_file
from pipeline.ship.formats.source import ARRAYS, Source

MAGIC, VERSION = b"MMIDIDX\x00\x00", 1
STORED = {
    "uint16": (8, "uint16"),
    "uint32": (4, "int32"),
    "bool": (1, "uint8"),
}  # (code, as what); it has no uint32
STRIDE = 1 << 20  # numbers of an index in memory at a time


def write(source: Source, target: str) -> None:
    """The packs of the manifest, in its order."""
    stored = {name: STORED[str(dtype)] for name, dtype in source.dtypes().items()}
    with ExitStack() as stack:
        spans = stack.enter_context(spans_file(target))
        files = {
            name: stack.enter_context(open(os.path.join(target, f"{name}.bin"), "wb")) for name in ARRAYS
        }
        for packs in source.packs():
            for name, file in files.items():
                file.write(getattr(packs, name).astype(stored[name][1]).data)
            spans.write_table(pa.table([packs.spans], schema=SPANS))
    for name, (code, dtype) in stored.items():
        with open(os.path.join(target, f"{name}.idx"), "wb") as file:
            file.writelines(index(code, np.dtype(dtype).itemsize * source.length, source))


def index(code: int, width: int, source: Source) -> Iterator[bytes]:
    """An .idx file of sequences of `width` bytes, one a document."""
    yield MAGIC + struct.pack("<QBQQ", VERSION, code, source.count, source.count + 1)
    for start in range(0, source.count, STRIDE):
        yield np.full(min(STRIDE, source.count - start), source.length, "<i4").tobytes()
    yield from counted(source.count, width)
    yield from counted(source.count + 1, 1)


def counted(count: int, step: int) -> Iterator[bytes]:
    """int64: 0, step, 2 · step, …"""
    for start in range(0, count, STRIDE):
        yield (np.arange(start, min(count, start + STRIDE), dtype="<i8") * step).tobytes()
