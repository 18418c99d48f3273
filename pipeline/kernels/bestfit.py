"""Best-fit decreasing: items into packs of equal capacity, each into the fullest pack that still fits.

(Ding et al. 2024, "Fewer truncations improve language modeling", section 3.) A tree of flags over remaining capacities
finds the best fit; packs of equal remaining capacity wait in a skew heap, so that ties go to the lowest pack. O(n log L)
for L the capacity, plus the square of the items of an owner that has several.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

NONE = -1


class Waiting(NamedTuple):
    """The packs that are not full, by remaining capacity ("room")."""

    some: np.ndarray  # uint8[2 * leaves], a power of two: the tree; leaf r is set where a pack has room r
    lowest: np.ndarray  # int32[leaves]: the lowest pack with room r, root of a heap; only where leaf r is set
    left: np.ndarray  # int32[packs]: the heaps' children
    right: np.ndarray


def order(lengths: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """int64[n]: the order of placement, by length descending, then by hash, then as given."""
    return np.lexsort((hashes, -lengths.astype(np.int64)))


def best_fit(lengths: np.ndarray, owners: np.ndarray, capacity: int) -> np.ndarray:
    """int32[n]: the pack of each item; items are placed in the order given, packs numbered as they are opened.

    `lengths` int[n] from 1 to `capacity`. `owners` int64[n] are small numbers from 0 on, such as row numbers: items of one
    owner never share a pack, and an owner with a single item costs nothing. ValueError for other numbers.

    >>> best_fit(np.array([5, 4, 3, 2, 2]), np.arange(5), 8).tolist()
    [0, 1, 0, 1, 1]
    >>> best_fit(np.array([5, 4, 3, 2, 2]), np.array([0, 1, 0, 3, 3]), 8).tolist()
    [0, 1, 1, 0, 2]
    """
    if len(lengths) == 0:
        return np.empty(0, np.int32)
    if not 1 <= lengths.min() <= lengths.max() <= capacity:
        raise ValueError(f"lengths must be from 1 to {capacity}, not from {lengths.min()} to {lengths.max()}")
    if owners.min() < 0:
        raise ValueError(f"owners must be 0 or more, not {owners.min()}")
    return place(lengths, owners, capacity)


@njit(cache=True, nogil=True)
def place(lengths: Any, owners: Any, capacity: int) -> Any:
    """`best_fit`, of at least one item. Packs that hold the owner already are set aside for one item."""
    packs = np.empty(len(lengths), np.int32)
    waiting = nobody(len(lengths), capacity)
    items = np.zeros(owners.max() + 1, np.int32)  # of each owner
    for owner in owners:
        items[owner] += 1
    latest = np.zeros(len(items), np.int32)  # 1 + the last item of each owner that has several
    before = np.empty(len(lengths), np.int32)  # that of the item before it
    taken = np.zeros(len(lengths), np.int32)  # 1 + the last item that must not go into this pack
    aside, rooms = np.empty(len(lengths), np.int32), np.empty(len(lengths), np.int32)
    opened = 0
    for item in range(len(lengths)):
        several, passed = items[owners[item]] > 1, 0
        if several:
            before[item], latest[owners[item]] = latest[owners[item]], item + 1
            other = before[item]
            while other > 0:
                taken[packs[other - 1]] = item + 1
                other = before[other - 1]
        room = next_room(waiting, lengths[item])
        while room != NONE and several and taken[waiting.lowest[room]] == item + 1:
            aside[passed], rooms[passed] = take(waiting, room), room
            passed += 1
            room = next_room(waiting, lengths[item])
        if room == NONE:
            packs[item], room = opened, capacity
            opened += 1
        else:
            packs[item] = take(waiting, room)
        if room > lengths[item]:
            put(waiting, room - lengths[item], packs[item])
        for index in range(passed):
            put(waiting, rooms[index], aside[index])
    return packs


@njit(cache=True, nogil=True)
def nobody(packs: int, capacity: int) -> Any:
    """Room for so many packs, of which none waits."""
    leaves = 1
    while leaves <= capacity:
        leaves *= 2
    lowest, left, right = np.empty(leaves, np.int32), np.empty(packs, np.int32), np.empty(packs, np.int32)
    return Waiting(np.zeros(2 * leaves, np.uint8), lowest, left, right)


@njit(cache=True, nogil=True)
def next_room(waiting: Any, least: int) -> int:
    """The smallest room, of at least `least`, that any pack has; NONE where no pack has it."""
    leaves = len(waiting.lowest)
    node = leaves + least
    if waiting.some[node]:
        return least
    while node % 2 or not waiting.some[node + 1]:
        node //= 2
        if node == 0:
            return NONE
    node += 1
    while node < leaves:
        node = 2 * node + (1 - waiting.some[2 * node])
    return node - leaves


@njit(cache=True, nogil=True)
def put(waiting: Any, room: int, pack: int) -> None:
    """One more pack with this room."""
    node = len(waiting.lowest) + room
    waiting.left[pack] = waiting.right[pack] = NONE
    waiting.lowest[room] = merge(waiting, waiting.lowest[room], pack) if waiting.some[node] else pack
    while node and not waiting.some[node]:
        waiting.some[node] = 1
        node //= 2


@njit(cache=True, nogil=True)
def take(waiting: Any, room: int) -> int:
    """The lowest pack with this room, which waits no more."""
    pack = waiting.lowest[room]
    waiting.lowest[room] = merge(waiting, waiting.left[pack], waiting.right[pack])
    if waiting.lowest[room] == NONE:
        node = len(waiting.lowest) + room
        waiting.some[node] = 0
        while node > 1 and not waiting.some[node ^ 1]:
            node //= 2
            waiting.some[node] = 0
    return pack


@njit(cache=True, nogil=True)
def merge(waiting: Any, one: int, other: int) -> int:
    """Two skew heaps as one (Sleator and Tarjan 1986): down their right spines, each node's children change sides."""
    if one == NONE or other == NONE:  # noqa: PLR1714  # a tuple is slower
        return max(one, other)
    root = at = min(one, other)
    other = max(one, other)
    while other != NONE:
        rest = waiting.right[at]
        waiting.right[at] = waiting.left[at]
        at_next = min(rest, other) if rest != NONE else other
        other = max(rest, other) if rest != NONE else NONE
        waiting.left[at] = at_next
        at = at_next
    return root
