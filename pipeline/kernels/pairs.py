"""Pairs of documents: whom each is to be compared with, and who goes when all comparisons are known."""

from typing import Any

import numpy as np
from numba import njit

NOBODY = -1


@njit(cache=True, nogil=True)
def best_untried(starts: Any, ids: Any, offsets: Any, tried: Any) -> Any:
    """int64[n]: for each row the first row of its group, before it, that it was not tried with; else NOBODY.

    Group g is rows starts[g]:starts[g + 1], best first. ids: uint64[n, 2]; row i was tried with the ids
    tried[offsets[i]:offsets[i + 1]]. A row passes over at most as many as it was tried with, so this is linear.
    """
    partner = np.full(len(ids), NOBODY, np.int64)
    for group in range(len(starts) - 1):
        for row in range(starts[group], starts[group + 1]):
            for other in range(starts[group], row):
                if not among(ids[other], tried, offsets[row], offsets[row + 1]):
                    partner[row] = other
                    break
    return partner


@njit(cache=True, nogil=True)
def among(one: Any, ids: Any, start: Any, stop: Any) -> bool:
    """Whether ids[start:stop] hold one."""
    for at in range(start, stop):  # noqa: SIM110 - a generator is none that Numba compiles
        if ids[at, 0] == one[0] and ids[at, 1] == one[1]:
            return True
    return False


@njit(cache=True, nogil=True)
def settle(member: Any, partner: Any, same: Any, documents: Any) -> Any:
    """int64[documents]: the pair by which a document goes, NOBODY where it stays.

    Documents are numbered best first; pairs come in the order of (member, partner), the partner always the better one. A
    document goes by its first pair that is `same` and whose partner stays; whether that one does is known by then.
    """
    by = np.full(documents, NOBODY, np.int64)
    for pair in range(len(member)):
        if same[pair] and by[member[pair]] == NOBODY and by[partner[pair]] == NOBODY:
            by[member[pair]] = pair
    return by
