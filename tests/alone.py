"""A comparison over one batch in memory, without pieces, buckets or exchange: the naive twin of its steps."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.data.schemas import ID


@dataclass
class Compared:
    """Marks by id, and the verified pairs by (id, partner): their similarity."""

    marks: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    pairs: dict[tuple[bytes, bytes], float] = field(default_factory=dict)
    nominated: int = 0  # pairs in the first round, each once


def compare(rule: Any, seen: pa.RecordBatch, texts: pa.Array) -> Compared:
    """What a comparison says of documents that are all alive and in its scope; `texts`: theirs, row for row."""
    found = Compared()
    rows = rule.nominate(seen)
    if not hasattr(rule, "pair"):
        settled = rule.settle(rows)
        found.marks = by_id(rule.mark(settled) if hasattr(rule, "mark") else settled)
        return found
    features = rule.features(texts)
    place = {identifier: row for row, identifier in enumerate(seen["id"].to_pylist())}
    verified: list[pa.RecordBatch] = []
    for turn in range(rule.rounds):
        tried = defaultdict(list)
        for one, other in found.pairs:
            tried[one].append(other)
        if turn:
            undecided = [
                one for one in tried if one not in found.marks or found.marks[one]["survivor"] in tried
            ]
            rows = rule.nominate_again(
                seen.take(pa.array([place[one] for one in sorted(undecided)], pa.int64()))
            )
        lists = pa.array([tried[one] for one in rows["id"].to_pylist()], pa.list_(ID))
        members, partners = (pa.array(side) for side in rule.pair(rows, lists))
        sides = {"": rows.take(members), "partner_": rows.take(partners)}
        pairs = pa.RecordBatch.from_pydict(
            {f"{side}{name}": part[name] for side, part in sides.items() for name in part.schema.names}
        )
        found.nominated += (
            0
            if turn
            else len(set(zip(pairs["id"].to_pylist(), pairs["partner_id"].to_pylist(), strict=True)))
        )
        pairs = pairs.take(pa.array(rule.choose(pairs)))
        mine = features.take(pa.array([place[one] for one in pairs["id"].to_pylist()], pa.int64()))
        other = pa.array([place[one] for one in pairs["partner_id"].to_pylist()], pa.int64())
        similarity = rule.verify(mine, features, other.to_numpy())
        verified.append(pairs.append_column("similarity", pa.array(similarity, pa.float64())))
        names = zip(pairs["id"].to_pylist(), pairs["partner_id"].to_pylist(), strict=True)
        found.pairs |= dict(zip(names, similarity.tolist(), strict=True))
        table = pa.Table.from_batches(verified).combine_chunks()
        every = table.to_batches()[0] if table.num_rows else verified[0]
        found.marks = by_id(rule.settle(every))
    return found


def by_id(marks: pa.RecordBatch) -> dict[bytes, dict[str, Any]]:
    return {row["id"]: row for row in sorted(marks.to_pylist(), key=lambda row: row["id"])}
