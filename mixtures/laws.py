"""Laws: what turns shares into a predicted loss. Three of them, each fitted to one target at a time.

`trees` is RegMix's regressor, `process` a Gaussian process on √shares, `exponential` the mixing law c + exp(t·x), the
only convex one. `fit` takes float64[runs, domains] and float64[runs] and gives something that predicts; `refit` learns
the same runs with many other losses, and is cheap for the smooth laws.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack
from scipy.optimize import minimize

MANY = 256  # runs from which a process looks at some of them first
ROUNDS = 200  # of Levenberg-Marquardt at the most; it ends when a step gains less than ENOUGH, or at a damping of STUCK
ENOUGH, STUCK = 1e-7, 1e4
SLOPES = 1 << 23  # of refits that settle side by side: 64 MiB
CHUNK = 256  # mixtures predicted at a time: 256 × 512 kernel values are 1 MiB and stay in the cache, three times as fast


class Fitted(Protocol):
    """A law with its numbers."""

    def predict(self, shares: np.ndarray) -> np.ndarray:
        """float64[mixtures]: the loss of each row of float64[mixtures, domains]."""


class Law(Protocol):
    """A way to learn losses."""

    @property
    def name(self) -> str: ...

    def fit(self, shares: np.ndarray, losses: np.ndarray) -> Fitted:
        """Learn from runs."""


# Liu et al. 2024 (RegMix, arXiv 2407.01492), regression_fitting/regression.ipynb, without its early stopping on the test
# set. One thread and a fixed order of histograms: equal trees on every machine.
TREES: dict[str, Any] = {
    "boosting_type": "gbdt",
    "objective": "regression",
    "n_estimators": 1000,
    "learning_rate": 0.01,
    "random_state": 42,
    "n_jobs": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Trees:
    """LightGBM as RegMix sets it."""

    name: str = "trees"

    def fit(self, shares: np.ndarray, losses: np.ndarray) -> Fitted:
        from lightgbm import Booster, Dataset, train

        settings = {key: value for key, value in TREES.items() if key != "n_estimators"}
        data = Dataset(shares, losses, params={"verbosity": -1})
        booster: Booster = train(settings, data, num_boost_round=TREES["n_estimators"])
        return FittedTrees(booster)


@dataclass(frozen=True)
class FittedTrees:
    booster: Any

    def predict(self, shares: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster.predict(shares, num_threads=1))


@dataclass(frozen=True)
class Process:
    """Gaussian process with a Matérn-5/2 kernel and one length a domain, on the square roots of the shares.

    The root makes distances those of Hellinger: from 0 to 1 % matters more than from 50 to 51 %. Lengths, height and
    noise maximise the marginal likelihood (Rasmussen and Williams 2006, eq. 5.8 and 5.9) by L-BFGS; written out here
    because the gradient over all lengths is one matrix product.
    """

    name: str = "process"
    # Of L-BFGS at the most: first on every fourth of the runs, a twentieth of the cost, then from there on all of them.
    rounds: int = 60
    last: int = 20

    def fit(self, shares: np.ndarray, losses: np.ndarray) -> Fitted:
        roots, mean, scale = np.sqrt(shares), losses.mean(), losses.std() or 1.0
        scaled = (losses - mean) / scale
        settings = np.r_[np.zeros(shares.shape[1]), 0.0, -4.0]
        if len(losses) >= MANY:
            settings = climb(settings, roots[::4], scaled[::4], self.rounds)
        settings = climb(settings, roots, scaled, self.last if len(losses) >= MANY else self.rounds)
        lengths, height, noise = unpack(settings)
        covariance = height * matern(roots, roots, lengths)[0]
        covariance[np.diag_indices(len(roots))] += noise
        factor = cho_factor(covariance, lower=True)
        weights = cho_solve(factor, scaled) * height
        return FittedProcess(roots, weights, settings, float(mean), float(scale), factor[0])


@dataclass(frozen=True)
class FittedProcess:
    roots: np.ndarray
    weights: np.ndarray
    settings: np.ndarray
    mean: float
    scale: float
    factor: np.ndarray = field(repr=False)  # lower Cholesky factor of the runs' covariance

    def predict(self, shares: np.ndarray) -> np.ndarray:
        lengths = unpack(self.settings)[0]
        parts = [
            matern(np.sqrt(shares[start : start + CHUNK]), self.roots, lengths)[0] @ self.weights
            for start in range(0, len(shares), CHUNK)
        ]
        return cast(np.ndarray, self.mean + self.scale * np.concatenate([np.zeros(0), *parts]))

    def refits(self, draws: np.ndarray) -> list["FittedProcess"]:
        """The same settings on other losses of the same runs, float64[draws, runs]: one solve for all of them."""
        height = unpack(self.settings)[1]
        means = draws.mean(axis=1)
        weights = cho_solve((self.factor, True), (draws - means[:, None]).T / self.scale) * height
        return [
            replace(self, weights=weights[:, place], mean=float(mean)) for place, mean in enumerate(means)
        ]


def climb(settings: np.ndarray, roots: np.ndarray, losses: np.ndarray, rounds: int) -> np.ndarray:
    """Log settings under which the losses surprise less, within bounds that no standardised table asks to leave."""
    bounds = [(-3.0, 4.0)] * (len(settings) - 2) + [(-3.0, 5.0), (-12.0, 1.0)]
    found = minimize(
        surprise,
        settings,
        (roots, losses),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": rounds},
    )
    return np.asarray(found.x)


def unpack(settings: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Lengths, height (variance of the signal) and noise (variance) from their logarithms."""
    values = np.exp(settings)
    return values[:-2], float(values[-2]), float(values[-1]) + 1e-8


