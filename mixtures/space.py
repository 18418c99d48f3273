"""The space of allowed mixtures: shares on the simplex within bounds, groups and what there is to repeat.

A mixture x[domains] is `inner @ z` with z[parts]: a part is one domain, or a whole group whose inner ratios are kept from
an earlier lock. Domains belong to one group each, so every limit is on a part or on a group of parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from mixtures.domains import Domain, Domains

HALVINGS = 60  # of the scale that makes clipped shares sum to their total: far below float64's steps


@dataclass(frozen=True)
class Group:
    """Bounds on the sum of a group's shares; `share` is both at once."""

    min: float = 0.0
    max: float = 1.0
    share: float | None = None

    def __post_init__(self) -> None:
        if self.share is not None and (self.min, self.max) != (0.0, 1.0):
            raise ValueError("give share, or min and max, not both")
        if not (0 <= self.low <= self.high <= 1):
            raise ValueError(f"min {self.low} and max {self.high} must be shares with 0 ≤ min ≤ max ≤ 1")

    @property
    def low(self) -> float:
        return self.min if self.share is None else self.share

    @property
    def high(self) -> float:
        return self.max if self.share is None else self.share


@dataclass(frozen=True)
class Limit:
    """low ≤ the sum of some parts' shares ≤ high, under the name that messages give it.

    `tokens`: share that one more token would allow, where the limit comes from what there is. `per_share`: how far it
    moves when the share that it was given as does; of a kept group's domain, 1 / its ratio.
    """

    name: str
    parts: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    domain: str = ""
    tokens: float = 0.0
    per_share: float = 1.0


