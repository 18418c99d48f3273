"""Lines or paragraphs that many documents have: they are cut everywhere but at the first place, and the documents stay."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.comparisons.exact import words
from pipeline.data.schemas import CUT, CUT_MARKS, CUTS, ID
from pipeline.measures.blocks import Blocks

REPEATED = pa.schema(
    [
        pa.field("id", ID, nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("stop", pa.int32(), nullable=False),
        pa.field("stays", ID, nullable=False),
        pa.field("group_size", pa.int32(), nullable=False),
    ]
)  # one cut a row


@dataclass(frozen=True)
class RepeatedText:
    """Cut lines, or paragraphs, that stand in the corpus more than `more_than` times; the first of each stays, by id.

    Equal are lines of the same characters, white space around them aside, by 64 bits of a hash, as in CCNet (Wenzek et al.
    2020). More than 6 times: Llama 3 (Dubey et al. 2024, section 3.1.1). Of fewer than 13 words, or characters of scripts
    without spaces, they stay, as in BFF (DataComp-LM, Li et al. 2024). Rules behind it see what is left.
    """

    unit: Literal["line", "paragraph"] = "line"
    more_than: int = 6
    min_tokens: int = 13

    version = 1
    cuts = "cuts"
    reasons = ()  # that nothing is left says the flow
    keys = 16  # blocks in a document, about: for the number of buckets

    def __post_init__(self) -> None:
        if self.more_than < 1:
            raise ValueError(f"more_than {self.more_than} must be 1 or more: the first always stays")
        if self.min_tokens < 1:
            raise ValueError(f"min_tokens {self.min_tokens} must be 1 or more")

    @property
    def needs(self) -> tuple[Blocks, ...]:
        return (Blocks(self.unit, self.min_tokens),)

    def nominate(self, seen: pa.RecordBatch) -> pa.RecordBatch:
        """Every block under its key."""
        owner = pc.list_parent_indices(seen["blocks"])
        key, start, stop = seen["blocks"].flatten().flatten()
        columns = {"key": key, "id": seen["id"].take(owner), "start": start, "stop": stop}
        return pa.RecordBatch.from_pydict(columns)

    def settle(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """A row for each block that is cut, of those that met under their keys."""
        keys, ids = rows["key"].to_numpy(), words(rows["id"])
        order = np.lexsort((rows["start"].to_numpy(), ids[:, 1], ids[:, 0], keys))
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0][: len(order)])
        sizes = np.diff(np.r_[starts, len(order)])
        first, size = np.repeat(order[starts], sizes), np.repeat(sizes, sizes)
        gone = (size > self.more_than) & (first != order)
        cut = rows.take(pa.array(order[gone]))
        stays = rows["id"].take(pa.array(first[gone]))
        columns = [cut["id"], cut["start"], cut["stop"], stays, pa.array(size[gone].astype(np.int32))]
        return pa.RecordBatch.from_arrays(columns, schema=REPEATED)

    def mark(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """CUT_MARKS of whole documents, in the order of ids, from all that is cut of them; `group_size`: of the most frequent."""
        rows = rows.sort_by([("id", "ascending"), ("start", "ascending")])
        ids = words(rows["id"])
        starts = np.flatnonzero(np.r_[True, (np.diff(ids, axis=0) != 0).any(axis=1)][: len(ids)])
        count, offsets = len(starts), pa.array(np.r_[starts, len(ids)].astype(np.int32))
        cuts = pa.StructArray.from_arrays(
            [rows["start"], rows["stop"], pa.array([""] * len(ids), pa.string())], fields=list(CUT)
        )
        sizes = np.maximum.reduceat(rows["group_size"].to_numpy(), starts) if count else np.zeros(0, np.int32)
        columns = {
            "id": rows["id"].take(pa.array(starts)),
            "reason": pa.nulls(count, pa.string()),
            "survivor": pa.nulls(count, ID),
            "similarity": pa.nulls(count, pa.float32()),
            "group_size": pa.array(sizes),
            "cuts": pa.ListArray.from_arrays(offsets, cuts, type=CUTS),
            "stays": pa.ListArray.from_arrays(offsets, rows["stays"], type=pa.list_(ID)),
        }
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=CUT_MARKS)
