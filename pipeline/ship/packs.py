"""Documents' tokens → packs of exact length: the packs of one pool.

Only documents longer than a pack are cut, at a paragraph or sentence end where one lies in the last quarter of the pack. All
items go by best fit; spans tell a trainer where each document lies. Beside its rows, a pool of 64 M tokens takes 0.3 GB of
memory where ids have 16 bits, 0.5 GB where they have 32: the tokens once as one array, and once as packs.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import schemas, tables
from pipeline.kernels import bestfit, hashing
from pipeline.ship.tokenize import PARAGRAPH, SENTENCE

SHUFFLE = 0x73687566666C65  # another chance than that of placement


class Items(NamedTuple):
    """What is placed: whole documents, and fragments of those longer than a pack. int64[items] each."""

    row: np.ndarray  # of the document's copy
    at: np.ndarray  # where in its tokens
    length: np.ndarray


def pack(
    rows: pa.Table, length: int, pad: int, seed: int, ends: np.ndarray
) -> tuple[pa.Table, dict[str, Any]]:
    """(packs, facts) of one pool. `rows`: id, source, copy int32, tokens list; in any order, for the result is the same.

    `ends` uint8[ids]: what each token ends, see `ship.tokenize.Tokenizer.ends`. `pad` fills a pack after its last span.
    """
    lists = rows["tokens"].combine_chunks()
    tokens, offsets = np.asarray(lists.values), np.asarray(lists.offsets).astype(np.int64)
    order, rows = canonical(rows)
    starts, stops = offsets[:-1][order], offsets[1:][order]
    items = Items(*fragments(tokens, starts, stops, length, ends))
    items, placed = place(items, rows, seed, length)
    packs = int(placed[-1]) + 1 if len(placed) else 0
    start = starts_in_pack(placed, items.length)
    filled = np.full(packs * length, pad, tokens.dtype)
    fill(tokens, starts[items.row] + items.at, items.length, placed * length + start, filled)
    columns = [
        pa.FixedSizeListArray.from_arrays(pa.array(filled), length),
        spans(rows, items, placed, start, packs),
    ]
    table = pa.Table.from_arrays(columns, schema=schemas.packs(lists.type.value_type, length))
    return table, facts(rows, stops - starts, items, packs, length)


def canonical(rows: pa.Table) -> tuple[np.ndarray, pa.RecordBatch]:
    """(order int64[n], id, source and copy in that order): by id and copy, whatever order the rows came in.

    ValueError for a copy that is there twice: the order of two equal rows would be chance.
    """
    names = rows.select(["id", "source", "copy"]).combine_chunks()
    order = pc.sort_indices(names, [("id", "ascending"), ("copy", "ascending")])
    batch = tables.as_batch(names.take(order))
    ids, copies = batch["id"], np.asarray(batch["copy"])
    twice = np.asarray(pc.equal(ids[1:], ids[:-1])) & (copies[1:] == copies[:-1])
    if twice.any():
        row = int(twice.argmax())
        raise ValueError(f"document {ids[row].as_py().hex()} copy {copies[row]} comes twice")
    return np.asarray(order).astype(np.int64), batch


def place(items: Items, rows: pa.RecordBatch, seed: int, length: int) -> tuple[Items, np.ndarray]:
    """(items, pack int64 of each), in the order in which they stand in the shard."""
    chance = hashing.mix(seed, rows["id"], rows["copy"])
    order = bestfit.order(items.length, hashing.mix(seed, pa.array(chance[items.row]), pa.array(items.at)))
    items = chosen(items, order)
    owners = np.cumsum(np.r_[False, pc.not_equal(rows["id"][1:], rows["id"][:-1])])  # equal ids lie together
    placed = shuffle_packs(bestfit.best_fit(items.length, owners[items.row], length), chance, items)
    by_pack = np.argsort(placed, kind="stable")
    return chosen(items, by_pack), placed[by_pack]


def chosen(items: Items, which: np.ndarray) -> Items:
    return Items(*(column[which] for column in items))


@numba.njit(cache=True, nogil=True)
def fragments(
    tokens: np.ndarray, starts: np.ndarray, stops: np.ndarray, length: int, ends: np.ndarray
) -> Any:
    """(row, at, length) of every item: each document whole, or cut where it is longer than a pack."""
    count = 0
    for row in range(len(starts)):
        at = starts[row]
        while at < stops[row]:
            at = cut_after(tokens, at, stops[row], length, ends)
            count += 1
    rows, places, sizes = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    count = 0
    for row in range(len(starts)):
        at = starts[row]
        while at < stops[row]:
            end = cut_after(tokens, at, stops[row], length, ends)
            rows[count], places[count], sizes[count] = row, at - starts[row], end - at
            at = end
            count += 1
    return rows, places, sizes


@numba.njit(cache=True, nogil=True)
def cut_after(tokens: np.ndarray, at: int, stop: int, length: int, ends: np.ndarray) -> int:
    """Where the item that begins at `at` ends: after a paragraph, else a sentence, in the last quarter; else exactly full."""
    if stop - at <= length:
        return stop
    sentence = -1
    for end in range(at + length, at + length - length // 4, -1):
        kind = ends[tokens[end - 1]]
        if kind == PARAGRAPH:
            return end
        if kind == SENTENCE and sentence < 0:
            sentence = end
    return sentence if sentence >= 0 else at + length


def shuffle_packs(placed: np.ndarray, chance: np.ndarray, items: Items) -> np.ndarray:
    """The packs in an order of chance by their first item, so that long documents do not all stand first."""
    packs, first = np.unique(placed, return_index=True)
    hashes = hashing.mix(SHUFFLE, pa.array(chance[items.row[first]]), pa.array(items.at[first]))
    rank = np.empty(len(packs), np.int64)
    rank[np.argsort(hashes, kind="stable")] = np.arange(len(packs))
    return rank[placed]


def starts_in_pack(placed: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """int64[n]: where each item begins in its pack; items are sorted by pack."""
    ends = np.cumsum(lengths)
    first = np.flatnonzero(np.diff(placed, prepend=-1))
    base = np.repeat((ends - lengths)[first], np.diff(np.append(first, len(placed))))
    return ends - lengths - base


@numba.njit(cache=True, nogil=True)
def fill(
    tokens: np.ndarray, source: np.ndarray, lengths: np.ndarray, target: np.ndarray, out: np.ndarray
) -> None:
    """Copy every item's tokens from where they lie in `tokens` to where they belong in `out`."""
    for item in range(len(lengths)):
        for step in range(lengths[item]):
            out[target[item] + step] = tokens[source[item] + step]


