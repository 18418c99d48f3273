"""What the words are that a segmenter found: how many, of which kinds, and a hash and a length of each."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import ALPHA, DIGIT, WHITE, buffers, classes, decode

COUNTS = (
    "words",  # with more than white space in them
    "plain_words",  # with a letter or a digit
    "plain_characters",  # in those
    "alphabetic_words",  # with a letter
    "stop_words",  # distinct, of the given ones
)
BETWEEN = "\x1f"  # white space to str.isspace(), so that one of the text's own is no word either
PRIME = np.uint64(0x100000001B3)  # FNV-1a
BASIS = np.uint64(0xCBF29CE484222325)


class Words(NamedTuple):
    """Text i has the words first[i] to first[i + 1]; those of white space alone are left out."""

    counts: np.ndarray  # int32[COUNTS, texts]
    first: np.ndarray  # int64[texts + 1]
    hashes: np.ndarray  # uint64[words]
    lengths: np.ndarray  # int32[words], in characters


def words(segmented: pa.StringArray, stop_words: str) -> Words:
    """`segmented`: texts with BETWEEN between their words; `stop_words`: characters, at most 64."""
    offsets, values = buffers(segmented)
    stops = np.array([ord(word) for word in stop_words], np.int32)
    counts = np.zeros((len(COUNTS), len(segmented)), np.int32)
    first = np.zeros(len(offsets), np.int64)
    room = int(np.count_nonzero(values[offsets[0] : offsets[-1]] == ord(BETWEEN))) + len(segmented)
    hashes, lengths = np.empty(room, np.uint64), np.empty(room, np.int32)
    count_words((offsets, values), classes(), stops, counts, first, (hashes, lengths))
    return Words(counts, first, hashes[: first[-1]], lengths[: first[-1]])


@njit(cache=True, nogil=True)
def count_words(texts: Any, tables: Any, stops: Any, counts: Any, first: Any, out: Any) -> None:
    """Fill counts[:, document], first[document + 1], and the arrays of `out` up to there."""
    (offsets, values), (pages, table), (hashes, lengths) = texts, tables, out
    size = 0
    for document in range(len(offsets) - 1):
        stopped, at, end = np.uint64(0), offsets[document], offsets[document + 1]
        characters, kinds, rolling, code = 0, 0, BASIS, 0
        while at <= end:
            if at < end and values[at] != 31:
                code, width = decode(values, at)
                kind = table[pages[code >> 8], code & 0xFF]
                kinds |= 0 if kind & WHITE else kind | 1 << 8
                rolling = (rolling ^ np.uint64(code)) * PRIME
                characters += 1
                at += width
                continue
            at += 1
            if kinds:
                hashes[size], lengths[size] = rolling, characters
                size += 1
                counts[0, document] += 1
                counts[3, document] += (kinds & ALPHA) > 0
                counts[1, document] += (kinds & (ALPHA | DIGIT)) > 0
                counts[2, document] += characters if kinds & (ALPHA | DIGIT) else 0
                if characters == 1:
                    for stop in range(len(stops)):
                        if stops[stop] == code:
                            stopped |= np.uint64(1) << np.uint64(stop)
            characters, kinds, rolling = 0, 0, BASIS
        while stopped:
            stopped &= stopped - np.uint64(1)
            counts[4, document] += 1
        first[document + 1] = size
