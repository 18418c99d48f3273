"""`winnow clean`: what no current receipt names goes; token fragments become the one that a fresh run would write."""

from collections.abc import Iterator

import pyarrow as pa

from pipeline.data import receipts, slices, tables
from pipeline.data.receipts import Receipt, receipt_name
from pipeline.data.store import LOCK, TEMPORARY
from pipeline.ledger import Run
from pipeline.run.driver import MANIFEST
from pipeline.run.folder import MARKER
from pipeline.ship import views
from pipeline.steps.decide import decisions_of
from pipeline.steps.ingest import receipt_of
from pipeline.steps.judge import marks_of, own_cuts, statistic_of
from pipeline.steps.measure import columns_of, every
from pipeline.steps.shards import packs_of, shard_receipt
from pipeline.steps.taken import TAKEDOWN, in_force
from pipeline.steps.tokens import fragment_of, fragments, read_tokens
from pipeline.steps.work import Piece

KEPT = (MARKER, MANIFEST, TAKEDOWN, "shards.parquet", views.NAME, LOCK)


def needed_steps(run: Run) -> set[str]:
    """Every step whose receipt the manifest stands on."""
    work, corpus = run.work, run.corpus
    ingests = {receipt_of(split) for split in run.planned.splits}
    columns = {
        columns_of(placed, piece.name, own_cuts(work, placed.edits, corpus, piece.name))
        for placed in every(work.placed)
        for piece in run.pieces
    }
    marks = {marks_of(stage, corpus) for stage in work.placed.comparisons}
    statistics = {
        statistic_of(work, one, stage, corpus) for stage in work.placed.stages for one in stage.statistics
    }
    tokens = {
        name.removesuffix(".parquet") for piece in run.pieces for name in fragments(work, piece, corpus)
    }
    decided = {decisions_of(work, piece, corpus) for piece in run.pieces}
    shards = {shard_receipt(shard["path"]) for shard in run.manifest["shards"]}
    return ingests | columns | marks | statistics | tokens | decided | shards | {packs_of(work, corpus)}


def clean(run: Run) -> list[str]:
    """The names that were deleted."""
    for piece in run.pieces:
        merge_fragments(run, piece)
    needed = needed_names(run)
    gone = [name for name in map(bare, run.store.list(".")) if name not in needed]
    for name in gone:
        run.store.delete(name)
    run.store.sweep(TEMPORARY)
    run.store.sweep(slices.FOLDER)
    return gone


def bare(name: str) -> str:
    return name.removeprefix("./")


def needed_names(run: Run) -> set[str]:
    """Files and receipts that stay."""
    steps = needed_steps(run)
    files = {name for of in steps for name in receipts.get(run.store, of).files}
    return (
        files
        | {receipt_name(of) for of in steps}
        | {run.planned.name, run.work.taken, in_force(run.store), *KEPT}
    )


def merge_fragments(run: Run, piece: Piece) -> None:
    """One fragment with the rows that live, where there are several or others; nothing is tokenised again."""
    decided = tables.as_batch(run.decisions(piece, ["id", "tokens"]))
    ids = decided["id"].filter(decided["tokens"].is_valid())
    of = fragment_of(run.work, piece, run.corpus, ids)
    held = fragments(run.work, piece, run.corpus)
    if held in ([], [f"{of}.parquet"]):
        return
    if len(ids):
        write_fragment(run, piece, of, ids)
    for name in held:
        if name != f"{of}.parquet":
            run.store.delete(receipt_name(name.removesuffix(".parquet")))


def write_fragment(run: Run, piece: Piece, of: str, ids: pa.Array) -> None:
    table = read_tokens(run.work, piece, run.corpus, ids)
    with tables.TableWriter(run.store, table.schema) as writer:
        for part in groups(run, piece, ids):
            writer.write(table.slice(*part))
        digest = writer.publish(f"{of}.parquet")
    receipts.publish(run.store, Receipt(of, {"rows": writer.rows}, {f"{of}.parquet": digest}))


def groups(run: Run, piece: Piece, ids: pa.Array) -> Iterator[tuple[int, int]]:
    """(start, rows) of each row group, as the tokenizer writes them: one for each group of documents that has any."""
    start = 0
    for batch in tables.batches(run.store, piece.documents, ["id"]):
        rows = len(set(batch["id"].to_pylist()) & set(ids.slice(start, batch.num_rows).to_pylist()))
        if rows:
            yield start, rows
        start += rows
