"""Documents' tokens → packs of exact length: the packs of one pool.

Only documents longer than a pack are cut, at a paragraph or sentence end where one lies in the last quarter of the pack. All
pieces go by best fit; spans tell a trainer where each document lies. A pool of 64 M tokens takes about 1 GB here.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import schemas
from pipeline.kernels import bestfit, hashing

PARAGRAPH, SENTENCE = 2, 1


class Items(NamedTuple):
    """What is placed: whole documents, and fragments of those longer than a pack. Row for row."""

    row: np.ndarray  # of the document's copy
    at: np.ndarray  # where in its tokens
    length: np.ndarray


def pack(rows: pa.Table, length: int, pad: int, seed: int, ends: np.ndarray) -> tuple[pa.Table, dict[str, Any]]:
    """(packs, facts) of one pool. `rows`: id, source, copy int32, tokens list; in any order, for the result is the same.

    `ends` uint8[ids]: what each token ends, see `ship.tokenize.Tokenizer.ends`. `pad` fills a pack after its last span.
    """
    rows = rows.sort_by([("id", "ascending"), ("copy", "ascending")]).combine_chunks()
    ids, lists = rows["id"].combine_chunks(), rows["tokens"].combine_chunks()
    tokens, offsets = np.asarray(lists.values), np.asarray(lists.offsets).astype(np.int64)
    items = Items(*fragments(tokens, offsets, length, ends))
    chance = hashing.mix(seed, ids, rows["copy"].combine_chunks())
    order = bestfit.order(items.length, hash_items(chance[items.row], items.at))
    items = Items(*(column[order] for column in items))
    owner = np.asarray(ids.dictionary_encode().indices).astype(np.int64)[items.row]
    placed = shuffle_packs(bestfit.best_fit(items.length, owner, length), seed, ids, rows["copy"].combine_chunks(), items)
    by_pack = np.argsort(placed, kind="stable")
    items, placed = Items(*(column[by_pack] for column in items)), placed[by_pack]
    packs = int(placed[-1]) + 1 if len(placed) else 0
    start = starts_in_pack(placed, items.length)
    filled = fill(tokens, offsets[items.row] + items.at, items.length, placed * length + start, packs * length, pad)
    table = pa.Table.from_arrays(
        [
            pa.FixedSizeListArray.from_arrays(pa.array(filled), length),
            spans(rows, items, placed, start, packs),
        ],
        schema=schemas.packs(lists.type.value_type, length),
    )
    return table, facts(rows, items, packs, length)


@numba.njit(cache=True, nogil=True)
def fragments(tokens: np.ndarray, offsets: np.ndarray, length: int, ends: np.ndarray) -> Any:
    """(row, at, length) of every item: each document whole, or cut where it is longer than a pack."""
    count = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop:
            at = cut_after(tokens, at, stop, length, ends)
            count += 1
    rows, places, sizes = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while at < stop:
            end = cut_after(tokens, at, stop, length, ends)
            rows[count], places[count], sizes[count] = row, at - offsets[row], end - at
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


def hash_items(chance: np.ndarray, at: np.ndarray) -> np.ndarray:
    """uint64[n] from (seed, id, copy), and the fragment's place."""
    return hashing.mix(0, pa.array(chance), pa.array(at))


def shuffle_packs(placed: np.ndarray, seed: int, ids: pa.Array, copy: pa.Array, items: Items) -> np.ndarray:
    """The packs in an order of chance (seed, first item), so that long documents do not all stand first."""
    packs, first = np.unique(placed, return_index=True)
    rows = pa.array(items.row[first])
    chance = hashing.mix(seed + 1, ids.take(rows), copy.take(rows), pa.array(items.at[first]))
    rank = np.empty(len(packs), np.int64)
    rank[np.argsort(chance, kind="stable")] = np.arange(len(packs))
    return rank[placed]


def starts_in_pack(placed: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """int64[n]: where each item begins in its pack; items are sorted by pack."""
    ends = np.cumsum(lengths)
    first = np.flatnonzero(np.diff(placed, prepend=-1))
    base = np.repeat((ends - lengths)[first], np.diff(np.append(first, len(placed))))
    return ends - lengths - base


@numba.njit(cache=True, nogil=True)
def fill(tokens: np.ndarray, source: np.ndarray, lengths: np.ndarray, target: np.ndarray, size: int, pad: int) -> np.ndarray:
    """The tokens of all packs, one after the other."""
    out = np.full(size, pad, tokens.dtype)
    for item in range(len(lengths)):
        for step in range(lengths[item]):
            out[target[item] + step] = tokens[source[item] + step]
    return out


def spans(rows: pa.Table, items: Items, placed: np.ndarray, start: np.ndarray, packs: int) -> pa.ListArray:
    """list<SPAN>[packs]."""
    row = pa.array(items.row)
    numbers = (start, start + items.length, items.at)
    columns = [
        *(rows[name].combine_chunks().take(row) for name in ("id", "source", "copy")),
        *(pa.array(column.astype(np.int32)) for column in numbers),
    ]
    values = pa.StructArray.from_arrays(columns, fields=list(schemas.SPAN))
    edges = np.searchsorted(placed, np.arange(packs + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(edges), values)


def facts(rows: pa.Table, items: Items, packs: int, length: int) -> dict[str, Any]:
    """What the manifest says of a shard, and what best fit is judged by."""
    tokens = int(items.length.sum())
    pieces = np.bincount(items.row, minlength=rows.num_rows)
    sizes = pa.table({"source": rows["source"], "tokens": pc.list_value_length(rows["tokens"])})
    sources = sizes.group_by("source").aggregate([("tokens", "sum")]).sort_by("source").to_pylist()
    return {
        "packs": packs,
        "tokens": tokens,
        "padding": packs * length - tokens,
        "least_packs": -(-tokens // length),
        "documents": rows.num_rows,
        "cut_documents": int((pieces > 1).sum()),
        "fragments": int(pieces[pieces > 1].sum()),
        "tokens_by_source": {one["source"]: one["tokens_sum"] for one in sources},
    }
