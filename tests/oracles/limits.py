"""Values beside a limit, by definition: every bin asked in turn, all rows sorted."""

from collections import Counter
from itertools import pairwise
from math import inf, isfinite


def gather(rows, edges, limit, over, nearest):
    """(counts by (source, fate, bin), the nearest rows within, those beyond) of rows (value, speaks, broken, kept, source)."""
    counts, sides = Counter(), ([], [])
    bounds = [-inf, *edges, inf]
    for place, (value, speaks, broken, kept, source) in enumerate(rows):
        if not speaks or not isfinite(value):
            continue
        upper = [low <= value < high for low, high in pairwise(bounds)].index(True)
        lower = value == limit and limit in edges and (over or broken)
        fate = 2 if broken else 0 if kept else 1
        counts[source, fate, upper - lower] += 1
        if fate != 1:
            sides[broken].append((abs(value - limit), place))
    return counts, *([place for _, place in sorted(side)[:nearest]] for side in sides)
