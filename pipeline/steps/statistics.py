"""One statistic of the whole corpus, step by step: a part from each piece, merged into one small file."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from pipeline.data import receipts, slices, tables
from pipeline.data.keys import digest
from pipeline.data.receipts import Receipt
from pipeline.steps.judge import judge_piece, statistic_of
from pipeline.steps.placed import SAMPLE, PlacedStage, told
from pipeline.steps.tokens import lengths
from pipeline.steps.work import Corpus, Piece, Work

PARTS = 64  # merged at a time


def partial(piece: Piece, work: Work, stage: PlacedStage, corpus: Corpus) -> str:
    """The name of a slice file with the piece's part of each statistic that a stage needs; none when they stand."""
    steps = [statistic_of(work, one, stage, corpus) for one in stage.statistics]
    if all(receipts.find(work.store, step) for step in steps):
        return ""
    name = f"{slices.FOLDER}/statistics/{digest(steps)}/{piece.name}"
    if not work.store.exists(name):
        seen = seen_by(piece, work, stage, corpus)
        with told(f"stage {stage.name}"):
            parts = [tables.as_batch(one.partial(seen)) for one in stage.statistics]
        slices.write(work.store, name, ((str(index), part) for index, part in enumerate(parts)))
    return name


def seen_by(piece: Piece, work: Work, stage: PlacedStage, corpus: Corpus) -> pa.RecordBatch:
    """What a stage sees of those who are alive before it and in its scope; a sample rule sees their tokens too."""
    earlier = work.placed.stages[: work.placed.stages.index(stage)]
    view, verdicts = judge_piece(work, piece, corpus, earlier)
    seen = view.seen(stage)
    if stage.kind == SAMPLE:
        seen = seen.append_column("tokens", lengths(work, piece, corpus, view.documents["id"]))
    return seen.filter(pa.array(verdicts.alive)).filter(
        view.applies(stage.where).filter(pa.array(verdicts.alive))
    )


def merge(names: list[str], work: Work, stage: PlacedStage, corpus: Corpus) -> str:
    """Publish the statistics of a stage; their parts may come in any order."""
    for index, one in enumerate(stage.statistics):
        of = statistic_of(work, one, stage, corpus)
        if receipts.find(work.store, of) is None:
            parts = slices.read_from(work.store, sorted(filter(None, names)), str(index))
            table = merged(one, (pa.Table.from_batches([part]) for part in parts))
            file = tables.write(work.store, table, f"{of}.parquet")
            receipts.publish(work.store, Receipt(of, {"rows": table.num_rows}, {f"{of}.parquet": file}))
    return stage.name


def merged(statistic: Any, parts: Iterator[pa.Table]) -> pa.Table:
    """All parts as one table, a few in memory at a time: any grouping gives the same."""
    whole = statistic.merge([])
    while some := list(islice(parts, PARTS)):
        whole = statistic.merge([whole, *some])
    return whole
