"""Figures of whole runs beside their speed: whether cost is linear, both cores count, and what Beam, files and receipts cost."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from tests.benchmarks import inputs
from tests.benchmarks.process import ONE_CORE, Cost, job, measure
from tests.benchmarks.side_by_side import OURS

Figure = dict[str, Any]  # what, value, goal, met
BOTH = ("en", "zh")


def run(work: str, given: inputs.Input, workers: int = 1) -> Cost:
    fields = {"benchmarks": inputs.benchmarks(), "tokenizer": inputs.tokenizer(), "form": "jsonl"}
    with job(work, given, workers=workers, **fields) as path:
        return measure([*OURS, path])


def both(copies: int) -> inputs.Input:
    return inputs.together([inputs.copies(language, copies, "jsonl") for language in BOTH])


def linear(copies: tuple[int, ...]) -> Iterator[Figure]:
    """`bench.yaml` on 1, 2, 4 and 8 times the text with one worker: CPU seconds a MB, those of starting aside, within 10 %.

    And the largest with two: their wall time is at most .6 of one's. Starting aside too, for it is not shared.
    """
    nothing = inputs.together([inputs.sample(language, 0) for language in BOTH])
    start = {workers: run("bench", nothing, workers) for workers in (1, 2)}
    seconds: dict[int, float] = {}
    for count in copies:
        text = both(count)
        cost = run("bench", text)
        seconds[count] = (cost.cpu - start[1].cpu) / (text.bytes - nothing.bytes) * 1e6
        yield {
            "what": f"`bench.yaml`, {text.bytes / 1e6:,.0f} MB, 1 worker",
            "value": f"{seconds[count]:.3f} CPU s/MB beyond {start[1].cpu:.1f} s of starting, {cost.wall:.0f} s wall, {cost.memory:,.0f} MB of memory",
        }
    spread = max(seconds.values()) / min(seconds.values()) - 1
    yield {
        "what": "the dearest MB of these to the cheapest",
        "value": f"+{spread:.1%}",
        "goal": "≤ 10 %",
        "met": spread <= 0.1,
    }
    two = run("bench", text, 2)
    yield {
        "what": f"`bench.yaml`, {text.bytes / 1e6:,.0f} MB, 2 workers",
        "value": f"{two.cpu:.0f} against {cost.cpu:.0f} CPU s, {two.memory:,.0f} MB of memory",
    }
    share = two.wall / cost.wall
    beyond = (two.wall - start[2].wall) / (cost.wall - start[1].wall)
    yield {
        "what": "wall time of 2 workers to that of 1",
        "value": f"{two.wall:.0f} to {cost.wall:.0f} s: {share:.2f}; {beyond:.2f} without the {start[2].wall:.0f} and {start[1].wall:.0f} s that a run of forty documents takes",
        "goal": "≤ 0.6", "met": share <= 0.6,
    }  # fmt: skip


def overhead(copies: int) -> Iterator[Figure]:
    """Read, exact duplicates, tokenise, pack: the whole against a loop in memory, what starting costs aside."""
    for language in BOTH:
        given, nothing = inputs.copies(language, copies, "jsonl"), inputs.sample(language, 0)
        spent = {
            work: run(work, given).cpu - min(run(work, nothing).cpu for _ in range(2))
            for work in ("exact", "bare")
        }
        more = spent["exact"] / spent["bare"] - 1
        yield {
            "what": f"read → exact duplicates → tokenise → pack against a bare loop, {language}",
            "value": f"{spent['exact']:.1f} against {spent['bare']:.1f} CPU s: {more:+.0%}", "goal": "≤ 20 %", "met": more <= 0.2,
        }  # fmt: skip


def first_piece() -> Iterator[Figure]:
    """From the start of the command to the first piece on disk, kernels compiled before; and the same again, nothing to do."""
    given = inputs.sample("en", 1)
    with job("bench", given) as path:
        folder = path.parent
        (folder / "raw").mkdir()
        os.link(given.files[0], folder / "raw/en.jsonl")
        os.link(inputs.tokenizer(), folder / "tokenizer.json")
        (folder / "recipe.yaml").write_text(
            "inputs: [{source: web, path: raw/}]\nstages: [gopher_quality, exact_duplicates]\n"
            "output: {path: out, tokenizer: tokenizer.json}\n"
        )
        command = [sys.executable, "-c", "from pipeline.cli import main; main()", "run", "recipe.yaml"]
        begin = time.monotonic()
        with subprocess.Popen(command, cwd=folder, env={**os.environ, **ONE_CORE}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:  # fmt: skip
            while running.poll() is None and not list(folder.glob("out/documents/*.parquet")):
                time.sleep(0.01)
            first = time.monotonic() - begin
        again = measure(command, folder)
    yield {"what": "start to first piece", "value": f"{first:.1f} s", "goal": "< 5 s", "met": first < 5}
    yield {
        "what": "the same again, nothing to do",
        "value": f"{again.wall:.1f} s wall, {again.cpu:.1f} CPU s",
    }


def verdicts(every: int) -> Iterator[Figure]:
    """Agreement with datatrove's own filters, of the rules whose definition is the same."""
    from tests.benchmarks.datatrove_verdicts import agreement

    shares = agreement(every)
    good = sum(share >= 0.99 for share in shares.values())
    worst = min(shares, key=lambda rule: shares[rule])
    yield {
        "what": f"rules of datatrove with the same definition, verdicts equal in 99 % of documents (each {every}th)",
        "value": f"{good} of {len(shares)}; least {worst} {shares[worst]:.2%}", "goal": "all", "met": good == len(shares),
    }  # fmt: skip


def all_of(mode: str) -> Iterator[Figure]:
    yield from first_piece()
    if mode == "try":
        yield from overhead(1)
        return
    if mode != "quick":
        yield from overhead(3)
        yield from linear((1, 2, 4, 8) if mode == "bench" else (2, 4, 8, 16))
        yield from verdicts(20 if mode == "bench" else 1)
