"""What shipped and why: the DECISIONS of a piece, with the counts that the funnel adds up."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, tables
from pipeline.data.keys import digest
from pipeline.data.receipts import Receipt
from pipeline.data.schemas import DECISIONS
from pipeline.steps.judge import Verdicts, judge_piece, read_statistics
from pipeline.steps.placed import Placed, check_files, size_after
from pipeline.steps.taken import REASON, STAGE, taken
from pipeline.steps.tokens import lengths
from pipeline.steps.view import View
from pipeline.steps.work import Corpus, Piece, Work

KEPT = ""  # in counts: the stage and reason of what stays


def decisions_key(work: Work, corpus: Corpus) -> str:
    """Everything that decides, names of stages included, because they are written."""
    names = [stage.name for stage in work.placed.stages]
    return digest(work.placed.chain, names, work.tokens_key, corpus.digest, work.taken)


def decisions_of(work: Work, piece: Piece, corpus: Corpus) -> str:
    return f"decisions/{decisions_key(work, corpus)}/{piece.name}"


def decide(piece: Piece, work: Work, corpus: Corpus) -> Receipt:
    """The decisions of one piece, published."""
    of = decisions_of(work, piece, corpus)
    if receipt := receipts.find(work.store, of):
        return receipt
    view, verdicts = judge_piece(work, piece, corpus, work.placed.stages)
    table = decisions(view, verdicts, work, piece, corpus)
    file = tables.write(work.store, table, f"{of}.parquet")
    facts = {
        "counts": counts(view, table),
        "alone": alone(verdicts, table),
        "tokens": shipped_tokens(table),
    }
    return receipts.publish(work.store, Receipt(of, facts, {f"{of}.parquet": file}))


def decisions(view: View, verdicts: Verdicts, work: Work, piece: Piece, corpus: Corpus) -> pa.RecordBatch:
    """DECISIONS rows, in the piece's order."""
    ids, alive = view.documents["id"], verdicts.alive
    tokens = pc.if_else(pa.array(alive), lengths(work, piece, corpus, ids), pa.scalar(None, pa.int32()))
    copies = np.where(alive, copies_of(view, verdicts, work, corpus, tokens), 0).astype(np.int32)
    stage, reason = sampled(verdicts, copies, work.placed)
    if work.taken:
        gone = taken(work.store, work.taken, view.documents)
        ships = pc.and_(gone, pa.array(copies > 0))
        stage, reason = pc.if_else(ships, STAGE, stage), pc.if_else(ships, REASON, reason)
        copies[np.asarray(gone)] = 0
        tokens = pc.if_else(gone, pa.scalar(None, pa.int32()), tokens)
    size = view.columns(size_after(work.placed.edits))
    kept = pa.array(copies > 0)
    before = pc.subtract(pc.add(size["characters"], size["characters_cut"]), size["characters_put"])
    cut, put = (pc.if_else(kept, size[name], 0) for name in ("characters_cut", "characters_put"))
    columns = [ids, stage, reason, pa.array(copies), before, cut, put, tokens]
    return pa.RecordBatch.from_arrays(columns, schema=DECISIONS)


def copies_of(view: View, verdicts: Verdicts, work: Work, corpus: Corpus, tokens: pa.Array) -> np.ndarray:
    """int32[n]: what the sample rule gives to each living document in its scope, 1 elsewhere."""
    sample = work.placed.sample
    copies = np.ones(view.documents.num_rows, np.int32)
    if sample is None:
        return copies
    check_files(sample)
    chosen = verdicts.alive & np.asarray(view.applies(sample.where))
    seen = view.seen(sample).append_column("tokens", tokens).filter(pa.array(chosen))
    copies[chosen] = np.asarray(sample.rule.copies(seen, *read_statistics(work, sample, corpus)))
    return copies


def sampled(verdicts: Verdicts, copies: np.ndarray, placed: Placed) -> tuple[pa.Array, pa.Array]:
    """Stage names and reasons, those of the sample rule included."""
    names = pa.array([stage.name for stage in placed.stages], pa.string())
    dropped = pa.array(np.where(verdicts.alive, 0, verdicts.stage), pa.int32(), mask=verdicts.alive)
    out = verdicts.alive & (copies == 0)
    if not out.any():
        return names.take(dropped), verdicts.reason
    mask, sample = pa.array(out), placed.stages[-1]
    return pc.if_else(mask, sample.name, names.take(dropped)), pc.if_else(
        mask, sample.rule.reasons[0], verdicts.reason
    )


def shipped_tokens(table: pa.RecordBatch) -> int:
    """Tokens that go to packs, each copy counted."""
    return int(pc.sum(shipped(table)).as_py() or 0)


def shipped(table: pa.RecordBatch) -> pa.Array:
    """int64[n]: tokens × copies, which 32 bits need not hold."""
    return pc.multiply(pc.cast(table["copies"], pa.int64()), pc.fill_null(table["tokens"], 0))


def counts(view: View, table: pa.RecordBatch) -> list[list[Any]]:
    """[source, stage, reason, documents, characters, cut, put, tokens, spans, tokens × copies], the kept under "" and ""."""
    rows = pa.table(
        {
            "source": view.documents["source"],
            "stage": pc.fill_null(table["stage"], KEPT),
            "reason": pc.fill_null(table["reason"], KEPT),
            **{name: table[name] for name in ("characters", "characters_cut", "characters_put", "copies")},
            "tokens": pc.fill_null(table["tokens"], 0),
            "shipped": shipped(table),
        }
    )
    summed = ["characters", "characters_cut", "characters_put", "tokens", "copies", "shipped"]
    grouped = rows.group_by(["source", "stage", "reason"]).aggregate(
        [([], "count_all"), *((name, "sum") for name in summed)]
    )
    names = ["source", "stage", "reason", "count_all", *(f"{name}_sum" for name in summed)]
    return sorted([list(row.values()) for row in grouped.select(names).to_pylist()])


def alone(verdicts: Verdicts, table: pa.RecordBatch) -> dict[str, list[int]]:
    """By stage: documents and characters that it would have dropped with no other stage before it."""
    characters = np.asarray(table["characters"])
    return {name: [int(given.sum()), int(characters[given].sum())] for name, given in verdicts.alone.items()}
