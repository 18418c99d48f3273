"""How a text repeats itself where a model has lost its way: at its end, in long runs of tokens, sentence by sentence."""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.hashing import finish, table_size, turn
from pipeline.kernels.text import ALPHA, DIGIT, SOLO, WHITE, buffers, classes, decode

COUNTS = (
    "loop_characters",  # of the longest end of the text that is one stretch at least `repeats` times over
    "loop_period",  # characters of that stretch; 0 where there is none
    "solo_tokens",  # tokens of unspaced scripts
    "spaced_tokens",  # words of spaced ones
    "long_grams",  # runs of n tokens, n by which kind is more (see `repetition`)
    "duplicate_long_grams",  # those that stand earlier in the text too
    "sentences",  # of LEAST_SENTENCE letters and digits or more
    "equal_sentences",  # how often the most frequent of them stands there
)
LOOP, PERIOD, SOLOS, SPACED, GRAMS, DUPLICATES, SENTENCES, EQUAL = range(8)
TAIL = 2000  # characters at the end in which a loop is looked for
SOLO_GRAM, SPACED_GRAM = 20, 10  # tokens
LEAST_SENTENCE = 8  # letters and digits: "Yes." and "好的。" may well come again
STOPS = (
    0x21,
    0x3F,
    0x3002,
    0xFF01,
    0xFF1F,
    0x2026,
    0x0A,
)  # ! ? 。！？… and the end of a line end a sentence anywhere


def repetition(texts: pa.StringArray, repeats: int) -> np.ndarray:
    """int32[COUNTS, texts]: row k holds COUNTS[k] of every text.

    A token is a word of letters and digits of a spaced script, in any case of ASCII letters, or one letter of an unspaced
    one; grams are of 20 tokens where most are of unspaced scripts, else of 10. A sentence ends with one of STOPS, or a
    full stop before white space, and is its tokens. Both are told apart by 64-bit hashes.
    """
    offsets, values = buffers(texts)
    counts = np.zeros((len(COUNTS), len(texts)), np.int32)
    room = table_size(int(np.diff(offsets).max(initial=0)))
    space = np.empty(room, np.uint64), np.empty(room, np.int32), np.empty(room, np.uint64)
    find_loops(offsets, values, classes(), repeats, counts)
    count_repetition(offsets, values, classes(), space, counts)
    return counts


@njit(cache=True, nogil=True)
def find_loops(offsets: Any, values: Any, tables: Any, repeats: int, counts: Any) -> None:
    """Fill LOOP and PERIOD. The end of the text, turned round, is searched by the prefix function (Knuth, Morris, Pratt).

    Of its first n characters the smallest period is n less the longest border; white space at the very end is no part.
    """
    pages, table = tables
    tail = np.empty(TAIL, np.int32)
    border = np.zeros(TAIL, np.int32)
    for document in range(len(offsets) - 1):
        at, start, size = offsets[document + 1], offsets[document], 0
        while at > start and size < TAIL:
            at -= 1
            while values[at] & 0xC0 == 0x80:
                at -= 1
            code, _ = decode(values, at)
            if size or not table[pages[code >> 8], code & 0xFF] & WHITE:
                tail[size] = code
                size += 1
        for place in range(1, size):
            known = border[place - 1]
            while known and tail[place] != tail[known]:
                known = border[known - 1]
            border[place] = known + (tail[place] == tail[known])
            length = place + 1
            period = length - border[place]
            if period * repeats <= length:
                counts[LOOP, document], counts[PERIOD, document] = length, period


@njit(cache=True, nogil=True)
def count_repetition(offsets: Any, values: Any, tables: Any, space: Any, counts: Any) -> None:
    """Fill the others. `space`: keys and times of a hash table, and the tokens, for the longest text."""
    keys, times, tokens = space
    for document in range(len(offsets) - 1):
        row = counts[:, document]
        start, end = offsets[document], offsets[document + 1]
        mask = table_size(end - start) - 1
        times[: mask + 1] = 0
        size = read_tokens(values, start, end, tables, tokens, row, keys, times, mask)
        gram = SOLO_GRAM if row[SOLOS] > row[SPACED] else SPACED_GRAM
        times[: mask + 1] = 0
        rolling = np.uint64(0)
        for place in range(size):
            leaving = tokens[place - gram] if place >= gram else np.uint64(0)
            rolling = turn(rolling, 1) ^ turn(leaving, gram) ^ tokens[place]
            if place + 1 >= gram:
                row[GRAMS] += 1
                row[DUPLICATES] += note(keys, times, mask, finish(rolling)) > 1


@njit(cache=True, nogil=True)
def read_tokens(  # noqa: PLR0913, PLR0917 - one walk for tokens and sentences
    values: Any, at: int, end: int, tables: Any, tokens: Any, row: Any, keys: Any, times: Any, mask: int
) -> int:
    """Hashes of all tokens to `tokens`, how many; sentences are counted on the way."""
    pages, table = tables
    size = letters = 0
    word = sentence = np.uint64(0)
    inside = False
    while at <= end:
        code, width = (10, 1) if at == end else decode(values, at)
        kind = table[pages[code >> 8], code & 0xFF]
        at += width
        if kind & SOLO == 0 and kind & (ALPHA | DIGIT):
            lower = code + 32 if 65 <= code <= 90 else code
            word = finish(word ^ np.uint64(lower + 1)) + np.uint64(1)
            inside = True
            letters += 1
            continue
        if inside:
            tokens[size] = finish(word)
            sentence = finish(turn(sentence, 1) ^ tokens[size])
            size += 1
            row[SPACED] += 1
            word, inside = np.uint64(0), False
        if kind & SOLO:
            tokens[size] = finish(np.uint64(code + 1))
            sentence = finish(turn(sentence, 1) ^ tokens[size])
            size += 1
            letters += 1
            row[SOLOS] += 1
        if ends_sentence(values, at, end, code, table):
            if letters >= LEAST_SENTENCE:
                row[SENTENCES] += 1
                row[EQUAL] = max(row[EQUAL], note(keys, times, mask, sentence))
            sentence, letters = np.uint64(0), 0
    return size


@njit(cache=True, nogil=True)
def ends_sentence(values: Any, after: int, end: int, code: int, table: Any) -> bool:
    """Whether this character ends a sentence: a full stop does where white space follows."""
    if code == 46:
        return after >= end or (table[0, values[after] & 0x7F] & WHITE > 0 and values[after] < 0x80)
    return code in STOPS


@njit(cache=True, nogil=True)
def note(keys: Any, times: Any, mask: int, key: Any) -> int:
    """How often a key has come, this time included."""
    slot = np.int64(key & np.uint64(mask))
    while times[slot] and keys[slot] != key:
        slot = (slot + 1) & mask
    keys[slot] = key
    times[slot] += 1
    return times[slot]
