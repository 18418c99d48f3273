"""Texts that differ only in composition or white space, made equal."""

import unicodedata
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from pipeline.kernels.text import UNSTABLE, WHITE, buffers, classes, decode, strings


def normalise(texts: pa.StringArray) -> pa.StringArray:
    """Canonical composition (NFC), then each run of white space to one space, none at the ends; case stays.

    White space is what str.split() splits at. NFC is asked of Python alone for texts that hold a character which it
    could change; no composition involves white space, so that it may come second.
    """
    offsets, values = buffers(texts)
    out = np.empty(int(offsets[-1] - offsets[0]), np.uint8)
    starts = np.zeros(len(offsets), np.int32)
    unstable = np.zeros(len(texts), np.bool_)
    squeeze(offsets, values, classes(), starts, out, unstable)
    squeezed = strings(starts, out[: starts[-1]])
    return compose(squeezed, unstable) if unstable.any() else squeezed


def compose(texts: pa.StringArray, unstable: np.ndarray) -> pa.StringArray:
    """NFC of the texts that are marked."""
    marked = pa.array(unstable)
    composed = [unicodedata.normalize("NFC", text) for text in texts.filter(marked).to_pylist()]
    return pc.replace_with_mask(texts, marked, pa.array(composed, pa.string()))


@njit(cache=True, nogil=True)
def squeeze(offsets: Any, values: Any, tables: Any, starts: Any, out: Any, unstable: Any) -> None:
    """White space of every text to `out`, with the offsets `starts`; mark what NFC may change."""
    pages, table = tables
    ascii_classes, size = table[0], 0
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        begin, gap, seen = size, False, 0
        while at < end:
            code: Any = np.int64(values[at])
            width = 1
            if code < 0x80:
                kind = ascii_classes[code]
            else:
                code, width = decode(values, at)
                kind = table[pages[code >> 8], code & 0xFF]
                seen |= kind
            if kind & WHITE:
                gap = size > begin
            else:
                if gap:
                    out[size] = 32
                    size += 1
                    gap = False
                for step in range(width):
                    out[size + step] = values[at + step]
                size += width
            at += width
        starts[document + 1] = size
        unstable[document] = (seen & UNSTABLE) > 0
