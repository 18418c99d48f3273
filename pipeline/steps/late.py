"""Measures of text that a comparison has cut: columns of a piece, made when the marks stand, in one more reading of it.

They are named by the measure and by what was cut in this very piece: cuts elsewhere change nothing here.
"""

from collections.abc import Callable

import pyarrow as pa

from pipeline.data import receipts
from pipeline.steps.judge import own_cuts, read_marks
from pipeline.steps.measure import ColumnsWriter, columns_of, wanted, write_again
from pipeline.steps.placed import PlacedMeasure, PlacedStage
from pipeline.steps.work import Corpus, Piece, Work


def lacking(piece: Piece, work: Work, stage: PlacedStage, corpus: Corpus) -> list[tuple[PlacedMeasure, str]]:
    """The measures that wait for this comparison and that the piece has not had, each with a digest of the cuts before it."""
    every = [(one, own_cuts(work, one.edits, corpus, piece.name)) for one in wanted(work.placed, stage)]
    names = [receipts.receipt_name(columns_of(one, piece.name, own)) for one, own in every]
    return [one for one, name in zip(every, names, strict=True) if not work.store.exists(name)]


def measure(piece: Piece, work: Work, stage: PlacedStage, corpus: Corpus) -> Piece:
    """The piece, with the columns that wait for this comparison published; nothing is read when they are there."""
    writers = [ColumnsWriter(work.store, *one) for one in lacking(piece, work, stage, corpus)]
    if writers:
        write_again(writers, piece, work, reader(piece, work, corpus))
    return piece


def reader(piece: Piece, work: Work, corpus: Corpus) -> Callable[[PlacedStage], pa.Table]:
    """The marks of one piece by stage, read once."""
    held: dict[str, pa.Table] = {}

    def marks(stage: PlacedStage) -> pa.Table:
        if stage.name not in held:
            held[stage.name] = read_marks(work, stage, corpus, piece.name)
        return held[stage.name]

    return marks
