"""Which of the places where a listed word was found are whole words, and how many each text has."""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import ALPHA, DIGIT, SOLO, UNSTABLE, buffers, classes, decode

Places = tuple[
    np.ndarray, np.ndarray, np.ndarray
]  # words, starts, stops: int64[places], bytes of the batch's buffer


def count_words(texts: pa.StringArray, places: Places, words: int) -> np.ndarray:
    """int32[2, texts]: the places that count, and the distinct words among them.

    A place counts that lies in one text and does not cut a word: no letter or digit of a spaced script stands on both
    sides of either end, so that "ass" is not in "class" but is in "你ass", and "大麻" is in "吸食大麻者". Of overlapping
    places the one that begins first counts, of those that begin together the longest.
    """
    counts = np.zeros((2, len(texts)), np.int32)
    found, starts, stops = places
    order = np.lexsort((-stops, starts))
    seen = np.full(words, -1, np.int64)
    count_places(buffers(texts), classes(), (found[order], starts[order], stops[order]), seen, counts)
    return counts


@njit(cache=True, nogil=True)
def count_places(texts: Any, tables: Any, places: Any, seen: Any, counts: Any) -> None:
    """Fill counts[:, document]. `seen`: the last document that had each word."""
    offsets, values = texts
    words, starts, stops = places
    document, free = 0, 0
    for place in range(len(words)):
        start, stop = starts[place], stops[place]
        while document < counts.shape[1] and offsets[document + 1] <= start:
            document += 1
        if document == counts.shape[1]:
            return
        first, end = offsets[document], offsets[document + 1]
        if start < max(free, first) or stop > end:
            continue
        if cuts_word(values, tables, first, start, end) or cuts_word(values, tables, first, stop, end):
            continue
        free = stop
        counts[0, document] += 1
        counts[1, document] += seen[words[place]] != document
        seen[words[place]] = document


@njit(cache=True, nogil=True)
def cuts_word(values: Any, tables: Any, first: int, at: int, end: int) -> bool:
    """Whether characters of one spaced word stand on both sides of `at`."""
    if at <= first or at >= end:
        return False
    before = at - 1
    while before > first and values[before] & 0xC0 == 0x80:
        before -= 1
    return in_word(values, tables, before) and in_word(values, tables, at)


@njit(cache=True, nogil=True)
def in_word(values: Any, tables: Any, at: int) -> bool:
    """Whether a letter, digit or combining mark of a spaced script begins here."""
    pages, table = tables
    code, _ = decode(values, at)
    kind = table[pages[code >> 8], code & 0xFF]
    return kind & (ALPHA | DIGIT | UNSTABLE) > 0 and kind & SOLO == 0
