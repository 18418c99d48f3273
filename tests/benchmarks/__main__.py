"""Figures of the foundation, for LOG.md: `make bench`. The corpora beside the project where they are, else the demo's harvest.

Whole processes: wall and CPU seconds with all children, MB of UTF-8 text per CPU second. What other tools do on the same
input comes with the issue on speed.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pipeline import ledger
from pipeline.cli.demo import harvest
from pipeline.kernels import bestfit
from tests import world

SHARED = Path(__file__).resolve().parents[3] / "shared/data/corpus"
RECIPE = """
inputs: [{{source: all, path: '{path}'}}]
stages: [refinedweb_lines, exact_duplicates]
output: {{path: out, tokenizer: tokenizer.json, pool_tokens: 4M}}
"""


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """(wall, CPU) seconds of a process and its children."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begin, sum(after[:2]) - sum(before[:2])


def whole_runs(folder: Path) -> Iterator[str]:
    """JSONL or text to packs, then the same again."""
    if SHARED.is_dir():
        path = f"{SHARED}/*.jsonl.zst"
    else:
        harvest(folder)
        path = f"{folder}/raw/**/*.jsonl"
    world.train_tokenizer(folder / "tokenizer.json")
    (folder / "recipe.yaml").write_text(RECIPE.format(path=path))
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "run", "recipe.yaml"]
    for workers in ("1", "2"):
        subprocess.run(["rm", "-rf", "out"], cwd=folder, check=True)
        wall, cpu = timed([*command, "--workers", workers], folder)
        size = sum(piece.bytes for piece in ledger.open_run(str(folder / "out")).pieces) / 1e6
        yield f"whole run, {workers} worker(s), {size:.0f} MB of text | {wall:.1f} s | {cpu:.1f} s | {size / cpu:.1f} MB/CPU s"
    wall, cpu = timed(command, folder)
    yield f"the same again | {wall:.1f} s | {cpu:.1f} s |"


def packing(_: Path) -> Iterator[str]:
    """Best fit of ten million lengths, on one core."""
    chance = np.random.default_rng(0)
    lengths = np.minimum(4096, chance.pareto(1.1, 10_000_000) * 150 + 20).astype(np.int32)
    hashes = chance.integers(0, 2**63, len(lengths))
    bestfit.best_fit(lengths[:10], np.arange(10), 4096)
    begin = time.process_time()
    order = bestfit.order(lengths, hashes)
    packs = int(bestfit.best_fit(lengths[order], np.arange(len(lengths)), 4096).max()) + 1
    seconds, least = time.process_time() - begin, -(-int(lengths.sum()) // 4096)
    yield f"best fit, 10 M lengths | | {seconds:.1f} s | {packs:,} packs, at least {least:,}"


BENCHMARKS: tuple[Callable[[Path], Iterator[str]], ...] = (packing, whole_runs)

if __name__ == "__main__":
    print(f"{os.cpu_count()} cores\nwhat | wall | CPU | rate")
    for benchmark in BENCHMARKS:
        with tempfile.TemporaryDirectory() as folder:
            for line in benchmark(Path(folder)):
                print(line, flush=True)
