"""`winnow account`: everything a run says of itself, counted again from the bytes.

Records in the inputs = documents + quarantined + passed over by type; documents = kept + dropped; characters + put = shipped + cut + dropped; and
kept × copies = spans in packs, token for token. Each difference names its place.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, tables
from pipeline.data.receipts import Receipt
from pipeline.kernels import hashing, spans
from pipeline.ledger import Run
from pipeline.ledger.clean import needed_steps
from pipeline.readers import Extent, count_records
from pipeline.ship import manifest as manifests
from pipeline.steps.decide import counts, decisions_of
from pipeline.steps.ingest import fingerprint, fold, open_file, receipt_of
from pipeline.steps.judge import own_cuts, piece_view
from pipeline.steps.measure import columns_of, every
from pipeline.steps.placed import size_after
from pipeline.steps.shards import addresses
from pipeline.steps.tokens import read_tokens
from pipeline.steps.work import Piece, Split

MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Line:
    """One thing that was counted. `wrong`: a difference, in words; `missing`: it could not be counted, and why."""

    what: str
    found: int = 0
    wrong: str = ""
    missing: str = ""


def account(run: Run) -> Iterator[Line]:
    """Every recount, in the order of the flow; the books balance when no line is `wrong`."""
    yield from (Line("files", wrong=problem) for problem in damaged(run))
    yield from readable(records(run))
    for piece in run.pieces:
        yield from readable(piece_lines(run, piece))
    known = manifests.superseded(run.store.root)
    yield from (Line("shards", wrong=problem) for problem in manifests.verify(run.store.root, known))
    yield from readable(packed(run))


def readable(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines, and where a file is too damaged to be read, that it is: the message names it."""
    try:
        yield from lines
    except (OSError, ValueError) as error:  # Arrow's are ValueErrors, too
        yield Line("files", wrong=str(error))


# Records


def records(run: Run) -> Iterator[Line]:
    """Records counted in the inputs against documents and quarantine rows, split by split."""
    for split in run.planned.splits:
        receipt = receipts.get(run.store, receipt_of(split))
        read = sum(row["records"] for row in receipt.facts["extents"])
        gave = sum(one["rows"] for one in (*receipt.facts["pieces"], *receipt.facts["quarantine"]))
        gave += sum(count for row in receipt.facts["extents"] for count in row["passed_over"].values())
        place = f"{split.input}: {split.extents[0].relative}{' …' if len(split.extents) > 1 else ''}"
        if split.limit is None and read != gave:
            yield Line(
                "records",
                wrong=f"{place}: {read:,} records read, but {gave:,} documents, quarantined or passed over",
            )
        yield from recounted(run, split, receipt, place)


def recounted(run: Run, split: Split, receipt: Receipt, place: str) -> Iterator[Line]:
    """The same records, counted again in the input files themselves."""
    if split.limit is not None:
        yield Line("records", missing=f"{place}: read up to a limit")
        return
    total = 0
    for extent, row in zip(split.extents, receipt.facts["extents"], strict=True):
        if fingerprint(extent.path) != row["print"]:
            yield Line("records", missing=f"{extent.path}: changed or gone since it was read")
            continue
        counted = count_records(extent, run.work.readings[split.input], open_file)
        if counted != row["records"]:
            yield Line(
                "records",
                wrong=f"{named(extent)}: holds {counted:,} records, the receipt says {row['records']:,}",
            )
        total += counted
    yield Line("records", total)


def named(extent: Extent) -> str:
    return (
        extent.path
        if extent.start == 0 and extent.stop is None
        else f"{extent.path} from byte {extent.start:,}"
    )


# Pieces


def piece_lines(run: Run, piece: Piece) -> Iterator[Line]:
    """Documents, their fold, columns and decisions of one piece."""
    documents = f"{piece.documents}"
    if not run.store.exists(documents):
        yield Line("documents", wrong=f"{documents}: missing")
        return
    lengths, folded, rows = [], (0, 0), 0
    for batch in tables.batches(run.store, documents):
        lengths.append(pc.utf8_length(batch["text"]))
        folded, rows = hashing.add([folded, fold(batch)]), rows + batch.num_rows
    yield check("documents", documents, rows, piece.rows, "rows", "its receipt")
    if folded != piece.fold:
        yield Line("documents", wrong=f"{documents}: its rows are not those that were read (fold differs)")
        return
    yield from columns(run, piece)
    yield from decisions(run, piece, pc.cast(pa.concat_arrays(lengths), pa.int64()))


