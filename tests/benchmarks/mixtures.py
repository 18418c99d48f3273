"""Figures of mixtures/ for LOG.md: `python -m tests.benchmarks.mixtures planted|hard|process|speed|real [numbers]`.

planted: exponential laws whose numbers are known, found again from 512 runs with noise as measured on RegMix's: how far the
solved mixture's true loss is from the true optimum, and how often the stated 90 % spreads hold the truth.
hard: the same from 8 runs a domain, with the largest of RegMix's noises.
process: planted exponential laws again, but taken for processes: how often spreads hold where the simulated way stands.
speed: CPU seconds of choice and fit, and of solving with 200 refits, by law; and of 1,000 domains under constraints.
real: proxies trained on four sources of ../shared/data/corpus, and how well left-out runs are predicted.
"""

import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
import zstandard
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from mixtures import propose, proxies, solve, space
from mixtures.choice import Choice, choose, folds, predict_held_out
from mixtures.domains import Domain, Domains
from mixtures.laws import LAWS, FittedExponential, FittedProcess, unpack
from mixtures.tables import Runs, read_runs

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
CORPUS, SOURCES = SHARED / "corpus", ("zh_law", "en_books_classic", "docs_permissive", "qa_gsm8k_train")
REGMIX = SHARED / "mixture/regmix"
# Of a run's loss, in standard deviations of its target over the runs: what the process takes for noise on RegMix's 512 runs,
# median and largest of the 13 targets (`python -m tests.benchmarks.mixtures noise`). No mixture was trained twice there.
NOISE, LOUD = 0.113, 0.153
CHOOSE = 1  # worlds in which all laws compete; later ones take the law that won there
REFITS = 100
BUDGET = 25_000_000_000
SIZES = (8, 17, 40)


@dataclass(frozen=True)
class Planted:
    """A world whose law is known."""

    domains: Domains
    laws: tuple[FittedExponential, ...]
    shares: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"t{place}" for place in range(len(self.laws)))

    def runs(self, chance: np.random.Generator, noise: float) -> Runs:
        """What training them would give."""
        true = np.stack([law.predict(self.shares) for law in self.laws], axis=1)
        losses = true + noise * true.std(axis=0) * chance.standard_normal(true.shape)
        return Runs(
            tuple(map(str, range(len(losses)))), self.domains.names, self.names, self.shares, losses, {}
        )


def plant(domains: int, targets: int, runs: int, seed: int) -> Planted:
    """Targets that each like some domains: losses of 2 to 5, as far apart as RegMix's."""
    chance = np.random.default_rng(seed)
    prior = chance.dirichlet(np.full(domains, 2.0))
    made = Domains(
        tuple(
            Domain(f"d{place}", round(share * 10 * BUDGET), prior=share) for place, share in enumerate(prior)
        )
    )
    laws = tuple(
        FittedExponential(2.0, np.log(2.5) - chance.gamma(0.5, 1.5, domains)) for _ in range(targets)
    )
    return Planted(made, laws, propose.sample(made, runs, seed))


def noise() -> Iterator[str]:
    """Standard deviation of what the process takes for noise, in those of the target's losses."""
    table = read_runs(f"{REGMIX}/train_mixture_1m.csv", f"{REGMIX}/train_pile_loss_1m.csv")
    found = []
    for target, losses in zip(table.targets, table.losses.T, strict=True):
        fitted = cast(FittedProcess, LAWS["process"].fit(table.shares, losses))
        found.append(float(np.sqrt(unpack(fitted.settings)[2])))
        yield f"{target} | {found[-1]:.3f}"
    yield f"median {np.median(found):.3f}, largest {max(found):.3f}"


def planted(repetitions: int = 200, *sizes: int) -> Iterator[str]:
    """RegMix's number of runs and the median of its noises."""
    yield HEAD
    for domains in sizes or SIZES:
        yield worlds(domains, 512, NOISE, repetitions)


def hard(repetitions: int = 200, *sizes: int) -> Iterator[str]:
    """Eight runs for each number of the law, and the largest of RegMix's noises."""
    yield HEAD
    for domains in sizes or SIZES:
        yield worlds(domains, 8 * (domains + 1), LOUD, repetitions)


def process(repetitions: int = 100, *sizes: int) -> Iterator[str]:
    """Eight runs for each number of the law and the median of RegMix's noises; a process for all, whatever would be chosen."""
    yield HEAD
    for domains in sizes or SIZES:
        yield worlds(domains, 8 * (domains + 1), NOISE, repetitions, "process")


