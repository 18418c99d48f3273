"""Stages as a user writes them, in a file of their own: one rule with its measure, and one comparison."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.schemas import MARKS
from pipeline.rules.shapes import first_of, per


@dataclass(frozen=True)
class Letters:
    letter: str = "e"

    reads = ("text",)
    columns = pa.schema([("letters", pa.int32()), ("all", pa.int32())])
    version = 1

    def __call__(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        counts = pc.count_substring(documents["text"], self.letter), pc.utf8_length(documents["text"])
        return pa.RecordBatch.from_arrays([pc.cast(one, pa.int32()) for one in counts], schema=self.columns)


@dataclass(frozen=True)
class FewLetters:
    """Drop texts in which a letter is rare."""

    min_share: float = 0.02

    needs = (Letters(),)
    reasons = ("few_letters",)
    version = 1

    def __call__(self, seen: pa.RecordBatch) -> pa.Array:
        return first_of(few_letters=pc.less(per(seen["letters"], seen["all"]), self.min_share))


@dataclass(frozen=True)
class SameUrlHost:
    """Keep one document a URL: a comparison in a dozen lines."""

    needs = ()
    reasons = ("same_url",)
    version = 1

    def nominate(self, seen: pa.RecordBatch) -> pa.RecordBatch:
        rows = seen.filter(seen["url"].is_valid())
        return pa.RecordBatch.from_pydict({"key": pc.cast(rows["url"], pa.binary()), "id": rows["id"]})

    def settle(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        table = pa.Table.from_batches([rows]).sort_by([("key", "ascending"), ("id", "ascending")])
        keys, ids = table["key"].combine_chunks(), table["id"].combine_chunks()
        first = pc.index_in(keys, keys)
        survivor = ids.take(first)
        marks = pa.table(
            {
                "id": ids,
                "reason": pa.array(["same_url"] * len(ids)),
                "survivor": survivor,
                "similarity": pa.nulls(len(ids), pa.float32()),
                "group_size": pa.nulls(len(ids), pa.int32()),
            },
            schema=MARKS,
        ).filter(pc.not_equal(ids, survivor))
        return (
            marks.combine_chunks().to_batches()[0]
            if marks.num_rows
            else pa.RecordBatch.from_pylist([], MARKS)
        )