@dataclass(frozen=True)
class Space:
    domains: tuple[str, ...]
    parts: tuple[str, ...]
    inner: np.ndarray  # float64[domains, parts]; each column sums to 1
    prior: np.ndarray  # float64[domains]
    limits: tuple[Limit, ...]
    members: tuple[tuple[int, ...], ...]  # the parts of each group

    @property
    def low(self) -> np.ndarray:
        """float64[parts]"""
        return self._bounds()[0]

    @property
    def high(self) -> np.ndarray:
        """float64[parts]"""
        return self._bounds()[1]

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.zeros(len(self.parts)), np.ones(len(self.parts))
        for limit in self.limits:
            if len(limit.parts) == 1:
                part = limit.parts[0]
                low[part], high[part] = max(low[part], limit.low), min(high[part], limit.high)
        return low, high

    def fit(self, raw: np.ndarray) -> np.ndarray:
        """float64[mixtures, parts]: positive numbers scaled to the nearest allowed shares in the ratio sense.

        First the groups' sums, then the parts of each: all are multiplied by one factor and clipped to their bounds.
        """
        low, high = self._bounds()
        found = np.empty_like(raw)
        totals = self._totals(raw, low, high)
        for place, parts in enumerate(self.members):
            columns = list(parts)
            found[:, columns] = within(raw[:, columns], low[columns], high[columns], totals[:, place])
        return found

    def _totals(self, raw: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """float64[mixtures, groups]"""
        least = np.array([low[list(parts)].sum() for parts in self.members])
        most = np.array([high[list(parts)].sum() for parts in self.members])
        for limit in self.limits:
            for place, parts in enumerate(self.members):
                if set(limit.parts) == set(parts):
                    least[place], most[place] = max(least[place], limit.low), min(most[place], limit.high)
        sums = np.stack([raw[:, list(parts)].sum(axis=1) for parts in self.members], axis=1)
        return within(sums, least, np.minimum(most, 1.0), np.ones(len(raw)))

    def shares(self, parts: np.ndarray) -> np.ndarray:
        """float64[mixtures, domains] of float64[mixtures, parts]."""
        return np.asarray(parts @ self.inner.T)

    def part_prior(self) -> np.ndarray:
        """float64[parts]: the prior's sum over each part's domains."""
        return np.asarray((self.inner > 0).T @ self.prior)


def within(raw: np.ndarray, low: np.ndarray, high: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """float64[mixtures, n]: clip(factor × raw, low, high), the factor of each row such that it sums to its total."""
    positive = np.maximum(raw, 1e-12)
    bottom, top = np.full(len(raw), -40.0), np.full(len(raw), 40.0)
    for _ in range(HALVINGS):
        middle = (bottom + top) / 2
        small = np.clip(positive * np.exp(middle)[:, None], low, high).sum(axis=1) < totals
        bottom, top = np.where(small, middle, bottom), np.where(small, top, middle)
    return np.clip(positive * np.exp(top)[:, None], low, high)


class InfeasibleError(ValueError):
    """No mixture obeys all limits; the message names a smallest set that contradict each other."""


def build(
    domains: Domains,
    order: Sequence[str],
    budget: int,
    groups: Mapping[str, Group],
    keep: Mapping[str, Mapping[str, float]],
) -> Space:
    """The space of mixtures over `order` (the runs' domains) for a training of `budget` tokens.

    `keep`: for each group the ratios of its domains, which stay. Raises InfeasibleError.
    """
    by_name = {one.name: one for one in domains.domains}
    prior = domains.prior[[domains.names.index(name) for name in order]]
    kept = {name: group for group, ratios in keep.items() for name in ratios}
    parts = list(dict.fromkeys(kept.get(name, name) for name in order))
    inner = np.zeros((len(order), len(parts)))
    for row, name in enumerate(order):
        group = kept.get(name)
        inner[row, parts.index(group or name)] = keep[group][name] if group else 1.0
    limits = [limit for name in order for limit in _domain_limits(by_name[name], inner, order, budget)]
    names = sorted({by_name[name].group for name in order})
    members = [
        tuple(
            dict.fromkeys(parts.index(kept.get(name, name)) for name in order if by_name[name].group == group)
        )
        for group in names
    ]
    for group, bounds in groups.items():
        said = f"share {bounds.share:g}" if bounds.share is not None else f"{bounds.low:g} … {bounds.high:g}"
        limits.append(Limit(f"group {group}: {said}", members[names.index(group)], bounds.low, bounds.high))
    space = Space(tuple(order), tuple(parts), inner, prior, tuple(limits), tuple(members))
    if clash := contradiction(space):
        raise InfeasibleError(
            "no mixture obeys all of these, with shares that sum to 1: "
            + "; ".join(clash)
            + "; loosen one of them"
        )
    return space


def _domain_limits(domain: Domain, inner: np.ndarray, order: Sequence[str], budget: int) -> list[Limit]:
    """A domain's own limits, turned to the share of its part."""
    row = inner[list(order).index(domain.name)]
    part = int(np.argmax(row))
    ratio = float(row[part])
    if ratio == 0:
        if domain.min > 0:
            raise InfeasibleError(
                f"no mixture obeys both of these: {domain.name}: min {domain.min:g}; group {domain.group}: the ratios "
                f"that are kept give {domain.name} nothing; loosen one of them"
            )
        return []
    cap = domain.tokens * domain.epochs / budget
    said = (
        f"{domain.epochs:g} epochs of {amount(domain.tokens)} tokens in {amount(budget)} (share ≤ {cap:.4g})"
    )

    def limit(said: str, low: float, high: float, tokens: float = 0.0) -> Limit:
        return Limit(f"{domain.name}: {said}", (part,), low, high, domain.name, tokens, 1 / ratio)

    found = [limit(said, 0.0, min(cap / ratio, 1.0), domain.epochs / budget / ratio)]
    if domain.max < 1:
        found.append(limit(f"max {domain.max:g}", 0.0, min(domain.max / ratio, 1.0)))
    if domain.min > 0:
        found.append(limit(f"min {domain.min:g}", domain.min / ratio, np.inf))
    return found


def amount(tokens: float) -> str:
    """25_000_000_000 → 25B."""
    for letter, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if tokens >= size:
            return f"{tokens / size:.4g}{letter}"
    return f"{tokens:g}"


def contradiction(space: Space) -> list[str]:
    """Names of limits that cannot hold together, and could if any one of them were gone; none if a mixture exists.

    The slack that the limits need at the least is a linear programme; those with a price in it contain such a set,
    and leaving out one after the other finds it (deletion filter, Chinneck 2008, chapter 6).
    """
    needed, prices = _least_slack(space, space.limits)
    if needed <= 1e-9:
        return []
    left = [limit for limit, price in zip(space.limits, prices, strict=True) if price > 1e-9]
    for limit in list(left):
        fewer = [one for one in left if one is not limit]
        if _least_slack(space, fewer)[0] > 1e-9:
            left = fewer
    return [limit.name for limit in left]


def _least_slack(space: Space, limits: Sequence[Limit]) -> tuple[float, np.ndarray]:
    """The least sum of slacks with which a point of the simplex obeys the limits, and the price of each limit."""
    from scipy.sparse import csr_array, eye_array, hstack

    rows, columns, signs, bounds = [], [], [], []
    for place, limit in enumerate(limits):
        for sign, bound in ((1.0, limit.high), (-1.0, -limit.low)):
            row = 2 * place + (sign < 0)
            rows += [row] * len(limit.parts)
            columns += list(limit.parts)
            signs += [sign] * len(limit.parts)
            bounds.append(min(bound, 2.0))
    size = len(space.parts)
    body = csr_array((signs, (rows, columns)), shape=(2 * len(limits), size))
    above = hstack([body, -eye_array(2 * len(limits))]) if limits else None
    cost = np.r_[np.zeros(size), np.ones(2 * len(limits))]
    total = csr_array(np.r_[np.ones(size), np.zeros(2 * len(limits))][None, :])
    found = linprog(cost, above, bounds or None, total, [1.0], bounds=(0, None), method="highs")
    if found.status != 0:
        raise InfeasibleError(f"the limits could not be checked: {found.message}")
    prices = np.abs(found.ineqlin.marginals).reshape(-1, 2).sum(axis=1) if limits else np.zeros(0)
    return float(found.fun), prices
