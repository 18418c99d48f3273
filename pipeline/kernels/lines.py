"""Lines of a web page that are no prose: which they are, as cuts, and how many words go with them.

A word is a token as in near duplicates: a run of characters between white space with a letter or digit in it, or one
character of a script written without spaces, so that "他说hello。" has three.
"""
# ruff: noqa: SIM110 - Numba compiles loops, not generators

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import ALPHA, DIGIT, SOLO, UPPER, WHITE, buffers, classes, decode


class Phrases(NamedTuple):
    """Phrases in lower case: phrase i is values[offsets[i]:offsets[i + 1]]."""

    offsets: np.ndarray
    values: np.ndarray


class Limits(NamedTuple):
    """What makes a line a bad one."""

    upper_share: float  # of its letters, more are a shout
    words: int  # in longer lines no phrase is looked for
    beginnings: Phrases
    endings: Phrases
    insides: Phrases
    counted: Phrases  # what counters count: "3 likes"


class Line(NamedTuple):
    """One line: its bytes without white space around them, and its characters by kind."""

    start: int
    stop: int
    characters: int
    letters: int
    upper: int
    digits: int
    words: int


def phrases(texts: tuple[str, ...]) -> Phrases:
    return Phrases(*buffers(pa.array([text.lower() for text in texts], pa.string())))


def cut_lines(texts: pa.StringArray, limits: Limits) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(first int32[texts + 1], cuts int32[2, cuts], words int32[texts], words cut int32[texts]).

    Text i has cuts first[i] to first[i + 1], each a start and a stop in bytes of the text: whole lines with the
    newline that ends them, neighbours in one cut.
    """
    offsets, values = buffers(texts)
    first = np.zeros(len(texts) + 1, np.int32)
    counts = np.zeros((2, len(texts)), np.int32)
    room = int(np.count_nonzero(values[offsets[0] : offsets[-1]] == ord("\n"))) + len(texts)
    cuts = np.empty((2, room), np.int32)
    find_lines((offsets, values), classes(), limits, first, cuts, counts)
    return first, cuts[:, : first[-1]], counts[0], counts[1]


@njit(cache=True, nogil=True)
def find_lines(texts: Any, tables: Any, limits: Any, first: Any, cuts: Any, counts: Any) -> None:
    offsets, values = texts
    found = 0
    for document in range(len(offsets) - 1):
        base = at = offsets[document]
        while at < offsets[document + 1]:
            line, after = read_line(values, tables, at, offsets[document + 1])
            counts[0, document] += line.words
            if is_bad(values, line, limits):
                counts[1, document] += line.words
                if found > first[document] and cuts[1, found - 1] == at - base:
                    found -= 1
                else:
                    cuts[0, found] = at - base
                cuts[1, found] = after - base
                found += 1
            at = after
        first[document + 1] = found


@njit(cache=True, nogil=True)
def read_line(values: Any, tables: Any, at: int, end: int) -> tuple[Any, int]:
    """(the line that begins at `at`, where the next one begins). `word`: inside a run that is a word already."""
    pages, table = tables
    start = stop = at
    characters = letters = upper = digits = words = 0
    word = False
    while at < end:
        code: Any = np.int64(values[at])
        width = 1
        if code < 0x80:
            kind = table[0, code]
        else:
            code, width = decode(values, at)
            kind = table[pages[code >> 8], code & 0xFF]
        at += width
        if kind & WHITE:
            word = False
            if code == 10:
                break
            continue
        if characters == 0:
            start = at - width
        stop = at
        characters += 1
        letters += (kind & ALPHA) > 0
        upper += (kind & UPPER) > 0
        digits += (kind & DIGIT) > 0
        if kind & SOLO:
            words += 1
            word = False
        elif kind & (ALPHA | DIGIT) and not word:
            words += 1
            word = True
    return Line(start, stop, characters, letters, upper, digits, words), at


@njit(cache=True, nogil=True)
def is_bad(values: Any, line: Any, limits: Any) -> bool:
    """Whether a line goes; a blank one stays."""
    if line.characters == 0:
        return False
    if line.words <= 1 or line.digits == line.characters or line.upper > limits.upper_share * line.letters:
        return True
    return line.words <= limits.words and (
        is_counter(values, line, limits.counted)
        or begins(values, line.start, line.stop, limits.beginnings)
        or ends(values, line.start, line.stop, limits.endings)
        or holds(values, line.start, line.stop, limits.insides)
    )


@njit(cache=True, nogil=True)
def is_counter(values: Any, line: Any, counted: Any) -> bool:
    """A number and a counted thing and no third word, as in "3 likes", "· 1,024 views" or "1.5k shares ·"."""
    at, stop = line.start, line.stop
    if line.words != 2:
        return False
    while at < stop and not alphanumeric(values[at]):
        at += 1
    digits = at
    while at < stop and (48 <= values[at] <= 57 or values[at] == 44 or values[at] == 46):
        at += 1
    if at > digits and at < stop and lower(values[at]) in (98, 107, 109):  # billion, kilo, million
        at += 1
    blank = at
    while at < stop and values[at] == 32:
        at += 1
    while stop > at and not alphanumeric(values[stop - 1]):
        stop -= 1
    return blank > digits and at > blank and matches(values, at, stop, counted)


@njit(cache=True, nogil=True)
def matches(values: Any, start: int, stop: int, known: Any) -> bool:
    """Whether values[start:stop] is a known phrase."""
    for phrase in range(len(known.offsets) - 1):
        fits = known.offsets[phrase + 1] - known.offsets[phrase] == stop - start
        if fits and stands(values, start, stop, known, phrase):
            return True
    return False


@njit(cache=True, nogil=True)
def begins(values: Any, start: int, stop: int, known: Any) -> bool:
    """Whether a known phrase begins at `start`."""
    for phrase in range(len(known.offsets) - 1):
        if stands(values, start, stop, known, phrase):
            return True
    return False


@njit(cache=True, nogil=True)
def ends(values: Any, start: int, stop: int, known: Any) -> bool:
    """Whether a known phrase ends at `stop`."""
    for phrase in range(len(known.offsets) - 1):
        begin = stop - (known.offsets[phrase + 1] - known.offsets[phrase])
        if begin >= start and stands(values, begin, stop, known, phrase):
            return True
    return False


@njit(cache=True, nogil=True)
def holds(values: Any, start: int, stop: int, known: Any) -> bool:
    """Whether a known phrase stands anywhere."""
    for at in range(start, stop):
        if begins(values, at, stop, known):
            return True
    return False


@njit(cache=True, nogil=True)
def stands(values: Any, start: int, stop: int, known: Any, phrase: int) -> bool:
    """Whether one phrase stands at `start`, in any case of ASCII letters."""
    begin, size = known.offsets[phrase], known.offsets[phrase + 1] - known.offsets[phrase]
    if size > stop - start:
        return False
    for step in range(size):
        if lower(values[start + step]) != known.values[begin + step]:
            return False
    return True


@njit(cache=True, nogil=True)
def lower(byte: int) -> int:
    return byte + 32 if 65 <= byte <= 90 else byte


@njit(cache=True, nogil=True)
def alphanumeric(byte: int) -> bool:
    """An ASCII letter or digit."""
    return 48 <= byte <= 57 or 97 <= lower(byte) <= 122
