"""Values beside a limit: in which bin each lies, by what became of its row, and which rows are nearest on either side."""

from typing import NamedTuple

import numba
import numpy as np

KEPT, REST, GONE = 0, 1, 2  # ships; dropped by others; beyond the limit
WITHIN, BEYOND = 0, 1


class Observed(NamedTuple):
    """What is known of n rows."""

    values: np.ndarray  # float64[n]
    speaks: np.ndarray  # bool[n]: the limit is about this row
    broken: np.ndarray  # bool[n]: the row's value is beyond it
    kept: np.ndarray  # bool[n]
    source: np.ndarray  # int64[n]


class Axis(NamedTuple):
    """Where bins part, and the limit, which is one of those edges if it lies among the values."""

    edges: np.ndarray  # float64[bins - 1], ascending
    limit: float
    over: bool  # beyond is above


class Found(NamedTuple):
    """What `gather` adds to. A row that is not there has a distance of infinity."""

    counts: np.ndarray  # int64[sources, 3, bins]
    distances: np.ndarray  # float64[2, nearest]: of kept rows within, of all rows beyond; ascending
    rows: np.ndarray  # int64[2, nearest]


@numba.njit(cache=True, nogil=True)
def gather(observed: Observed, axis: Axis, found: Found) -> None:
    """Count each row that the limit speaks of and whose value is a finite number, and keep the nearest.

    A value at an edge belongs to the bin above it; one that equals the limit stands on the side where it counts.
    """
    for row in range(len(observed.values)):
        value, broken = observed.values[row], observed.broken[row]
        if not observed.speaks[row] or not np.isfinite(value):
            continue
        bin_ = np.searchsorted(axis.edges, value, side="right")
        if value == axis.limit and (axis.over or broken) and bin_ > 0 and axis.edges[bin_ - 1] == value:
            bin_ -= 1
        fate = GONE if broken else KEPT if observed.kept[row] else REST
        found.counts[observed.source[row], fate, bin_] += 1
        if fate != REST:
            side = BEYOND if broken else WITHIN
            insert(abs(value - axis.limit), row, found.distances[side], found.rows[side])


@numba.njit(cache=True, nogil=True)
def insert(distance: float, row: int, distances: np.ndarray, rows: np.ndarray) -> None:
    """Put a row in its place among the nearest; of equal ones the first stays before."""
    place = len(distances)
    while place > 0 and distance < distances[place - 1]:
        if place < len(distances):
            distances[place], rows[place] = distances[place - 1], rows[place - 1]
        place -= 1
    if place < len(distances):
        distances[place], rows[place] = distance, row
