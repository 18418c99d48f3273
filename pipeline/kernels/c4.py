"""The lines of a page that C4 does not keep, as cuts, and what is to be known of the lines that stay.

Lines and words are those of kernels/lines.py: one character of a script written without spaces is a word.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.lines import Phrases, lower, phrases, read_line, stands
from pipeline.kernels.repeated_lines import QUOTE, TERMINAL, ending
from pipeline.kernels.text import ALPHA, SOLO, UPPER, WHITE, buffers, classes, decode

COUNTS = (
    "sentences",  # of the lines that stay
    "braces",  # '{' in them
    "placeholders",  # of them, lines that hold a phrase of pages without content
)
CASED = 0x530  # Latin, Greek and Cyrillic lie below: scripts whose lower case goes on with a sentence


class Needles(NamedTuple):
    """Phrases and how to skip to them (Wu and Manber 1994, with blocks of two bytes).

    shifts[block] is how far the next phrase may begin behind this place when `block`, in lower case, stands at the end of
    the `least` bytes from here on, as many as the shortest phrase has.
    """

    known: Phrases
    shifts: np.ndarray  # uint8[65536]
    least: int


class Limits(NamedTuple):
    words: int  # a line with fewer goes
    word_length: int  # a line with a longer word goes
    unwanted: Needles  # a line that holds one goes
    placeholders: Needles
    citations: Phrases  # stand in brackets and are cut out of lines that stay


def needles(texts: tuple[str, ...]) -> Needles:
    known = phrases(texts)
    least = min(255, *(np.diff(known.offsets)), 255)
    shifts = np.full(1 << 16, max(least - 1, 0), np.uint8)
    for start in known.offsets[:-1]:
        for step in range(least - 1):
            block = int(known.values[start + step]) << 8 | int(known.values[start + step + 1])
            shifts[block] = min(shifts[block], least - 2 - step)
    return Needles(known, shifts, int(least))


def cut_page(texts: pa.StringArray, limits: Limits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(first int32[texts + 1], cuts int32[2, cuts], int32[COUNTS, texts]).

    Text i has cuts first[i] to first[i + 1], each a start and a stop in bytes of the text: whole lines with the newline
    that ends them, and the citations of lines that stay. No two cuts touch.
    """
    offsets, values = buffers(texts)
    used = values[offsets[0] : offsets[-1]]
    room = int(np.count_nonzero(used == ord("\n")) + np.count_nonzero(used == ord("["))) + len(texts)
    first, counts = np.zeros(len(texts) + 1, np.int32), np.zeros((len(COUNTS), len(texts)), np.int32)
    cuts = np.empty((2, room), np.int32)
    find_cuts((offsets, values), classes(), limits, first, cuts, counts)
    return first, cuts[:, : first[-1]], counts


@njit(cache=True, nogil=True)
def find_cuts(texts: Any, tables: Any, limits: Any, first: Any, cuts: Any, counts: Any) -> None:
    offsets, values = texts
    found = 0
    for document in range(len(offsets) - 1):
        base = at = offsets[document]
        while at < offsets[document + 1]:
            line, after = read_line(values, tables, at, offsets[document + 1])
            if line.characters and not stays(values, tables, line, limits):
                found = add(cuts, first[document], found, at - base, after - base)
            elif line.characters:
                counts[0, document] += sentences(values, tables, line)
                counts[1, document] += count_byte(values, line, ord("{"))
                counts[2, document] += contains(values, line, limits.placeholders)
                found = cut_citations(values, line, limits.citations, base, (cuts, first[document], found))
            at = after
        first[document + 1] = found


@njit(cache=True, nogil=True)
def add(cuts: Any, least: int, found: int, start: int, stop: int) -> int:
    """The number of cuts with this one, joined to the text's last where they touch."""
    if found > least and cuts[1, found - 1] == start:
        cuts[1, found - 1] = stop
        return found
    cuts[0, found], cuts[1, found] = start, stop
    return found + 1


@njit(cache=True, nogil=True)
def stays(values: Any, tables: Any, line: Any, limits: Any) -> bool:
    """Enough words, none of them endless, an end that ends a sentence, and no unwanted phrase."""
    return (
        line.words >= limits.words
        and is_finished(values, line, limits.citations)
        and not (
            line.characters > limits.word_length
            and has_long_word(values, tables, line.start, line.stop, limits.word_length)
        )
        and not contains(values, line, limits.unwanted)
    )


