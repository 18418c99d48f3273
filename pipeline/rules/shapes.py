"""What rules are made of: ratios of counts, and the first limit that a row breaks."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def first_of(**masks: pa.Array) -> pa.DictionaryArray:
    """dictionary<int8, string>[n]: per row the name of the first true mask, in keyword order; null where none is.

    A null in a mask is not true: what is not known drops nobody.
    """
    reasons = np.full(len(next(iter(masks.values()))), -1, np.int8)
    for place, mask in reversed(list(enumerate(masks.values()))):
        reasons[np.asarray(pc.fill_null(mask, False))] = place
    return pa.DictionaryArray.from_arrays(
        pa.array(reasons, mask=reasons < 0), pa.array(list(masks), pa.string())
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
