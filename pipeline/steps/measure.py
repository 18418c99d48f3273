"""Documents → columns: every placed measure over one batch in memory, or over a piece that was read before."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, tables
from pipeline.data.keys import digest
from pipeline.data.receipts import Receipt
from pipeline.data.store import Store
from pipeline.kernels import cuts as cutting
from pipeline.steps.placed import Edit, Placed, PlacedMeasure, PlacedStage, check_files, told
from pipeline.steps.view import View, no_cuts, with_chosen
from pipeline.steps.work import Piece, Work


class Measuring:
    """The measures of one batch of documents, each computed once, the text edited as its place asks."""

    def __init__(
        self,
        documents: pa.RecordBatch,
        cuts: Callable[[PlacedStage], pa.Table] | None = None,
        known: Callable[[PlacedMeasure], pa.RecordBatch | None] = lambda _: None,
    ) -> None:
        """`cuts`: the marks of a comparison that cuts; without it no measure that waits for one can be asked for. `known`: columns
        of these documents that were measured before.
        """
        self.documents, self.cuts, self.known = documents, cuts, known
        self.done: dict[str, pa.RecordBatch] = {}
        self.texts: dict[tuple[str, ...], pa.StringArray] = {}

    @cached_property
    def view(self) -> View:
        return View(self.documents, self.columns)

    def columns(self, placed: PlacedMeasure) -> pa.RecordBatch:
        """The measure's columns, checked against what it declares."""
        if placed.key not in self.done and (found := self.known(placed)) is not None:
            self.done[placed.key] = found
        if placed.key not in self.done and placed.marks is not None:
            if self.cuts is None:
                raise RuntimeError(f"{placed.marks.name}: its cuts are not known while documents are read")
            self.done[placed.key] = marked(self.documents["id"], self.cuts(placed.marks))
        if placed.key not in self.done:
            given = pa.RecordBatch.from_pydict(
                {name: self.read(name, placed.edits) for name in placed.measure.reads}
            )
            check_files(placed)
            with told(f"measure {type(placed.measure).__name__}"):
                self.done[placed.key] = checked(
                    placed.measure, placed.measure(given), self.documents.num_rows
                )
        return self.done[placed.key]

    def read(self, name: str, edits: tuple[Edit, ...]) -> pa.Array:
        if name == "text":
            return self.text(edits)
        if name == "cuts":
            found = self.view.cuts(edits)
            return found if found is not None else no_cuts(self.documents.num_rows)
        return self.documents.column("text" if name == "original" else name)

    def text(self, edits: tuple[Edit, ...]) -> pa.StringArray:
        """The text as the editors left it."""
        key = tuple(edit.key for edit in edits)
        if key not in self.texts:
            found = self.view.cuts(edits)
            original = self.documents.column("text")
            self.texts[key] = original if found is None else cutting.apply(original, found)
        return self.texts[key]


def checked(measure: Any, columns: pa.RecordBatch, rows: int) -> pa.RecordBatch:
    name = type(measure).__name__
    if columns.num_rows != rows:
        raise ValueError(
            f"measure {name} gave {columns.num_rows} rows for {rows} documents; it must give one each, in order"
        )
    if columns.schema != measure.columns:
        raise ValueError(f"measure {name} gave columns\n{columns.schema}\nbut declares\n{measure.columns}")
    return columns


def marked(ids: pa.Array, marks: pa.Table) -> pa.RecordBatch:
    """The marks of these documents, row for row; null rows where there is none."""
    return tables.as_batch(marks.take(pc.index_in(ids, marks["id"].combine_chunks())))


def every(placed: Placed) -> tuple[PlacedMeasure, ...]:
    """All measures of a recipe, and the sizes that the books need."""
    return tuple({one.key: one for one in (*placed.measures, *placed.sizes)}.values())


def wanted(placed: Placed, after: PlacedStage | None = None) -> tuple[PlacedMeasure, ...]:
    """Those that are measured while documents are read, or after one comparison that cuts."""
    return tuple(one for one in every(placed) if (one.waits[-1:] or (None,)) == (after,))


def columns_of(placed: PlacedMeasure, piece: str, own: str = "") -> str:
    """The step, and with .parquet the file, of one measure's columns of one piece. `own`: a digest of the cuts that it waits for."""
    return f"columns/{digest(placed.key, own) if own else placed.key}/{piece}"


class ColumnsWriter:
    """One measure's columns of one piece, batch by batch."""

    def __init__(self, store: Store, placed: PlacedMeasure, own: str = "") -> None:
        self.store, self.placed, self.own = store, placed, own
        self.writer = tables.TableWriter(store, placed.measure.columns)

    def write(self, measuring: Measuring) -> None:
        self.writer.write(measuring.columns(self.placed))

    def publish(self, piece: str) -> Receipt:
        """The columns, then their receipt; those that stand already are left alone."""
        of = columns_of(self.placed, piece, self.own)
        if receipt := receipts.find(self.store, of):
            self.writer.discard()
            return receipt
        name = f"{of}.parquet"
        file = self.writer.publish(name)
        return receipts.publish(self.store, Receipt(of, {"rows": self.writer.rows}, {name: file}))


def missing(work: Work, piece: Piece) -> list[PlacedMeasure]:
    """The measures of this recipe that the piece has not had, of those that wait for no comparison."""
    names = (
        (placed, receipts.receipt_name(columns_of(placed, piece.name))) for placed in wanted(work.placed)
    )
    return [placed for placed, name in names if not work.store.exists(name)]


def measure(piece: Piece, work: Work) -> Piece:
    """The piece, with all of its columns published; nothing is read when they are there."""
    todo = missing(work, piece)
    if not todo:
        return piece
    write_again([ColumnsWriter(work.store, placed) for placed in todo], piece, work)
    return piece


def write_again(
    writers: list[ColumnsWriter],
    piece: Piece,
    work: Work,
    cuts: Callable[[PlacedStage], pa.Table] | None = None,
) -> None:
    """Columns of a piece that was read before. What stands of others is taken from there: how texts were edited, above all."""
    standing, row = Standing(piece, work), 0
    for batch in tables.batches(work.store, piece.documents):
        known = partial(standing.part, row, batch.num_rows)
        measuring = Measuring(with_chosen(batch, work.placed.chosen), cuts, known)
        for writer in writers:
            writer.write(measuring)
        row += batch.num_rows
    for writer in writers:
        writer.publish(piece.name)


class Standing:
    """The published columns of a piece, of measures that wait for no comparison, each read when it is first asked for."""

    def __init__(self, piece: Piece, work: Work) -> None:
        self.piece, self.store = piece, work.store
        self.held: dict[str, pa.RecordBatch | None] = {}

    def part(self, row: int, rows: int, placed: PlacedMeasure) -> pa.RecordBatch | None:
        """So many rows from `row` on; None where there are none yet."""
        if placed.waits or placed.marks is not None:
            return None
        if placed.key not in self.held:
            name = columns_of(placed, self.piece.name)
            there = self.store.exists(receipts.receipt_name(name))
            self.held[placed.key] = (
                tables.as_batch(tables.read(self.store, f"{name}.parquet")) if there else None
            )
        found = self.held[placed.key]
        return None if found is None else found.slice(row, rows)
