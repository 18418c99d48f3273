"""Histograms beside a limit equal their naive twin, and no value is drawn on the side where it does not count."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.limits import Axis, Found, Observed, gather
from tests.oracles import limits as oracle

numbers = st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 7.0, float("nan"), float("inf")]) | st.floats(-5, 9)
rows = st.lists(
    st.tuples(numbers, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2)), max_size=40
)
edges = st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 5.0]), unique=True, max_size=6).map(sorted)


@given(rows, edges, st.sampled_from([0.0, 0.5, 2.0]), st.booleans(), st.integers(1, 4))
def test_gathering_is_its_definition(some, parts, limit, over, nearest):
    columns = zip(*some, strict=True) if some else [[]] * 5
    kinds = (np.float64, np.bool_, np.bool_, np.bool_, np.int64)
    observed = Observed(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))
    counts = np.zeros((3, 3, len(parts) + 1), np.int64)
    found = Found(counts, np.full((2, nearest), np.inf), np.full((2, nearest), -1))
    gather(observed, Axis(np.array(parts, np.float64), limit, over), found)
    counted, within, beyond = oracle.gather(some, parts, limit, over, nearest)
    assert {tuple(map(int, place)): counts[tuple(place)] for place in np.argwhere(counts)} == counted
    assert [row for row in found.rows[0].tolist() if row >= 0] == within
    assert [row for row in found.rows[1].tolist() if row >= 0] == beyond
    assert (np.diff(found.distances[np.isfinite(found.distances).all(axis=1)]) >= 0).all()
