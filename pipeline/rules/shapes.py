"""What rules are made of: ratios of counts, values beside their limits, and the first limit that a row breaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Compared:
    """One column of numbers beside its limit: what a report draws. A rule that gives these for its reasons needs no more."""

    values: pa.Array
    limit: float
    broken: pa.BooleanArray  # the rows whose value is beyond the limit, within `where`
    over: bool  # beyond is above
    where: pa.BooleanArray | None = None  # the rows of which the limit speaks; None: all


Comparisons = Mapping[str, Compared | pa.Array]
"""By reason: a comparison, or a plain mask where no single number decides."""


def below(values: pa.Array, limit: Any, where: pa.BooleanArray | None = None) -> Compared:
    """Broken by what is less than the limit: a number, or a scalar of the column's own type."""
    return compared(values, limit, pc.less(values, limit), False, where)


def at_most(values: pa.Array, limit: Any, where: pa.BooleanArray | None = None) -> Compared:
    """Broken by the limit itself, too."""
    return compared(values, limit, pc.less_equal(values, limit), False, where)


def above(values: pa.Array, limit: Any, where: pa.BooleanArray | None = None) -> Compared:
    """Broken by what is more than the limit."""
    return compared(values, limit, pc.greater(values, limit), True, where)


def compared(values: pa.Array, limit: Any, broken: pa.Array, over: bool, where: pa.Array | None) -> Compared:
    number = float(limit.as_py() if isinstance(limit, pa.Scalar) else limit)
    return Compared(values, number, broken if where is None else pc.and_(broken, where), over, where)


def first_of(**reasons: Compared | pa.Array) -> pa.DictionaryArray:
    """dictionary<int8, string>[n]: per row the first reason whose limit is broken, in keyword order; null where none is.

    A null in a mask is not true: what is not known drops nobody.
    """
    masks = [one.broken if isinstance(one, Compared) else one for one in reasons.values()]
    first = np.full(len(masks[0]), -1, np.int8)
    for place, mask in reversed(list(enumerate(masks))):
        first[np.asarray(pc.fill_null(mask, False))] = place
    return pa.DictionaryArray.from_arrays(
        pa.array(first, mask=first < 0), pa.array(list(reasons), pa.string())
    )


def per(count: pa.Array, total: pa.Array) -> pa.DoubleArray:
    """float64[n]: count / total, with 0/0 = 0; null where either is."""
    ratio = pc.divide(count.cast(pa.float64()), total.cast(pa.float64()))
    return pc.if_else(pc.is_nan(ratio), 0.0, ratio)


def check_order(**limits: float) -> None:
    """ValueError "min_words 50 is above max_words 10" unless the limits ascend as written."""
    named = list(limits.items())
    for (low_name, low), (high_name, high) in pairwise(named):
        if not low <= high:
            raise ValueError(f"{low_name} {low} is above {high_name} {high}")
