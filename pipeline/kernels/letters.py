"""Texts as their letters and digits alone, and a hash of what begins at each token: what a copy keeps, however it is set.

Case, width, composition, accents, punctuation, symbols and white space are gone; letters follow each other without a gap.
So "(0, 3)", "０，３" and "03" are one, and taking punctuation out or putting it in joins or parts no n-gram: a gram is
measured in letters, not in tokens, and only where it begins depends on tokens.
"""

import unicodedata
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.hashing import finish
from pipeline.kernels.text import SOLO, buffers, classes, decode

PLAIN_HAN = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0x20000, 0x2F800), (0x30000, 0x32400))  # give themselves
OTHERS = (
    (0, 0x3400),
    (0x4DC0, 0x4E00),
    (0xA000, 0xD800),
    (0xE000, 0x20000),
    (0x2F800, 0x2FA20),
    (0xE0000, 0xE0200),
)
GRAM = 36  # weight: 12 Han characters, some 8 English words
ANCHOR = 12  # weight: what finds items that are lighter than a gram
LETTER, DIGIT, CHARACTER = 1, 2, 3  # weights: of a letter, a digit, a character of an unspaced script
WEIGH = 24  # a letter is its code point and, from this bit on, its weight
CODE = (1 << WEIGH) - 1
PART, GAP, WIDE = 0, -1, -2  # what a character gives that is no letter: nothing, a gap, a gap of white space
SPELT = -3  # and below: the letters of a character that gives several
MARKS = ("Mn", "Mc", "Me", "Cf")  # Unicode categories: marks, and signs that are not seen
NOTHING = (*MARKS, "Cc", "Cn", "Co", "Zl", "Zp", "Zs")
BASE = np.uint64(0x9E3779B97F4A7C15)
NEVER = 1 << 62
RING = 64  # more than the tokens that can begin within a gram
FIRM = 1  # a token that begins the text or stands after white space or beside an unspaced character


class Letters(NamedTuple):
    """The letters of several texts, and the tokens that begin in them. A text's lie between its two bounds.

    gram, anchor: hashes of the shortest run of letters from the token's first that weighs GRAM, ANCHOR; 0 where the
    text ends before.
    """

    letters: np.ndarray  # uint32: code point | weight << WEIGH
    bounds: np.ndarray  # int64[texts + 1]: of the letters
    starts: np.ndarray  # int32[tokens]: the index of the token's first letter
    places: np.ndarray  # int32[tokens]: the byte at which it begins in the array's data
    firm: np.ndarray  # uint8[tokens]
    gram: np.ndarray  # uint64[tokens]
    anchor: np.ndarray  # uint64[tokens]
    tokens: np.ndarray  # int64[texts + 1]: bounds of the tokens


def letters(texts: pa.StringArray) -> Letters:
    """The letters of each text.

    A character gives the letters of its compatibility decomposition, folded, as many as it has bytes at most (only
    squared words such as ㍿ and one Arabic ligature have more); marks give nothing and part nothing.
    """
    offsets, values = buffers(texts)
    size = int(offsets[-1] - offsets[0])
    tokens = size // 2 + len(texts) + 1
    room = Letters(
        np.empty(size, np.uint32),
        np.zeros(len(offsets), np.int64),
        np.empty(tokens, np.int32),
        np.empty(tokens, np.int32),
        np.empty(tokens, np.uint8),
        np.empty(tokens, np.uint64),
        np.empty(tokens, np.uint64),
        np.zeros(len(offsets), np.int64),
    )
    spell(offsets, values, foldings(), tuple(room))
    count = room.tokens[-1]
    per_token = {name: getattr(room, name)[:count] for name in ("starts", "places", "firm", "gram", "anchor")}
    return room._replace(letters=room.letters[: room.bounds[-1]], **per_token)


