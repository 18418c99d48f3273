"""One comparison, step by step: nominate from a piece, settle a bucket, publish the marks of a piece, close with a receipt."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, tables
from pipeline.data.receipts import Receipt
from pipeline.data.schemas import MARKS
from pipeline.kernels import hashing
from pipeline.steps.judge import judge_piece, marks_of
from pipeline.steps.placed import PlacedStage
from pipeline.steps.work import Corpus, Piece, Work

ROWS_A_BUCKET = 1 << 19
PIECE = b"piece"  # a slice carries its piece's name once, in its schema's metadata


def done(work: Work, stage: PlacedStage, corpus: Corpus) -> bool:
    """Whether this comparison stands already."""
    return receipts.find(work.store, marks_of(stage, corpus)) is not None


def folder_of(work: Work, stage: PlacedStage, corpus: Corpus) -> str:
    """Where the slices of this comparison lie while it runs."""
    return f"{marks_of(stage, corpus)}/{buckets(work, corpus)}"


def buckets(work: Work, corpus: Corpus) -> int:
    """A power of two; any gives the same marks."""
    return work.buckets or max(8, 1 << (corpus.rows // ROWS_A_BUCKET).bit_length())


def nominate(
    piece: Piece, work: Work, stage: PlacedStage, corpus: Corpus
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(bucket, rows) for the documents of a piece that are alive at the stage's place."""
    earlier = work.placed.stages[: work.placed.stages.index(stage)]
    view, verdicts = judge_piece(work, piece, corpus, earlier)
    takes_part = pc.and_(pa.array(verdicts.alive), view.applies(stage.where))
    rows = stage.rule.nominate(view.seen(stage).filter(takes_part))
    rows = rows.replace_schema_metadata({PIECE: piece.name.encode()})
    yield from split_by(rows, bucket_of(rows["key"], buckets(work, corpus)))


def bucket_of(keys: pa.Array, count: int) -> np.ndarray:
    """int64[n] in [0, count): by the leading bits of the key's hash."""
    shift = np.uint64(64 - (count.bit_length() - 1))
    hashes = hashing.row_hashes(keys, 0)
    return (hashes >> shift).astype(np.int64) if count > 1 else np.zeros(len(hashes), np.int64)


def split_by(rows: pa.RecordBatch, target: np.ndarray) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each target, targets ascending, rows in their order."""
    order = np.argsort(target, kind="stable")
    ordered, sorted_rows = target[order], rows.take(pa.array(order))
    edges = np.flatnonzero(np.diff(ordered, prepend=-1, append=np.iinfo(np.int64).max))
    for start, stop in pairwise(edges):
        yield str(ordered[start]), sorted_rows.slice(start, stop - start)


def settle(slices: Iterable[pa.RecordBatch], stage: PlacedStage) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(piece, marks) of one bucket, from all that was nominated to it."""
    held = list(slices)
    rows = tables.as_batch(pa.Table.from_batches([one.replace_schema_metadata() for one in held]))
    marks = stage.rule.settle(rows)
    if not marks.num_rows:
        return
    names = sorted({one.schema.metadata[PIECE].decode() for one in held})
    number = {name: index for index, name in enumerate(names)}
    piece = np.concatenate(
        [np.full(one.num_rows, number[one.schema.metadata[PIECE].decode()]) for one in held]
    )
    home = piece[np.asarray(pc.index_in(marks["id"], rows["id"]))]
    yield from ((names[int(index)], part) for index, part in split_by(marks, home))


def publish_marks(
    piece: str, slices: Iterable[pa.RecordBatch], work: Work, stage: PlacedStage, corpus: Corpus
) -> tuple[str, str]:
    """(file, digest) of the marks of one piece, in the order of ids."""
    name = f"{marks_of(stage, corpus)}/{piece}.parquet"
    if not work.store.exists(name):
        marks = pa.Table.from_batches(list(slices), MARKS)
        tables.write(work.store, tables.as_batch(marks.sort_by("id")), name)
    return name, receipts.file_digest(work.store.path(name))


def close(files: Iterable[tuple[str, str]], work: Work, stage: PlacedStage, corpus: Corpus) -> Receipt:
    """The receipt of the whole comparison."""
    return receipts.publish(
        work.store, Receipt(marks_of(stage, corpus), {"corpus": corpus.digest}, dict(sorted(files)))
    )
