"""How often each document ships: more or less than once, by group, whole documents only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor, isfinite
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import lock
from pipeline.kernels.hashing import mix
from pipeline.lock import Lock

EXACT_ROWS = 1 << 16  # documents of a group up to which each has a row of its own
BIN = 48  # above, those that share all but this many low bits of their hash share a row
END = 1 << 64  # above every hash


class Share(NamedTuple):
    """Every document of a group has `whole` copies, and those whose hash is below `cutoff` one more."""

    whole: int
    cutoff: int


@dataclass(frozen=True)
class TokensBy:
    """Tokens along the order of chance, for each group: (group, hash, tokens, documents), sorted by group and hash.

    hash is mix(seed, id). A group of up to 65,536 documents has a row for each hash; a larger one for each value of
    the 16 leading bits, the others 0. Which of both depends on the number of documents alone, so that any order and
    grouping of merges ends in the same table.
    """

    by: str = "source"
    seed: int = 0

    needs = ()
    version = 1
    columns = pa.schema(
        [("group", pa.string()), ("hash", pa.uint64()), ("tokens", pa.int64()), ("documents", pa.int64())]
    )

    def partial(self, seen: pa.RecordBatch) -> pa.Table:
        """Of a batch with the columns id, tokens and what `by` names; a null there is a group too."""
        rows = [
            seen[self.by].cast(pa.string()),
            pa.array(mix(self.seed, seen["id"])),
            seen["tokens"].cast(pa.int64()),
            pa.array(np.ones(seen.num_rows, np.int64)),
        ]
        return binned(pa.Table.from_arrays(rows, schema=self.columns))

    def merge(self, tables: list[pa.Table]) -> pa.Table:
        return binned(pa.concat_tables([self.columns.empty_table(), *tables]))


def binned(rows: pa.Table) -> pa.Table:
    """The rows in the table's one form: sorted, hashes of large groups cut to their leading bits, equal ones joined."""
    sizes = rows.group_by("group").aggregate([("documents", "sum")])
    large = pc.greater(sizes["documents_sum"], EXACT_ROWS).take(places(rows, sizes))
    bits = np.uint64(BIN)
    short = pa.chunked_array([(rows["hash"].to_numpy() >> bits) << bits])
    rows = rows.set_column(1, "hash", pc.if_else(large, short, rows["hash"]))
    rows = rows.sort_by([("group", "ascending"), ("hash", "ascending")])
    return joined(rows, places(rows, sizes).to_numpy())


def places(rows: pa.Table, sizes: pa.Table) -> pa.ChunkedArray:
    """Which row of `sizes` speaks of each row's group; null is a group like any other."""
    return pc.index_in(rows["group"], sizes["group"].combine_chunks())


def joined(rows: pa.Table, groups: np.ndarray) -> pa.Table:
    """Sorted rows with neighbours of equal group and hash in one. Arrow's own grouping slows down a hundredfold on
    keys whose low bits are all 0.
    """
    if not rows.num_rows:
        return rows.combine_chunks()
    hashes = rows["hash"].to_numpy()
    starts = np.flatnonzero(np.append(True, (groups[1:] != groups[:-1]) | (hashes[1:] != hashes[:-1])))
    first = rows.select(["group", "hash"]).take(pa.array(starts))
    for name in ("tokens", "documents"):
        first = first.append_column(name, pa.array(np.add.reduceat(rows[name].to_numpy(), starts)))
    return first.combine_chunks()


