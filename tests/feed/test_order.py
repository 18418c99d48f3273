"""The row of epochs: every pack of every epoch once, in an order that only seed, epoch and lanes decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feed import order
from pipeline.feed.order import Order

groups = st.lists(st.integers(1, 9), min_size=1, max_size=8).map(lambda sizes: np.array(sizes, np.int64))
lanes = st.integers(1, 12)
seeds = st.integers(-(2**63), 2**64)


def listed(row: Order, start: int, stop: int) -> list[tuple[int, ...]]:
    return list(zip(*(one.tolist() for one in row.places(np.arange(start, stop))), strict=True))


@given(groups, seeds, lanes, st.integers(0, 3))
def test_an_epoch_holds_every_pack_exactly_once(sizes, seed, side_by_side, epoch):
    row = Order(sizes, seed, side_by_side)
    found = listed(row, epoch * row.packs, (epoch + 1) * row.packs)
    assert sorted(found) == [(group, pack) for group, size in enumerate(sizes) for pack in range(size)]


@given(groups, seeds, lanes, st.lists(st.integers(0, 200), max_size=20))
def test_a_place_is_the_same_however_one_asks(sizes, seed, side_by_side, positions):
    row = Order(sizes, seed, side_by_side)
    together = row.places(np.array(positions, np.int64))
    alone = [Order(sizes, seed, side_by_side).places(np.array([one])) for one in positions]
    assert [one.tolist() for one in together] == [[pair[side].item() for pair in alone] for side in (0, 1)]


def test_epochs_and_seeds_differ():
    rows = [
        listed(Order(np.array([50, 50, 20]), seed, 4), start, start + 120)
        for seed in (0, 1)
        for start in (0, 120)
    ]
    assert len(set(map(tuple, rows))) == 4


def test_the_order_stays_what_it_is():
    """A run that goes on with a later version of the code gets the packs that it has not seen."""
    assert order.chance(3, 1, 2).tolist() == [16613338946343043936, 5167718485781182436, 139405959784801653]
    assert listed(Order(np.array([4, 3, 5]), 7, 3), 0, 12) == [
        *((2, 0), (2, 4), (0, 2), (2, 1), (0, 0), (1, 2)),
        *((2, 2), (0, 1), (1, 0), (2, 3), (0, 3), (1, 1)),
    ]


def test_chance_is_splitmix64():
    """Against Vigna's reference values for seed 1234567 (prng.di.unimi.it/splitmix64.c)."""
    reference = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    state, found = 1234567, []
    for _ in reference:
        state = (state + order.GOLDEN) & order.MASK
        found.append(order.finish(state))
    assert found == reference


def test_consecutive_packs_come_from_as_many_row_groups_as_there_are_lanes():
    row = Order(np.full(40, 100), 0, 8)
    found = row.places(np.arange(row.packs))[0].reshape(-1, 8)
    assert np.mean([len(set(eight)) for eight in found.tolist()]) > 7.9


@pytest.mark.parametrize("world", [1, 2, 4])
def test_a_rank_reads_its_own_part_where_the_ranks_divide_the_lanes(world: int):
    row = Order(np.full(64, 10), 3, 4)
    read = [set(row.places(np.arange(rank, row.packs, world))[0].tolist()) for rank in range(world)]
    assert sum(map(len, read)) <= 64 + 4  # a group that lies across two lanes is read twice


def test_no_lanes_is_an_error():
    with pytest.raises(ValueError, match="lanes 0 must be 1 or more"):
        Order(np.array([1]), 0, 0)
