"""How fast a feed hands out batches, on one core: `python -m tests.benchmarks.feed`.

Shards of 64 M tokens in packs of 4,096, documents of very different lengths. A GPU that trains on 1 M tokens/s should take a
tenth of a core at the most: the goal is 10 M tokens per CPU second.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.data.store import LocalStore
from pipeline.feed import Feed
from pipeline.ship import manifest, packs, shards
from tests.ship.packing import LENGTH, pool

SHARDS = 4


def make(folder: Path) -> None:
    store, listed = LocalStore(str(folder)), []
    (folder / "shards").mkdir()
    for number in range(SHARDS):
        with np.errstate(over="ignore"):
            table, facts = packs.pack(pool(number), LENGTH, 0, 0, np.zeros(1 << 16, np.uint8))
        name = f"shards/{number:05d}.parquet"
        shards.write(table, store.path(name))
        listed.append(
            {"path": name, "bytes": store.size(name), "sha256": shards.sha256(store.path(name)), **facts}
        )
    tokens = {"pack_tokens": LENGTH, "dtype": "uint16", "pad_token": {"text": "", "id": 0}}
    manifest.write(store, manifest.build("key", "", tokens, listed, {}), listed)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        for batch in (1, 8, 64):
            begin, wall, count = time.process_time(), time.monotonic(), 0
            for one in Feed(name, batch, epochs=1):
                count += int((one.place[:, 0] >= 0).sum())
            cpu, wall = time.process_time() - begin, time.monotonic() - wall
            rate = count * LENGTH / cpu
            print(
                f"batches of {batch}: {count:,} packs, {count / cpu:,.0f} packs/CPU s, {rate / 1e6:,.1f} M tokens/CPU s, "
                f"{2 * rate / 1e6:,.0f} MB of tokens/CPU s; {count * LENGTH / wall / 1e6:,.1f} M tokens/s of wall time"
            )


if __name__ == "__main__":
    main()
