"""Raw arrays: `tokens.npy`, `segments.npy`, `loss.npy` of [packs, length] for `numpy.load(…, mmap_mode="r")`; `spans.parquet`."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data import schemas
from pipeline.ship.formats.source import ARRAYS, Source

SPANS = pa.schema([pa.field("spans", pa.list_(schemas.SPAN), nullable=False)])


def write(source: Source, target: str) -> None:
    """Row for row the packs of the manifest."""
    dtypes = source.dtypes()
    arrays = {
        name: np.lib.format.open_memmap(
            os.path.join(target, f"{name}.npy"),
            "w+",
            dtypes[name],
            (source.count, source.length),
            version=(1, 0),
        )
        for name in ARRAYS
    }
    at = 0
    with spans_file(target) as spans:
        for packs in source.packs():
            for name, array in arrays.items():
                array[at : at + len(packs.tokens)] = getattr(packs, name)
            spans.write_table(pa.table([packs.spans], schema=SPANS))
            at += len(packs.tokens)
    for array in arrays.values():
        array.flush()


def spans_file(target: str) -> pq.ParquetWriter:
    """`spans.parquet`: one row a pack, for formats that have no place for spans of their own."""
    path = os.path.join(target, "spans.parquet")
    return pq.ParquetWriter(path, SPANS, compression="zstd", write_page_checksum=True)
