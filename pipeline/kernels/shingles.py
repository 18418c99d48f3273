"""Shingles: 64-bit hashes of every run of five tokens, which is what two texts are compared by.

A token is a word (a run of letters, digits and marks) or one such character of a script written without spaces (Han, Kana,
Thai …), so that mixed text needs no switch. Before, a text is folded: NFKC, then lower case, character by character; so width,
ligatures and composition do not tell texts apart. Punctuation, symbols and white space only divide words. Characters that
are not seen (format characters such as the soft hyphen, variation selectors) are as if they were not there.
"""

import unicodedata
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from pipeline.kernels.hashing import finish, stir, table_size, turn
from pipeline.kernels.text import HAN_RANGES, HANGUL_TAILS, UNSPACED_RANGES, buffers, decode, unstable

TOKENS = 5  # in a shingle (Penedo et al. 2024, FineWeb, section 3.4: word 5-grams)

DIVIDES, UNSEEN, WORD, SOLO = 0, 1, 2, 3  # what a character is
KIND, NEEDS_NFKC, SHIFT = (
    3,
    4,
    3,
)  # an entry: how far to the folded character << 3 | asks for NFKC << 2 | kind
COUNTED = "LNM"  # letters, numbers and marks make tokens
UNSEEN_RANGES = (
    (0xFE00, 0xFE10),
    (0xE0000, 0xE1000),
)  # variation selectors, tags and what is reserved beside them
LAST = 0x32400  # after it stand no letters, marks or numbers

Ragged = tuple[np.ndarray, np.ndarray]  # offsets int64[n + 1], values uint64[...]


@cache
def characters() -> tuple[np.ndarray, np.ndarray]:
    """(pages uint16[8192], entries int32[distinct pages, 256]) of all characters, laid out as `text.classes` is."""
    flat = np.zeros(8192 * 256, np.int32)
    moved = {*unstable(), *HANGUL_TAILS}
    solo = {code for low, high in (*HAN_RANGES, *UNSPACED_RANGES) for code in range(low, high + 1)}
    for code in chain(range(0xD800), range(0xE000, LAST)):
        flat[code] = entry(code, moved, solo)
    for low, high in UNSEEN_RANGES:
        flat[low:high] = UNSEEN
    rows: dict[bytes, int] = {}
    pages = [rows.setdefault(page.tobytes(), len(rows)) for page in flat.reshape(8192, 256)]
    return np.array(pages, np.uint16), np.frombuffer(b"".join(rows), np.int32).reshape(-1, 256)


def entry(code: int, moved: set[int], solo: set[int]) -> int:
    """What the scan knows of one character. `moved`: those that NFC may change or join with the one before."""
    character = normal = chr(code)
    category = unicodedata.category(character)
    if category == "Cf":
        return UNSEEN
    asks = code in moved
    if unicodedata.decomposition(character):
        normal = unicodedata.normalize("NFKC", character)
        asks = asks or any(ord(part) in moved for part in normal)
        asks = asks or (len(normal) > 1 and any(unicodedata.category(part)[0] in COUNTED for part in normal))
    one = normal.lower()[0] if len(normal) == 1 else character
    if one != character:
        category = unicodedata.category(one)
    kind = DIVIDES if category[0] not in COUNTED else SOLO if ord(one) in solo else WORD
    return (ord(one) - code) << SHIFT | NEEDS_NFKC * asks | kind


def shingles(texts: pa.StringArray) -> Ragged:
    """Every shingle of every text, in order and as often as it stands; text i owns values[offsets[i]:offsets[i + 1]].

    A text of one to four tokens has one shingle, all of it; a text without tokens has none.
    """
    starts, data = buffers(folded(texts))
    offsets = np.zeros(len(starts), np.int64)
    values = np.empty(room(int(starts[-1] - starts[0])), np.uint64)
    scan_all(starts, data, characters(), values, offsets)
    return offsets, values[: offsets[-1]]


def shingle_sets(texts: pa.StringArray) -> pa.LargeListArray:
    """large_list<uint64>[texts]: the distinct shingles of each text, in the order of their first places."""
    starts, data = buffers(folded(texts))
    offsets = np.zeros(len(starts), np.int64)
    values = np.empty(room(int(starts[-1] - starts[0])), np.uint64)
    longest = room(int(np.diff(starts).max(initial=0)))
    scan_sets(starts, data, characters(), np.empty(table_size(longest), np.uint64), values, offsets)
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values[: offsets[-1]]))


def folded(texts: pa.StringArray) -> pa.StringArray:
    """The texts as the scan wants them: NFKC asked of Python only where a text holds a character that needs it."""
    marked = np.zeros(len(texts), np.bool_)
    mark(*buffers(texts), characters(), marked)
    if not marked.any():
        return texts
    mask = pa.array(marked)
    normal = [unicodedata.normalize("NFKC", text) for text in texts.filter(mask).to_pylist()]
    return pc.replace_with_mask(texts, mask, pa.array(normal, pa.string()))


def room(size: int) -> int:
    """The most tokens that a text of so many bytes can have."""
    return size // 2 + 1


