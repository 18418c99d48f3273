"""Solved mixtures: the one that minimises the weighted predicted losses in a space, and how far it can be trusted.

Two ways, always both: `exact` minimises the exponential laws (Σ w exp(t·x) + λ KL(x ‖ prior) is convex; Olmix) with
CLARABEL, `simulate` draws mixtures and narrows them around the best (RegMix, in Olmix's rounds) under the laws that
cross-validation chose. Where all chosen laws are exponential the exact one stands, else the simulated one.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.special import rel_entr
from threadpoolctl import threadpool_limits

from mixtures.choice import Choice, rmse
from mixtures.laws import LAWS, Fitted, FittedExponential, predict_all, refit
from mixtures.space import Space
from mixtures.tables import Runs

ROUNDS = 10  # Olmix
CONCENTRATIONS = (1.0, 100.0)  # of the Dirichlet around a centre, log-uniform; Olmix
NEAR_BEST = 1e-3  # of the objective: mixtures this near to the best are averaged (Olmix)
FLOOR = 1e-5  # shares below are 0 (Olmix)
POOL = 4096  # mixtures that every refit judges
LESS = (1.0, 0.75, 0.5, 0.25)  # of a part's share: so much is taken away to see whether it is needed
LEVEL = 0.90  # of all spreads
NEAR = 0.05  # a mixture is near-optimal if this part of the refits finds it no worse than the solved one
NO_PRICE = 1e-6  # of the objective: prices below are what the solver leaves
TIGHT = 1e-4  # a limit binds when its slack is below


@dataclass(frozen=True)
class Aim:
    """One target: its weight, the law chosen for it, and the losses it was learnt from."""

    name: str
    weight: float
    law: str
    fitted: Fitted
    convex: FittedExponential
    losses: np.ndarray  # float64[runs]
    held_out: np.ndarray  # float64[runs]: predicted by fits that had not seen the run
    seen: np.ndarray  # float64[runs]: predicted by `fitted`


@dataclass(frozen=True)
class Objective:
    """Σ weight × loss + kl × KL(shares ‖ prior), weights summing to 1."""

    weights: np.ndarray
    kl: float
    prior: np.ndarray

    def __call__(self, losses: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """float64[..., mixtures] of losses[targets, ..., mixtures] and shares[mixtures, domains]."""
        weighted = np.tensordot(self.weights, losses, axes=1)
        return np.asarray(weighted + self.kl * divergence(shares, self.prior) if self.kl else weighted)


def divergence(shares: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """float64[mixtures]: KL(shares ‖ prior); every prior is above 0."""
    return np.asarray(rel_entr(shares, prior).sum(axis=-1))


@dataclass(frozen=True)
class Way:
    """One way's mixture, float64[domains], and the objective that the chosen laws predict for it."""

    shares: np.ndarray
    objective: float
    predicted: np.ndarray  # float64[targets]


@dataclass(frozen=True)
class Solution:
    ways: Mapping[str, Way]
    chosen: str
    spread: np.ndarray  # float64[2, domains]: shares over refits
    near: np.ndarray  # float64[2, domains]: shares over near-optimal mixtures
    region: np.ndarray  # float64[mixtures, domains]: near-optimal mixtures
    losses: np.ndarray  # float64[2, targets]: predicted losses of the chosen way, with their spread
    binding: Mapping[str, float]  # limit → what 0.01 of it is worth in the objective, by the exponential laws
    data: Mapping[str, float]  # domain → fall of the objective per further 10^9 tokens, likewise

    @property
    def way(self) -> Way:
        return self.ways[self.chosen]


class UnknownError(ValueError):
    """The runs say nothing about a target that should be minimised."""


def aims(runs: Runs, choices: Sequence[Choice], weights: Mapping[str, float]) -> tuple[Aim, ...]:
    """Fit the chosen law and the exponential one for every target that has a weight; weights are normalised.

    On one thread, as in `choose`: more of them wait for each other on small matrices, on busy cores for 40 times as long.
    """
    total = sum(weights.values())
    with threadpool_limits(1):
        return tuple(
            aim(runs, choice, weights[choice.target] / total)
            for choice in choices
            if choice.target in weights
        )


