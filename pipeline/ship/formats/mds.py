"""MosaicML streaming: `shard.00000.mds` … of at most 64 MiB and `index.json`, for `streaming.StreamingDataset`.

Columns: `tokens`, `segments` and `loss` as arrays of fixed shape, `spans` as JSON. Layout, version 2
(`streaming/base/format/mds/writer.py`): the number of samples, uint32 where each begins and the last one ends, the columns as
JSON, and the samples: sizes of columns without a fixed one, then all columns in the order of their names.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.ship.formats.source import Packs, Source, listed

SIZE_LIMIT = 1 << 26  # of a shard, its own default
HASH = "sha256"


def write(source: Source, target: str) -> None:
    """The packs of the manifest, in its order."""
    config = columns(source)
    made = [
        shard(samples, number, config, target)
        for number, samples in enumerate(
            filled(sample for packs in source.packs() for sample in encode(packs))
        )
    ]
    with open(os.path.join(target, "index.json"), "w", encoding="utf-8") as file:
        json.dump({"version": 2, "shards": made}, file, sort_keys=True)


def columns(source: Source) -> dict[str, Any]:
    """What a shard says of itself."""
    dtypes = source.dtypes()
    stored = {**dtypes, "loss": np.dtype(np.uint8)}
    encodings = {name: f"ndarray:{dtype}:{source.length}" for name, dtype in stored.items()}
    sizes = {name: dtype.itemsize * source.length for name, dtype in stored.items()}
    names = sorted([*encodings, "spans"])
    return {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": [HASH],
        "size_limit": SIZE_LIMIT,
        "column_names": names,
        "column_encodings": [encodings.get(name, "json") for name in names],
        "column_sizes": [sizes.get(name) for name in names],
    }


def encode(packs: Packs) -> Iterator[bytes]:
    """Each pack as a sample: the size of `spans`, then loss, segments, spans, tokens."""
    for tokens, segments, loss, spans in zip(
        packs.tokens, packs.segments, packs.loss, listed(packs.spans), strict=True
    ):
        text = json.dumps(spans).encode()
        size = np.uint32(len(text)).tobytes()
        yield b"".join((size, loss.tobytes(), segments.tobytes(), text, tokens.tobytes()))


def filled(samples: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The samples of each shard. As its writer counts: 4 bytes more for each sample, the head left out."""
    held: list[bytes] = []
    size = 0
    for sample in samples:
        if held and size + len(sample) + 4 > SIZE_LIMIT:
            yield held
            held, size = [], 0
        held.append(sample)
        size += len(sample) + 4
    yield held


def shard(samples: list[bytes], number: int, config: dict[str, Any], target: str) -> dict[str, Any]:
    """Write one shard; what the index says of it."""
    head = json.dumps(config, sort_keys=True).encode()
    ends = np.cumsum([0, *map(len, samples)]) + 4 + 4 * (len(samples) + 1) + len(head)
    data = b"".join((np.uint32(len(samples)).tobytes(), ends.astype(np.uint32).tobytes(), head, *samples))
    name = f"shard.{number:05d}.mds"
    with open(os.path.join(target, name), "wb") as file:
        file.write(data)
    raw = {"basename": name, "bytes": len(data), "hashes": {HASH: hashlib.sha256(data).hexdigest()}}
    return {"samples": len(samples), "raw_data": raw, "zip_data": None, **config}