@njit(cache=True, nogil=True)
def is_finished(values: Any, line: Any, citations: Any) -> bool:
    """Whether the last character, citations and white space behind it aside, ends a sentence or a quotation.

    '...' and '…' do not: they end what was cut off.
    """
    stop = line.stop
    while stop > line.start:
        if values[stop - 1] == 93:
            opened = stop - 1
            while opened > line.start and values[opened] != 91:
                opened -= 1
            if values[opened] == 91 and citation(values, opened, line.stop, citations) == stop:
                stop = opened
                continue
        elif values[stop - 1] in (32, 9):
            stop -= 1
            continue
        break
    last = stop - 1
    while last > line.start and values[last] & 0xC0 == 0x80:
        last -= 1
    if last < line.start:
        return False
    code, _ = decode(values, last)
    dots = code == 46 and stop - line.start >= 3 and values[stop - 2] == 46 and values[stop - 3] == 46
    return ending(code) > 0 and not dots


@njit(cache=True, nogil=True)
def citation(values: Any, start: int, stop: int, known: Any) -> int:
    """Where the citation ends whose bracket opens at `start`: digits or a known phrase in it; 0 where it is none."""
    at = start + 1
    while at < stop and 48 <= values[at] <= 57:
        at += 1
    if at < stop and values[at] == 93:
        return at + 1
    for phrase in range(len(known.offsets) - 1):
        after = start + 1 + known.offsets[phrase + 1] - known.offsets[phrase]
        if after < stop and values[after] == 93 and stands(values, start + 1, after, known, phrase):
            return after + 1
    return 0


@njit(cache=True, nogil=True)
def cut_citations(values: Any, line: Any, known: Any, base: int, into: Any) -> int:
    """The number of cuts with those of a line's citations."""
    cuts, least, found = into
    at = line.start
    while at < line.stop:
        after = citation(values, at, line.stop, known) if values[at] == 91 else 0
        if after:
            found = add(cuts, least, found, at - base, after - base)
        at = max(after, at + 1)
    return found


@njit(cache=True, nogil=True)
def has_long_word(values: Any, tables: Any, at: int, stop: int, most: int) -> bool:
    """A run of more than `most` characters with neither white space in it nor a character that is a word itself."""
    pages, table = tables
    run = 0
    while at < stop:
        code, width = decode(values, at)
        at += width
        run = 0 if table[pages[code >> 8], code & 0xFF] & (WHITE | SOLO) else run + 1
        if run > most:
            return True
    return False


@njit(cache=True, nogil=True)
def sentences(values: Any, tables: Any, line: Any) -> int:
    """How many sentences a line has: one more than the places inside it where one ends.

    One ends at marks that end sentences and the quotes and brackets that close behind them: marks of other scripts
    anywhere, those of ASCII only where white space follows and no lower-case letter behind that. `mark`: 1 behind one of
    ASCII, 3 where one of another script was among them, 2 and 4 with white space in between.
    """
    pages, table = tables
    at, found, mark = line.start, 1, 0
    while at < line.stop:
        code: Any = np.int64(values[at])
        width = 1
        if code < 0x80:
            kind = table[0, code]
        else:
            code, width = decode(values, at)
            kind = table[pages[code >> 8], code & 0xFF]
        at += width
        if mark == 0 and kind & (ALPHA | WHITE):
            continue
        if kind & ALPHA:
            going_on = code < CASED and kind & UPPER == 0
            found += mark > 2 or (mark == 2 and not going_on)
            mark = 0
        elif kind & WHITE:
            mark += mark & 1
        elif ending(code) == TERMINAL:
            mark = 3 if code >= 0x80 or mark > 2 else 1
        elif mark & 1 == 0 or not (ending(code) == QUOTE or code in (41, 93, 0xFF09)):
            found += mark > 1
            mark = 0
    return found


@njit(cache=True, nogil=True)
def count_byte(values: Any, line: Any, byte: int) -> int:
    found = 0
    for at in range(line.start, line.stop):
        found += values[at] == byte
    return found


@njit(cache=True, nogil=True)
def contains(values: Any, line: Any, sought: Any) -> bool:
    """Whether a phrase stands anywhere in the line, in any case of ASCII letters."""
    at, ahead = line.start, max(sought.least, 2)
    while at + sought.least <= line.stop:
        shift: Any = 0
        if at + ahead <= line.stop:
            first: Any = np.int64(values[at + ahead - 2])
            second: Any = np.int64(values[at + ahead - 1])
            shift = np.int64(sought.shifts[lower(first) << 8 | lower(second)])
        if shift == 0:
            for phrase in range(len(sought.known.offsets) - 1):
                if stands(values, at, line.stop, sought.known, phrase):
                    return True
            shift = 1
        at += shift
    return False
