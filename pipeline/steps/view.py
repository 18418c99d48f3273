"""What is known about the documents of one batch or piece, and what each stage sees of it."""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.schemas import CUT, CUTS
from pipeline.kernels import cuts as cutting
from pipeline.steps.placed import Edit, PlacedMeasure, PlacedStage, Where, as_scalar

Columns = Callable[[PlacedMeasure], pa.RecordBatch]


class View:
    """Documents (id, source, other columns of their own) and the columns that measures gave, row for row."""

    def __init__(self, documents: pa.RecordBatch, columns: Columns) -> None:
        self.documents, self.columns = documents, columns

    def column(self, name: str, home: PlacedMeasure | None) -> pa.Array:
        """One column by name: a measure's, or the documents' own."""
        return self.documents.column(name) if home is None else self.columns(home).column(name)

    def applies(self, where: Where) -> pa.BooleanArray:
        """The rows that a stage speaks of; a null is in no scope."""
        masks = [within(self.column(name, where.homes[name]), limit) for name, limit in where.limits.items()]
        everything = pa.array([True] * self.documents.num_rows, pa.bool_()) if not masks else masks[0]
        return reduce(pc.and_, masks[1:], everything)

    def seen(self, stage: PlacedStage) -> pa.RecordBatch:
        """The documents' own columns and those of the stage's needs."""
        arrays: dict[str, pa.Array] = {
            name: self.documents.column(name) for name in self.documents.schema.names
        }
        arrays.pop("text", None)
        for home in stage.measures:
            arrays |= dict(zip(home.measure.columns.names, self.columns(home).columns, strict=True))
        return pa.RecordBatch.from_pydict(arrays)

    def cuts(self, edits: tuple[Edit, ...]) -> pa.ListArray | None:
        """All edits as one list of cuts of the text as ingested; None when there is none."""
        lists = [masked(self.column(edit.column, edit.home), self.applies(edit.where)) for edit in edits]
        return reduce(cutting.compose, lists) if lists else None


def within(values: pa.Array, limit: Any) -> pa.BooleanArray:
    """Equality, membership or {min, max} range, in the column's own type; null rows are outside."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if isinstance(limit, Mapping):
        masks = [
            compare(values, as_scalar(limit[side], values.type))
            for side, compare in SIDES.items()
            if side in limit
        ]
        inside = reduce(pc.and_, masks)
    elif isinstance(limit, list | tuple):
        masks = [pc.equal(values, as_scalar(value, values.type)) for value in limit]
        inside = reduce(pc.or_, masks) if masks else pa.nulls(len(values), pa.bool_())
    else:
        inside = pc.equal(values, as_scalar(limit, values.type))
    return pc.fill_null(pc.and_(inside, pc.is_valid(values)), False)


def with_chosen(documents: pa.RecordBatch, chosen: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """The documents with every column that any input brings along, in one order: all null where this one does not."""
    own = [name for name in documents.schema.names if name not in chosen]
    for name, kind in chosen.items():
        if name not in documents.schema.names:
            documents = documents.append_column(name, pa.nulls(documents.num_rows, kind))
    return documents.select([*own, *chosen])


SIDES = {"min": pc.greater_equal, "max": pc.less_equal}


def masked(cuts: pa.ListArray, applies: pa.BooleanArray) -> pa.ListArray:
    """The cuts of the rows in scope, none elsewhere."""
    if pc.all(applies).as_py():
        return cuts
    empty = pa.scalar([], cuts.type)
    return pc.if_else(applies, cuts, empty)


def no_cuts(rows: int) -> pa.ListArray:
    """An empty list of cuts for each row."""
    return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), pa.array([], CUT), type=CUTS)