HEAD = "domains | runs | worlds | laws chosen | excess loss: median, 95 %, worst, within 1 % | losses within their spread | shares within theirs | all shares near-optimal | CPU s"


def worlds(domains: int, runs: int, noise: float, repetitions: int, law: str = "") -> str:
    """A line of the table. Every repetition plants three other laws, another prior, other runs and noise.

    A spread is a promise over the worlds that a user may be in: in one whose optimum is flat or lies on the edge of
    what counts it holds less often, in the others more often. Shares counted are those truly inside their bounds.
    With `law` it is taken in all worlds, and the simulation looks harder.
    """
    excess, losses, shares, near, laws = [], [], [], [], Counter[str]()
    begin, even = time.process_time(), np.full(3, 1 / 3)
    for repetition in range(repetitions):
        world = plant(domains, 3, runs, 1000 * domains + repetition)
        allowed = space.build(world.domains, world.domains.names, BUDGET, {}, {})
        truth = solve.Convex(allowed, 3, 0.0).solve(world.laws, even)[0]
        least = float(even @ np.stack([law.predict(truth[None])[0] for law in world.laws]))
        seen = world.runs(np.random.default_rng([repetition, domains]), noise)
        known = law or (laws.most_common(1)[0][0] if repetition >= CHOOSE else "")
        choices = list(held_out(seen, known) if known else choose(seen))
        laws.update(one.law for one in choices)
        targets = solve.aims(seen, choices, dict.fromkeys(world.names, 1.0))
        found = solve.solve(
            seen, targets, allowed, 0.0, solve.Effort(repetition, REFITS, 3000 if law else 500)
        )
        true = np.array([law.predict(found.way.shares[None])[0] for law in world.laws])
        excess.append(float(even @ true) / least - 1)
        losses += list((found.losses[0] <= true) & (true <= found.losses[1]))
        inner = (truth > 0.01) & (truth < allowed.high - 0.01)
        shares += list(((found.spread[0] <= truth) & (truth <= found.spread[1]))[inner])
        near += list((found.near[0] <= truth + solve.TIGHT) & (truth <= found.near[1] + solve.TIGHT))
        print(f"{domains} domains, world {repetition + 1}: {excess[-1]:.3%}, losses {np.mean(losses):.1%}, "
              f"shares {np.mean(shares):.1%} of {len(shares)}", file=sys.stderr, flush=True)  # fmt: skip
    chosen = ", ".join(f"{name} {count / laws.total():.0%}" for name, count in laws.most_common())
    far = f"{np.median(excess):.3%}, {np.quantile(excess, 0.95):.3%}, {max(excess):.3%}, {np.mean(np.array(excess) <= 0.01):.1%}"
    return (
        f"{domains} | {runs} | {repetitions} | {chosen} | {far} | {np.mean(losses):.1%} of {len(losses)} | "
        f"{np.mean(shares):.1%} of {len(shares)} | {np.mean(near):.1%} of {len(near)} | {time.process_time() - begin:.0f}"
    )


def held_out(seen: Runs, law: str) -> Iterator[Choice]:
    """Choices of one law, without the learning curves and intervals that `choose` adds."""
    parts = folds(seen.shares, 0)
    for target, losses in zip(seen.targets, seen.losses.T, strict=True):
        with threadpool_limits(1):
            predictions = predict_held_out(LAWS[law], seen.shares, losses, parts)
        yield Choice(target, law, {}, predictions)