def aim(runs: Runs, choice: Choice, weight: float) -> Aim:
    losses = runs.losses[:, runs.targets.index(choice.target)]
    convex = cast(FittedExponential, LAWS["exponential"].fit(runs.shares, losses))
    fitted = convex if choice.law == "exponential" else LAWS[choice.law].fit(runs.shares, losses)
    seen = fitted.predict(runs.shares)
    return Aim(choice.target, weight, choice.law, fitted, convex, losses, choice.held_out, seen)


def refuse_unknown(choices: Sequence[Choice], weights: Mapping[str, float]) -> None:
    """Raise UnknownError when the interval of a target's rank correlation reaches zero."""
    blind = [one for one in choices if one.target in weights and not one.score.knows]
    if blind:
        said = "; ".join(
            f"{one.target}: rank correlation {one.score.correlation[0]:.2f}, interval "
            f"{one.score.correlation[1]:.2f} … {one.score.correlation[2]:.2f}"
            for one in blind
        )
        raise UnknownError(
            f"the runs say nothing about the loss of a mixture ({said}); train more proxies, or solve with --force"
        )


@dataclass(frozen=True)
class Effort:
    """How hard to look: refits behind every spread, mixtures that a round of the simulation draws."""

    seed: int = 0
    refits: int = 200
    samples: int = 10_000


def solve(runs: Runs, targets: Sequence[Aim], space: Space, kl: float, effort: Effort) -> Solution:
    """Both ways, the spreads, and what limits and data are worth. Losses and objective are in the losses' own unit."""
    with threadpool_limits(1):
        return _solve(runs, targets, space, kl, effort)


def _solve(runs: Runs, targets: Sequence[Aim], space: Space, kl: float, effort: Effort) -> Solution:
    objective = Objective(np.array([one.weight for one in targets]), kl, space.prior)
    problem = Convex(space, len(targets), kl)
    convex = [one.convex for one in targets]
    exact, prices = problem.solve(convex, objective.weights)
    fits = [one.fitted for one in targets]
    chance = np.random.default_rng(effort.seed)
    centre, pool = simulate(fits, objective, space, exact, chance, effort.samples)
    ways = {
        name: judge(parts, fits, objective, space)
        for name, parts in (("exact", exact), ("simulated", centre))
    }
    chosen = "exact" if all(one.law == "exponential" for one in targets) else "simulated"
    draws = noisy(targets, chance, effort.refits)
    learnt = [
        refit(LAWS[one.law], one.fitted, runs.shares, draw) for one, draw in zip(targets, draws, strict=True)
    ]
    best = exact if chosen == "exact" else centre
    pool = np.vstack([best, around(best, pool, space, chance)])
    mixtures = space.shares(pool)
    values = objective(np.stack([predict_all(one, mixtures) for one in learnt]), mixtures)  # [refits, pool]
    if chosen == "exact":
        optima = np.stack(
            [problem.solve(columns, objective.weights)[0] for columns in zip(*learnt, strict=True)]
        )
    else:
        optima = np.stack([average(pool, row) for row in values])
    optimal = space.shares(optima)
    near = np.unique(mixtures[(values <= values[:, :1]).mean(axis=0) >= NEAR], axis=0)
    return Solution(
        ways,
        chosen,
        spread(optimal),
        np.stack([near.min(axis=0), near.max(axis=0)]),
        near,
        loss_spread(targets, learnt, optimal, ways[chosen].predicted),
        bound(best, space, prices),
        more_data(space, prices),
    )


def judge(parts: np.ndarray, fits: Sequence[Fitted], objective: Objective, space: Space) -> Way:
    shares = space.shares(parts[None, :])
    losses = np.stack([one.predict(shares) for one in fits])
    return Way(shares[0], float(objective(losses, shares)[0]), losses[:, 0])


def spread(draws: np.ndarray) -> np.ndarray:
    """float64[2, columns]: where one more row would fall with chance LEVEL, however few there are (ranks i/(n + 1))."""
    return np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0, method="weibull")


