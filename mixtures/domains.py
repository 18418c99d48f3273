"""Domains: what there is to mix, from domains.yaml, checked with line numbers."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import forms, lock

PRIOR_TOLERANCE = 0.01


@dataclass(frozen=True)
class Domain:
    """One source of tokens. Its share lies between min and max, and its tokens are read `epochs` times at the most."""

    name: str
    tokens: forms.Count  # available
    group: str = "text"
    prior: float | None = None  # its share of what there is; without it, by tokens
    min: float = 0.0
    max: float = 1.0
    epochs: float = (
        4.0  # Muennighoff et al. 2023 (arXiv 2305.16264): up to 4 epochs are nearly as good as new tokens
    )

    def __post_init__(self) -> None:
        if self.tokens < 0:
            raise ValueError(f"'{self.name}' has {self.tokens} tokens; they are 0 or more")
        if not 0 <= self.min <= self.max <= 1:
            raise ValueError(
                f"'{self.name}': min {self.min} and max {self.max} must be shares with 0 ≤ min ≤ max ≤ 1"
            )
        if not (math.isfinite(self.epochs) and self.epochs > 0):
            raise ValueError(f"'{self.name}': epochs {self.epochs} must be above 0")
        if self.prior is not None and not 0 <= self.prior <= 1:
            raise ValueError(f"'{self.name}': prior {self.prior} is no share")
        if self.min > 0 and self.tokens == 0:
            raise ValueError(
                f"'{self.name}' has 0 tokens but min {self.min}; give it tokens, or take its min away"
            )


@dataclass(frozen=True)
class Domains:
    """All sources; names are unique, priors sum to 1."""

    domains: tuple[Domain, ...]

    def __post_init__(self) -> None:
        if not self.domains:
            raise ValueError("no domain is given; name one or more")
        names = self.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' stands twice; keep one")
        given = [one.prior for one in self.domains if one.prior is not None]
        if given and len(given) < len(names):
            missing = next(one.name for one in self.domains if one.prior is None)
            raise ValueError(f"'{missing}' has no prior while others have one; give all a prior, or none")
        if given and abs(sum(given) - 1) > PRIOR_TOLERANCE:
            raise ValueError(f"the priors sum to {sum(given):.4f}; they must sum to 1")
        if not given and not any(one.tokens for one in self.domains):
            raise ValueError("no domain has tokens; give their number, or a prior")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.domains)

    @property
    def prior(self) -> np.ndarray:
        """float64[domains], sums to 1."""
        raw = np.array([one.tokens if one.prior is None else one.prior for one in self.domains], float)
        return raw / raw.sum()


def read(path: str) -> Domains:
    """domains.yaml. Raises FormError with the line of every mistake."""
    form = forms.load(Path(path).read_text(encoding="utf-8"), path)
    return forms.build(Domains, form, "domains")


def ratios(file: str, group: str, domains: Domains) -> dict[str, float]:
    """The shares that a lock gives the domains of a group, summing to 1. Raises LockError."""
    found = lock.read(file).groups
    members = [one.name for one in domains.domains if one.group == group]
    if not members:
        known = sorted({one.group for one in domains.domains})
        raise lock.LockError(f"{file}: no domain is of group '{group}'; {forms.suggest(group, known)}")
    missing = [name for name in members if name not in found]
    if missing:
        raise lock.LockError(
            f"{file}: has no share for '{missing[0]}' of group {group}, whose ratios are to be kept"
        )
    total = math.fsum(found[name].share for name in members)
    if not total:
        raise lock.LockError(f"{file}: the domains of group {group} have no share, so no ratios to keep")
    return {name: found[name].share / total for name in members}