def real(runs: int = 28, workers: int = 2) -> Iterator[str]:
    """Proxies on bytes of four sources; every run is predicted by a fit on all others, the law chosen without it too.

    What is trained stays in the folder of temporary files: a second call goes on where the first was stopped.
    """
    folder = f"{tempfile.gettempdir()}/winnow-proxies-{runs}"
    Path(folder).mkdir(exist_ok=True)
    made = Domains(tuple(Domain(name, write_bytes(name, folder), prior=1 / len(SOURCES)) for name in SOURCES))
    shares = propose.sample(made, runs, 42)
    propose.write(f"{folder}/proxies.csv", made.names, shares, 1, 42)
    plan = {
        "mixtures": f"{folder}/proxies.csv",
        "tokens": [f"{folder}/*.parquet"],
        "vocabulary": 256,
        "output": f"{folder}/out",
        "training": {"tokens": "1200k"},
    }
    Path(f"{folder}/plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for line in proxies.train_all(f"{folder}/plan.yaml", workers):
        print(line, file=sys.stderr, flush=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(after[:2]) - sum(before[:2])
    yield f"{runs} proxies of 1.2 M bytes, {workers} at once: {time.monotonic() - begin:.0f} s wall, {cpu:.0f} s CPU"
    table = read_runs(f"{folder}/out/runs.csv", f"{folder}/out/losses.csv", made.names)
    yield "target | laws chosen | rank correlation of leave-one-out predictions over all runs"
    for target in (*table.targets, "mean of all"):
        losses = table.losses.mean(axis=1) if target == "mean of all" else table.only([target]).losses[:, 0]
        predictions, laws = left_out(replace(table, targets=(target,), losses=losses[:, None]))
        yield f"{target} | {dict(Counter(laws))} | {spearmanr(predictions, losses)[0]:.3f}"


def left_out(table: Runs) -> tuple[np.ndarray, list[str]]:
    """float64[runs] and the law chosen for each, of one target: neither choice nor fit sees the run that is predicted."""
    predictions, laws = np.empty(len(table.runs)), []
    for run in range(len(table.runs)):
        rest = np.arange(len(table.runs)) != run
        names = tuple(one for place, one in enumerate(table.runs) if place != run)
        seen = replace(table, runs=names, shares=table.shares[rest], losses=table.losses[rest])
        (choice,) = choose(seen, laws=("exponential", "process"))
        laws.append(choice.law)
        fitted = LAWS[choice.law].fit(seen.shares, seen.losses[:, 0])
        predictions[run] = fitted.predict(table.shares[run : run + 1])[0]
    return predictions, laws


def write_bytes(name: str, folder: str) -> int:
    """A token file whose tokens are the UTF-8 bytes of a corpus, 5 MB at the most; how many there are."""
    with zstandard.open(CORPUS / f"{name}.jsonl.zst", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"].encode() for line in file]
    kept = [
        np.frombuffer(text, np.uint8)
        for text in texts[: 1 + int(np.searchsorted(np.cumsum([*map(len, texts)]), 5_000_000))]
    ]
    pq.write_table(pa.table({"source": [name] * len(kept), "tokens": kept}), f"{folder}/{name}.parquet")
    return sum(map(len, kept))


def speed() -> Iterator[str]:
    """On RegMix's tables, by law and as the product's defaults have it; and a large convex problem."""
    table = read_runs(f"{REGMIX}/train_mixture_1m.csv", f"{REGMIX}/train_pile_loss_1m.csv")
    made = Domains(tuple(Domain(name, BUDGET, prior=1 / 17) for name in table.domains))
    allowed = space.build(made, table.domains, BUDGET, {}, {})
    for law in LAWS:
        begin = time.process_time()
        choices = list(choose(table, laws=(law,)))
        yield f"choice and fit, {law}, 13 targets, 512 runs | {time.process_time() - begin:.1f} s"
        for targets in (("the_pile_pile_cc",), table.targets):
            begin = time.process_time()
            aims = solve.aims(table, choices, dict.fromkeys(targets, 1.0))
            solve.solve(table, aims, allowed, 0.05, solve.Effort())
            yield f"solve, 200 refits, {law}, {len(targets)} targets | {time.process_time() - begin:.1f} s"
    chance = np.random.default_rng(0)
    shares = chance.dirichlet(np.ones(1000)).tolist()
    many = Domains(
        tuple(
            Domain(f"d{i}", round(one * 2 * BUDGET), "ab"[i % 2], one, max=0.05)
            for i, one in enumerate(shares)
        )
    )
    begin = time.process_time()
    room = space.build(many, many.names, BUDGET, {"a": space.Group(share=0.4)}, {})
    laws = [FittedExponential(1.0, chance.normal(0, 1, 1000)) for _ in range(13)]
    solve.Convex(room, 13, 0.05).solve(laws, np.full(13, 1 / 13))
    yield f"1,000 domains, caps, groups, KL, 13 targets | {time.process_time() - begin:.1f} s"


BENCHMARKS = {
    "noise": noise,
    "planted": planted,
    "hard": hard,
    "process": process,
    "speed": speed,
    "real": real,
}

if __name__ == "__main__":
    for line in BENCHMARKS[sys.argv[1]](*map(int, sys.argv[2:])):
        print(line, flush=True)