@cache
def foldings() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(pages uint16[8192], table int32[pages, 256], ends int32[n + 1], spellings uint32[...]).

    A character c gives table[pages[c >> 8], c & 255]: a letter with its weight; PART, GAP or WIDE; or SPELT - k for
    the letters spellings[ends[k]:ends[k + 1]]. Page 0 is row 0.
    """
    flat = np.full(8192 * 256, GAP, np.int32)
    spelt: list[list[int]] = []
    for low, high in PLAIN_HAN:
        codes = np.arange(low, high, dtype=np.uint32)
        known = np.strings.isalnum(codes.view("U1"))
        flat[low:high] = np.where(known, codes | CHARACTER << WEIGH, GAP)
    for code in chain(*(range(low, high) for low, high in OTHERS)):
        given = folded(chr(code))
        if len(given) > 1:
            spelt.append(given)
        flat[code] = given[0] if len(given) == 1 else SPELT + 1 - len(spelt)
    rows: dict[bytes, int] = {}
    pages = [rows.setdefault(page.tobytes(), len(rows)) for page in flat.reshape(8192, 256)]
    table = np.frombuffer(b"".join(rows), np.int32).reshape(-1, 256)
    ends = np.cumsum([0, *map(len, spelt)]).astype(np.int32)
    return (
        np.array(pages, np.uint16),
        table,
        ends,
        np.array([code for one in spelt for code in one], np.uint32),
    )


def folded(character: str) -> list[int]:
    """What one character gives: its letters with their weights, or one of PART, GAP, WIDE."""
    kind = unicodedata.category(character)
    if kind in NOTHING:
        return [PART if kind in MARKS else WIDE if character.isspace() else GAP]
    plain = kind == "Lo" and not unicodedata.decomposition(character) and not "가" <= character <= "힣"
    parts = character if plain else decomposed(unmarked(decomposed(character)).casefold())
    found = [weighed(part) for part in unmarked(parts) if part.isalnum()]
    return found[: len(character.encode())] or [WIDE if character.isspace() else GAP]


def unmarked(text: str) -> str:
    return "".join(one for one in text if unicodedata.category(one) not in MARKS)


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFKD", text)


def weighed(letter: str) -> int:
    pages, table = classes()
    solo = table.item(pages.item(ord(letter) >> 8), ord(letter) & 0xFF) & SOLO
    return ord(letter) | (CHARACTER if solo else DIGIT if letter.isdigit() else LETTER) << WEIGH


@njit(cache=True, nogil=True)
def powers() -> Any:
    """uint64[RING]: BASE to the power of its index."""
    found = np.ones(RING, np.uint64)
    for index in range(1, RING):
        found[index] = found[index - 1] * BASE
    return found


@njit(cache=True, nogil=True)
def spell(  # noqa: C901, PLR0912, PLR0915 - one pass over the bytes is what makes it fast
    offsets: Any, values: Any, tables: Any, room: Any
) -> None:
    """Fill the arrays of a Letters. A gram's hash is that of a polynomial: from the sums before its first letter and
    after its last.
    """
    pages, table, ends, spellings = tables
    out, bounds, starts, places, firm, gram, anchor, tokens = room
    ascii_letters, power = table[0], powers()
    sums, loads = np.zeros(RING, np.uint64), np.zeros(RING, np.int64)
    size: Any = 0
    token: Any = 0
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        total: Any = np.uint64(0)
        load: Any = np.int64(0)
        open_gram = open_anchor = token
        gram_full: Any = NEVER  # the load at which the next gram, the next anchor is complete
        anchor_full: Any = NEVER
        fresh = wide = True  # before the next letter: nothing, or a gap; one with white space
        spelling = last = 0  # the letters that the character at hand still gives
        while at < end:
            if spelling == last:
                code: Any = np.int64(values[at])
                width = 1
                if code < 0x80:
                    given = ascii_letters[code]
                else:
                    code, width = decode(values, at)
                    given = table[pages[code >> 8], code & 0xFF]
                if given < 0 or given == PART:
                    if given > SPELT:
                        if given != PART:
                            wide = given == WIDE or (wide and fresh)
                            fresh = True
                        at += width
                        continue
                    spelling, last = ends[SPELT - given], ends[SPELT - given + 1]
            if spelling < last:
                given = np.int32(spellings[spelling])
                spelling += 1
            weight: Any = np.int64(given >> WEIGH)
            if fresh or weight == CHARACTER:
                starts[token], places[token] = size, at
                firm[token] = (wide and fresh) or weight == CHARACTER
                gram[token] = anchor[token] = np.uint64(0)
                sums[token & (RING - 1)], loads[token & (RING - 1)] = total, load
                if open_anchor == token:
                    anchor_full = load + ANCHOR
                if open_gram == token:
                    gram_full = load + GRAM
                token += 1
                fresh = wide = weight == CHARACTER
            out[size] = given
            size += 1
            total = total * BASE + np.uint64(given)
            load += weight
            while load >= anchor_full:
                sum_before = sums[open_anchor & (RING - 1)]
                anchor[open_anchor] = finish(total - sum_before * power[size - starts[open_anchor]])
                open_anchor += 1
                anchor_full = loads[open_anchor & (RING - 1)] + ANCHOR if open_anchor < token else NEVER
            while load >= gram_full:
                sum_before = sums[open_gram & (RING - 1)]
                gram[open_gram] = finish(total - sum_before * power[size - starts[open_gram]])
                open_gram += 1
                gram_full = loads[open_gram & (RING - 1)] + GRAM if open_gram < token else NEVER
            if spelling == last:
                at += width
        bounds[document + 1] = size
        tokens[document + 1] = token


def byte_spans(texts: pa.StringArray, spelt: Letters, text: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """int32[n, 2]: where spans of letters, first and beyond the last, begin and end in the bytes of their text."""
    out = np.empty(spans.shape, np.int32)
    find_bytes(*buffers(texts), foldings(), tuple(spelt), text, spans, out)
    return out


@njit(cache=True, nogil=True)
def find_bytes(  # noqa: PLR0913, PLR0917 - what a text is made of
    offsets: Any, values: Any, tables: Any, spelt: Any, text: Any, spans: Any, out: Any
) -> None:
    """Fill `out`, walking from the last token that begins before."""
    pages, table, ends, _ = tables
    starts, places, tokens = spelt[2], spelt[3], spelt[7]
    for row in range(len(text)):
        begin, end = tokens[text[row]], tokens[text[row] + 1]
        for side in range(2):
            letter = spans[row, side] - side  # the last one that is inside
            token = begin + np.searchsorted(starts[begin:end], letter, side="right") - 1
            at: Any = np.int64(places[token])
            passed, width = np.int64(starts[token]), 0
            while passed <= letter:
                at += width
                code, width = decode(values, at)
                given = table[pages[code >> 8], code & 0xFF]
                if given <= SPELT:
                    passed += ends[SPELT - given + 1] - ends[SPELT - given]
                elif given > PART:
                    passed += 1
            out[row, side] = at + side * width - offsets[text[row]]
