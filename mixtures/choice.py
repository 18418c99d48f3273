"""Choices: for every target the law that predicts runs it has not seen best, and how far that one can be trusted.

Nothing here sees test rows. Rank correlations are Spearman's within each held-out fold, averaged over the folds: pooled
over folds they would be biased downwards, because a fold's mean and the mean of the runs outside it move against each other.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

from mixtures.laws import LAWS, Fitted, Law
from mixtures.tables import Runs

FOLDS = 5
LEVEL = 0.99  # of the intervals: wide, because three laws compete for each of many targets
DRAWS = 1000  # bootstrap samples behind an interval
LEAST_RUNS = 10  # two a fold
EFFECT = 0.05  # share that a domain gains when its effect is told
OLMIX_RUNS = 3  # runs wanted a domain and one more: K ≥ 3(m + 1) (Olmix, allenai/olmix)
PARTS = (8, 4, 2)  # learning curves: an eighth, a quarter, half of the runs, and all


@dataclass(frozen=True)
class Score:
    """Rank correlation and root mean squared error on held-out runs, each as (value, low, high)."""

    correlation: tuple[float, float, float]
    error: tuple[float, float, float]

    @property
    def knows(self) -> bool:
        """Whether the mixture says anything about the loss: the interval lies above zero."""
        return self.correlation[1] > 0


@dataclass(frozen=True)
class Choice:
    """One target: the law chosen, the scores of all, and what the chosen one said of runs it had not seen."""

    target: str
    law: str
    scores: Mapping[str, Score]
    held_out: np.ndarray  # float64[runs]: predictions of the chosen law
    curve: tuple[tuple[int, float, float], ...] = ()  # (runs, rank correlation, error)
    effects: np.ndarray = field(default_factory=lambda: np.zeros(0))  # float64[domains]

    @property
    def score(self) -> Score:
        return self.scores[self.law]

    @property
    def enough(self) -> int:
        """The fewest runs whose rank correlation lies within the interval of all of them."""
        least = self.score.correlation[1]
        return min((runs for runs, correlation, _ in self.curve if correlation >= least), default=0)


class TooFewRunsError(ValueError):
    """So few runs that no law can be held against others."""


def choose(
    runs: Runs, seed: int = 0, laws: Sequence[str] = tuple(LAWS), spent: dict[str, float] | None = None
) -> Iterator[Choice]:
    """One Choice a target, in the table's order. `spent` gathers CPU seconds by law. Raises TooFewRunsError."""
    check_number(runs)
    parts = folds(runs.shares, seed)
    spent = {} if spent is None else spent
    with threadpool_limits(
        1
    ):  # more threads only warm the cores at this size, and may end in other last digits
        for column, target in enumerate(runs.targets):
            yield choose_one(target, runs.shares, runs.losses[:, column], parts, laws, spent)


def check_number(runs: Runs) -> None:
    """Raise TooFewRunsError when there are fewer runs than the mixing law has numbers, or runs or mixtures than folds need."""
    have, domains = len(runs.runs), len(runs.domains)
    kinds = len(np.unique(runs.shares, axis=0))
    need = least(domains)
    if have < need:
        raise TooFewRunsError(
            f"{have} runs are fewer than the {need} that {domains} domains need at the least; train {need - have} more "
            f"(`winnow mix propose`), {advised(domains)} in all are advised"
        )
    if kinds < FOLDS:
        raise TooFewRunsError(
            f"{have} runs are of {kinds} different mixtures; {FOLDS} folds need {FOLDS} or more, so train "
            f"{FOLDS - kinds} others (`winnow mix propose`)"
        )


def least(domains: int) -> int:
    return max(LEAST_RUNS, domains + 2)


def advised(domains: int) -> int:
    return max(least(domains), OLMIX_RUNS * (domains + 1))


def warning(runs: Runs) -> str:
    """A sentence when the runs are fewer than is advised, else nothing."""
    want = advised(len(runs.domains))
    if len(runs.runs) >= want:
        return ""
    return (
        f"{len(runs.runs)} runs are few for {len(runs.domains)} domains: {want} are advised "
        "(3 a domain and 3 more, Olmix)"
    )


def folds(shares: np.ndarray, seed: int) -> np.ndarray:
    """int[runs]: the fold of each run; runs of one mixture share a fold. Fewer than 50 runs make folds of at least 5."""
    _, mixture = np.unique(shares, axis=0, return_inverse=True)
    kinds = int(mixture.max()) + 1
    order = np.random.default_rng(seed).permutation(kinds)
    return np.asarray(order % FOLDS)[mixture.reshape(-1)]