@njit(cache=True, nogil=True)
def mark(offsets: Any, values: Any, tables: Any, marked: Any) -> None:
    """Mark the texts that hold a character which asks for NFKC."""
    pages, table = tables
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        while at < end:
            if values[at] < 0x80:
                at += 1
                continue
            code, width = decode(values, at)
            if table[pages[code >> 8], code & 0xFF] & NEEDS_NFKC:
                marked[document] = True
                break
            at += width


@njit(cache=True, nogil=True)
def scan(values: Any, at: Any, end: Any, tables: Any, out: Any, size: Any) -> Any:
    """Write the shingles of values[at:end] to `out` from `size` on; the place after the last.

    A shingle is the cyclic sum (each token turned by its distance from the last) of its tokens' hashes, finished.
    """
    pages, table = tables
    ascii_entries = table[0]
    ring = np.zeros(TOKENS, np.uint64)
    rolling, word, inside, seen, begin = np.uint64(0), np.uint64(0), False, 0, size
    while at <= end:
        kind: Any = DIVIDES
        code: Any = 0
        width: Any = 1
        if at < end:
            code = np.int64(values[at])
            if code < 0x80:
                found = ascii_entries[code]
            else:
                code, width = decode(values, at)
                found = table[pages[code >> 8], code & 0xFF]
            kind = found & KIND
            code += found >> SHIFT
        at += width
        if kind == WORD:
            word = stir(word, np.uint64(code))
            inside = True
        elif kind != UNSEEN:
            tokens = inside + (kind == SOLO)
            while tokens:
                tokens -= 1
                token = finish(word) if inside else finish(stir(np.uint64(0), np.uint64(code)))
                word, inside = np.uint64(0), False
                place = seen % TOKENS
                leaving, ring[place] = turn(ring[place], TOKENS), token
                rolling = turn(rolling, 1) ^ token
                if seen >= TOKENS:
                    rolling ^= leaving
                seen += 1
                if seen >= TOKENS:
                    out[size] = finish(rolling)
                    size += 1
    if size == begin and seen:
        out[size] = finish(rolling + np.uint64(seen))
        size += 1
    return size


@njit(cache=True, nogil=True)
def scan_all(starts: Any, data: Any, tables: Any, values: Any, offsets: Any) -> None:
    """Fill `values` and `offsets` with the shingles of each text."""
    size = 0
    for document in range(len(starts) - 1):
        size = scan(data, starts[document], starts[document + 1], tables, values, size)
        offsets[document + 1] = size


@njit(cache=True, nogil=True)
def scan_sets(starts: Any, data: Any, tables: Any, held: Any, values: Any, offsets: Any) -> None:
    """As `scan_all`, each shingle of a text once. `held`: room for the hash table of the longest text."""
    size = 0
    for document in range(len(starts) - 1):
        end = scan(data, starts[document], starts[document + 1], tables, values, size)
        mask = table_size(end - size) - 1
        held[: mask + 1] = 0
        kept = size
        for at in range(size, end):
            if note(held, mask, values[at]):
                values[kept] = values[at]
                kept += 1
        offsets[document + 1] = size = kept


@njit(cache=True, nogil=True)
def overlaps(first: Any, second: Any, left: Any, right: Any) -> Any:
    """int64[pairs]: how many shingles the sets left[pair] of `first` and right[pair] of `second` share.

    Both are (offsets, values) of distinct shingles. Pairs of equal `right` should stand together: its table is built once.
    """
    (first_offsets, first_values), (second_offsets, second_values) = first, second
    longest = 0
    for pair in range(len(right)):
        longest = max(longest, second_offsets[right[pair] + 1] - second_offsets[right[pair]])
    held = np.empty(table_size(longest), np.uint64)
    shared = np.zeros(len(left), np.int64)
    mask, built = 0, -1
    for pair in range(len(left)):
        if right[pair] != built:
            built = right[pair]
            start, stop = second_offsets[built], second_offsets[built + 1]
            mask = table_size(stop - start) - 1
            held[: mask + 1] = 0
            for at in range(start, stop):
                note(held, mask, second_values[at])
        count = 0
        for at in range(first_offsets[left[pair]], first_offsets[left[pair] + 1]):
            count += holds(held, mask, first_values[at])
        shared[pair] = count
    return shared


@njit(cache=True, nogil=True)
def note(held: Any, mask: Any, key: Any) -> bool:
    """Put a shingle into the table; whether it was new. 0 marks an empty slot, so the shingle 0 is held as 1."""
    key = max(key, np.uint64(1))
    slot = np.int64(key & np.uint64(mask))
    while held[slot] != 0 and held[slot] != key:
        slot = (slot + 1) & mask
    if held[slot] == key:
        return False
    held[slot] = key
    return True


@njit(cache=True, nogil=True)
def holds(held: Any, mask: Any, key: Any) -> bool:
    key = max(key, np.uint64(1))
    slot = np.int64(key & np.uint64(mask))
    while held[slot] != 0 and held[slot] != key:
        slot = (slot + 1) & mask
    return bool(held[slot] == key)
