"""What in a text shows that its bytes were once read wrongly: counts per text, in one pass.

The test for mojibake is the reverse reading: characters are turned back to the bytes of the wrong encoding, and where those are
UTF-8 the wrong reading is found. So no list of typical garbage is needed, and any language shows.
"""
# ruff: noqa: SIM110 - Numba compiles loops, not generators

import codecs
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.text import HAN, WHITE, buffers, classes, decode

COUNTS = (
    "replacement_characters",  # U+FFFD
    "private_characters",  # of the three private use areas
    "control_characters",  # C0 without tab, line feed and carriage return; DEL; C1 without U+0085; noncharacters
    "latin_mojibake",  # characters of UTF-8 that were read as Latin-1 or Windows-1252: "Ã©" is one, "ä½\xa0" another
    "gbk_mojibake",  # characters of UTF-8 that were read as GBK: "浣犲ソ" is two of them; and 锟斤拷, 烫烫烫, 屯屯屯
    "latin_runs",  # characters in runs of four or more from U+00A1 to U+00FF: GBK that was read as Latin-1
    "byte_tokens",  # "<0xE4>": a tokenizer's byte that was never put together
    "visible_characters",  # without white space
    "han_characters",
    "rare_han",  # Han that stand neither in GB 2312 nor on Big5's first level nor in JIS X 0208
)
(REPLACED, PRIVATE, CONTROL, LATIN, GBK, RUNS, TOKENS, VISIBLE, HANS, RARE) = range(10)
SHORTEST_RUN = 4
FILLERS = (
    "锟斤拷",
    "烫烫烫",
    "屯屯屯",
)  # U+FFFD in UTF-8 read as GBK; what Visual C++ fills fresh memory with
NONE = 0xFFFF


