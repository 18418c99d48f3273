"""Kept documents → pools → shards: which pools there are, which of them changed, and the packs of one pool.

A pool's key folds the documents in it, so removing one document changes one shard and all others keep their bytes.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.data import receipts, tables
from pipeline.data.keys import digest
from pipeline.data.receipts import Receipt
from pipeline.kernels import hashing
from pipeline.ship import packs, shards
from pipeline.steps.compare import split_by
from pipeline.steps.decide import decisions_key, decisions_of
from pipeline.steps.judge import piece_view
from pipeline.steps.tokens import read_tokens, tokenizer
from pipeline.steps.work import Corpus, Piece, Work

VERSION = 1  # of packing: another number packs again
MASK = (1 << 64) - 1


def packs_of(work: Work, corpus: Corpus) -> str:
    """The step that makes all shards of a run."""
    return f"packs/{digest(decisions_key(work, corpus), packing_key(work), work.pack.pool_tokens)}"


def packing_key(work: Work) -> str:
    """What decides the bytes of a pool's shard, beside the documents in it."""
    pack = work.pack
    return digest(VERSION, work.tokens_key, pack.length, pack.pad_token, pack.seed)


def pools_for(tokens: int, pool_tokens: int) -> int:
    """A power of two, so that a pool holds between half of `pool_tokens` and all of it.

    >>> [pools_for(tokens, 10) for tokens in (0, 10, 11, 20, 21)]
    [1, 1, 2, 2, 4]
    """
    return 1 << max(0, (max(1, -(-tokens // pool_tokens)) - 1).bit_length())


def addresses(
    seed: int, ids: pa.Array, copies: np.ndarray, pools: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, copy, pool) of every copy: the pool of copy c is (f(seed, id) + c) mod pools."""
    row = np.repeat(np.arange(len(copies)), copies)
    copy = np.arange(len(row)) - np.repeat(np.cumsum(copies) - copies, copies)
    first = (hashing.mix(seed, ids) >> np.uint64(32)) * np.uint64(pools) >> np.uint64(32)
    return row, copy.astype(np.int32), (first[row].astype(np.int64) + copy) % pools


def shipped(
    piece: Piece, work: Work, corpus: Corpus, pools: int
) -> tuple[pa.Array, pa.Array, np.ndarray, np.ndarray, np.ndarray]:
    """Ids and digests of the piece's kept documents, and (row, copy, pool) of their copies."""
    decisions = tables.as_batch(
        tables.read(work.store, f"{decisions_of(work, piece, corpus)}.parquet", ["id", "copies"])
    )
    kept = pa.array(np.asarray(decisions["copies"]) > 0)
    ids = decisions["id"].filter(kept)
    digests = piece_view(work, piece).documents["digest"].filter(kept)
    return ids, digests, *addresses(work.pack.seed, ids, np.asarray(decisions["copies"].filter(kept)), pools)


def pool_folds(piece: Piece, work: Work, corpus: Corpus, pools: int) -> str:
    """JSON {pool: [fold, fold]} of the copies that this piece sends to each pool."""
    ids, digests, row, copy, pool = shipped(piece, work, corpus, pools)
    rows = pa.RecordBatch.from_pydict(
        {"id": ids.take(row), "digest": digests.take(row), "copy": pa.array(copy)}
    )
    return json.dumps({target: hashing.fold(part) for target, part in split_by(rows, pool)})


def add_folds(parts: Iterable[str]) -> str:
    """The sum of such folds; order and grouping change nothing."""
    total: dict[str, list[int]] = {}
    for part in parts:
        for pool, lanes in json.loads(part).items():
            held = total.get(pool, [0, 0])
            total[pool] = [(one + other) & MASK for one, other in zip(held, lanes, strict=True)]
    return json.dumps(total, sort_keys=True)


def shard_names(folds: str, work: Work, pools: int) -> dict[str, str]:
    """The shard of each pool that holds anything: its number and the key of its content."""
    key = packing_key(work)
    names = {pool: digest(key, pools, int(pool), lanes)[:16] for pool, lanes in json.loads(folds).items()}
    return {
        pool: f"shards/{int(pool):05d}-{name}.parquet"
        for pool, name in sorted(names.items(), key=lambda one: int(one[0]))
    }


def shard_receipt(name: str) -> str:
    return name.removesuffix(".parquet")


def to_make(names: dict[str, str], work: Work) -> list[str]:
    """The pools whose shard is not there yet."""
    return [pool for pool, name in names.items() if receipts.find(work.store, shard_receipt(name)) is None]


def send_tokens(
    piece: Piece, work: Work, corpus: Corpus, pools: int, wanted: list[str]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(pool, rows) with the tokens of every copy that goes to a wanted pool."""
    ids, _, row, copy, pool = shipped(piece, work, corpus, pools)
    chosen = np.isin(pool, np.array([int(one) for one in wanted], np.int64))
    row, copy, pool = row[chosen], copy[chosen], pool[chosen]
    if not len(row):
        return
    tokens = tables.as_batch(read_tokens(work, piece, ids.take(row)))
    yield from split_by(tokens.add_column(2, "copy", pa.array(copy)), pool)


def make_shard(name: str, slices: Iterable[pa.RecordBatch], work: Work) -> str:
    """The packs of one pool, published as one shard."""
    of = shard_receipt(name)
    if receipts.find(work.store, of) is None:
        rows, encoder = (
            pa.Table.from_batches(list(slices)),
            tokenizer(work.pack.tokenizer, work.pack.end_token),
        )
        pack, pad = work.pack, encoder.token_id(work.pack.pad_token)
        packed, facts = packs.pack(rows, pack.length, pad, pack.seed, encoder.ends)
        temporary = work.store.temporary()
        shards.write(packed, temporary)
        work.store.publish(temporary, name)
        publish_shard(work, of, name, facts)
    return name


def publish_shard(work: Work, of: str, name: str, facts: dict[str, Any]) -> None:
    path = work.store.path(name)
    facts = {**facts, "bytes": work.store.size(name), "sha256": shards.sha256(path)}
    receipts.publish(work.store, Receipt(of, facts, {name: receipts.file_digest(path)}))


def close(names: dict[str, str], work: Work, corpus: Corpus, pools: int) -> Receipt:
    """The receipt of all shards of a run, in the order of pools."""
    files = {
        name: next(iter(receipts.get(work.store, shard_receipt(name)).files.values()))
        for name in names.values()
    }
    return receipts.publish(
        work.store, Receipt(packs_of(work, corpus), {"pools": pools, "shards": list(names.values())}, files)
    )