def choose_one(
    target: str,
    shares: np.ndarray,
    losses: np.ndarray,
    parts: np.ndarray,
    laws: Sequence[str],
    spent: dict[str, float],
) -> Choice:
    held: dict[str, np.ndarray] = {}
    for name in laws:
        begin = time.process_time()
        held[name] = predict_held_out(LAWS[name], shares, losses, parts)
        spent[name] = spent.get(name, 0.0) + time.process_time() - begin
    law = min(laws, key=lambda name: float(np.mean((held[name] - losses) ** 2)))
    begin = time.process_time()
    curve = tuple(learning_curve(LAWS[law], shares, losses, parts, held[law]))
    effect = effects(LAWS[law].fit(shares, losses), shares)
    spent[law] += time.process_time() - begin
    scores = {name: score(held[name], losses, parts) for name in laws}
    return Choice(target, law, scores, held[law], curve, effect)


def predict_held_out(
    law: Law, shares: np.ndarray, losses: np.ndarray, parts: np.ndarray, most: int | None = None
) -> np.ndarray:
    """float64[runs]: each run's loss by a fit on the other folds, on `most` of their runs at the most."""
    predictions = np.empty(len(losses))
    for fold in np.unique(parts):
        seen = np.flatnonzero(parts != fold)[:most]
        predictions[parts == fold] = law.fit(shares[seen], losses[seen]).predict(shares[parts == fold])
    return predictions


def learning_curve(
    law: Law, shares: np.ndarray, losses: np.ndarray, parts: np.ndarray, held: np.ndarray
) -> Iterator[tuple[int, float, float]]:
    """(runs seen, rank correlation, error) for an eighth of the runs up to all that are outside a fold."""
    most = int((parts != 0).sum())
    for part in PARTS:
        if (size := most // part) >= LEAST_RUNS:
            some = predict_held_out(law, shares, losses, parts, size)
            yield size, correlation(some, losses, parts), rmse(some - losses)
    yield most, correlation(held, losses, parts), rmse(held - losses)


def score(predictions: np.ndarray, losses: np.ndarray, parts: np.ndarray, seed: int = 0) -> Score:
    """Values and bootstrap intervals (runs drawn again within their fold)."""
    chance = np.random.default_rng(seed)
    ranks, squares = np.zeros(DRAWS), np.zeros(DRAWS)
    kinds = np.unique(parts)
    for fold in kinds:
        rows = np.flatnonzero(parts == fold)
        drawn = rows[chance.integers(0, len(rows), (DRAWS, len(rows)))]
        ranks += spearman(predictions[drawn], losses[drawn]) / len(kinds)
        squares += ((predictions[drawn] - losses[drawn]) ** 2).sum(axis=1)
    errors = np.sqrt(squares / len(losses))
    return Score(
        (correlation(predictions, losses, parts), *interval(ranks)),
        (rmse(predictions - losses), *interval(errors)),
    )


def interval(draws: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The middle `level` of the draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def correlation(predictions: np.ndarray, losses: np.ndarray, parts: np.ndarray) -> float:
    """Spearman's rank correlation within each fold, averaged."""
    each = [
        spearman(predictions[None, parts == fold], losses[None, parts == fold])[0]
        for fold in np.unique(parts)
    ]
    return float(np.mean(each))


def spearman(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """float64[n]: rank correlation of the rows of two float64[n, values]; 0 where one side is constant."""
    a, b = (rankdata(one, axis=1) - (one.shape[1] + 1) / 2 for one in (left, right))
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0)


def rmse(misses: np.ndarray) -> float:
    return float(np.sqrt(np.mean(misses**2)))


def effects(fitted: Fitted, shares: np.ndarray) -> np.ndarray:
    """float64[domains]: how the loss moves when a domain gains EFFECT of the tokens and all give in proportion.

    From the mean of the runs: the loss there, and at 0.95 × that mixture + 0.05 × the domain.
    """
    mean = shares.mean(axis=0)
    moved = (1 - EFFECT) * mean + EFFECT * np.eye(len(mean))
    here = fitted.predict(mean[None, :])[0]
    return np.asarray(fitted.predict(moved) - here)


def measure(runs: Runs, choices: Sequence[Choice], tests: Sequence[Runs]) -> list[dict[str, Score]]:
    """For each table of runs that took no part, the chosen laws' scores on the targets that it has too."""
    found: list[dict[str, Score]] = [{} for _ in tests]
    if not tests:
        return found
    with threadpool_limits(1):
        for one in choices:
            law = LAWS[one.law].fit(runs.shares, runs.losses[:, runs.targets.index(one.target)])
            for test, scores in zip(tests, found, strict=True):
                if one.target in test.targets:
                    losses = test.losses[:, test.targets.index(one.target)]
                    scores[one.target] = score(
                        law.predict(test.shares), losses, np.zeros(len(losses), np.int64)
                    )
    return found
