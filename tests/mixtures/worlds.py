"""Small worlds whose law is known, and their tables as files."""

from pathlib import Path

import numpy as np

from mixtures.domains import Domain, Domains
from mixtures.laws import FittedExponential
from mixtures.propose import sample
from mixtures.tables import Runs, write_csv

BUDGET = 10_000_000_000
NAMES = ("web", "书籍", "code", "math")
LAWS = {
    "reading": FittedExponential(2.0, np.array([-0.2, -1.5, 0.6, 0.1])),
    "代码": FittedExponential(1.5, np.array([0.3, 0.4, -2.0, -0.4])),
}


def domains() -> Domains:
    return Domains(tuple(Domain(name, 5 * BUDGET, prior=0.25) for name in NAMES))


def runs(count: int = 40, noise: float = 0.01, seed: int = 0) -> Runs:
    """Runs of the known laws; noise in units of loss."""
    shares = sample(domains(), count, seed)
    chance = np.random.default_rng([seed, 1])
    losses = np.stack([law.predict(shares) for law in LAWS.values()], axis=1)
    losses += noise * chance.standard_normal(losses.shape)
    return Runs(tuple(map(str, range(count))), NAMES, tuple(LAWS), shares, losses, {})


def write(folder: Path, table: Runs) -> None:
    """runs.csv, losses.csv and domains.yaml."""
    write_csv(f"{folder}/runs.csv", table.domains, table.runs, table.shares.tolist())
    write_csv(f"{folder}/losses.csv", table.targets, table.runs, table.losses.tolist())
    lines = [f"  - {{name: {name}, tokens: 50B, prior: 0.25}}" for name in NAMES]
    (folder / "domains.yaml").write_text("\n".join(["domains:", *lines]) + "\n", encoding="utf-8")
