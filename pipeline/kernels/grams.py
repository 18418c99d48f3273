"""How much of each text its own n-grams repeat, for every n: grams of words, of characters, or of words found elsewhere.

One chain serves all n. Where an n-gram is repeated, so are the two (n-1)-grams in it; each n therefore looks only at
places whose two shorter grams both stand more than once, which after n = 3 or 4 are few in ordinary text. A gram's
class is the pair of those two classes: exact, once units are told apart (words by 64-bit hashes, characters by
themselves). Time and memory are linear in the text.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import HAN, WHITE, buffers, classes, decode

WORD_SIZES, CHARACTER_SIZES = 10, 13  # the longest grams that rules ask of words, and of characters
PRIME = np.uint64(0x100000001B3)  # FNV-1a
BASIS = np.uint64(0xCBF29CE484222325)
GOLDEN = np.uint64(
    0x9E3779B97F4A7C15
)  # 2^64 / φ: its product with a key spreads over the upper bits (Knuth, 6.4)


class Repeats(NamedTuple):
    """int32[sizes + 1, texts] each: row n is about n-grams; rows 0 and 1 stay 0. All but `places` are characters.

    A character is one that is not white space; a gram has those of its units and nothing between them.
    """

    top: (
        np.ndarray
    )  # times × length of the gram that stands most often, at least twice; of equals, the first in the text
    times: np.ndarray  # how often that one stands, overlapping itself or not
    covered: np.ndarray  # in grams that stood before in the text, each character once however many cover it
    places: np.ndarray  # where grams begin that stand more than once, the first of each included


def word_grams(texts: pa.StringArray, sizes: int = WORD_SIZES) -> Repeats:
    """Of words as str.split() gives them, compared byte by byte."""
    offsets, values = buffers(texts)
    repeats = nothing(len(texts), sizes)
    room = int(np.diff(offsets).max(initial=0)) // 2 + 1
    count_words(offsets, values, classes(), np.empty(room, np.uint64), np.empty(room + 1, np.int32), repeats)
    return repeats


def character_grams(
    texts: pa.StringArray, min_han_share: float = 0, sizes: int = CHARACTER_SIZES
) -> tuple[Repeats, np.ndarray]:
    """Of all characters but white space: a gram may begin on one line and end on the next. And int32[texts]: how many
    such characters there are. Texts of which fewer are Han have zeros in both.
    """
    offsets, values = buffers(texts)
    repeats, characters = nothing(len(texts), sizes), np.zeros(len(texts), np.int32)
    room = int(np.diff(offsets).max(initial=0))
    room_for = np.empty(room, np.uint64), np.arange(room + 1, dtype=np.int32)
    count_characters((offsets, values), classes(), min_han_share, room_for, repeats, characters)
    return repeats, characters


def listed_grams(
    first: np.ndarray, hashes: np.ndarray, lengths: np.ndarray, sizes: int = WORD_SIZES
) -> Repeats:
    """Of words that are hashes uint64 and lengths int32 in characters; text i has first[i] to first[i + 1]."""
    repeats = nothing(len(first) - 1, sizes)
    count_listed(first, hashes, lengths, repeats)
    return repeats


def nothing(texts: int, sizes: int) -> Repeats:
    return Repeats(*(np.zeros((sizes + 1, texts), np.int32) for _ in Repeats._fields))


@njit(cache=True, nogil=True)
def count_words(offsets: Any, values: Any, tables: Any, hashes: Any, ends: Any, repeats: Any) -> None:
    ends[0] = 0
    for document in range(len(offsets) - 1):
        words = split(values, offsets[document], offsets[document + 1], tables, hashes, ends)
        chain(hashes[:words], 1, ends, document, repeats)


@njit(cache=True, nogil=True)
def split(values: Any, at: int, end: int, tables: Any, hashes: Any, ends: Any) -> int:
    """The number of words in values[at:end]; their hashes, and the characters of the words up to each one's end."""
    pages, table = tables
    ascii_classes = table[0]
    words, characters, inside = 0, 0, False
    rolling = BASIS
    while at < end:
        code: Any = np.int64(values[at])
        width = 1
        if code < 0x80:
            kind = ascii_classes[code]
        else:
            code, width = decode(values, at)
            kind = table[pages[code >> 8], code & 0xFF]
        if kind & WHITE:
            if inside:
                hashes[words] = rolling
                words += 1
                ends[words] = characters
                rolling, inside = BASIS, False
        else:
            rolling = (rolling ^ np.uint64(code)) * PRIME
            characters += 1
            inside = True
        at += width
    if inside:
        hashes[words] = rolling
        words += 1
        ends[words] = characters
    return words


