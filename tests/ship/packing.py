"""Pack ten million documents, pool after pool, and tell the peak of this process's memory in MiB: after 5 pools, and at the end."""

import resource
import sys

import numpy as np
import pyarrow as pa

from pipeline.data import schemas
from pipeline.ship import packs

DOCUMENTS, POOL, LENGTH = 10_000_000, 64_000_000, 4096


def pool(number: int) -> pa.Table:
    """64 M tokens in documents of very different lengths."""
    chance = np.random.default_rng(number)
    sizes = np.minimum(100_000, chance.pareto(1.1, 400_000) * 60 + 20).astype(np.int64)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), POOL))]
    count = len(sizes)
    ids = chance.bytes(16 * count)
    tokens = chance.integers(0, 60_000, int(sizes.sum()), dtype=np.uint16)
    lists = pa.ListArray.from_arrays(np.append(0, np.cumsum(sizes)).astype(np.int32), tokens)
    columns = [
        pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(ids)]),
        pa.array(np.full(count, "web")),
        pa.array(np.zeros(count, np.int32)),
        lists,
    ]
    schema = schemas.tokens(pa.uint16()).insert(2, pa.field("copy", pa.int32()))
    return pa.table(columns, schema=schema)


def main() -> None:
    ends = np.zeros(1 << 16, np.uint8)
    documents, pools, early, tokens, made = 0, 0, 0, 0, 0
    while documents < DOCUMENTS:
        rows = pool(pools)
        with np.errstate(over="ignore"):
            _, facts = packs.pack(rows, LENGTH, 0, 0, ends)
        documents, pools = documents + rows.num_rows, pools + 1
        tokens, made = tokens + facts["tokens"], made + facts["packs"]
        if pools == 5:
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    sys.stdout.write(f"{documents} {pools} {tokens} {made} {early} {peak}\n")


if __name__ == "__main__":
    main()
