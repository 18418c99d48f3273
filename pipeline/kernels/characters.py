"""What the characters of each text are, as rules for Chinese pages ask: marks, brackets, line ends, variety.

Characters are those that are not white space; lines lie between '\\n' and have more than white space on them.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.lines import Phrases, ends
from pipeline.kernels.text import WHITE, buffers, classes, decode

COUNTS = (
    "stretches",  # with more than white space in them, between the marks . ! ? … ; " and 。！？；“”
    "hash_runs",  # '#', or several in a row
    "ellipsis_runs",  # '…', several in a row, or two and more '.'
    "bracketed",  # characters between 【 and the next 】 on the same line
    "more_lines",  # lines that end in a phrase that promises more
    "marked_lines",  # lines that begin with a mark of a list
    "marks",  # of punctuation: ASCII's, Chinese ones, general ones
    "distinct",  # characters within each window of `window`, summed over all windows
)
LIST_MARKS = "•‣◦●○■□▪▫※·➢▶◀–◆◇★☆"
STRETCH_ENDS = '.!?…;"。！？；“”'
PUNCTUATION_RANGES = ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0xB7, 0xB7), (0x2010, 0x2027), (0x2030, 0x205E),
                      (0x3001, 0x3003), (0x3008, 0x3011), (0x3014, 0x301F), (0xFE10, 0xFE19), (0xFE30, 0xFE52),
                      (0xFE54, 0xFE6B), (0xFF01, 0xFF0F), (0xFF1A, 0xFF20), (0xFF3B, 0xFF40), (0xFF5B, 0xFF65))  # fmt: skip
MARK, STRETCH_END, LIST_MARK = 1, 2, 4
OPENING, CLOSING, ELLIPSIS = ord("【"), ord("】"), ord("…")


def marks() -> np.ndarray:
    """uint8[65536]: MARK, STRETCH_END and LIST_MARK of the characters of the basic plane; others have none."""
    flat = np.zeros(1 << 16, np.uint8)
    for low, high in PUNCTUATION_RANGES:
        flat[low : high + 1] = MARK
    flat[[ord(mark) for mark in STRETCH_ENDS]] |= STRETCH_END
    flat[[ord(mark) for mark in LIST_MARKS]] |= LIST_MARK
    return flat


def variety(texts: pa.StringArray, more: Phrases, window: int) -> tuple[np.ndarray, np.ndarray]:
    """(int32[COUNTS, texts], float32[texts]): the counts, and the entropy of each text's characters in nats.

    A text of n characters has windows of `window` characters each, the last one shorter.
    """
    counts, entropy = np.zeros((len(COUNTS), len(texts)), np.int32), np.zeros(len(texts), np.float32)
    tables = (*classes(), marks())
    count_variety(*buffers(texts), tables, (more, window), counts, entropy)
    return counts, entropy


@njit(cache=True, nogil=True)
def count_variety(offsets: Any, values: Any, tables: Any, limits: Any, counts: Any, entropy: Any) -> None:  # noqa: C901, PLR0912, PLR0915
    """Fill counts[:, document] and entropy[document].

    `times` and `stamps` have room for every character: how often it stood, and in which window last; `met` lists those
    of this text. `inside`: characters since an open bracket, -1 outside. `filled`: the stretch has a character.
    """
    (pages, table, marked), (more, window) = tables, limits
    times, stamps = np.zeros(0x110000, np.int32), np.zeros(0x110000, np.int32)
    met, stamp = np.empty(0x110000, np.int32), 0
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        start = stop = at
        found = kinds = dots = 0
        inside, previous, filled = -1, 10, False
        while at <= end:
            code: Any = 10
            width, kind = 1, WHITE
            if at < end:
                code, width = decode(values, at)
                kind = table[pages[code >> 8], code & 0xFF]
            if code == 46:
                dots += 1
                counts[2, document] += dots == 2
            else:
                dots = 0
                counts[2, document] += code == ELLIPSIS and previous != ELLIPSIS
            counts[1, document] += code == 35 and previous != 35
            previous = code
            at += width
            if kind & WHITE:
                if code == 10:
                    counts[4, document] += stop > start and ends(values, start, stop, more)
                    start = stop = at
                    inside = -1
                continue
            mark = marked[code] if code < 0x10000 else 0
            if stop == start:
                start = at - width
                counts[5, document] += (mark & LIST_MARK) > 0
            stop = at
            counts[6, document] += mark & MARK
            if mark & STRETCH_END:
                counts[0, document] += filled
                filled = False
            else:
                filled = True
            if code == CLOSING and inside >= 0:
                counts[3, document] += inside
                inside = -1
            elif inside >= 0:
                inside += 1
            elif code == OPENING:
                inside = 0
            if found % window == 0:
                stamp += 1
            found += 1
            if times[code] == 0:
                met[kinds] = code
                kinds += 1
            times[code] += 1
            if stamps[code] != stamp:
                stamps[code] = stamp
                counts[7, document] += 1
        counts[0, document] += filled
        entropy[document] = nats(times, met[:kinds], found)


@njit(cache=True, nogil=True)
def nats(times: Any, met: Any, total: int) -> float:
    """The entropy of a distribution given by counts, which become 0 again."""
    weighted = 0.0
    for code in met:
        weighted += times[code] * np.log(times[code])
        times[code] = 0
    return np.log(total) - weighted / total if total else 0.0