@njit(cache=True, nogil=True)
def count_characters(
    texts: Any, tables: Any, min_han_share: float, room: Any, repeats: Any, characters: Any
) -> None:
    (offsets, values), (pages, table), (pairs, ends) = texts, tables, room
    for document in range(len(offsets) - 1):
        at, end, found, han = offsets[document], offsets[document + 1], 0, 0
        previous: Any = 0
        while at < end:
            code, width = decode(values, at)
            kind = table[pages[code >> 8], code & 0xFF]
            at += width
            if kind & WHITE == 0:
                if found:
                    pairs[found - 1] = np.uint64(previous) << np.uint64(32) | np.uint64(code)
                previous = code
                found += 1
                han += (kind & HAN) > 0
        if han >= min_han_share * found:
            characters[document] = found
            chain(pairs[: max(found - 1, 0)], 2, ends, document, repeats)


@njit(cache=True, nogil=True)
def count_listed(first: Any, hashes: Any, lengths: Any, repeats: Any) -> None:
    for document in range(len(first) - 1):
        start, stop = first[document], first[document + 1]
        ends = np.zeros(stop - start + 1, np.int32)
        for unit in range(start, stop):
            ends[unit - start + 1] = ends[unit - start] + lengths[unit]
        chain(hashes[start:stop].copy(), 1, ends, document, repeats)


@njit(cache=True, nogil=True)
def chain(pairs: Any, first: int, ends: Any, document: int, repeats: Any) -> None:
    """Fill one text's column of `repeats`. `ends`: characters before each unit, and after the last.

    `pairs`, which are overwritten, tell the grams of `first` units apart, one a place: hashes of words, or pairs of
    characters. Of the `alive` grams, grams[k] is the class and begins[k] the unit where it begins.
    """
    begins, grams = np.arange(len(pairs)).astype(np.int32), np.empty(len(pairs), np.int32)
    alive = len(pairs)
    for size in range(first, len(repeats.top)):
        if size > first:
            alive = join(begins, grams, pairs, alive)
        if alive < 2:
            return
        times = classify(pairs, alive, grams)
        alive = settle(begins, grams, alive, times, (size, ends, document), repeats)


@njit(cache=True, nogil=True)
def join(begins: Any, grams: Any, pairs: Any, alive: int) -> int:
    """Keep the grams whose right neighbour is alive too, in `pairs` with it; how many those are."""
    joined = 0
    for place in range(alive - 1):
        if begins[place + 1] == begins[place] + 1:
            pairs[joined] = np.uint64(grams[place]) << np.uint64(32) | np.uint64(grams[place + 1])
            begins[joined] = begins[place]
            joined += 1
    return joined


@njit(cache=True, nogil=True)
def classify(pairs: Any, alive: int, grams: Any) -> Any:
    """int32[slots]: how often each pair stands; grams[k] becomes the slot of pairs[k]."""
    bits = 1
    while 1 << bits < 2 * alive:
        bits += 1
    keys, times = np.empty(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)
    mask, shift = (1 << bits) - 1, np.uint64(64 - bits)
    for place in range(alive):
        pair = pairs[place]
        slot = np.int64(pair * GOLDEN >> shift)
        while times[slot] and keys[slot] != pair:
            slot = (slot + 1) & mask
        keys[slot] = pair
        times[slot] += 1
        grams[place] = slot
    return times


@njit(cache=True, nogil=True)
def settle(begins: Any, grams: Any, alive: int, times: Any, about: Any, repeats: Any) -> int:
    """Keep the grams that stand more than once; count what they are about. times[slot] turns negative once met."""
    size, ends, document = about
    kept = covered = until = most = top = 0
    for place in range(alive):
        begin, often = begins[place], times[grams[place]]
        if often == 1:
            continue
        if often > 0:
            times[grams[place]] = -often
            if often > most:
                most, top = often, often * (ends[begin + size] - ends[begin])
        else:
            covered += ends[begin + size] - ends[max(begin, until)]
            until = begin + size
        begins[kept], grams[kept] = begin, grams[place]
        kept += 1
    if size > 1:
        repeats.top[size, document], repeats.times[size, document] = top, most
        repeats.covered[size, document], repeats.places[size, document] = covered, kept
    return kept