def matern(left: np.ndarray, right: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Matérn-5/2 kernel between rows, and (5/3)(1 + r)e^-r: its slope along (Δ/length)², up to -1/2; r = √5 distance."""
    a, b = left / lengths, right / lengths
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    r = np.sqrt(5 * np.maximum(squares, 0))
    decay = np.exp(-r)
    return (1 + r + r * r / 3) * decay, 5 / 3 * (1 + r) * decay


def surprise(settings: np.ndarray, roots: np.ndarray, losses: np.ndarray) -> tuple[float, np.ndarray]:
    """Negative log marginal likelihood of standardised losses, and its gradient along the log settings."""
    lengths, height, noise = unpack(settings)
    kernel, slope = matern(roots, roots, lengths)
    covariance = height * kernel
    covariance[np.diag_indices(len(roots))] += noise
    lower = np.linalg.cholesky(covariance)
    half, _ = lapack.dpotri(lower, lower=1)
    inverse = np.tril(half) + np.tril(half, -1).T
    weights = inverse @ losses
    value = 0.5 * losses @ weights + np.log(np.diag(lower)).sum()
    pull = np.outer(weights, weights) - inverse  # 2 × the gradient along the covariance, turned
    along, scaled = pull * slope * height, roots / lengths
    spread = (along.sum(axis=1)[:, None] * scaled**2).sum(axis=0) - (scaled * (along @ scaled)).sum(axis=0)
    gradient = np.r_[-spread, -0.5 * height * (pull * kernel).sum(), -0.5 * noise * np.trace(pull)]
    return float(value), gradient


@dataclass(frozen=True)
class Exponential:
    """The mixing law of Ye et al. 2024 (arXiv 2403.16952): c + exp(t·x). Their factor k is in t, as shares sum to 1.

    Least squares by Levenberg-Marquardt from several floors c; a ridge of `ridge` standard deviations pulls each t
    towards their mean, so that a domain that no run used is taken for an average one.
    """

    name: str = "exponential"
    floors: tuple[float, ...] = (
        0.05,
        0.3,
        1.0,
        3.0,
    )  # starts of c, in ranges of the losses below their minimum
    ridge: float = 0.01

    def fit(self, shares: np.ndarray, losses: np.ndarray) -> Fitted:
        span = float(np.ptp(losses)) or 1.0
        begins = [self.begin(shares, losses, float(losses.min()) - part * span) for part in self.floors]
        found, costs = self.settle(np.stack(begins), shares, np.tile(losses, (len(begins), 1)))
        return FittedExponential.of(found[costs.argmin()])

    def begin(self, shares: np.ndarray, losses: np.ndarray, floor: float) -> np.ndarray:
        """The law's log-linear fit for a given floor."""
        logs = np.log(losses - floor)
        domains = shares.shape[1]
        mean = logs.mean()
        slopes = np.linalg.solve(shares.T @ shares + 1e-3 * np.eye(domains), shares.T @ (logs - mean))
        return np.r_[floor, slopes + mean]

    def refits(self, fitted: "FittedExponential", shares: np.ndarray, draws: np.ndarray) -> list[Fitted]:
        """Other losses of the same runs, float64[draws, runs]: many settle at once, from `fitted`."""
        many = max(1, SLOPES // shares.size)
        begins = np.tile(np.r_[fitted.floor, fitted.slopes], (many, 1))
        return [
            FittedExponential.of(row)
            for some in (draws[start : start + many] for start in range(0, len(draws), many))
            for row in self.settle(begins[: len(some)], shares, some)[0]
        ]

    def settle(
        self, begins: np.ndarray, shares: np.ndarray, losses: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """float64[n, 1 + domains] of c and t, and their costs, from as many begins on float64[n, runs], side by side."""
        domains = shares.shape[1]
        scales = self.ridge * np.where((std := losses.std(axis=1)) > 0, std, 1.0)
        pull = scales[:, None, None] ** 2 * (np.eye(domains) - 1 / domains)

        def miss(settings: np.ndarray, some: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            """exp(t·x), what is left of the losses, and the cost."""
            slopes = settings[:, 1:]
            grown = np.exp(np.minimum(slopes @ shares.T, 50))
            left = losses[some] - settings[:, :1] - grown
            pulled = (slopes * (pull[some] @ slopes[:, :, None])[:, :, 0]).sum(axis=1)
            return grown, left, (left**2).sum(axis=1) + pulled

        found, damping, some = begins.copy(), np.full(len(begins), 1e-3), np.arange(len(begins))
        costs = miss(found, some)[2]
        for _ in range(ROUNDS):
            grown, left, cost = miss(found[some], some)
            along = np.concatenate([np.ones((*grown.shape, 1)), grown[:, :, None] * shares], axis=2)
            turned = along.transpose(0, 2, 1)
            normal, slope = turned @ along, (turned @ left[:, :, None])[:, :, 0]
            normal[:, 1:, 1:] += pull[some]
            slope[:, 1:] -= (pull[some] @ found[some, 1:, None])[:, :, 0]
            normal += normal * np.eye(1 + domains) * damping[some, None, None]
            step = np.linalg.solve(normal, slope[:, :, None])[:, :, 0]
            after = miss(found[some] + step, some)[2]
            better = after < cost
            found[some[better]] += step[better]
            costs[some[better]] = after[better]
            damping[some] *= np.where(better, 0.1, 10.0)
            some = some[np.where(better, cost - after > ENOUGH * cost, damping[some] < STUCK)]
            if not len(some):
                break
        return found, costs


@dataclass(frozen=True)
class FittedExponential:
    floor: float
    slopes: np.ndarray

    @classmethod
    def of(cls, settings: np.ndarray) -> "FittedExponential":
        """From c and t in one row."""
        return cls(float(settings[0]), settings[1:])

    def predict(self, shares: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, self.floor + np.exp(np.minimum(shares @ self.slopes, 50)))


def refit(law: Law, fitted: Fitted, shares: np.ndarray, draws: np.ndarray) -> list[Fitted]:
    """One fit a row of float64[draws, runs], the settings of `fitted` kept."""
    if isinstance(fitted, FittedProcess):
        return list(fitted.refits(draws))
    if isinstance(law, Exponential) and isinstance(fitted, FittedExponential):
        return law.refits(fitted, shares, draws)
    return [law.fit(shares, losses) for losses in draws]


def predict_all(fits: list[Fitted], shares: np.ndarray) -> np.ndarray:
    """float64[fits, mixtures]; the fits of one `refit` share their kernel."""
    if all(isinstance(one, FittedProcess) for one in fits):
        processes = cast(list[FittedProcess], fits)
        first, weights = processes[0], np.stack([one.weights for one in processes], axis=1)
        lengths = unpack(first.settings)[0]
        parts = [
            matern(np.sqrt(shares[start : start + CHUNK]), first.roots, lengths)[0] @ weights
            for start in range(0, len(shares), CHUNK)
        ]
        means = np.array([one.mean for one in processes])
        return cast(np.ndarray, (means + first.scale * np.concatenate(parts)).T)
    return np.stack([one.predict(shares) for one in fits])


LAWS: dict[str, Law] = {law.name: law for law in (Exponential(), Process(), Trees())}
"""By name, the simplest first: of equals the first is chosen."""
