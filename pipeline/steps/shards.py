"""Kept documents → pools → shards: which pools there are, which of them changed, and the packs of one pool.

A pool's key folds the documents in it, so removing one document changes one shard and all others keep their bytes.
"""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

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

VERSION = 2  # of packing: another number packs again


def packs_of(work: Work, corpus: Corpus) -> str:
    """The step that makes all shards of a run."""
    return (
        f"packs/{digest(decisions_key(work, corpus), corpus.cut, packing_key(work), work.pack.pool_tokens)}"
    )


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


def pools_of(tokens: int, work: Work) -> int:
    """The number of pools of a run in which so many tokens ship."""
    return work.pools or pools_for(tokens, work.pack.pool_tokens)


def addresses(
    seed: int, ids: pa.Array, copies: np.ndarray, pools: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, copy, pool) of every copy: the pool of copy c is (f(seed, id) + c) mod pools."""
    row = np.repeat(np.arange(len(copies)), copies)
    copy = np.arange(len(row)) - np.repeat(np.cumsum(copies) - copies, copies)
    first = (hashing.mix(seed, ids) >> np.uint64(32)) * np.uint64(pools) >> np.uint64(32)
    return row, copy.astype(np.int32), (first[row].astype(np.int64) + copy) % pools


class Shipped(NamedTuple):
    """A piece's kept documents, row for row what reaches a shard, and the (row, copy, pool) of their copies."""

    documents: pa.RecordBatch
    row: np.ndarray
    copy: np.ndarray
    pool: np.ndarray


def shipped(piece: Piece, work: Work, corpus: Corpus, pools: int) -> Shipped:
    """What ships of a piece, by its decisions: id, source, digest of the text, and the cuts that are taken out of it."""
    name = f"{decisions_of(work, piece, corpus)}.parquet"
    decisions = tables.as_batch(tables.read(work.store, name, ["id", "copies"]))
    view, kept = piece_view(work, piece, corpus), pa.array(np.asarray(decisions["copies"]) > 0)
    columns = {name: view.documents[name] for name in ("id", "source", "digest")}
    if (cuts := view.cuts(work.placed.edits)) is not None:
        columns["cuts"] = cuts
    documents = pa.RecordBatch.from_pydict(columns).filter(kept)
    copies = np.asarray(decisions["copies"].filter(kept))
    return Shipped(documents, *addresses(work.pack.seed, documents["id"], copies, pools))


def pool_folds(piece: Piece, work: Work, corpus: Corpus, pools: int) -> str:
    """JSON {pool: [fold, fold]} of the copies that this piece sends to each pool."""
    ships = shipped(piece, work, corpus, pools)
    rows = ships.documents.take(pa.array(ships.row)).append_column("copy", pa.array(ships.copy))
    return json.dumps({target: hashing.fold(part) for target, part in split_by(rows, ships.pool)})


def add_folds(parts: Iterable[str]) -> str:
    """The sum of such folds; order and grouping change nothing."""
    total: dict[str, tuple[int, int]] = {}
    for part in parts:
        for pool, folded in json.loads(part).items():
            total[pool] = hashing.add([total.get(pool, (0, 0)), folded])
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
    ships = shipped(piece, work, corpus, pools)
    chosen = np.isin(ships.pool, np.array([int(one) for one in wanted], np.int64))
    for number in np.unique(ships.copy[chosen]):  # copy by copy: memory holds one of each document
        mask = chosen & (ships.copy == number)
        ids, copy = ships.documents["id"].take(pa.array(ships.row[mask])), pa.array(ships.copy[mask])
        tokens = tables.as_batch(read_tokens(work, piece, corpus, ids)).add_column(2, "copy", copy)
        yield from split_by(tokens, ships.pool[mask])


def make_shard(name: str, slices: Iterable[pa.RecordBatch], work: Work) -> str:
    """The packs of one pool, published as one shard."""
    of = shard_receipt(name)
    if receipts.find(work.store, of) is None:
        pack, encoder = work.pack, tokenizer(work.pack)
        pad = encoder.token_id(pack.pad_token)
        packed, facts = (
            packs.pack(  # nobody else holds the rows: packing lets go of them when it has copied what it needs
                pa.Table.from_batches(list(slices)), pack.length, pad, pack.seed, encoder.ends
            )
        )
        temporary = work.store.temporary()
        shards.write(packed, temporary)
        digest_of_file = receipts.publish_file(work.store, temporary, name)
        with work.store.open(name) as file:
            facts = {**facts, "bytes": file.size(), "sha256": shards.sha256_from(file)}
        receipts.publish(work.store, Receipt(of, facts, {name: digest_of_file}))
    return name


def close(names: dict[str, str], work: Work, corpus: Corpus, pools: int) -> Receipt:
    """The receipt of all shards of a run, in the order of pools."""
    files = {
        name: next(iter(receipts.get(work.store, shard_receipt(name)).files.values()))
        for name in names.values()
    }
    return receipts.publish(
        work.store, Receipt(packs_of(work, corpus), {"pools": pools, "shards": list(names.values())}, files)
    )
