"""Best fit against plain Python, and against the bounds that it is chosen for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.bestfit import best_fit, order
from tests.oracles import bestfit as oracle

CAPACITY = 12
items = st.lists(st.tuples(st.integers(1, CAPACITY), st.integers(0, 9)), max_size=60)


def columns(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array(rows, np.int64).reshape(-1, 2)
    return pairs[:, 0].astype(np.int32), pairs[:, 1]


def pareto(count: int, capacity: int) -> np.ndarray:
    """Lengths of many short and a few long documents, longest first."""
    drawn = (np.random.default_rng(0).pareto(1.2, count) + 1) * 60
    return np.sort(np.minimum(drawn, capacity).astype(np.int32))[::-1]


@given(items)
def test_best_fit_is_its_definition_whatever_the_order_and_the_owners(rows):
    lengths, owners = columns(rows)
    assert best_fit(lengths, owners, CAPACITY).tolist() == oracle.best_fit(
        lengths.tolist(), owners.tolist(), CAPACITY
    )


@given(items)
def test_best_fit_decreasing_is_its_definition(rows):
    lengths, owners = columns(sorted(rows, reverse=True))
    assert best_fit(lengths, owners, CAPACITY).tolist() == oracle.best_fit(
        lengths.tolist(), owners.tolist(), CAPACITY
    )


@pytest.mark.parametrize("capacity", [1, 2, 63, 64, 65, 4096, 131_072])
def test_every_capacity_is_its_definition(capacity):
    chance = np.random.default_rng(capacity)
    lengths, owners = chance.integers(1, capacity + 1, 300), chance.integers(0, 100, 300)
    assert best_fit(lengths, owners, capacity).tolist() == oracle.best_fit(
        lengths.tolist(), owners.tolist(), capacity
    )


def test_no_pack_is_too_full_and_none_is_left_out():
    lengths = pareto(50_000, 4096)
    packs = best_fit(lengths, np.arange(len(lengths)), 4096)
    filled = np.bincount(packs, lengths)
    assert packs.dtype == np.int32
    assert filled.min() > 0
    assert filled.max() <= 4096


def test_many_copies_of_one_document_lie_in_as_many_packs():
    owners = np.where(np.arange(3000) % 3 == 0, 0, np.arange(3000))
    packs = best_fit(np.full(3000, 5, np.int32), owners, 4096)
    assert len(set(packs[owners == 0].tolist())) == 1000


def test_copies_do_not_make_the_others_wait():
    """What was passed over for one item is there for the next: the copies of 0 open packs that 1, 2 and 3 fill."""
    assert best_fit(np.array([4, 4, 4, 4, 4]), np.array([0, 0, 1, 2, 3]), 8).tolist() == [0, 1, 0, 1, 2]


def test_padding_of_long_tailed_lengths_is_near_its_bound_and_far_below_next_fit(record_property):
    lengths = pareto(20_000, 4096)
    packs = int(best_fit(lengths, np.arange(len(lengths)), 4096).max()) + 1
    bound = -(-int(lengths.sum()) // 4096)
    naive = oracle.next_fit(np.random.default_rng(1).permutation(lengths).tolist(), 4096)
    record_property("packs, bound, next fit", (packs, bound, naive))
    assert packs <= 1.005 * bound
    assert naive > 1.05 * bound


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2**64 - 1) | st.integers(0, 2))))
def test_order_is_by_length_descending_then_hash_then_as_given(rows):
    lengths = np.array([length for length, _ in rows], np.int32)
    hashes = np.array([hashed for _, hashed in rows], np.uint64)
    expected = sorted(range(len(rows)), key=lambda row: (-rows[row][0], rows[row][1], row))
    assert order(lengths, hashes).tolist() == expected


@pytest.mark.parametrize("bad", [0, -1, 9])
def test_lengths_that_no_pack_can_hold_are_an_error(bad):
    with pytest.raises(ValueError, match="lengths must be from 1 to 8"):
        best_fit(np.array([3, bad], np.int32), np.arange(2), 8)


def test_owners_below_zero_are_an_error():
    with pytest.raises(ValueError, match="owners must be 0 or more"):
        best_fit(np.array([3, 3], np.int32), np.array([0, -1]), 8)
