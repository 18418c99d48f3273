"""What a text has opened and not closed, and whether it ends where a sentence may end."""

# ruff: noqa: SIM110 - Numba compiles loops, not generators

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import WHITE, buffers, classes, decode

COUNTS = (
    "open_thoughts",  # <think> less </think>, at the end of the text
    "open_boxes",  # \boxed{ whose brace is not closed
    "open_fences",  # 1 within a code fence of ``` or ~~~
    "open_formulas",  # 1 within $$…$$, \[…\] or \(…\)
    "open_brackets",  # brackets and Chinese quotes of the last line that are not closed
    "open_end",  # 1 where the last character ends no sentence
)
THOUGHTS, BOXES, FENCES, FORMULAS, BRACKETS, END = range(6)
OPENING = "([{（【「『《“〈"
CLOSING = ")]}）】」』》”〉"
ENDS = "。！？.!?…”』」)）】]`}$|*_>\"'’;；:：~～》〉—️"  # methods: those of prose, and where Markdown, code and tables end
THINK, NO_THINK, BOXED = (np.frombuffer(text, np.uint8) for text in (b"<think>", b"</think>", b"\\boxed{"))
MOST_OPEN = 256  # deeper nesting is not followed


def unfinished(texts: pa.StringArray) -> np.ndarray:
    """int32[COUNTS, texts]: row k holds COUNTS[k] of every text. Nothing counts within a code fence but its end."""
    counts = np.zeros((len(COUNTS), len(texts)), np.int32)
    brackets = np.array([[ord(sign) for sign in row] for row in (OPENING, CLOSING)], np.int64)
    ends = np.array(sorted(map(ord, ENDS)), np.int64)
    find_open(*buffers(texts), classes(), brackets, ends, counts)
    return counts


@njit(cache=True, nogil=True)
def find_open(offsets: Any, values: Any, tables: Any, brackets: Any, ends: Any, counts: Any) -> None:  # noqa: C901, PLR0912, PLR0915 - one walk, a mark a branch
    """Fill counts[:, document]. `braces`: depth within \\boxed{; `fence`: its character, 0 outside; `fresh`: a line has begun that
    may still be blank; `stack`: the open brackets of the last line that is not.
    """
    pages, table = tables
    stack = np.empty(MOST_OPEN, np.int64)
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        row = counts[:, document]
        fence = braces = formula = depth = last = 0
        begins, fresh = True, False
        while at < end:
            code, width = decode(values, at)
            blank = table[pages[code >> 8], code & 0xFF] & WHITE > 0
            if not blank:
                last = code
                depth, fresh = 0 if fresh else depth, False
            if begins and code in (96, 126) and runs(values, at, end, code) >= 3:
                if fence in (0, code):
                    fence = 0 if fence else code
                begins = False
                at += runs(values, at, end, code)
                continue
            if code == 10:
                begins = fresh = True
            elif not blank:
                begins = False
            if fence:
                at += width
                continue
            if code == 60:
                row[THOUGHTS] += stands(values, at, end, THINK)
                if stands(values, at, end, NO_THINK):
                    row[THOUGHTS] = max(0, row[THOUGHTS] - 1)
            elif code == 92 and at + 1 < end:
                if stands(values, at, end, BOXED):
                    braces += 1
                    at += len(BOXED)
                    continue
                mark = values[at + 1]
                if mark in (91, 40):
                    formula = mark
                elif (mark == 93 and formula == 91) or (mark == 41 and formula == 40):
                    formula = 0
                if 32 < mark < 0x80:  # an escaped sign is no mark
                    at += 2
                    last = mark
                    continue
            elif code == 36 and at + 1 < end and values[at + 1] == 36:
                formula = 0 if formula == 36 else 36
                at += 2
                continue
            elif code == 123 and braces:
                braces += 1
            elif code == 125 and braces:
                braces -= 1
            if not blank:
                depth = bracket(brackets, code, stack, depth)
            at += width
        row[BOXES], row[FENCES], row[FORMULAS], row[BRACKETS] = braces > 0, fence > 0, formula > 0, depth
        row[END] = last > 0 and not contains(ends, last)


@njit(cache=True, nogil=True)
def bracket(brackets: Any, code: int, stack: Any, depth: int) -> int:
    """The depth after this character. A closing one that fits none closes nothing."""
    for kind in range(brackets.shape[1]):
        if code == brackets[0, kind] and depth < len(stack):
            stack[depth] = kind
            return depth + 1
        if code == brackets[1, kind]:
            for below in range(depth - 1, -1, -1):
                if stack[below] == kind:
                    return below
            return depth
    return depth


@njit(cache=True, nogil=True)
def contains(ends: Any, code: int) -> bool:
    place = np.searchsorted(ends, code)
    return bool(place < len(ends) and ends[place] == code)


@njit(cache=True, nogil=True)
def runs(values: Any, at: int, end: int, byte: int) -> int:
    """How often a byte stands here in a row."""
    place = at
    while place < end and values[place] == byte:
        place += 1
    return place - at


@njit(cache=True, nogil=True)
def stands(values: Any, at: int, end: int, known: Any) -> bool:
    if at + len(known) > end:
        return False
    for step in range(len(known)):
        if values[at + step] != known[step]:
            return False
    return True
