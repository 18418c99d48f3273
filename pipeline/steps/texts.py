"""Documents of a piece with their text as the editors leave it; row groups without a document asked for are not decoded."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import tables
from pipeline.kernels import cuts as cutting
from pipeline.steps.work import Home, Work


def texts(
    piece: Home, work: Work, asked: np.ndarray, cuts: pa.ListArray | None, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The asked rows (bool[n]), batch by batch; with cuts, `text`, `parts` and `media` are what they leave of them."""
    file, row = tables.open_table(work.store, piece.documents), 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        mask = pa.array(asked[row : row + rows])
        if pc.any(mask).as_py():
            batch = tables.as_batch(file.read_row_group(group, columns=list(columns))).filter(mask)
            yield batch if cuts is None else edited(batch, cuts.slice(row, rows).filter(mask))
        row += rows


def edited(batch: pa.RecordBatch, cuts: pa.ListArray) -> pa.RecordBatch:
    """The batch after these cuts of its texts."""
    original, names = batch["text"], batch.schema.names
    if "media" in names:
        media = cutting.keep_media(original, cuts, batch["media"])
        batch = batch.set_column(names.index("media"), batch.schema.field("media"), media)
    if "parts" in names:
        parts = cutting.move_parts(cuts, batch["parts"])
        batch = batch.set_column(names.index("parts"), batch.schema.field("parts"), parts)
    text = cutting.apply(original, cuts)
    return batch.set_column(names.index("text"), batch.schema.field("text"), text)