def check(what: str, place: str, found: int, said: int, unit: str, who: str) -> Line:
    if found == said:
        return Line(what, found)
    return Line(what, wrong=f"{place}: {found:,} {unit}, {who} says {said:,}")


def columns(run: Run, piece: Piece) -> Iterator[Line]:
    for placed in every(run.work.placed):
        name = f"{columns_of(placed, piece.name, own_cuts(run.work, placed.edits, run.corpus, piece.name))}.parquet"
        if not run.store.exists(name):
            yield Line("columns", wrong=f"{name}: missing")
        else:
            yield check(
                "columns",
                name,
                tables.open_table(run.store, name).metadata.num_rows,
                piece.rows,
                "rows",
                "the piece",
            )


def decisions(run: Run, piece: Piece, lengths: pa.Array) -> Iterator[Line]:
    """Decisions row for row beside the documents, and their sums beside their receipt."""
    of = decisions_of(run.work, piece, run.corpus)
    place = f"{of}.parquet"
    if not run.store.exists(place):
        yield Line("decisions", wrong=f"{place}: missing")
        return
    table, view = tables.as_batch(tables.read(run.store, place)), piece_view(run.work, piece, run.corpus)
    ids = view.documents["id"]
    if table.num_rows != len(ids) or not table["id"].equals(ids):
        yield Line("decisions", wrong=f"{place}: {first_strange(table['id'], ids)}")
        return
    yield Line("decisions", table.num_rows)
    yield from (
        Line("decisions", wrong=f"{place}: {problem}") for problem in unbalanced(run, table, view, lengths)
    )
    if counts(view, table) != receipts.get(run.store, of).facts["counts"]:
        yield Line("decisions", wrong=f"{place}: its sums are not those of its receipt")


def first_strange(have: pa.Array, want: pa.Array) -> str:
    """The first document that decisions lack, or have too many."""
    lost, extra = (a.filter(pc.invert(pc.is_in(a, b))) for a, b in ((want, have), (have, want)))
    if len(lost):
        return f"no row for document {lost[0].as_py().hex()}"
    return (
        f"a row for document {extra[0].as_py().hex()}, which is not in the piece"
        if len(extra)
        else "rows in another order"
    )


def unbalanced(run: Run, table: pa.RecordBatch, view: Any, lengths: pa.Array) -> Iterator[str]:
    """Characters + put = shipped + cut + dropped, document by document; a reason where, and only where, nothing ships."""
    kept = pc.greater(table["copies"], 0)
    size = view.columns(size_after(run.work.placed.edits))
    put_less_cut = pc.subtract(table["characters_put"], table["characters_cut"])
    tests = {
        "characters are not those of the text": pc.equal(table["characters"], lengths),
        "a reason although it ships, or none although it does not": pc.equal(
            pc.is_null(table["reason"]), kept
        ),
        "kept without tokens": pc.or_(pc.invert(kept), pc.is_valid(table["tokens"])),
        "characters + put is not shipped + cut": pc.or_(
            pc.invert(kept), pc.equal(pc.add(table["characters"], put_less_cut), size["characters"])
        ),
    }
    for what, right in tests.items():
        wrong = table["id"].filter(pc.invert(right))
        if len(wrong):
            yield f"document {wrong[0].as_py().hex()}{f' and {len(wrong) - 1:,} more' if len(wrong) > 1 else ''}: {what}"


# Files


def damaged(run: Run) -> Iterator[str]:
    """Files whose bytes are not those of their receipt."""
    for of in stood_on(run):
        try:
            files = receipts.get(run.store, of).files
        except (FileNotFoundError, ValueError) as error:
            yield str(error)
            continue
        for name, digest in files.items():
            if not run.store.exists(name):
                yield f"{name}: missing"
            elif receipts.stored_digest(run.store, name) != digest:
                yield f"{name}: its bytes are not those of its receipt"


def stood_on(run: Run) -> list[str]:
    """Every receipt that the manifest stands on."""
    return sorted(needed_steps(run))


# Packs


class Copies(NamedTuple):
    """Copies of documents, row for row: those that should be in packs, or the spans that are there."""

    ids: pa.Array
    copy: np.ndarray
    pool: np.ndarray
    folds: np.ndarray


