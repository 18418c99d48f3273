"""Columns and marks → who stays, and if not, which stage said so first and why. Cheap: no text is read.

The verdict of a document is the first stage, in recipe order, that gives a reason. What each rule *alone* would have cost is
counted on the way, because its measures saw all documents.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, tables
from pipeline.data.keys import describe, digest
from pipeline.data.schemas import CUT_MARKS, MARKS
from pipeline.data.store import Store
from pipeline.kernels import hashing
from pipeline.steps.measure import columns_of, marked
from pipeline.steps.placed import (
    COMPARISON,
    SAMPLE,
    Edit,
    PlacedMeasure,
    PlacedStage,
    cutting,
    size_after,
    told,
)
from pipeline.steps.view import View, with_chosen
from pipeline.steps.work import Corpus, Home, Piece, Work

EMPTY = "empty"  # the reason that the flow itself gives: editors left nothing
ALIVE = -1

Marks = Callable[[PlacedStage], pa.Table]
Statistics = Callable[[PlacedStage], list[pa.Table]]


@dataclass(frozen=True)
class Verdicts:
    """Row for row: the index of the stage that dropped it (−1: alive) and its reason (null: alive)."""

    stage: np.ndarray
    reason: pa.StringArray
    alone: Mapping[str, np.ndarray]  # by stage: all rows that it gave a reason, whatever came before

    @property
    def alive(self) -> np.ndarray:
        return self.stage == ALIVE


def judge(view: View, stages: tuple[PlacedStage, ...], marks: Marks, statistics: Statistics) -> Verdicts:
    """The verdicts after these stages; a sample rule is none of them."""
    rows = view.documents.num_rows
    dropped, reason = np.full(rows, ALIVE, np.int16), pa.nulls(rows, pa.string())
    alone: dict[str, np.ndarray] = {}
    for index, stage in enumerate(stages):
        if stage.kind == SAMPLE:
            continue
        said = reasons(view, stage, marks, statistics)
        given = np.asarray(said.is_valid())
        alone[stage.name] = given
        first = given & (dropped == ALIVE)
        dropped[first] = index
        reason = pc.if_else(pa.array(first), said, reason)
    return Verdicts(dropped, reason, alone)


def reasons(view: View, stage: PlacedStage, marks: Marks, statistics: Statistics) -> pa.StringArray:
    """One stage's reasons, null where it has none or does not apply."""
    if stage.kind == COMPARISON:
        said = marked(view.documents["id"], marks(stage)).column("reason")
        return pc.coalesce(said, emptied(view, stage)) if stage.cuts else said
    seen, known = view.seen(stage), statistics(stage)
    with told(f"stage {stage.name}"):
        said = pc.cast(checked(stage, stage.rule(seen, *known), seen.num_rows), pa.string())
    applies = view.applies(stage.where)
    if stage.cuts:
        said = pc.coalesce(said, emptied(view, stage))
    return pc.if_else(applies, said, pa.scalar(None, pa.string()))


def checked(stage: PlacedStage, said: Any, rows: int) -> Any:
    """A rule gives one reason or none a row, and only those that it declares."""
    if len(said) != rows:
        raise ValueError(f"{stage.name} gave {len(said)} reasons for {rows} documents")
    undeclared = set(pc.unique(said).to_pylist()) - {None, *stage.rule.reasons}
    if undeclared:
        raise ValueError(
            f"{stage.name} gave reasons that it does not declare: {', '.join(sorted(undeclared))}"
        )
    return said


def emptied(view: View, stage: PlacedStage) -> pa.StringArray:
    """`empty` where nothing is left after an editor, or after a comparison that cuts."""
    size = view.columns(size_after((*stage.edits, stage.edit())))
    return pc.if_else(size["empty"], pa.scalar(EMPTY), pa.scalar(None, pa.string()))


# What judging needs of a piece, from the files of a run.