@cache
def tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(latin uint16[65536], gbk uint16[65536], common bool[65536]), by code point.

    Latin: the byte of Windows-1252, of Latin-1 where it has none; GBK: two bytes, high one first; NONE where there is
    neither. Common: Han of GB 2312 (6,763), of Big5's first level (5,401), and of JIS X 0208 (6,355), so that both scripts
    and Japanese are.
    """
    latin, gbk, common = (
        np.full(1 << 16, NONE, np.uint16),
        np.full(1 << 16, NONE, np.uint16),
        np.zeros(1 << 16, np.bool_),
    )
    latin[:256] = np.arange(256)
    for byte in range(0x80, 0xA0):
        for character in codecs.decode(bytes([byte]), "cp1252", "ignore"):
            latin[ord(character)] = byte
    for high in range(0x81, 0xFF):
        for low in range(0x40, 0xFF):
            pair = bytes([high, low])
            for character in codecs.decode(pair, "gbk", "ignore"):
                gbk[ord(character)] = NONE if character.isascii() else high << 8 | low
            for character in codecs.decode(pair, "gb2312", "ignore") if high >= 0xB0 else "":
                common[ord(character)] = True
            for character in codecs.decode(pair, "big5", "ignore") if 0xA4 <= high <= 0xC6 else "":
                common[ord(character)] = True
            for character in (
                codecs.decode(bytes([high, low | 0x80]), "euc_jp", "ignore") if high >= 0xB0 else ""
            ):
                common[ord(character)] = True
    common[:128] = False
    common[[0x3005, 0x3007]] = True  # 々 and 〇
    return latin, gbk, common


def garbled(texts: pa.StringArray) -> np.ndarray:
    """int32[COUNTS, texts]: row k holds COUNTS[k] of every text."""
    counts = np.zeros((len(COUNTS), len(texts)), np.int32)
    count_garbled(*buffers(texts), classes(), tables(), counts)
    return counts


@njit(cache=True, nogil=True)
def count_garbled(offsets: Any, values: Any, kinds: Any, maps: Any, counts: Any) -> None:
    """Fill counts[:, document]. `latin`, `gbk`: states of the two reverse readings (see `step`)."""
    pages, table = kinds
    latin_bytes, gbk_bytes, common = maps
    for document in range(len(offsets) - 1):
        at, end = offsets[document], offsets[document + 1]
        row = counts[:, document]
        latin = gbk = built = run = visible = 0
        while at < end:
            if 0x20 < values[at] < 0x7F:  # most of most texts
                visible += 1
                if values[at] == 60:
                    row[TOKENS] += is_byte_token(values, at, end)
                latin = gbk = run = 0
                at += 1
                continue
            code, width = decode(values, at)
            kind = table[pages[code >> 8], code & 0xFF]
            visible += kind & WHITE == 0
            if code < 0x80:
                row[CONTROL] += (code < 0x20 and code not in (9, 10, 13)) or code == 0x7F
                latin = gbk = 0
            else:
                row[REPLACED] += code == 0xFFFD
                row[PRIVATE] += 0xE000 <= code < 0xF900 or code >= 0xF0000
                row[CONTROL] += (code < 0xA0 and code != 0x85) or is_noncharacter(code)
                small = code < 1 << 16
                latin, done = step(latin, latin_bytes[code] if small else NONE)
                row[LATIN] += done
                pair = gbk_bytes[code] if small else NONE
                if pair == NONE:
                    gbk = 0
                else:
                    for byte in (pair >> 8, pair & 0xFF):
                        gbk, built = build(gbk, built, byte)
                        row[GBK] += gbk == DONE and is_usual(built, common)
                if kind & HAN:
                    row[HANS] += 1
                    row[RARE] += not (small and common[code])
                    row[GBK] += is_filler(values, at, end)
            if 0xA1 <= code <= 0xFF:
                run += 1
                row[RUNS] += SHORTEST_RUN if run == SHORTEST_RUN else run > SHORTEST_RUN
            else:
                run = 0
            at += width
        row[VISIBLE] += visible


@njit(cache=True, nogil=True)
def step(state: int, byte: int) -> tuple[int, int]:
    """(bytes still missing, characters that this byte completes) of a reading of UTF-8.

    Only characters of two bytes or more count; a byte that does not fit may begin the next. Of the first bytes of
    two-byte characters, C2 and C3 (Latin), CE, CF (Greek), D0 and D1 (Cyrillic) are looked for: others are letters
    before marks in sound text, as É in "É»".
    """
    if state and 0x80 <= byte <= 0xBF:
        return state - 1, 1 if state == 1 else 0
    if byte in (0xC2, 0xC3, 0xCE, 0xCF, 0xD0, 0xD1):
        return 1, 0
    if 0xE1 <= byte <= 0xEF:
        return 2, 0
    return (3, 0) if byte == 0xF0 else (0, 0)


DONE = 3


@njit(cache=True, nogil=True)
def build(have: int, built: int, byte: int) -> tuple[int, int]:
    """(bytes had, code point so far) of a character of three bytes, as nearly all of a Chinese text are; DONE with the third."""
    if 0 < have < DONE and 0x80 <= byte <= 0xBF:
        return have + 1, built << 6 | byte & 0x3F
    return (1, byte & 0x0F) if 0xE3 <= byte <= 0xE9 or byte == 0xEF else (0, 0)


@njit(cache=True, nogil=True)
def is_usual(code: int, common: Any) -> bool:
    """A common Han character, CJK punctuation, Kana or a full-width form: what a right reading would give."""
    return common[code] or 0x3000 <= code < 0x3100 or 0xFF00 <= code < 0xFF5F


@njit(cache=True, nogil=True)
def is_noncharacter(code: int) -> bool:
    """Code points that will never be characters; Unicode 15, section 23.7."""
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


@njit(cache=True, nogil=True)
def is_byte_token(values: Any, at: int, end: int) -> bool:
    """<0x00> to <0xFF>, hexadecimal digits in upper case, as SentencePiece writes them."""
    if at + 6 > end or values[at + 1] != 48 or values[at + 2] != 120 or values[at + 5] != 62:
        return False
    for place in (at + 3, at + 4):
        if not (48 <= values[place] <= 57 or 65 <= values[place] <= 70):
            return False
    return True


FILLER_BYTES = np.array([list(word.encode()) for word in FILLERS], np.uint8)


@njit(cache=True, nogil=True)
def is_filler(values: Any, at: int, end: int) -> bool:
    """Whether one of FILLERS begins here."""
    if at + FILLER_BYTES.shape[1] > end:
        return False
    for filler in range(len(FILLER_BYTES)):
        same = 0
        while same < FILLER_BYTES.shape[1] and values[at + same] == FILLER_BYTES[filler, same]:
            same += 1
        if same == FILLER_BYTES.shape[1]:
            return True
    return False
