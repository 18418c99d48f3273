"""How much of a text is repeated, in runs of 13 characters: what scripts without spaces have for n-grams of words."""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.hashing import finish
from pipeline.kernels.text import WHITE, buffers, classes, decode

GRAM = 13  # characters


def repeated_grams(texts: pa.StringArray) -> np.ndarray:
    """int32[2, texts]: the 13-grams of each text, and those among them that stand in it more than once.

    Of the characters without white space; every place counts, so that "twice the same 20 characters" has 28 grams,
    of which 16 are repeated. Grams are told apart by a rolling 64-bit hash (a chance of 1e-8 that any two of a
    million grams are confused). Time and memory are linear in the text.
    """
    offsets, values = buffers(texts)
    counts = np.zeros((2, len(texts)), np.int32)
    longest = int(np.diff(offsets).max(initial=0))
    room = table_size(longest)
    count_repeats(offsets, values, classes(), np.empty(room, np.uint64), np.empty(room, np.int32), counts)
    return counts


@njit(cache=True, nogil=True)
def count_repeats(offsets: Any, values: Any, tables: Any, keys: Any, times: Any, counts: Any) -> None:
    """Fill counts[:, document]. `keys`, `times`: room for the hash table of the longest text."""
    pages, table = tables
    ring = np.zeros(GRAM, np.uint64)
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        mask = table_size(end - at) - 1
        times[: mask + 1] = 0
        rolling, seen, repeated = np.uint64(0), 0, 0
        while at < end:
            code, width = decode(values, at)
            at += width
            if table[pages[code >> 8], code & 0xFF] & WHITE:
                continue
            place = seen % GRAM
            leaving = ring[place] if seen >= GRAM else np.uint64(0)
            ring[place] = entering = finish(np.uint64(code + 1))
            rolling = turn(rolling, 1) ^ turn(leaving, GRAM) ^ entering
            seen += 1
            if seen >= GRAM:
                repeated += note(keys, times, mask, finish(rolling))
        counts[0, document], counts[1, document] = max(seen - GRAM + 1, 0), repeated


@njit(cache=True, nogil=True)
def note(keys: Any, times: Any, mask: int, key: Any) -> int:
    """Count a key once more: 2 more places are repeated when it is the second, 1 when it is a later one."""
    slot = np.int64(key & np.uint64(mask))
    while times[slot] and keys[slot] != key:
        slot = (slot + 1) & mask
    keys[slot] = key
    times[slot] += 1
    return 0 if times[slot] == 1 else 2 if times[slot] == 2 else 1


@njit(cache=True, nogil=True)
def table_size(characters: int) -> int:
    """The power of two that leaves half of the table empty."""
    size = 2
    while size < 2 * characters:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def turn(value: Any, by: int) -> Any:
    """The bits of a uint64 moved up in a circle."""
    return value << np.uint64(by) | value >> np.uint64(64 - by)