@dataclass(frozen=True)
class Sample:
    """Ship each group's tokens `epochs` times (a group that is not named ships once), or in the shares of a `mixture`.

    Of 1.5, everyone has one copy, and one more goes to the first documents in order of mix(seed, id) that hold half
    of the group's tokens: to the nearest end of a document while the group has at most 65,536, else to the nearest
    65,536th part of the order. So what ships of such a small group is within half its largest document of the target.

    A mixture is a lock as `winnow mix solve` writes it. As many tokens ship as it says, or as many as there can be in
    its shares while no group is read more than `max_epochs` times; a group that it does not name does not ship.
    """

    epochs: Mapping[str, float] = field(default_factory=dict, hash=False)
    by: str = "source"
    seed: int = 0
    mixture: str = ""  # a mixture.lock.json
    max_epochs: float = (
        4.0  # Muennighoff et al. 2023 (arXiv 2305.16264): up to 4 are nearly as good as new tokens
    )

    needs = ()
    files = ("mixture",)
    version = 2
    reasons = ("sampled_out",)

    def __post_init__(self) -> None:
        if self.mixture and self.epochs:
            raise ValueError("both epochs and a mixture say how often a group ships; keep one of them")
        if not self.max_epochs > 0:
            raise ValueError(f"max_epochs {self.max_epochs} must be above 0")
        for group, epochs in self.epochs.items():
            if not (isfinite(epochs) and epochs >= 0):
                raise ValueError(f"epochs of {group!r} are {epochs}; they are 0 or more")

    @property
    def statistics(self) -> tuple[TokensBy, ...]:
        return (TokensBy(self.by, self.seed),)

    @property
    def named(self) -> tuple[str, ...]:
        """The groups of which something is to ship. ValueError for a lock that cannot be taken."""
        return tuple(self.planned) if self.mixture else tuple(self.epochs)

    @property
    def planned(self) -> dict[str, float]:
        """The mixture's shares above 0, by group."""
        return {group: one.share for group, one in self.lock.groups.items() if one.share}

    @property
    def lock(self) -> Lock:
        """The mixture as it lies there now."""
        found = lock.read(self.mixture)
        if found.by != self.by:
            raise ValueError(
                f"{self.mixture} weighs by {found.by!r}, this stage by {self.by!r}; write `by: {found.by}`"
            )
        return found

    def copies(self, seen: pa.RecordBatch, table: pa.Table) -> pa.Array:
        """int32[n], from the columns id and what `by` names; `table` is what TokensBy gave for the whole corpus."""
        hashes = mix(self.seed, seen["id"])
        groups = seen[self.by].cast(pa.string())
        copies = np.full(seen.num_rows, 0 if self.mixture else 1, np.int32)
        for group, share in self.resolve(table).items():
            rows = np.asarray(pc.fill_null(pc.equal(groups, group), False))
            copies[rows] = share.whole + (hashes[rows] < share.cutoff)
        return pa.array(copies)

    def resolve(self, table: pa.Table) -> dict[str, Share]:
        """What each named group gets.

        For example a group of four documents with hashes 10, 20, 30, 40 and 5, 3, 4, 8 tokens, and 1.5 epochs: half
        of its 20 tokens is 10; the first two documents hold 8, the first three 12; as near, and the fewer win: Share(1, 30).
        """
        epochs = self.mixed(table).epochs if self.mixture else self.epochs
        return {group: share(table, group, float(passes)) for group, passes in epochs.items()}

    def mixed(self, table: pa.Table) -> "Mixed":
        """The mixture, as far as the tokens go that are there. ValueError for a group without any."""
        planned, there = self.planned, tokens_of(table)
        if missing := sorted(group for group in planned if not there.get(group)):
            raise ValueError(
                f"{self.mixture} gives {missing[0]!r} a share of {planned[missing[0]]:.4g}, but the stages before this one "
                f"left no token of it; keep some of it, or solve the mixture without it"
            )
        budget = sum(one.tokens for one in self.lock.groups.values())
        most = {group: self.max_epochs * there[group] / planned[group] for group in planned}
        total = min([budget, *most.values()])
        epochs = {group: planned[group] * total / there[group] for group in planned}
        binds = tuple(group for group in planned if most[group] == total < budget)
        return Mixed(budget, total, epochs, binds)

    def realised(self, table: pa.Table) -> list["Realised"]:
        """What ships of every group that is there, in the order of the table."""
        resolved, there = self.resolve(table), tokens_of(table)
        planned = self.planned if self.mixture else {}
        other = Share(0 if self.mixture else 1, 0)
        shares = {group: resolved.get(group, other) if group is not None else other for group in there}
        shipped = {group: shipped_of(table, group, share) for group, share in shares.items()}
        total = max(1, sum(shipped.values()))
        return [
            Realised(group, there[group], shipped[group], shipped[group] / total, planned.get(group or ""))
            for group in there
        ]


class Mixed(NamedTuple):
    """How far a mixture goes: `total` tokens of the `budget` that the lock names, and which groups' caps bind."""

    budget: int
    total: float
    epochs: dict[str, float]
    binds: tuple[str, ...]


class Realised(NamedTuple):
    """One group's tokens: those that are there, those that ship, their share, and the share that the lock planned."""

    group: str | None
    there: int
    shipped: int
    share: float
    planned: float | None


def tokens_of(table: pa.Table) -> dict[str | None, int]:
    """By group, the tokens of the whole corpus."""
    sums = table.group_by("group").aggregate([("tokens", "sum")]).sort_by("group")
    return dict(zip(sums["group"].to_pylist(), sums["tokens_sum"].to_pylist(), strict=True))


def share(table: pa.Table, group: str, epochs: float) -> Share:
    """One group's share: the cut-off is the hash of the first row beyond the nearest to the fraction of its tokens."""
    rows = table.filter(pc.equal(table["group"], group))
    hashes = [*rows["hash"].to_pylist(), END]
    tokens = np.append(0, np.cumsum(rows["tokens"].to_numpy()))
    whole = floor(epochs)
    target = (epochs - whole) * float(tokens[-1])
    return Share(whole, hashes[int(np.abs(tokens - target).argmin())] if epochs > whole else 0)


def shipped_of(table: pa.Table, group: str | None, share: Share) -> int:
    """Tokens of a group that ship by its share, exactly: a cut-off never falls within a row of the table."""
    mine = pc.is_null(table["group"]) if group is None else pc.equal(table["group"], group)
    rows = table.filter(pc.fill_null(mine, False))
    tokens = rows["tokens"].to_numpy()
    below = tokens[rows["hash"].to_numpy() < share.cutoff] if share.cutoff < END else tokens
    return int(share.whole * tokens.sum() + below.sum())
