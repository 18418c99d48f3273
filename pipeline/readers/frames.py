"""What travels between a reader and its helper: a JSON head and bytes, each preceded by its length. Nothing here runs code."""

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

LENGTHS = struct.Struct("<IQ")


class Frame(NamedTuple):
    head: Mapping[str, Any]
    body: bytes = b""


def parts(frame: Frame) -> tuple[bytes, bytes]:
    """The frame as it travels, its body not copied."""
    head = orjson.dumps(frame.head)
    return LENGTHS.pack(len(head), len(frame.body)) + head, frame.body


class Incoming:
    """Bytes as they arrive → whole frames."""

    def __init__(self) -> None:
        self.held = bytearray()

    def add(self, data: bytes) -> None:
        self.held += data

    def take(self) -> Frame | None:
        """The next frame; None while it is not whole."""
        if len(self.held) < LENGTHS.size:
            return None
        head, body = LENGTHS.unpack_from(self.held)
        stop = LENGTHS.size + head + body
        if len(self.held) < stop:
            return None
        with memoryview(self.held) as view:
            frame = Frame(
                orjson.loads(view[LENGTHS.size : LENGTHS.size + head]),
                bytes(view[LENGTHS.size + head : stop]),
            )
        del self.held[:stop]
        return frame