def noisy(targets: Sequence[Aim], chance: np.random.Generator, refits: int) -> list[np.ndarray]:
    """float64[refits, runs] a target: what the runs might have given (residual bootstrap).

    Residuals are those on held-out runs, of one run for all targets at once, because what goes wrong in a run goes
    wrong for all. Their size is the geometric mean of the errors on seen and on held-out runs: of p numbers learnt
    from n runs, the first is too small by √(1 - p/n), the second too large by about √(1 + p/n).
    """
    size = len(targets[0].losses)
    rows = chance.integers(0, size, (refits, size))
    draws = []
    for one in targets:
        missed = one.losses - one.held_out
        shrink = np.sqrt(rmse(one.losses - one.seen) / (rmse(missed) or 1.0))
        draws.append(one.seen + shrink * (missed - missed.mean())[rows])
    return draws


def loss_spread(
    targets: Sequence[Aim], learnt: Sequence[list[Fitted]], optimal: np.ndarray, predicted: np.ndarray
) -> np.ndarray:
    """float64[2, targets]: where the true losses of the solved mixture lie.

    Each refit is to the fit as the fit is to the truth: it promises L_b(x_b) for its own optimum, of which the fit
    thinks L(x_b). Those differences contain the optimism of having chosen the best.
    """
    gaps = []
    for one, fits in zip(targets, learnt, strict=True):
        promised = np.array([fit.predict(row[None, :])[0] for fit, row in zip(fits, optimal, strict=True)])
        gaps.append(one.fitted.predict(optimal) - promised)
    return np.asarray(predicted + spread(np.stack(gaps, axis=1)))


def bound(parts: np.ndarray, space: Space, prices: np.ndarray) -> dict[str, float]:
    """Limits without slack, and what 0.01 of each is worth: the fall of the objective if it were that much looser."""
    found = {}
    for limit, price in zip(space.limits, prices, strict=True):
        at = float(parts[list(limit.parts)].sum())
        if at > limit.high - TIGHT or (at < limit.low + TIGHT and limit.low > 0):
            found[limit.name] = float(abs(price)) * 0.01 * limit.per_share
    return found


def more_data(space: Space, prices: np.ndarray) -> dict[str, float]:
    """By domain, the fall of the objective for 10^9 further tokens: 0 unless its repetition cap binds."""
    value = dict.fromkeys(space.domains, 0.0)
    for limit, price in zip(space.limits, prices, strict=True):
        if limit.tokens:
            value[limit.domain] += max(float(price), 0.0) * limit.tokens * 1e9
    return value


# The exact way


