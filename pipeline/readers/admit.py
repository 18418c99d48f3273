"""What makes a text a document's: size, no NUL, something in it, and U+FFFC for media alone. For every reader."""

from collections.abc import Sized
from hashlib import blake2b

from pipeline.readers.shape import MARK, REPLACEMENT, Refused

MARK_UTF8 = MARK.encode()
LOOK = 16  # bytes: few texts begin with more white space


def admit(text: str, max_bytes: int, media: Sized = ()) -> tuple[bytes, bytes, int]:
    """A document's text in UTF-8, its blake2b-128, and how many literal U+FFFC became U+FFFD.

    Refused: too_large, nul_bytes, empty_text. U+FFFC stays where each of them stands for one of the record's `media`.
    """
    replaced = text.count(MARK) if MARK in text else 0
    if replaced and replaced == len(media):
        replaced = 0
    data = (text.replace(MARK, REPLACEMENT) if replaced else text).encode()
    return (*checked(data, max_bytes), replaced)


def admit_utf8(data: bytes, max_bytes: int) -> tuple[bytes, bytes, int]:
    """As `admit`, of a text in UTF-8 that has no media."""
    replaced = data.count(MARK_UTF8) if MARK_UTF8 in data else 0
    if replaced:
        data = data.replace(MARK_UTF8, REPLACEMENT.encode())
    return (*checked(data, max_bytes), replaced)


def checked(data: bytes, max_bytes: int) -> tuple[bytes, bytes]:
    """The text and its digest. Refused: too_large, nul_bytes, empty_text."""
    if len(data) > max_bytes:
        raise Refused("too_large", f"{len(data):,} bytes of text")
    if 0 in data:
        raise Refused("nul_bytes", f"U+0000 at byte {data.index(0):,} of the text")
    if is_blank(data[:LOOK]) and is_blank(data):
        raise Refused("empty_text")
    return data, blake2b(data, digest_size=16).digest()


def is_blank(data: bytes) -> bool:
    """Whether nothing but white space is in UTF-8, a character that is cut at its end aside."""
    return not data or data.decode("utf-8", "ignore").isspace()
