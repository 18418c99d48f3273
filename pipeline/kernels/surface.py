"""The surface of each text in one pass: how many characters, words, lines, and of which kinds."""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import ALPHA, DIGIT, HAN, WHITE, buffers, classes, decode

COUNTS = (
    "characters",  # code points
    "words",  # len(text.split())
    "word_characters",  # characters that are not white space; characters - word_characters is the white space
    "symbols",  # '#'
    "ellipses",  # '…' or '...', not overlapping
    "lines",  # between '\n', with more than white space on them
    "bullet_lines",  # lines whose first word begins with one of • ‣ ▪ ● ○ - *
    "ellipsis_lines",  # lines whose last word ends in '…' or '...'
    "alphabetic_words",  # words with a letter of any script
    "stop_words",  # distinct, of STOP_WORDS
    "letters",  # of any script, Han included
    "digits",
    "han",
)
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # Rae et al. 2021, appendix A.1
BULLETS = (0x2022, 0x2023, 0x25AA, 0x25CF, 0x25CB, ord("-"), ord("*"))
ELLIPSIS = 0x2026
STOP_KEYS = tuple(int.from_bytes(word.encode(), "big") for word in STOP_WORDS)


def surface(texts: pa.StringArray) -> np.ndarray:
    """int32[COUNTS, texts]: row k holds COUNTS[k] of every text.

    A stop word is a whole word once ASCII punctuation is stripped from both of its ends, in any case of letters.
    """
    counts = np.zeros((len(COUNTS), len(texts)), np.int32)
    count_surface(*buffers(texts), *classes(), counts)
    return counts


@njit(cache=True, nogil=True)
def count_surface(  # noqa: C901, PLR0912, PLR0915 - one pass over the bytes is what makes it fast
    offsets: Any, values: Any, pages: Any, table: Any, counts: Any
) -> None:
    """Fill counts[:, document]. `run`: how many '.' stand directly before the next character."""
    ascii_classes = table[0]
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        characters = words = word_characters = symbols = ellipses = 0
        lines = bullet_lines = ellipsis_lines = alphabetic_words = letters = digits = han = 0
        stops, run, word_start = 0, 0, -1
        alphabetic = blank = True
        trails = False
        while at < end:
            code: Any = np.int64(values[at])
            width = 1
            if code < 0x80:
                kind = ascii_classes[code]
            else:
                code, width = decode(values, at)
                kind = table[pages[code >> 8], code & 0xFF]
            characters += 1
            if kind & WHITE:
                if word_start >= 0:
                    words += 1
                    alphabetic_words += alphabetic
                    stops |= stop_word(values, word_start, at)
                    word_start = -1
                run = 0
                if code == 10:
                    lines += not blank
                    ellipsis_lines += trails
                    blank, trails = True, False
            else:
                word_characters += 1
                if word_start < 0:
                    word_start, alphabetic = at, False
                    if blank:
                        blank = False
                        bullet_lines += code in BULLETS
                if kind & ALPHA:
                    alphabetic = True
                    letters += 1
                    han += (kind & HAN) > 0
                    run, trails = 0, False
                elif code == 46:
                    run += 1
                    ellipses += run % 3 == 0
                    trails = run >= 3
                else:
                    run, trails = 0, code == ELLIPSIS
                    ellipses += trails
                    symbols += code == 35
                    digits += (kind & DIGIT) > 0
                    han += (kind & HAN) > 0
            at += width
        if word_start >= 0:
            words += 1
            alphabetic_words += alphabetic
            stops |= stop_word(values, word_start, end)
        lines += not blank
        ellipsis_lines += trails
        counts[0, document], counts[1, document], counts[2, document] = characters, words, word_characters
        counts[3, document], counts[4, document], counts[5, document] = symbols, ellipses, lines
        counts[6, document], counts[7, document] = bullet_lines, ellipsis_lines
        counts[8, document], counts[9, document] = alphabetic_words, bits(stops)
        counts[10, document], counts[11, document], counts[12, document] = letters, digits, han


@njit(cache=True, nogil=True)
def stop_word(values: Any, start: int, stop: int) -> int:
    """The bit of the stop word that values[start:stop] is, 0 for any other word."""
    while start < stop and punctuation(values[start]):
        start += 1
    while stop > start and punctuation(values[stop - 1]):
        stop -= 1
    if not 2 <= stop - start <= 4:
        return 0
    key = 0
    for at in range(start, stop):
        byte: Any = np.int64(values[at])
        key = key << 8 | (byte | 0x20 if 65 <= byte <= 90 else byte)
    bit = 1
    for known in STOP_KEYS:
        if key == known:
            return bit
        bit <<= 1
    return 0


@njit(cache=True, nogil=True)
def punctuation(byte: int) -> bool:
    """ASCII punctuation, as in string.punctuation."""
    return 33 <= byte <= 47 or 58 <= byte <= 64 or 91 <= byte <= 96 or 123 <= byte <= 126


@njit(cache=True, nogil=True)
def bits(mask: int) -> int:
    """How many bits are set."""
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count
