"""A fold of token spans: equal when every token of every copy of every document is there, at its place, exactly once."""

import numba
import numpy as np

ONE, TWO = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@numba.njit(cache=True, nogil=True, inline="always")
def mix(value: np.uint64) -> np.uint64:
    """The finaliser of splitmix64 (Steele et al. 2014): a bijection that spreads every bit."""
    value = (value ^ (value >> np.uint64(30))) * ONE
    value = (value ^ (value >> np.uint64(27))) * TWO
    return value ^ (value >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def fold_spans(
    tokens: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    owners: np.ndarray,
    copies: np.ndarray,
    at: np.ndarray,
) -> np.ndarray:
    """uint64[spans]: Σ mix(owner, copy, place, token) over tokens[starts[i]:stops[i]], whose first place is at[i].

    Sums mod 2^64 over any cutting of a document into spans are equal, so documents and packs can be held against each other.
    """
    folds = np.zeros(len(starts), np.uint64)
    for span in range(len(starts)):
        salt = mix(owners[span] + np.uint64(copies[span]) * GOLDEN)
        total = np.uint64(0)
        place = np.uint64(at[span])
        for index in range(starts[span], stops[span]):
            total += mix(salt ^ mix(place * GOLDEN + np.uint64(tokens[index]) * ONE))
            place += np.uint64(1)
        folds[span] = total
    return folds
