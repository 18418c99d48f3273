"""Which pack stands where in an endless row of shuffled epochs: by arithmetic, without reading a shard.

An epoch deals the row groups of all shards in an order of chance, and in each its packs; that row is cut into `lanes` equal
parts, which are read side by side, one pack from each in turn. So one after the other come packs of as many row groups as
there are lanes, while a reader decodes each group once. Rank r of w takes every w-th pack: where w divides the number of
lanes, it reads only its own w-th of the shards.

Chance is SplitMix64 (Steele et al. 2014, "Fast splittable pseudorandom number generators") of (seed, epoch, row group) and
nothing else; NumPy's generators do not promise the same numbers in its next version.
"""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
MASK = (1 << 64) - 1
GROUPS = 0x67726F757073  # another chance than that of packs within a group


@dataclass(frozen=True, eq=False)
class Order:
    """`groups` int64[groups]: how many packs each row group holds, those of all shards in the manifest's order."""

    groups: np.ndarray
    seed: int
    lanes: int
    dealt: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise ValueError(f"lanes {self.lanes} must be 1 or more")

    @cached_property
    def packs(self) -> int:
        """In one epoch."""
        return int(self.groups.sum())

    def places(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row group int64[n], pack in it int64[n]) of places in the row of epochs, counted from 0.

        >>> order = Order(np.array([3, 2]), seed=1, lanes=2)
        >>> [sorted(zip(*(one.tolist() for one in order.places(np.arange(at, at + 5))))) for at in (0, 5)]
        [[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)], [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]]
        """
        groups, rows = np.empty(len(positions), np.int64), np.empty(len(positions), np.int64)
        epochs, within = np.divmod(np.asarray(positions, np.int64), max(1, self.packs))
        for epoch in np.unique(epochs).tolist():
            mask = epochs == epoch
            groups[mask], rows[mask] = self.in_epoch(epoch, within[mask])
        return groups, rows

    def in_epoch(self, epoch: int, within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`places` of one epoch."""
        turn, lane = np.divmod(within, self.lanes)
        size, more = divmod(self.packs, self.lanes)  # the first `more` lanes hold one pack more
        order, ends = self.deal(epoch)
        at = lane * size + np.minimum(lane, more) + turn
        place = np.searchsorted(ends, at, side="right")
        groups = order[place]
        rows = at - (ends[place] - self.groups[groups])
        for group in np.unique(groups).tolist():
            mask = groups == group
            rows[mask] = shuffled(int(self.groups[group]), self.seed, epoch, group)[rows[mask]]
        return groups, rows

    def deal(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """(row groups int64[groups] as the epoch deals them, int64[groups] where each ends in the row of its packs)."""
        if epoch not in self.dealt:
            if len(self.dealt) > 1:  # a batch spans two epochs at most, unless they are tiny
                self.dealt.clear()
            order = np.argsort(chance(len(self.groups), GROUPS, self.seed, epoch), kind="stable")
            self.dealt[epoch] = order, np.cumsum(self.groups[order])
        return self.dealt[epoch]


@lru_cache(maxsize=256)
def shuffled(count: int, seed: int, epoch: int, group: int) -> np.ndarray:
    """int64[count]: the packs of a row group in the order of an epoch."""
    return np.argsort(chance(count, seed, epoch, group), kind="stable")


def chance(count: int, *keys: int) -> np.ndarray:
    """uint64[count]: uniform, by the keys in their order.

    >>> chance(2, 0).tolist() == chance(3, 0).tolist()[:2]
    True
    """
    state = 0
    for key in keys:
        state = finish(state + GOLDEN + (key & MASK)) & MASK
    with np.errstate(over="ignore"):
        values = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GOLDEN) + np.uint64(state)
        values = (values ^ (values >> np.uint64(30))) * np.uint64(FIRST)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(SECOND)
    return values ^ (values >> np.uint64(31))


def finish(value: int) -> int:
    """SplitMix64's finaliser, of one number."""
    value &= MASK
    value = (value ^ (value >> 30)) * FIRST & MASK
    value = (value ^ (value >> 27)) * SECOND & MASK
    return value ^ (value >> 31)
