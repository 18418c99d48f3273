"""A document's id is its address: which file, where in it, which of several made from one record."""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import pyarrow as pa

COMPRESSIONS = (".gz", ".zst", ".bz2")
MAX_POSITION = (1 << 48) - 1


class Address(NamedTuple):
    file: bytes  # 8 bytes, see `file_digest`
    position: int  # byte offset in the decompressed file, or row
    ordinal: int


def without_compression(path: str) -> str:
    """The path less its compression suffix: the same file, packed or not, has the same address."""
    return path.removesuffix(next((suffix for suffix in COMPRESSIONS if path.endswith(suffix)), ""))


def file_digest(input_name: str, path: str) -> bytes:
    """8 bytes for one file of one input; `path` is relative to the input's root, with / between folders."""
    address = f"{input_name}\0{without_compression(path)}".encode("utf-8", "surrogateescape")
    return blake2b(address, digest_size=8).digest()


def make_ids(file: bytes, positions: np.ndarray, ordinals: np.ndarray | int = 0) -> pa.Array:
    """binary(16)[n] from int positions[n] < 2^48 and ordinals < 2^16; sorts by file, position, ordinal."""
    rows = np.empty((len(positions), 2), dtype=">u8")
    rows[:, 0] = int.from_bytes(file, "big")
    rows[:, 1] = (np.asarray(positions, dtype=np.uint64) << np.uint64(16)) | np.asarray(ordinals, np.uint64)
    return pa.Array.from_buffers(pa.binary(16), len(rows), [None, pa.py_buffer(rows.tobytes())])


def make_id(file: bytes, position: int, ordinal: int = 0) -> bytes:
    """One id; see `make_ids`."""
    if not 0 <= position <= MAX_POSITION:
        raise ValueError(f"position {position} does not fit 6 bytes")
    return file + position.to_bytes(6, "big") + ordinal.to_bytes(2, "big")


def parse_id(identifier: bytes) -> Address:
    """What `make_id` put together."""
    if len(identifier) != 16:
        raise ValueError(f"an id has 16 bytes, not {len(identifier)}")
    position, ordinal = int.from_bytes(identifier[8:14], "big"), int.from_bytes(identifier[14:], "big")
    return Address(identifier[:8], position, ordinal)
