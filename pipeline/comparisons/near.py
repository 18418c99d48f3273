"""Documents that say almost the same: the longest of them survives, and each that goes was compared with it in full."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.comparisons.exact import words
from pipeline.data import tables
from pipeline.data.schemas import MARKS
from pipeline.kernels import pairs as kernel
from pipeline.kernels.minhash import band_keys
from pipeline.kernels.shingles import overlaps, shingle_sets
from pipeline.measures.signature import Signature

NEAR = "near_duplicate"
PARTNERS = 4  # that a document is compared with in one round


@dataclass(frozen=True)
class NearDuplicates:
    """Keep one of the documents whose shingles overlap: exact Jaccard similarity of at least `threshold`.

    A shingle is five tokens: words, or characters of scripts without spaces (Broder 1997). Documents that agree in one of
    `bands` × `rows` MinHash values are nominated (14 × 8: Penedo et al. 2024, FineWeb, section 3.4), and every pair is
    verified. The longest survives, then the sources of `prefer`, then the smallest id. Documents without a word or such a
    character take no part.
    """

    threshold: float = 0.8  # of the shingles of both, the share that they have in common
    bands: int = 14
    rows: int = 8
    prefer: tuple[str, ...] = ()  # sources, best first: of equally long documents theirs survive

    version = 1
    reasons = (NEAR,)
    rounds = 3  # a document that found no survivor is nominated again at most twice

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold {self.threshold} must be above 0 and at most 1")
        if min(self.bands, self.rows) < 1 or self.bands * self.rows > 1024:
            raise ValueError(f"bands × rows {self.bands} × {self.rows} must be from 1 to 1024 hashes")
        if len(set(self.prefer)) < len(self.prefer):
            raise ValueError(f"prefer names a source twice: {', '.join(self.prefer)}")

    @property
    def needs(self) -> tuple[Signature, ...]:
        return (Signature(self.bands * self.rows),)

    @property
    def keys(self) -> int:
        """Under how many keys a document is nominated."""
        return self.bands

    def nominate(self, seen: pa.RecordBatch) -> pa.RecordBatch:
        """Every document under the keys of its bands. What decides who survives: `length` in shingles, `rank` of its source."""
        return self.under(seen, [self.rows])

    def nominate_again(self, seen: pa.RecordBatch) -> pa.RecordBatch:
        """Documents that were compared with others than their like: also under keys of 2, 4, 8 … bands together.

        In a family of templates the best of a band is seldom the one that is almost equal; it is the best of several bands.
        No pair is nominated that did not share a band, so the S-curve stays as it is.
        """
        together = range((self.bands - 1).bit_length() + 1)
        return self.under(seen, [self.rows << doublings for doublings in together])

    def under(self, seen: pa.RecordBatch, widths: list[int]) -> pa.RecordBatch:
        """The documents under the keys of bands of so many values."""
        seen = tables.kept(seen, pc.greater(seen["shingles"], 0))
        rank = pc.fill_null(pc.index_in(seen["source"], pa.array(self.prefer, pa.string())), len(self.prefer))
        signed = signature_rows(seen["signature"])
        keys = np.hstack([band_keys(signed, width) for width in widths])
        row = pa.array(np.repeat(np.arange(seen.num_rows, dtype=np.int32), keys.shape[1]))
        columns = {"id": seen["id"], "length": seen["shingles"], "rank": rank}
        columns = {name: column.take(row) for name, column in columns.items()}
        return pa.RecordBatch.from_pydict({"key": pa.array(keys.reshape(-1)), **columns})

    def pair(self, rows: pa.RecordBatch, tried: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
        """(rows, rows of their partners): each with the best of its key that it was not `tried` with, best first."""
        keys = rows["key"].to_numpy()
        order = np.argsort(keys, kind="stable")
        several = order[shared(keys[order])]
        order = several[np.lexsort((*survivor_rule(rows, several), keys[several]))]
        starts = (
            np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0, True]) if len(order) else np.zeros(1, int)
        )
        lists = tried.take(pa.array(order))
        found = kernel.best_untried(
            starts, words(rows["id"])[order], np.asarray(lists.offsets), words(lists.values)
        )
        paired = np.flatnonzero(found != kernel.NOBODY)
        return order[paired], order[found[paired]]

    def choose(self, pairs: pa.RecordBatch) -> np.ndarray:
        """The rows of the pairs to verify: each pair once, of a document at most four, those of most keys first."""
        if not pairs.num_rows:
            return np.zeros(0, np.int64)
        ids, others = words(pairs["id"]), words(pairs["partner_id"])
        order = np.lexsort((others[:, 1], others[:, 0], ids[:, 1], ids[:, 0]))
        new = np.r_[True, (np.diff(np.c_[ids, others][order], axis=0) != 0).any(axis=1)]
        first = np.flatnonzero(new)
        agreed, one = np.diff(np.r_[first, len(order)]), order[first]
        better = survivor_rule(pairs, one, "partner_")
        ranked = np.lexsort((*better, -agreed, ids[one, 1], ids[one, 0]))
        member = np.flatnonzero(np.r_[True, (np.diff(ids[one][ranked], axis=0) != 0).any(axis=1)])
        place = np.arange(len(ranked)) - np.repeat(member, np.diff(np.r_[member, len(ranked)]))
        return one[ranked[place < PARTNERS]]

    def features(self, texts: pa.StringArray) -> pa.LargeListArray:
        """large_list<uint64>: the distinct shingles of each text."""
        return shingle_sets(texts)

    def verify(self, features: pa.LargeListArray, others: pa.LargeListArray, other: np.ndarray) -> np.ndarray:
        """float64[n]: exact Jaccard similarity of features[i] and others[other[i]]."""
        left, right = ragged(features), ragged(others)
        order = np.argsort(other, kind="stable")
        both = np.empty(len(order), np.int64)
        both[order] = overlaps(left, right, order, other[order])
        return both / (np.diff(left[0]) + np.diff(right[0])[other] - both)

    def settle(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """A mark for each document that has a better, verified partner which stays; that partner, the best such, survives."""
        if not pairs.num_rows:
            return pa.RecordBatch.from_pylist([], MARKS)
        member, partner, documents = numbered(pairs)
        order = np.lexsort((partner, member))
        same = pairs["similarity"].to_numpy() >= self.threshold
        by = kernel.settle(member[order], partner[order], same[order], documents)
        gone = order[by[by != kernel.NOBODY]]
        sizes = np.bincount(partner[gone], minlength=documents)[partner[gone]] + 1
        columns = [
            pairs["id"].take(pa.array(gone)),
            pa.array([NEAR] * len(gone), pa.string()),
            pairs["partner_id"].take(pa.array(gone)),
            pc.cast(pairs["similarity"].take(pa.array(gone)), pa.float32()),
            pa.array(sizes.astype(np.int32)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=MARKS)


def signature_rows(column: pa.FixedSizeBinaryArray) -> np.ndarray:
    """uint32[n, hashes] of a column of signatures."""
    width = column.type.byte_width
    data = np.frombuffer(column.buffers()[1], "<u4")[column.offset * width // 4 :][: len(column) * width // 4]
    return data.reshape(-1, width // 4)


def shared(ordered: np.ndarray) -> np.ndarray:
    """bool[n]: where an ordered array has the value of a neighbour."""
    equal = np.diff(ordered) == 0
    return np.r_[False, equal] | np.r_[equal, False] if len(ordered) else np.zeros(0, np.bool_)


def survivor_rule(rows: pa.RecordBatch, chosen: np.ndarray, side: str = "") -> tuple[np.ndarray, ...]:
    """Keys for np.lexsort that put the better document first: the longest, then by source, then the smallest id."""
    ids = words(rows[f"{side}id"])[chosen]
    rank, length = rows[f"{side}rank"].to_numpy()[chosen], rows[f"{side}length"].to_numpy()[chosen]
    return ids[:, 1], ids[:, 0], rank, -length


def numbered(pairs: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray, int]:
    """(members, partners) of pairs as numbers of documents, best first, and how many documents there are."""
    sides: list[Any] = [survivor_rule(pairs, np.arange(pairs.num_rows), side) for side in ("", "partner_")]
    keys = [np.concatenate(one) for one in zip(*sides, strict=True)]
    order = np.lexsort(keys)
    number = np.empty(len(order), np.int64)
    ids = np.c_[keys[0], keys[1]][order]
    number[order] = np.cumsum(np.r_[False, (ids[1:] != ids[:-1]).any(axis=1)])
    return number[: pairs.num_rows], number[pairs.num_rows :], int(number.max()) + 1


def ragged(lists: pa.LargeListArray) -> tuple[np.ndarray, np.ndarray]:
    """(offsets int64[n + 1], values uint64) of a list array; slices keep their offsets."""
    return np.asarray(lists.offsets), np.asarray(lists.values)
