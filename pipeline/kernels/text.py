"""Text as kernels see it: Arrow's offsets and bytes, and one byte of classes for every Unicode character.

The classes come from the running Python's `unicodedata`, so they equal `str.isalpha` and its kin exactly.
Numba's cache of a kernel does not notice that a jitted function of another file changed: after editing `decode`
here, delete pipeline/kernels/__pycache__.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

WHITE = 1  # str.isspace, what str.split() splits at
ALPHA = 2  # str.isalpha
DIGIT = 4  # str.isdigit
UPPER = 8  # str.isupper of a letter
HAN = 16
SOLO = 32  # a letter of a script written without spaces: a token by itself
UNSTABLE = 64  # may be changed by NFC, alone or after the character before it; without any, a text is NFC

HAN_RANGES = (
    (0x2E80, 0x2E99),
    (0x2E9B, 0x2EF3),
    (0x2F00, 0x2FD5),
    (0x3005, 0x3005),
    (0x3007, 0x3007),
    (0x3021, 0x3029),
    (0x3038, 0x303B),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAD9),
    (0x16FE2, 0x16FE3),
    (0x16FF0, 0x16FF1),
    (0x20000, 0x323AF),
)  # Unicode 15 Scripts.txt, with the few holes inside blocks closed
UNSPACED_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana extensions
    (0xAA60, 0xAA7F),  # Myanmar extended
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x1AFF0, 0x1B16F),  # Kana supplements
)  # besides Han
HANGUL_TAILS = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))  # join the jamo before them
COMPOSED_RANGES = (
    (0x80, 0x3400),
    (0xA000, 0xAC00),
    (0xD7B0, 0x20000),
    (0x2F800, 0x2FA20),
)  # all that NFC concerns

Buffers = tuple[np.ndarray, np.ndarray]


@cache
def classes() -> tuple[np.ndarray, np.ndarray]:
    """(pages uint8[8192], classes uint8[distinct pages, 256]): a character c has classes[pages[c >> 8], c & 255].

    Page 0 is row 0, so that ASCII needs one look-up. 8192 pages: even bytes that are no UTF-8 cannot point outside.
    """
    flat = np.zeros(8192 * 256, np.uint8)
    flat[:0x110000] = known_to_python()
    for bits, ranges in ((HAN | SOLO, HAN_RANGES), (SOLO, UNSPACED_RANGES)):
        for low, high in ranges:
            flat[low : high + 1] |= bits
    flat[(flat & SOLO > 0) & (flat & (ALPHA | HAN) == 0)] &= 0xFF - SOLO  # marks and signs are no tokens
    flat[[*unstable(), *HANGUL_TAILS]] |= UNSTABLE
    return paged(flat)


def paged(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(pages uint8[n / 256], distinct pages uint8[·, 256]) of uint8[n], in the order in which they come."""
    rows: dict[bytes, int] = {}
    pages = [rows.setdefault(page.tobytes(), len(rows)) for page in flat.reshape(-1, 256)]
    return np.array(pages, np.uint8), np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 256)


def known_to_python() -> np.ndarray:
    """uint8[0x110000]: the classes that are methods of str."""
    codes = np.arange(0x110000, dtype=np.uint32)
    codes[0xD800:0xE000] = 0  # surrogates are no characters
    characters = codes.view("U1")
    alphabetic = np.strings.isalpha(characters)
    return np.asarray(
        WHITE * np.strings.isspace(characters)
        + ALPHA * alphabetic
        + DIGIT * np.strings.isdigit(characters)
        + UPPER * (alphabetic & np.strings.isupper(characters)),
        np.uint8,
    )


def unstable() -> Iterator[int]:
    """Code points that NFC changes, moves, or draws into the character before them; Hangul's apart."""
    for code in chain(*(range(low, high) for low, high in COMPOSED_RANGES)):
        parts = unicodedata.decomposition(chr(code)).split()
        if parts and not parts[0].startswith("<"):
            yield from (int(part, 16) for part in parts[1:])
            if not unicodedata.is_normalized("NFC", chr(code)):
                yield code
        elif unicodedata.combining(chr(code)):
            yield code


@njit(cache=True, nogil=True, inline="always")
def decode(values: Any, at: int) -> tuple[int, int]:
    """(code point, bytes) of the character that begins at `at`; valid UTF-8 is presupposed."""
    lead: Any = np.int64(values[at])
    if lead < 0x80:
        return lead, 1
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | tail(values, at + 1), 2
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | tail(values, at + 1) << 6 | tail(values, at + 2), 3
    middle = tail(values, at + 1) << 12 | tail(values, at + 2) << 6
    return (lead & 0x07) << 18 | middle | tail(values, at + 3), 4


@njit(cache=True, nogil=True, inline="always")
def tail(values: Any, at: int) -> Any:
    """The six bits of a byte that continues a character."""
    return np.int64(values[at]) & 0x3F


def buffers(texts: pa.Array) -> Buffers:
    """(offsets int32[n + 1], bytes uint8[...]) of a string or binary array without copying; slices keep their offsets."""
    if texts.type not in (pa.string(), pa.binary()):
        raise TypeError(f"expected an array of string or binary, got {texts.type}")
    _, offsets, values = texts.buffers()
    count = len(texts)
    starts = (
        np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + count + 1]
        if count
        else np.zeros(1, np.int32)
    )
    return starts, np.frombuffer(values, np.uint8) if values else np.empty(0, np.uint8)


def strings(offsets: np.ndarray, values: np.ndarray) -> pa.StringArray:
    """The inverse of `buffers`; OverflowError where the bytes outgrow int32 offsets."""
    if len(values) > np.iinfo(np.int32).max:
        raise OverflowError(f"{len(values)} bytes of text in one batch; a batch holds at most 2 GiB")
    starts = np.ascontiguousarray(offsets, np.int32)
    return pa.StringArray.from_buffers(
        len(starts) - 1, pa.py_buffer(starts), pa.py_buffer(np.ascontiguousarray(values))
    )
