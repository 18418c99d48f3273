"""Strong 64-bit hashes of rows: the project's chance, and digests of tables that no order of rows changes.

Not for adversaries: whoever knows the seed can make collisions.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from pipeline.kernels.text import buffers

FOLD_SEEDS = (0x77696E6E6F77, 0x666F6C64)  # any two that differ
NULL = np.uint64(0x9E6C63D0876A9A47)
LANE, SPREAD, LENGTH = (
    np.uint64(0x9E3779B185EBCA87),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
)
FIRST, SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)  # MurmurHash3's finaliser
MASK = (1 << 64) - 1


def mix(seed: int, *columns: pa.Array) -> np.ndarray:
    """uint64[n]: chance that depends on the seed and on each row's values, such as (seed, id), and on nothing else.

    Uniform over all 64 bits. Columns count in their order; their names do not.
    """
    if not columns:
        raise ValueError("no columns to hash")
    rows = np.full(len(columns[0]), seed & MASK, np.uint64)
    for column in columns:
        rows = blend(rows, row_hashes(column, seed))
    return rows


def fold(batch: pa.RecordBatch) -> tuple[int, int]:
    """128 bits that tell a multiset of rows from another, whatever their order: two sums modulo 2^64 of row hashes.

    Folds add: those of any partition of the rows, in any order, sum (modulo 2^64, each) to the fold of the whole.
    """
    first, second = (int(mix(seed, *batch.columns).sum(dtype=np.uint64)) for seed in FOLD_SEEDS)
    return first, second


def add(folds: Any) -> tuple[int, int]:
    """The sum of folds; of none, that of no rows: (0, 0)."""
    pairs = list(folds)
    return sum(first for first, _ in pairs) & MASK, sum(second for _, second in pairs) & MASK


def row_hashes(array: pa.Array, seed: int) -> np.ndarray:
    """uint64[n], one a row: of its bytes as Arrow stores them, and their number.

    So int32 1 is not int64 1, and -0.0 is not 0.0. A list blends the hashes of its items, a struct those of its
    fields; dictionaries hash as their values, every null as the same null. TypeError for other types.
    """
    hashes = plain_hashes(array, seed)
    if array.null_count:
        hashes[np.asarray(array.is_null())] = NULL
    return hashes


def plain_hashes(array: pa.Array, seed: int) -> np.ndarray:
    """Hashes of rows by type, nulls not yet looked at."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return row_hashes(array.dictionary_decode(), seed)
    if pa.types.is_struct(kind):
        rows = np.full(len(array), kind.num_fields, np.uint64)
        for field in array.flatten():
            rows = blend(rows, row_hashes(field, seed))
        return rows
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return list_hashes(array, seed)
    offsets, values = slices(array)
    return hash_slices(offsets, values, np.uint64(seed & MASK))


def list_hashes(array: pa.Array, seed: int) -> np.ndarray:
    """Blends of each list's items, in order."""
    lengths = np.asarray(pc.fill_null(pc.list_value_length(array), 0))
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return blend_lists(ends, row_hashes(array.flatten(), seed))


def slices(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(offsets, bytes): where each row's bytes lie."""
    kind, count = array.type, len(array)
    if pa.types.is_null(kind):
        return np.zeros(count + 1, np.int64), np.empty(0, np.uint8)
    if pa.types.is_boolean(kind):
        array = array.cast(pa.uint8())
    elif kind in (pa.string(), pa.binary()):
        return buffers(array)
    elif kind in (pa.large_string(), pa.large_binary()):
        _, offsets, values = array.buffers()
        starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + count + 1]
        return starts, np.frombuffer(values, np.uint8) if values else np.empty(0, np.uint8)
    elif not (pa.types.is_primitive(kind) or pa.types.is_fixed_size_binary(kind)):
        raise TypeError(f"cannot hash a column of {kind}")
    width = array.type.byte_width
    values = array.buffers()[1]
    return (np.arange(count + 1) + array.offset) * width, np.frombuffer(values or b"", np.uint8)


@njit(cache=True, nogil=True)
def finish(value: np.uint64) -> np.uint64:
    """Every bit of the result depends on every bit of the value; one to one."""
    value = (value ^ (value >> np.uint64(33))) * FIRST
    value = (value ^ (value >> np.uint64(33))) * SECOND
    return value ^ (value >> np.uint64(33))


@njit(cache=True, nogil=True)
def stir(state: np.uint64, lane: np.uint64) -> np.uint64:
    """One lane of 8 bytes into the state."""
    lane = lane * SPREAD
    state ^= (lane << np.uint64(31) | lane >> np.uint64(33)) * LANE
    return (state << np.uint64(27) | state >> np.uint64(37)) * LANE + LENGTH


@njit(cache=True, nogil=True)
def hash_slices(offsets: Any, values: Any, seed: np.uint64) -> Any:
    """uint64[rows]: of values[offsets[row]:offsets[row + 1]]."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for row in range(len(hashes)):
        hashes[row] = hash_stretch(values, offsets[row], offsets[row + 1], seed)
    return hashes


@njit(cache=True, nogil=True)
def hash_stretch(values: Any, at: Any, end: Any, seed: np.uint64) -> np.uint64:
    """Of values[at:end] in lanes of 8 bytes, little end first, and the length."""
    state = finish(seed + LANE) ^ (np.uint64(end - at) * LENGTH)
    while at < end:
        lane = np.uint64(0)
        for step in range(min(8, end - at)):
            lane |= np.uint64(values[at + step]) << np.uint64(8 * step)
        state = stir(state, lane)
        at += 8
    return finish(state)


@njit(cache=True, nogil=True)
def blend(rows: Any, hashes: Any) -> Any:
    """uint64[n]: both, in this order, as one."""
    out = np.empty(len(rows), np.uint64)
    for row in range(len(rows)):
        out[row] = finish(stir(rows[row], hashes[row]))
    return out


@njit(cache=True, nogil=True)
def blend_lists(offsets: Any, items: Any) -> Any:
    """uint64[lists]: the items of each list, in order, and their number."""
    out = np.empty(len(offsets) - 1, np.uint64)
    for row in range(len(out)):
        state = np.uint64(offsets[row + 1] - offsets[row])
        for at in range(offsets[row], offsets[row + 1]):
            state = stir(state, items[at])
        out[row] = finish(state)
    return out


@njit(cache=True, nogil=True)
def table_size(keys: Any) -> Any:
    """The power of two that leaves half of an open-addressed table of these keys empty."""
    size = 2
    while size < 2 * keys:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def turn(value: Any, by: Any) -> Any:
    """The bits of a uint64 moved up in a circle."""
    return value << np.uint64(by) | value >> np.uint64(64 - by)
