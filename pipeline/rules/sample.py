"""How often each document ships: more or less than once, by group, whole documents only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor, isfinite
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.hashing import mix

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
    """Ship each group's tokens `epochs` times: 0 drops a group, a group that is not named ships once.

    Of 1.5, everyone has one copy, and one more goes to the first documents in order of mix(seed, id) that hold half
    of the group's tokens: to the nearest end of a document while the group has at most 65,536, else to the nearest
    65,536th part of the order. So what ships of such a small group is within half its largest document of the target.
    """

    epochs: Mapping[str, float] = field(default_factory=dict, hash=False)
    by: str = "source"
    seed: int = 0

    needs = ()
    version = 1
    reasons = ("sampled_out",)

    def __post_init__(self) -> None:
        for group, epochs in self.epochs.items():
            if not (isfinite(epochs) and epochs >= 0):
                raise ValueError(f"epochs of {group!r} are {epochs}; they are 0 or more")

    @property
    def statistics(self) -> tuple[TokensBy, ...]:
        return (TokensBy(self.by, self.seed),)

    def copies(self, seen: pa.RecordBatch, table: pa.Table) -> pa.Array:
        """int32[n], from the columns id and what `by` names; `table` is what TokensBy gave for the whole corpus."""
        hashes = mix(self.seed, seen["id"])
        groups = seen[self.by].cast(pa.string())
        copies = np.ones(seen.num_rows, np.int32)
        for group, share in self.resolve(table).items():
            rows = np.asarray(pc.fill_null(pc.equal(groups, group), False))
            copies[rows] = share.whole + (hashes[rows] < share.cutoff)
        return pa.array(copies)

    def resolve(self, table: pa.Table) -> dict[str, Share]:
        """What each named group gets.

        For example a group of four documents with hashes 10, 20, 30, 40 and 5, 3, 4, 8 tokens, and 1.5 epochs: half
        of its 20 tokens is 10; the first two documents hold 8, the first three 12; as near, and the fewer win: Share(1, 30).
        """
        return {group: share(table, group, float(epochs)) for group, epochs in self.epochs.items()}


def share(table: pa.Table, group: str, epochs: float) -> Share:
    """One group's share: the cut-off is the hash of the first row beyond the nearest to the fraction of its tokens."""
    rows = table.filter(pc.equal(table["group"], group))
    hashes = [*rows["hash"].to_pylist(), END]
    tokens = np.append(0, np.cumsum(rows["tokens"].to_numpy()))
    whole = floor(epochs)
    target = (epochs - whole) * float(tokens[-1])
    return Share(whole, hashes[int(np.abs(tokens - target).argmin())] if epochs > whole else 0)
