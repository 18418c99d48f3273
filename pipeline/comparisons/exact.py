"""Documents whose normalised text is equal: one of each group survives."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.schemas import MARKS
from pipeline.measures.text_key import TextKey

EXACT = "exact_duplicate"


@dataclass(frozen=True)
class ExactDuplicates:
    """Keep one of the documents whose texts are equal after NFC, runs of white space to one space, and strip.

    Case stays. The smallest id survives, after the sources of `prefer`.
    """

    prefer: tuple[str, ...] = ()  # sources, best first: their documents survive before all others

    version = 1
    needs = (TextKey(),)
    reasons = (EXACT,)

    def __post_init__(self) -> None:
        if len(set(self.prefer)) < len(self.prefer):
            raise ValueError(f"prefer names a source twice: {', '.join(self.prefer)}")

    def nominate(self, seen: pa.RecordBatch) -> pa.RecordBatch:
        """Every document under the digest of its normalised text; `rank`: of its source, best 0."""
        rank = pc.fill_null(pc.index_in(seen["source"], pa.array(self.prefer, pa.string())), len(self.prefer))
        return pa.RecordBatch.from_pydict({"key": seen["key"], "id": seen["id"], "rank": rank})

    def settle(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """A mark for each document that is not the first of its group by (rank, id)."""
        if not rows.num_rows:
            return pa.RecordBatch.from_pylist([], MARKS)
        keys, ids = words(rows["key"]), words(rows["id"])
        order = np.lexsort((ids[:, 1], ids[:, 0], rows["rank"].to_numpy(), keys[:, 1], keys[:, 0]))
        starts = np.flatnonzero(
            np.r_[True, (np.diff(keys[order].astype(np.uint64), axis=0) != 0).any(axis=1)]
        )
        sizes = np.diff(np.r_[starts, len(order)])
        survivor = np.repeat(order[starts], sizes)
        dropped = np.flatnonzero(survivor != order)
        return marks(rows["id"], order[dropped], survivor[dropped], np.repeat(sizes, sizes)[dropped])


def words(digests: pa.Array) -> np.ndarray:
    """uint64[n, 2] that sort as the 16-byte values do."""
    if not len(digests):
        return np.empty((0, 2), np.uint64)
    start = digests.offset * 16
    data = np.frombuffer(digests.buffers()[1], dtype=">u8")[start // 8 : start // 8 + len(digests) * 2]
    return data.astype(np.uint64).reshape(-1, 2)


def marks(ids: pa.Array, dropped: np.ndarray, survivor: np.ndarray, size: np.ndarray) -> pa.RecordBatch:
    count = len(dropped)
    columns = {
        "id": ids.take(pa.array(dropped)),
        "reason": pa.array([EXACT] * count, pa.string()),
        "survivor": ids.take(pa.array(survivor)),
        "similarity": pa.array(np.ones(count, np.float32)),
        "group_size": pa.array(size.astype(np.int32)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=MARKS)