def spans(
    rows: pa.RecordBatch, items: Items, placed: np.ndarray, start: np.ndarray, packs: int
) -> pa.ListArray:
    """list<SPAN>[packs]."""
    row = pa.array(items.row)
    numbers = (start, start + items.length, items.at)
    columns = [
        *(rows[name].take(row) for name in ("id", "source", "copy")),
        *(pa.array(column.astype(np.int32)) for column in numbers),
    ]
    values = pa.StructArray.from_arrays(columns, fields=list(schemas.SPAN))
    edges = np.searchsorted(placed, np.arange(packs + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(edges), values)


def facts(rows: pa.RecordBatch, sizes: np.ndarray, items: Items, packs: int, length: int) -> dict[str, Any]:
    """What the manifest says of a shard, and what best fit is judged by. `sizes`: tokens of each row.

    `documents` counts every copy, `fragments` only those of documents that were cut, `long_tokens` the tokens of documents
    that fill half a pack or more on their own: what a long context can learn from.
    """
    tokens = int(items.length.sum())
    pieces = np.bincount(items.row, minlength=rows.num_rows)
    sources = (
        pa.table({"source": rows["source"], "tokens": sizes})
        .group_by("source")
        .aggregate([("tokens", "sum")])
    )
    return {
        "packs": packs,
        "tokens": tokens,
        "padding": packs * length - tokens,
        "least_packs": -(-tokens // length),
        "documents": rows.num_rows,
        "cut_documents": int((pieces > 1).sum()),
        "fragments": int(pieces[pieces > 1].sum()),
        "long_tokens": int(sizes[2 * sizes >= length].sum()),
        "tokens_by_source": {
            one["source"]: one["tokens_sum"] for one in sources.sort_by("source").to_pylist()
        },
    }
