"""Living documents → tokens, piece by piece, kept as fragments: a step computes only rows that no fragment holds.

A fragment is `tokens/<key>/<piece>/<digest of the rows asked>.parquet`; the key says tokenizer and editors, never a limit, so
a moved limit tokenises only documents that come back.
"""

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import receipts, schemas, tables
from pipeline.data.keys import digest
from pipeline.data.receipts import FOLDER, Receipt
from pipeline.ship.tokenize import Tokenizer, load
from pipeline.steps.judge import Verdicts, judge_piece, own_cuts
from pipeline.steps.texts import texts
from pipeline.steps.view import View
from pipeline.steps.work import Corpus, Pack, Piece, Work


def tokenizer(pack: Pack) -> Tokenizer:
    """The tokenizer that was planned with; refused when the file is another by now."""
    return cached_tokenizer(pack.tokenizer, pack.end_token, pack.tokenizer_digest)


@lru_cache(maxsize=2)
def cached_tokenizer(path: str, end_token: str, planned: str) -> Tokenizer:
    loaded = load(path, end_token)
    if loaded.digest != planned:
        raise RuntimeError(f"{path}: changed since the run was planned; run again")
    return loaded


def tokenize(piece: Piece, work: Work, corpus: Corpus) -> Piece:
    """The piece, with the tokens of all its living documents published."""
    view, verdicts = judge_piece(work, piece, corpus, work.placed.stages)
    asked = asked_rows(piece, work, corpus, view, verdicts)
    if asked.any():
        write_fragment(piece, work, corpus, view, asked)
    return piece


def asked_rows(piece: Piece, work: Work, corpus: Corpus, view: View, verdicts: Verdicts) -> np.ndarray:
    """bool[n]: alive, and in no fragment yet."""
    return verdicts.alive & ~np.asarray(pc.is_in(view.documents["id"], held_ids(work, piece, corpus)))


def write_fragment(piece: Piece, work: Work, corpus: Corpus, view: View, asked: np.ndarray) -> None:
    """Tokens of the rows asked, in document order."""
    encoder = tokenizer(work.pack)
    of = fragment_of(work, piece, corpus, view.documents["id"].filter(pa.array(asked)))
    with tables.TableWriter(work.store, schemas.tokens(encoder.dtype)) as writer:
        for batch in texts(piece, work, asked, view.cuts(work.placed.edits), ("id", "source", "text")):
            tokens = encoder.encode(batch["text"])
            writer.write(
                pa.RecordBatch.from_arrays([batch["id"], batch["source"], tokens], schema=writer.schema)
            )
        file = writer.publish(f"{of}.parquet")
    receipts.publish(work.store, Receipt(of, {"rows": writer.rows}, {f"{of}.parquet": file}))


def folder_of(work: Work, piece: Piece, corpus: Corpus) -> str:
    """By the text that is tokenised: what a comparison cuts in this piece belongs to it, what it cuts elsewhere does not."""
    own = own_cuts(work, work.placed.edits, corpus, piece.name)
    return f"tokens/{work.tokens_key}/{piece.name}{'-' * bool(own)}{own}"


def fragment_of(work: Work, piece: Piece, corpus: Corpus, ids: pa.Array) -> str:
    """The step that tokenises these rows."""
    rows = digest([identifier.hex() for identifier in ids.to_pylist()])
    return f"{folder_of(work, piece, corpus)}/{rows}"


def fragments(work: Work, piece: Piece, corpus: Corpus) -> list[str]:
    """The files of all fragments of a piece that have their receipt."""
    folder = folder_of(work, piece, corpus)
    names = work.store.list(f"{FOLDER}/{folder}")
    return [f"{name.removeprefix(f'{FOLDER}/').removesuffix('.json')}.parquet" for name in names]


def held_ids(work: Work, piece: Piece, corpus: Corpus) -> pa.Array:
    found = [tables.read(work.store, name, ["id"])["id"] for name in fragments(work, piece, corpus)]
    return (
        pa.concat_arrays([chunk for one in found for chunk in one.chunks])
        if found
        else pa.array([], schemas.ID)
    )


def read_tokens(work: Work, piece: Piece, corpus: Corpus, ids: pa.Array) -> pa.Table:
    """(id, source, tokens) of these documents, row for row; every one of them must have been tokenised."""
    held = pa.concat_tables(
        [tables.read(work.store, name) for name in fragments(work, piece, corpus)] or [empty(work)]
    )
    rows = pc.index_in(ids, held["id"].combine_chunks())
    if rows.null_count:
        raise ValueError(
            f"{folder_of(work, piece, corpus)}: {rows.null_count} documents have no tokens; `winnow account` tells what is damaged"
        )
    return held.take(rows)


def empty(work: Work) -> pa.Table:
    return schemas.tokens(tokenizer(work.pack).dtype).empty_table()


def lengths(work: Work, piece: Piece, corpus: Corpus, ids: pa.Array) -> pa.Array:
    """int32[n]: tokens of each document, end token included; null where it was not tokenised."""
    found = [tables.read(work.store, name, ["id", "tokens"]) for name in fragments(work, piece, corpus)]
    held = pa.concat_tables(found or [empty(work)])
    counts = pc.list_value_length(held["tokens"].combine_chunks())
    return counts.take(pc.index_in(ids, held["id"].combine_chunks()))