class Convex:
    """Σ w exp(t·x) + kl × KL over a space, compiled once and solved for many laws. With kl, every prior is above 0."""

    def __init__(self, space: Space, targets: int, kl: float) -> None:
        import cvxpy as cp
        from scipy.sparse import csr_array

        self.space, size = space, len(space.parts)
        self.z = cp.Variable(size, nonneg=True)
        self.slopes, self.offsets = cp.Parameter((targets, size)), cp.Parameter(targets)
        cost = cp.sum(cp.exp(self.slopes @ self.z + self.offsets))
        if kl:
            cost = cost + kl * cp.sum(cp.kl_div(csr_array(space.inner) @ self.z, space.prior))
        self.above = [place for place, limit in enumerate(space.limits) if limit.high < 1]
        self.below = [place for place, limit in enumerate(space.limits) if limit.low > 0]
        self.upper = self._rows(self.above) @ self.z <= np.array([space.limits[i].high for i in self.above])
        self.lower = self._rows(self.below) @ self.z >= np.array([space.limits[i].low for i in self.below])
        limits = [one for one, some in ((self.upper, self.above), (self.lower, self.below)) if some]
        self.problem = cp.Problem(cp.Minimize(cost), [cp.sum(self.z) == 1, *limits])

    def _rows(self, places: Sequence[int]) -> Any:
        from scipy.sparse import csr_array

        pairs = [(row, part) for row, place in enumerate(places) for part in self.space.limits[place].parts]
        rows, columns = ([pair[side] for pair in pairs] for side in (0, 1))
        return csr_array((np.ones(len(pairs)), (rows, columns)), shape=(len(places), len(self.space.parts)))

    def solve(self, laws: Sequence[Any], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best z, float64[parts], and the price of each limit: the objective's fall per share that it is loosened."""
        self.slopes.value = np.stack([law.slopes @ self.space.inner for law in laws])
        with np.errstate(divide="ignore"):
            self.offsets.value = np.maximum(np.log(weights), -700.0)
        with (
            warnings.catch_warnings()
        ):  # of a solution at CLARABEL's looser tolerance, 5e-5, which is fine for shares
            warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
            self.problem.solve(solver="CLARABEL")
        if self.z.value is None:
            raise ArithmeticError(f"CLARABEL found no optimum: {self.problem.status}")
        parts = np.where(self.z.value < FLOOR, 0.0, self.z.value)
        prices = np.zeros(len(self.space.limits))
        if self.above:
            prices[self.above] += self.upper.dual_value
        if self.below:
            prices[self.below] -= self.lower.dual_value
        return parts / parts.sum(), np.where(np.abs(prices) > NO_PRICE, prices, 0.0)


# The simulated way


def simulate(
    fits: Sequence[Fitted],
    objective: Objective,
    space: Space,
    start: np.ndarray,
    chance: np.random.Generator,
    samples: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The best z, float64[parts], and the mixtures that were looked at last and first (for `around`).

    Ten rounds of Dirichlet draws, half around the centre of the best so far, the rest around the prior and `start`.
    """
    prior = np.maximum(space.part_prior(), FLOOR)
    centre, best = prior, (np.empty((0, len(prior))), np.empty(0))
    first = np.empty((0, len(prior)))
    for round_ in range(ROUNDS):
        places = (
            [centre, centre, prior, np.maximum(start, FLOOR)] if round_ else [prior, np.maximum(start, FLOOR)]
        )
        drawn = np.vstack([draw(one, chance, samples // len(places), round_) for one in places])
        parts = space.fit(np.vstack([drawn, start, centre]))
        shares = space.shares(parts)
        values = objective(np.stack([one.predict(shares) for one in fits]), shares)
        if not round_:
            first = parts[: POOL // 4]
        parts, values = np.vstack([best[0], parts]), np.concatenate([best[1], values])
        order = np.argsort(values, kind="stable")[: POOL // 2]
        best = parts[order], values[order]
        centre = np.maximum(average(*best), FLOOR)
    found = average(*best)
    found = np.where(found < FLOOR, 0.0, found)
    return space.fit((found / found.sum())[None, :])[0], np.vstack([best[0], first])


def draw(centre: np.ndarray, chance: np.random.Generator, count: int, round_: int) -> np.ndarray:
    """float64[count, parts]: Dirichlet around a centre, more and more narrowly."""
    low, high = np.log(CONCENTRATIONS)
    strength = np.exp(chance.uniform(low + (high - low) * round_ / ROUNDS, high + round_ / 2, count))
    gammas = chance.standard_gamma(strength[:, None] * (centre / centre.sum()))
    return np.asarray(gammas / np.maximum(gammas.sum(axis=1, keepdims=True), 1e-300))


def average(parts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of the mixtures whose objective is within NEAR_BEST of the best."""
    return np.asarray(parts[values <= values.min() + NEAR_BEST].mean(axis=0))


def around(best: np.ndarray, pool: np.ndarray, space: Space, chance: np.random.Generator) -> np.ndarray:
    """float64[POOL, parts]: `pool`, points between `best` and random or extreme mixtures, `best` with less of each part it has.

    All are allowed. Steps towards others leave at least half of a part; only the last find out that it may be left out.
    """
    size = len(best)
    corners = space.fit(np.eye(size) + FLOOR)
    far = np.vstack([corners, space.fit(draw(np.full(size, 1.0), chance, POOL // 4, 0))])
    steps = 0.5 ** np.arange(1, 8)
    less = np.vstack([best * (1 - part * np.eye(size)[best > FLOOR]) for part in LESS])[:POOL]
    told = len(pool) + len(corners) * len(steps) + len(less)
    ends = far[chance.integers(0, len(far), max(0, POOL - told))]
    some = best + chance.choice(steps, len(ends))[:, None] * (ends - best)
    each = (best + steps[:, None, None] * (corners - best)).reshape(-1, size)[:POOL]
    return np.vstack([pool, each, space.fit(less), some])