def packed(run: Run) -> Iterator[Line]:
    """Tokens and copies that were decided against the spans in packs, pool by pool; document by document where they differ."""
    wanted_folds: dict[int, int] = defaultdict(int)
    for piece in run.pieces:
        copies = expected(run, piece)
        for pool, folded in zip(copies.pool.tolist(), copies.folds.tolist(), strict=True):
            wanted_folds[pool] = (wanted_folds[pool] + folded) & MASK
    total = 0
    for shard in run.manifest["shards"]:
        pool = pool_of(shard["path"])
        if not run.store.exists(shard["path"]):
            wanted_folds.pop(pool, None)  # named by `manifests.verify`
            continue
        found, tokens = in_shard(run, shard["path"])
        total += tokens
        if int(found.folds.sum(dtype=np.uint64)) != wanted_folds.pop(pool, 0):
            yield Line("tokens", wrong=f"{shard['path']}: {blame(run, found)}")
    yield from (
        Line("tokens", wrong=f"pool {pool}: documents were to ship, no shard holds them")
        for pool in wanted_folds
    )
    yield Line("tokens", total)


def pool_of(shard: str) -> int:
    return int(os.path.basename(shard).split("-")[0])


def expected(run: Run, piece: Piece) -> Copies:
    """Every copy of a piece's documents that should be in packs."""
    table = tables.as_batch(run.decisions(piece, ["id", "copies"]))
    kept = pa.array(np.asarray(table["copies"]) > 0)
    ids, copies = table["id"].filter(kept), np.asarray(table["copies"].filter(kept))
    row, copy, pool = addresses(run.work.pack.seed, ids, copies, run.manifest["run"]["pools"])
    ids = ids.take(pa.array(row))
    if not len(row):
        return Copies(ids, copy, pool, np.zeros(0, np.uint64))
    lists = tables.as_batch(read_tokens(run.work, piece, run.corpus, ids))["tokens"]
    offsets = np.asarray(lists.offsets).astype(np.int64)
    starts = np.zeros(len(row), np.int64)
    owners = hashing.row_hashes(ids, 0)
    return Copies(
        ids,
        copy,
        pool,
        spans.fold_spans(np.asarray(lists.values), offsets[:-1], offsets[1:], owners, copy, starts),
    )


def in_shard(run: Run, name: str) -> tuple[Copies, int]:
    """The spans of a shard, and the tokens in them."""
    table = tables.as_batch(tables.read(run.store, name))
    lists, length = table["spans"], table["tokens"].type.list_size
    flat = lists.flatten()
    pack = np.repeat(np.arange(table.num_rows, dtype=np.int64), np.asarray(pc.list_value_length(lists)))
    starts, stops = (
        np.asarray(flat.field(side)).astype(np.int64) + pack * length for side in ("start", "stop")
    )
    ids, copy = flat.field("id"), np.asarray(flat.field("copy"))
    at = np.asarray(flat.field("at")).astype(np.int64)
    owners = hashing.row_hashes(ids, 0)
    folds = spans.fold_spans(np.asarray(table["tokens"].flatten()), starts, stops, owners, copy, at)
    return Copies(ids, copy, np.full(len(copy), pool_of(name)), folds), int((stops - starts).sum())


def blame(run: Run, found: Copies) -> str:
    """The first document whose tokens in the shard are not those that were decided, and in which pack it lies."""
    have, pool = by_document(found), found.pool[0] if len(found.pool) else -1
    want: dict[tuple[bytes, int], int] = {}
    for piece in run.pieces:
        copies = expected(run, piece)
        want |= by_document(chosen(copies, copies.pool == pool))
    strange = sorted(key for key in want.keys() | have.keys() if want.get(key) != have.get(key))
    identifier, copy = strange[0]
    what = (
        "missing"
        if strange[0] not in have
        else "not decided"
        if strange[0] not in want
        else "other tokens than decided"
    )
    more = f", and {len(strange) - 1:,} more" if len(strange) > 1 else ""
    return f"document {identifier.hex()} copy {copy}: {what}{more}"


def chosen(copies: Copies, mask: np.ndarray) -> Copies:
    return Copies(copies.ids.filter(pa.array(mask)), copies.copy[mask], copies.pool[mask], copies.folds[mask])


def by_document(copies: Copies) -> dict[tuple[bytes, int], int]:
    """Folds added up over the spans of each copy."""
    sums: dict[tuple[bytes, int], int] = defaultdict(int)
    for identifier, copy, folded in zip(
        copies.ids.to_pylist(), copies.copy.tolist(), copies.folds.tolist(), strict=True
    ):
        sums[identifier, copy] = (sums[identifier, copy] + folded) & MASK
    return dict(sums)