def piece_view(work: Work, piece: Home, corpus: Corpus | None) -> View:
    """The piece as judging sees it: its own columns but no text, and its measures' columns when asked for.

    `corpus` names the marks of comparisons that cut; None where none is asked for.
    """
    file = tables.open_table(work.store, piece.documents)
    own = [field.name for field in file.schema_arrow if own_column(field)]
    documents = with_chosen(
        tables.as_batch(tables.read(work.store, piece.documents, own)), work.placed.chosen
    )
    held: dict[str, pa.RecordBatch] = {}

    def columns(placed: PlacedMeasure) -> pa.RecordBatch:
        if placed.key not in held and placed.marks is not None:
            marks = read_marks(work, placed.marks, need(corpus, placed.marks), piece.name)
            held[placed.key] = marked(documents["id"], marks)
        if placed.key not in held:
            name = (
                f"{columns_of(placed, piece.name, own_cuts(work, placed.edits, corpus, piece.name))}.parquet"
            )
            held[placed.key] = tables.as_batch(tables.read(work.store, name))
        return held[placed.key]

    return View(documents, columns)


def own_column(field: pa.Field) -> bool:
    return field.name not in ("text", "extra") and not pa.types.is_nested(field.type)


def judge_piece(
    work: Work, piece: Piece, corpus: Corpus | None, stages: tuple[PlacedStage, ...]
) -> tuple[View, Verdicts]:
    """The verdicts of one piece after these stages; `corpus` names the marks and statistics of those among them."""
    view = piece_view(work, piece, corpus)

    def marks(stage: PlacedStage) -> pa.Table:
        return read_marks(work, stage, need(corpus, stage), piece.name)

    def statistics(stage: PlacedStage) -> list[pa.Table]:
        return read_statistics(work, stage, corpus)

    return view, judge(view, stages, marks, statistics)


def need(corpus: Corpus | None, stage: PlacedStage) -> Corpus:
    if corpus is None:
        raise ValueError(f"{stage.name} looks at the whole corpus, which is not known here")
    return corpus


def marks_of(stage: PlacedStage, corpus: Corpus) -> str:
    """The step that compares: its own fields, everything that decides who takes part, and the corpus, piece by piece."""
    return f"marks/{digest(stage.key, stage.before, corpus.digest, corpus.cut)}"


def read_marks(work: Work, stage: PlacedStage, corpus: Corpus, piece: str) -> pa.Table:
    """The marks of one piece; empty where the comparison said nothing of it."""
    name = f"{marks_of(stage, corpus)}/{piece}.parquet"
    if name not in marked_files(work.store, marks_of(stage, corpus)):
        return (CUT_MARKS if stage.cuts else MARKS).empty_table()
    return tables.read(work.store, name)


def own_cuts(work: Work, edits: tuple[Edit, ...], corpus: Corpus | None, piece: str) -> str:
    """A digest of what the comparisons among these edits cut in one piece; "" where there is none among them."""
    steps = [marks_of(stage, need(corpus, stage)) for stage in cutting(edits)]
    return digest([cuts_in(work.store, step, f"{step}/{piece}.parquet") for step in steps]) if steps else ""


@lru_cache(maxsize=1024)
def cuts_in(store: Store, step: str, name: str) -> str:
    """A digest of the cuts in a file of marks; what else they say, such as how often a line stands elsewhere, takes no part."""
    if name not in marked_files(store, step):
        return ""
    return digest(hashing.fold(tables.as_batch(tables.read(store, name, ["id", "cuts"]))))


@lru_cache(maxsize=64)
def marked_files(store: Store, step: str) -> frozenset[str]:
    return frozenset(receipts.get(store, step).files)


def statistic_of(work: Work, statistic: Any, stage: PlacedStage, corpus: Corpus) -> str:
    """The step that makes one statistic of those who are alive before a stage and in its scope."""
    measures = [placed.key for placed in stage.measures]
    tokens = work.tokens_key if stage.kind == SAMPLE else None
    return f"statistics/{digest(describe(statistic), measures, stage.where.key, stage.before, corpus.digest, tokens)}"


def read_statistics(work: Work, stage: PlacedStage, corpus: Corpus | None) -> list[pa.Table]:
    """The tables that a rule's statistics gave."""
    if not stage.statistics:
        return []
    names = [statistic_of(work, one, stage, need(corpus, stage)) for one in stage.statistics]
    return [tables.read(work.store, f"{name}.parquet") for name in names]
