"""What makes a text a document's: size, no NUL, something in it, and U+FFFC for media alone. For every reader."""

from collections.abc import Sized
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import pyarrow as pa

from pipeline.readers.shape import MARK, REPLACEMENT, Refused

MARK_UTF8 = MARK.encode()
LOOK = 16  # bytes: few texts begin with more white space
VISIBLE = np.array([32 < byte < 127 or byte > 0xE3 for byte in range(256)])
"""Whether no white space begins with such a byte."""


def admit(text: str, max_bytes: int, media: Sized = ()) -> tuple[bytes, bytes, int]:
    """A document's text in UTF-8, its blake2b-128, and how many literal U+FFFC became U+FFFD.

    Refused: too_large, nul_bytes, empty_text. U+FFFC stays where each of them stands for one of the record's `media`.
    """
    replaced = text.count(MARK) if MARK in text else 0
    if replaced and replaced == len(media):
        replaced = 0
    data = (text.replace(MARK, REPLACEMENT) if replaced else text).encode()
    return data, checked(data, max_bytes, not text or text.isspace()), replaced


def admit_utf8(data: bytes, max_bytes: int) -> tuple[bytes, bytes, int]:
    """As `admit`, of a text in UTF-8 that has no media."""
    replaced = data.count(MARK_UTF8) if MARK_UTF8 in data else 0
    if replaced:
        data = data.replace(MARK_UTF8, REPLACEMENT.encode())
    return data, checked(data, max_bytes, is_blank(data[:LOOK]) and is_blank(data)), replaced


def checked(data: bytes, max_bytes: int, blank: bool) -> bytes:
    """The text's digest. Refused: too_large, nul_bytes, empty_text."""
    if len(data) > max_bytes:
        raise Refused("too_large", f"{len(data):,} bytes of text")
    if 0 in data:
        raise Refused("nul_bytes", f"U+0000 at byte {data.index(0):,} of the text")
    if blank:
        raise Refused("empty_text")
    return blake2b(data, digest_size=16).digest()


def admit_all(texts: pa.Array, max_bytes: int) -> tuple[pa.Array, bytes] | None:
    """string[n] of large_binary[n] and their digests in a row, where `admit_utf8` takes each as it stands; else None."""
    _, starts, values = texts.buffers()
    if not len(texts) or texts.null_count or not values:
        return None
    offsets = np.frombuffer(starts, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    first, last = offsets[0], offsets[-1]
    if not all_pass(np.frombuffer(values, np.uint8)[first:last], offsets - first, max_bytes):
        return None
    try:
        admitted = texts.cast(pa.large_string()).cast(pa.string())
    except pa.ArrowInvalid:
        return None
    data = memoryview(values)
    digests = (
        blake2b(data[start:stop], digest_size=16).digest() for start, stop in pairwise(offsets.tolist())
    )
    return admitted, b"".join(digests)


def all_pass(data: np.ndarray, offsets: np.ndarray, max_bytes: int) -> bool:
    """Whether `checked` lets all of them through, and none has U+FFFC."""
    lengths = np.diff(offsets)
    if not lengths.all() or lengths.max(initial=0) > max_bytes or not data.all():
        return False
    marks = np.flatnonzero(data[:-2] == MARK_UTF8[0])
    if np.any((data[marks + 1] == MARK_UTF8[1]) & (data[marks + 2] == MARK_UTF8[2])):
        return False
    beginnings = data[offsets[:-1]]
    doubtful = np.flatnonzero(~VISIBLE[beginnings])
    return not any(is_blank(data[offsets[row] : offsets[row + 1]].tobytes()) for row in doubtful)


def is_blank(data: bytes) -> bool:
    """Whether nothing but white space is in UTF-8, a character that is cut at its end aside."""
    return not data or data.decode("utf-8", "ignore").isspace()
