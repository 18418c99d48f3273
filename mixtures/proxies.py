"""Losses of proxy runs: a small language model trained on every proposed mixture, one file a run, then one table.

`output` holds `runs/<run>.json` (what a run cost and gave, under a key of all that it depends on), and when all are done
`runs.csv` and `losses.csv`, which `winnow mix fit` reads. A run whose file has its key is not trained again. Any other
trainer that writes those two tables does as well.
"""

import glob
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.tables import TableError, publish, read_shares, write_csv
from pipeline import forms
from pipeline.data.receipts import file_digest

VERSION = 2  # of the training: moves when its losses do


@dataclass(frozen=True)
class Model:
    """A decoder-only transformer with tied embeddings; RegMix's "1M" is width 256, 2 layers, 8 heads."""

    width: int = 64
    layers: int = 2
    heads: int = 4
    length: int = 128  # tokens that it sees

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.heads, self.length) < 1 or self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} must be a multiple of 2 × heads ({self.heads}), and all be 1 or more"
            )


@dataclass(frozen=True)
class Training:
    """AdamW at a constant rate after a warm-up, as RegMix trains its proxies (rate 4e-4 and 100 steps at 1M)."""

    tokens: forms.Count = 1_000_000
    batch: int = 16  # sequences a step
    rate: float = 4e-3
    warmup: int = 50
    decay: float = 0.1

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.batch < 1 or self.warmup < 0 or not 0 < self.rate < 1 or self.decay < 0:
            raise ValueError(
                "tokens and batch must be 1 or more, warmup and decay 0 or more, rate between 0 and 1"
            )


@dataclass(frozen=True)
class Plan:
    """What to train on what. Paths are relative to the current directory."""

    mixtures: str  # the table that `winnow mix propose` wrote
    tokens: tuple[
        str, ...
    ]  # Parquet files or patterns: token files (source, tokens) or packed shards (tokens, spans)
    vocabulary: int  # ids are below
    output: str
    model: Model = field(default_factory=Model)
    training: Training = field(default_factory=Training)
    held_out: float = 0.05  # part of each source's tokens, at its end, that losses are measured on
    held_out_tokens: forms.Count = 100_000  # of each source, at the most
    seed: int = 42

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out {self.held_out} must lie between 0 and 1")
        if not 2 <= self.vocabulary <= 1 << 32:
            raise ValueError(f"vocabulary {self.vocabulary} must be 2 or more")


@dataclass(frozen=True)
class Job:
    """One run, ready to be trained in a process of its own."""

    run: str
    shares: Mapping[str, float]
    plan: Plan
    key: str


def read_plan(path: str) -> Plan:
    """The plan in a YAML file. Raises FormError."""
    return forms.build(Plan, forms.load(Path(path).read_text(encoding="utf-8"), path), "proxies")


def jobs(plan: Plan) -> list[Job]:
    """One a mixture, in the table's order. Raises TableError."""
    table = read_shares(plan.mixtures)
    settings = {
        key: value for key, value in asdict(plan).items() if key not in ("mixtures", "output", "tokens")
    }
    read = [file_digest(path) for path in files(plan.tokens)]
    found = []
    for run, row in zip(table.runs, table.values.tolist(), strict=True):
        shares = dict(zip(table.names, row, strict=True))
        text = json.dumps([VERSION, settings, read, run, shares], sort_keys=True)
        found.append(Job(run, shares, plan, hashlib.sha256(text.encode()).hexdigest()[:32]))
    return found


def files(patterns: Sequence[str]) -> list[str]:
    """All files that the patterns name, sorted. Raises OSError when one names none."""
    found: list[str] = []
    for pattern in patterns:
        some = sorted(glob.glob(pattern, recursive=True))
        if not some:
            raise FileNotFoundError(f"{pattern}: no such file; tokens must name Parquet files with tokens")
        found += some
    return found


def streams(patterns: Sequence[str]) -> dict[str, np.ndarray]:
    """uint32[tokens] of each source, in the order of files and rows; of packs, each document once."""
    parts: dict[str, list[np.ndarray]] = {}
    for path in files(patterns):
        file = pq.ParquetFile(path, page_checksum_verification=True)
        names = set(file.schema_arrow.names)
        if "tokens" not in names or not {"spans", "source"} & names:
            raise TableError([f"{path}: has no columns tokens and source, or tokens and spans"])
        columns, read = (
            (["tokens", "spans"], unpacked) if "spans" in names else (["tokens", "source"], documents)
        )
        for batch in file.iter_batches(columns=columns):
            for source, tokens in read(batch):
                parts.setdefault(source, []).append(tokens.astype(np.uint32))
    return {source: np.concatenate(some) for source, some in sorted(parts.items())}


def documents(batch: pa.RecordBatch) -> Iterator[tuple[str, np.ndarray]]:
    """A token file: (id, source, tokens)."""
    column = batch["tokens"]
    values, offsets = np.asarray(column.values), np.asarray(column.offsets)
    for row, source in enumerate(batch["source"].to_pylist()):
        yield source, values[offsets[row] : offsets[row + 1]]


