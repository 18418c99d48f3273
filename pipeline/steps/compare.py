"""One comparison, step by step: nominate from a piece, settle a bucket, publish the marks of a piece, close with a receipt."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, tables
from pipeline.data.receipts import Receipt
from pipeline.data.schemas import MARKS
from pipeline.kernels import hashing
from pipeline.steps.judge import judge_piece, marks_of
from pipeline.steps.placed import PlacedStage, told
from pipeline.steps.work import Corpus, Home, Piece, Work

ROWS_A_BUCKET = 1 << 19
Sent = Iterator[tuple[str, pa.RecordBatch]]
Slices = Iterable[pa.RecordBatch]
Step = Callable[[str, Slices, Work, PlacedStage, Corpus], Sent]  # (target, its slices, …) → what it sends
PIECE = b"piece"  # a slice carries its piece's name once, in its schema's metadata


def done(work: Work, stage: PlacedStage, corpus: Corpus) -> bool:
    """Whether this comparison stands already."""
    return receipts.find(work.store, marks_of(stage, corpus)) is not None


def folder_of(work: Work, stage: PlacedStage, corpus: Corpus) -> str:
    """Where the slices of this comparison lie while it runs."""
    return f"{marks_of(stage, corpus)}/{buckets(work, stage, corpus)}"


def buckets(work: Work, stage: PlacedStage, corpus: Corpus) -> int:
    """A power of two; any gives the same marks. A rule says as `keys` under how many it nominates a document, if not one."""
    rows = corpus.rows * int(getattr(stage.rule, "keys", 1))
    return work.buckets or max(8, 1 << (rows // ROWS_A_BUCKET).bit_length())


def nominate(
    piece: Piece, work: Work, stage: PlacedStage, corpus: Corpus
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(bucket, rows) for the documents of a piece that are alive at the stage's place."""
    earlier = work.placed.stages[: work.placed.stages.index(stage)]
    view, verdicts = judge_piece(work, piece, corpus, earlier)
    takes_part = pc.and_(pa.array(verdicts.alive), view.applies(stage.where))
    seen = tables.kept(view.seen(stage), takes_part)
    with told(f"stage {stage.name}"):
        rows = stage.rule.nominate(seen)
    yield from to_buckets(rows, piece, buckets(work, stage, corpus))


def to_buckets(rows: pa.RecordBatch, piece: Home, count: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(bucket, rows) of all that a piece nominates."""
    yield from split_by(from_piece(rows, piece.name), bucket_of(rows["key"], count))


def from_piece(rows: pa.RecordBatch, name: str) -> pa.RecordBatch:
    """The rows, with the name of the piece that they come from."""
    return rows.replace_schema_metadata({PIECE: name.encode()})


def met(slices: Iterable[pa.RecordBatch]) -> tuple[pa.RecordBatch, np.ndarray, list[str]]:
    """All slices as one batch; for each row the number of its piece; the names of the pieces."""
    held = list(slices)
    rows = tables.as_batch(pa.Table.from_batches([one.replace_schema_metadata() for one in held]))
    pieces = [one.schema.metadata[PIECE].decode() for one in held]
    names = sorted(set(pieces))
    number = {name: index for index, name in enumerate(names)}
    return rows, np.repeat([number[name] for name in pieces], [one.num_rows for one in held]), names


def bucket_of(keys: pa.Array, count: int) -> np.ndarray:
    """unsigned[n] in [0, count), as narrow as it goes: by the leading bits of the key's hash."""
    narrow = np.min_scalar_type(count - 1)
    shift = np.uint64(64 - (count.bit_length() - 1))
    hashes = hashing.row_hashes(keys, 0)
    return (hashes >> shift).astype(narrow) if count > 1 else np.zeros(len(hashes), narrow)


def split_by(rows: pa.RecordBatch, target: np.ndarray) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each target, targets ascending, rows in their order."""
    if not rows.num_rows:
        return
    order = np.argsort(target, kind="stable")  # of up to 16 bits, numpy counts and compares nothing
    ordered, sorted_rows = target[order], rows.take(pa.array(order))
    edges = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1], True])
    for start, stop in pairwise(edges):
        yield str(ordered[start]), sorted_rows.slice(start, stop - start)


def settle(_bucket: str, slices: Slices, _work: Work, stage: PlacedStage, _corpus: Corpus) -> Sent:
    """(piece, marks) of one bucket, from all that was nominated to it."""
    rows, piece, names = met(slices)
    with told(f"stage {stage.name}"):
        marks = stage.rule.settle(rows)
    if not marks.num_rows:
        return
    home = piece[np.asarray(pc.index_in(marks["id"], rows["id"]))]
    yield from ((names[int(index)], part) for index, part in split_by(marks, home))


def publish(piece: str, slices: Slices, work: Work, stage: PlacedStage, corpus: Corpus) -> tuple[str, str]:
    """(file, digest) of the marks of one piece, in the order of ids."""
    name = f"{marks_of(stage, corpus)}/{piece}.parquet"
    if work.store.exists(name):
        return name, receipts.stored_digest(work.store, name)
    return name, tables.write(work.store, marks_from(list(slices), stage), name)


def marks_from(slices: list[pa.RecordBatch], stage: PlacedStage) -> pa.RecordBatch:
    """MARKS of one piece in the order of ids; where a comparison cuts, all cuts of a document as one mark."""
    if stage.cuts:
        return stage.rule.mark(tables.as_batch(pa.Table.from_batches(slices)))
    return tables.as_batch(pa.Table.from_batches(slices, MARKS).sort_by("id"))


def close(
    files: Iterable[tuple[str, str]],
    work: Work,
    stage: PlacedStage,
    corpus: Corpus,
    facts: Mapping[str, int] | None = None,
) -> Receipt:
    """The receipt of the whole comparison. `facts`: what else it counted."""
    of, named = marks_of(stage, corpus), dict(sorted((name, digest) for name, digest in files))
    return receipts.publish(work.store, Receipt(of, {"corpus": corpus.digest, **(facts or {})}, named))
