"""What makes a text a document's: size, no NUL, something in it, and U+FFFC for media alone. For every reader."""

from collections.abc import Sized
from hashlib import blake2b
from typing import NamedTuple

from pipeline.readers.shape import MARK, REPLACEMENT, Refused


class Text(NamedTuple):
    data: bytes  # UTF-8
    digest: bytes  # blake2b-128
    replaced: int  # literal U+FFFC that became U+FFFD


def check_text(text: str, max_bytes: int, media: Sized = ()) -> Text:
    """The text of a document; Refused: too_large, nul_bytes, empty_text.

    U+FFFC stays where the record says what each of them stands for.
    """
    replaced = 0
    if MARK in text and (replaced := text.count(MARK)) == len(media):
        replaced = 0
    data = (text.replace(MARK, REPLACEMENT) if replaced else text).encode()
    if len(data) > max_bytes:
        raise Refused("too_large", f"{len(data):,} bytes of text")
    if 0 in data:
        raise Refused("nul_bytes", f"U+0000 at byte {data.index(0):,} of the text")
    if not text or text.isspace():
        raise Refused("empty_text")
    return Text(data, blake2b(data, digest_size=16).digest(), replaced)