def unpacked(batch: pa.RecordBatch) -> Iterator[tuple[str, np.ndarray]]:
    """Packs: the tokens of each span under its source, further copies left out.

    A mixture decides here how often a source is read; and a copy would stand on both sides of held_out.
    """
    rows = np.asarray(batch["tokens"].flatten()).reshape(batch.num_rows, -1)
    for row, spans in zip(rows, batch["spans"].to_pylist(), strict=True):
        for span in spans:
            if not span["copy"]:
                yield span["source"], row[span["start"] : span["stop"]]


def split(plan: Plan, domains: Sequence[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Tokens to train on and held-out tokens, by source. Raises TableError for a domain that has too few."""
    everything = streams(plan.tokens)
    train, held = {}, {}
    few = f"at least {plan.model.length + 1} are needed on either side of held_out"
    for name in domains:
        tokens = everything.get(name, np.zeros(0, np.uint32))
        cut = len(tokens) - min(plan.held_out_tokens, int(len(tokens) * plan.held_out))
        if min(cut, len(tokens) - cut) <= plan.model.length:
            raise TableError([f"{plan.mixtures}: domain {name!r} has {len(tokens):,} tokens; {few}"])
        if int(tokens.max()) >= plan.vocabulary:
            raise TableError([f"tokens of {name!r} go up to {tokens.max()}, vocabulary is {plan.vocabulary}"])
        train[name], held[name] = tokens[:cut], tokens[cut:]
    return train, held


def train_all(path: str, workers: int | None = None, only: int | None = None) -> Iterator[str]:
    """Train what is missing, saying so run by run; with `only`, that one run. Tables follow when all runs are there."""
    from mixtures import language_model

    plan = read_plan(path)
    everything = jobs(plan)
    if only is not None and only >= len(everything):
        raise ValueError(f"there is no run {only}; {plan.mixtures} has {len(everything)}, counted from 0")
    wanted = everything if only is None else [everything[only]]
    todo = [job for job in wanted if load(job) is None]
    yield f"{len(wanted):,} runs, {len(wanted) - len(todo):,} trained already"
    begin = time.monotonic()
    for done, (job, losses) in enumerate(side_by_side(train, todo, language_model.devices(), workers), 1):
        left = (time.monotonic() - begin) / done * (len(todo) - done)
        mean = sum(losses.values()) / len(losses)
        yield f"run {job.run}: mean loss {mean:.4f}; {done} of {len(todo)}, {left / 60:.1f} min left"
    if all(load(job) is not None for job in everything):
        gather(plan, everything)
        yield f"{plan.output}/runs.csv and {plan.output}/losses.csv are complete"


def side_by_side(
    work: Callable[[Job, str], dict[str, float]],
    todo: Sequence[Job],
    devices: Sequence[str],
    workers: int | None,
) -> Iterator[tuple[Job, dict[str, float]]]:
    """Each job with its losses, as they come; a job begins when a device is free, so after an error none does."""
    free = [devices[place % len(devices)] for place in range(min(workers or len(devices), len(todo)))]
    waiting, running = list(reversed(todo)), dict[Future[dict[str, float]], tuple[Job, str]]()
    with ProcessPoolExecutor(max(len(free), 1), mp_context=get_context("spawn")) as pool:
        while waiting or running:
            while waiting and free:
                job, device = waiting.pop(), free.pop()
                running[pool.submit(work, job, device)] = job, device
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, device = running.pop(future)
                free.append(device)
                yield job, future.result()


def train(job: Job, device: str) -> dict[str, float]:
    """Train one run and leave its file; equal jobs give equal losses on one kind of device."""
    from mixtures import language_model

    kept, held = split_once(job.plan, tuple(job.shares))
    losses = language_model.train(
        {name: kept[name] for name, share in job.shares.items() if share > 0}, held, job, device
    )
    Path(record(job)).parent.mkdir(parents=True, exist_ok=True)
    publish(record(job), json.dumps({"run": job.run, "key": job.key, "losses": losses}) + "\n")
    return losses


@lru_cache(maxsize=1)
def split_once(plan: Plan, domains: tuple[str, ...]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """`split`, read once in a process that trains many runs of one plan."""
    return split(plan, domains)


def record(job: Job) -> str:
    return f"{job.plan.output}/runs/{job.run}.json"


def load(job: Job) -> dict[str, float] | None:
    """The losses of a run that was trained with this key."""
    path = Path(record(job))
    if not path.exists():
        return None
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value["losses"] if value["key"] == job.key else None


def gather(plan: Plan, everything: Sequence[Job]) -> None:
    """runs.csv and losses.csv."""
    domains, runs = list(everything[0].shares), [job.run for job in everything]
    losses = [load(job) or {} for job in everything]
    write_csv(f"{plan.output}/runs.csv", domains, runs, [list(job.shares.values()) for job in everything])
    write_csv(f"{plan.output}/losses.csv", domains, runs, [[one[name] for name in domains] for one in losses])
