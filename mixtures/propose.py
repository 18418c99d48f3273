"""Proposals: the mixtures of the proxy runs to train next, as a table and as a training list.

`sample` draws after RegMix (Liu et al. 2024, mixture_config/synthesize_mixture.py), `optimal` picks from such draws those
that teach most about good mixtures, given the runs already made.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from threadpoolctl import threadpool_limits

from mixtures import space
from mixtures.domains import Domains
from mixtures.laws import FittedProcess, Process, matern, unpack
from mixtures.space import InfeasibleError, Space
from mixtures.tables import Runs, write_csv

TEMPERATURE = 0.5  # of the prior
STRENGTHS = np.logspace(-1, np.log10(5.0), 15)  # of the Dirichlet
MOST = 15  # times the prior
UNITS = 5000  # shares are whole numbers of 1/5000 = 2e-4; less than one is 0
OVERSAMPLE = 100
CANDIDATES = 2000  # of the optimal design
REGION = 500  # mixtures that it wants to know about
PLAIN_NOISE = 0.01  # of a run's loss, in variances over mixtures, before any run has told
GOOD = 4  # of the mixtures, one in so many is good: those are what the runs should tell apart


class TooFewMixturesError(ValueError):
    """The bounds leave fewer different mixtures than were asked for."""


def room(domains: Domains, keep: Mapping[str, Mapping[str, float]]) -> Space:
    """What may be proposed: bounds per domain, and the ratios that are kept inside a group; no budget, so no repetition.

    Raises InfeasibleError for bounds that contradict each other, or are finer than the grid.
    """
    allowed = space.build(domains, domains.names, 1, {}, keep)
    for limit in allowed.limits:
        if 0 < limit.low * UNITS < 1:
            raise InfeasibleError(
                f"{limit.name}: shares below {1 / UNITS:g} are not proposed; raise min, or set it to 0"
            )
    return allowed


def sample(
    domains: Domains, count: int, seed: int, keep: Mapping[str, Mapping[str, float]] = MappingProxyType({})
) -> np.ndarray:
    """float64[count, domains]: different mixtures in multiples of 2e-4 that sum to 1, bounds kept to within 2e-4.

    `keep`: for each group the ratios of its domains, which stay; it is then the group's sum that is a multiple. Raises
    TooFewMixturesError, InfeasibleError.
    """
    allowed, chance = room(domains, keep), np.random.default_rng(seed)
    drawn = unique(draws(allowed, count * OVERSAMPLE, chance))
    if len(drawn) < count:
        raise TooFewMixturesError(
            f"only {len(drawn)} different mixtures within the bounds came up, {count} were asked for; "
            "ask for fewer, or widen min and max"
        )
    return allowed.shares(drawn[np.sort(chance.permutation(len(drawn))[:count])][chance.permutation(count)])


def draws(allowed: Space, count: int, chance: np.random.Generator) -> np.ndarray:
    """float64[≤ count, parts]: Dirichlet draws around the tempered prior, without those above 15 × the prior."""
    prior, low, high = allowed.part_prior(), allowed.low, allowed.high
    tempered = prior**TEMPERATURE
    tempered /= tempered.sum()
    strengths = chance.choice(STRENGTHS, count)
    gammas = chance.standard_gamma(strengths[:, None] * tempered)
    sums = gammas.sum(axis=1, keepdims=True)
    drawn = (gammas / np.where(sums > 0, sums, 1.0))[sums[:, 0] > 0]
    drawn = drawn[(drawn <= np.minimum(MOST * prior, 1.0)).all(axis=1)]
    if (low > 0).any() or (high < 1).any():
        drawn = allowed.fit(drawn)
    return rounded(drawn)


def rounded(shares: np.ndarray) -> np.ndarray:
    """Shares below 2e-4 are 0, the others whole units; what rounding leaves goes to the largest remainders."""
    kept = np.where(shares * UNITS < 1, 0.0, shares)
    units = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-300) * UNITS
    whole = np.floor(units)
    left = (UNITS - whole.sum(axis=1)).round().astype(int)
    rank = np.argsort(np.argsort(whole - units, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray((whole + (rank < left[:, None])) / UNITS)


def unique(shares: np.ndarray) -> np.ndarray:
    """The different rows. On the grid of 2e-4 nearly identical ones (RegMix: L1 ≤ 1e-5) are identical."""
    units = np.unique((shares * UNITS).round().astype(np.int32), axis=0)
    return np.asarray(units / UNITS)


def optimal(
    domains: Domains,
    count: int,
    seed: int,
    runs: Runs | None = None,
    keep: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> np.ndarray:
    """float64[count, domains], the most telling first: greedy I-optimal design under a Gaussian process.

    Each pick lowers the mean variance of predictions over the region of interest most. Before any run that region is
    all of RegMix's draws, and the kernel has unit lengths; with runs, the kernel is learnt from the mean of their
    standardised losses, and the region is the best quarter of the draws by their predictions.
    """
    allowed, chance = room(domains, keep), np.random.default_rng(seed)
    candidates = unique(draws(allowed, CANDIDATES * 10, chance))
    candidates = allowed.shares(candidates[chance.permutation(len(candidates))])
    if len(candidates) < count:
        raise TooFewMixturesError(
            f"only {len(candidates)} different mixtures came up, {count} were asked for; ask for fewer"
        )
    region, candidates = candidates[-REGION * GOOD :], candidates[: max(CANDIDATES, count)]
    made = np.zeros((0, len(domains.names)))
    lengths, noise = np.ones(len(domains.names)), PLAIN_NOISE
    if runs is not None:
        made = runs.shares
        scaled = (runs.losses - runs.losses.mean(axis=0)) / np.maximum(runs.losses.std(axis=0), 1e-12)
        with threadpool_limits(1):  # as in `solve.aims`
            fitted = cast(FittedProcess, Process().fit(made, scaled.mean(axis=1)))
        lengths, height, spread = unpack(fitted.settings)
        noise = spread / height
        region = region[np.argsort(fitted.predict(region), kind="stable")]
    picked = greedy(made, candidates, region[: max(1, len(region) // GOOD)], count, lengths, noise)
    return candidates[picked]


def greedy(
    made: np.ndarray,
    candidates: np.ndarray,
    region: np.ndarray,
    count: int,
    lengths: np.ndarray,
    noise: float,
) -> np.ndarray:
    """int[count]: candidates in the order in which they lower the region's mean variance most, given runs made."""
    everything = np.sqrt(np.vstack([candidates, region]))
    size = len(candidates)
    cross = matern(everything, everything[:size], lengths)[
        0
    ]  # covariance with every candidate, updated pick by pick
    if len(made):
        seen = matern(np.sqrt(made), everything, lengths)[0]
        covariance = matern(np.sqrt(made), np.sqrt(made), lengths)[0] + noise * np.eye(len(made))
        half = np.linalg.solve(np.linalg.cholesky(covariance), seen)
        cross -= half.T @ half[:, :size]
    picked: list[int] = []
    free = np.ones(size, bool)
    for _ in range(count):
        variance = np.maximum(np.diagonal(cross[:size]), 0) + noise
        gain = np.where(free, (cross[size:] ** 2).sum(axis=0) / variance, -1.0)
        pick = int(gain.argmax())
        picked.append(pick)
        free[pick] = False
        cross -= np.outer(cross[:, pick] / variance[pick], cross[pick])
    return np.array(picked, np.int64)


def write(path: str, names: Sequence[str], shares: np.ndarray, first: int, seed: int) -> str:
    """The table at `path` (CSV, or Parquet by its ending) and the training list beside it, whose path is returned.

    A line of the list is one run: {"run", "seed", "shares": {domain: share above 0}}. Runs are numbered from `first`.
    """
    runs = [str(first + row) for row in range(len(shares))]
    if path.endswith(".parquet"):
        columns = {"run": runs, **{name: shares[:, place] for place, name in enumerate(names)}}
        pyarrow.parquet.write_table(pa.table(columns), path)
    else:
        write_csv(path, names, runs, shares.tolist())
    listed = str(Path(path).with_suffix(".jsonl"))
    with open(listed, "w", encoding="utf-8") as file:
        for run, row in zip(runs, shares, strict=True):
            used = {name: round(float(share), 6) for name, share in zip(names, row, strict=True) if share > 0}
            file.write(json.dumps({"run": run, "seed": seed, "shares": used}, ensure_ascii=False) + "\n")
    return listed
