"""Figures of mixtures/ for LOG.md: `python -m tests.benchmarks.mixtures [planted|speed|real]`.

planted: a known exponential law, noise as measured on RegMix's tables, found again: how far the solved mixture's true
loss is from the true optimum, and how often the stated 90 % spreads hold the truth.
speed: CPU seconds of choice and fit by law, of solving with 200 refits, and of 1,000 domains under constraints.
real: proxies trained on four sources of ../shared/data/corpus, and how well left-out runs are predicted.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixtures import propose, solve, space
from mixtures.choice import choose
from mixtures.domains import Domain, Domains
from mixtures.laws import LAWS, FittedExponential
from mixtures.tables import Runs

REGMIX = Path(__file__).resolve().parents[3] / "shared/data/mixture/regmix"
NOISE = 0.05  # of a run's loss; the process measures 0.04 (uspto, wikipedia) to 0.14 (ubuntu_irc) on RegMix's tables
CHOOSE = 10  # repetitions that choose among all laws; the others take the law that these took, if it was one
BUDGET = 25_000_000_000


@dataclass(frozen=True)
class Planted:
    """A world whose law is known."""

    domains: Domains
    laws: tuple[FittedExponential, ...]
    shares: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"t{place}" for place in range(len(self.laws)))

    def runs(self, chance: np.random.Generator) -> Runs:
        """The same mixtures with fresh noise."""
        true = np.stack([law.predict(self.shares) for law in self.laws], axis=1)
        losses = true + NOISE * chance.standard_normal(true.shape)
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


def planted(repetitions: int = 200, *sizes: int) -> Iterator[str]:
    yield "domains | targets | runs | repetitions | law chosen | worst excess loss | losses within their spread | shares within theirs | CPU s each"
    for domains in sizes or (8, 17, 40):
        runs = 8 * (domains + 1)
        world = plant(domains, 3, runs, domains)
        allowed = space.build(world.domains, world.domains.names, BUDGET, {}, {})
        weights = dict.fromkeys(world.names, 1.0)
        even = np.full(3, 1 / 3)
        truth = solve.Convex(allowed, 3, 0.0).solve(world.laws, even)[0]
        least = float(even @ np.stack([law.predict(truth[None])[0] for law in world.laws]))
        excess, losses, shares, chosen = [], [], [], []
        begin = time.process_time()
        for repetition in range(repetitions):
            seen = world.runs(np.random.default_rng([repetition, domains]))
            laws = tuple(LAWS) if repetition < CHOOSE or not all(chosen) else ("exponential",)
            choices = list(choose(seen, laws=laws))
            chosen += [one.law == "exponential" for one in choices]
            effort = solve.Effort(repetition, 200, 1_000)
            found = solve.solve(seen, solve.aims(seen, choices, weights), allowed, 0.0, effort)
            true = np.array([law.predict(found.way.shares[None])[0] for law in world.laws])
            excess.append(float(even @ true) / least - 1)
            losses += list((found.losses[0] <= true) & (true <= found.losses[1]))
            inner = (truth > 0.01) & (truth < allowed.high - 0.01)
            shares += list(((found.spread[0] <= truth) & (truth <= found.spread[1]))[inner])
        each = (time.process_time() - begin) / repetitions
        yield (
            f"{domains} | 3 | {runs} | {repetitions} | {np.mean(chosen):.0%} exponential | {max(excess):.3%} | "
            f"{np.mean(losses):.1%} | {np.mean(shares):.1%} ({len(shares) // repetitions} shares) | {each:.1f}"
        )


if __name__ == "__main__":
    wanted = sys.argv[1:2] or ["planted"]
    for line in {"planted": planted}[wanted[0]](*map(int, sys.argv[2:])):
        print(line, flush=True)
