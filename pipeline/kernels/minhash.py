"""MinHash signatures of texts and the keys of their bands (Broder 1997; Leskovec et al., Mining of Massive Datasets, 3.3-3.4).

Two signatures agree in a share of their values that estimates the Jaccard similarity of the texts' shingle sets. The
permutations are those of datasketch's scheme "affine32": a signature is the `hashvalues` of its LeanMinHash of the same seed.
"""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.hashing import finish, stir
from pipeline.kernels.shingles import characters, folded, room, scan
from pipeline.kernels.text import buffers

EMPTY = np.uint32(0xFFFFFFFF)  # everywhere in the signature of a text without shingles
SEED = 1  # datasketch's default
SCHEME = "affine32"


@cache
def permutations(hashes: int, seed: int = SEED) -> np.ndarray:
    """uint32[2, hashes]: odd multipliers a and increments b of h → a·h + b mod 2^32, as datasketch draws them."""
    chance = np.random.RandomState(seed)  # the stream that datasketch uses, which NumPy promises to keep
    multipliers = chance.randint(0, 1 << 31, hashes, np.uint32) * np.uint32(2) + np.uint32(1)
    return np.array([multipliers, chance.randint(0, 1 << 32, hashes, np.uint32)])


def signatures(texts: pa.StringArray, functions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(uint32[texts, hashes], int32[texts]): signatures under `functions` (as `permutations` gives them), numbers of shingles.

    A shingle takes part by the low 32 bits of its hash: true to the similarity up to some 10^5 shingles, and only
    nominations hang on it. Shingles count as often as they stand in the text.
    """
    offsets, values = buffers(folded(texts))
    out = np.full((len(texts), functions.shape[1]), EMPTY, np.uint32)
    counts = np.zeros(len(texts), np.int32)
    longest = room(int(np.diff(offsets).max(initial=0)))
    scratch, low = np.empty(longest, np.uint64), np.empty(longest, np.uint32)
    sign_all(offsets, values, characters(), functions, scratch, low, out, counts)
    return out, counts


def band_keys(signed: np.ndarray, rows: int) -> np.ndarray:
    """uint64[n, bands]: a strong hash of each band's whole tuple of `rows` values, and of which band it is.

    The last band has what is left. 64 bits: of 10^9 documents some 0.03 pairs a band share a key by chance, and
    verification tells them apart.
    """
    keys = np.empty((len(signed), -(-signed.shape[1] // rows)), np.uint64)
    hash_bands(signed, rows, keys)
    return keys


@njit(cache=True, nogil=True)
def sign_all(  # noqa: PLR0913, PLR0917 - rooms are passed in, to be made once a batch
    offsets: Any, values: Any, tables: Any, functions: Any, scratch: Any, low: Any, out: Any, counts: Any
) -> None:
    """Fill `out` and `counts`. `scratch`, `low`: room for the shingles of the longest text."""
    for document in range(len(offsets) - 1):
        size = scan(values, offsets[document], offsets[document + 1], tables, scratch, 0)
        counts[document] = size
        for at in range(size):
            low[at] = premix(np.uint32(scratch[at]))
        minima(low[:size], functions, out[document])


@njit(cache=True, nogil=True)
def premix(value: Any) -> Any:
    """MurmurHash3's finaliser for 32 bits."""
    value = np.uint32((value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    value = np.uint32((value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(16)))


@njit(cache=True, nogil=True)
def minima(hashes: Any, functions: Any, out: Any) -> None:
    """The least value of each function over the hashes, to `out`; a loop over hashes that the compiler makes a SIMD one."""
    for number in range(functions.shape[1]):
        multiplier, increment = functions[0, number], functions[1, number]
        least = EMPTY
        for at in range(len(hashes)):
            least = min(least, np.uint32(np.uint32(multiplier * hashes[at]) + increment))
        out[number] = least


@njit(cache=True, nogil=True)
def hash_bands(signed: Any, rows: Any, keys: Any) -> None:
    """Fill `keys`."""
    for document in range(len(signed)):
        for band in range(keys.shape[1]):
            state = np.uint64(rows << 32 | band)
            for at in range(band * rows, min((band + 1) * rows, signed.shape[1])):
                state = stir(state, np.uint64(signed[document, at]))
            keys[document, band] = finish(state)
