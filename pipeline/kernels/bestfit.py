"""Best-fit decreasing: items into packs of equal capacity, the fullest pack that still fits first.

(Ding et al. 2024, "Fewer truncations improve language modeling", section 3.) A bitset over remaining capacities finds the
best fit; packs of equal remaining capacity wait in a skew heap, so that ties go to the lowest pack. O(n log n).
"""

import numba
import numpy as np

NONE = -1


def order(lengths: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """int64[n]: the order of placement, by length descending, then by hash."""
    return np.lexsort((hashes, -lengths.astype(np.int64)))


def best_fit(lengths: np.ndarray, owners: np.ndarray, capacity: int) -> np.ndarray:
    """int64[n]: the pack of each item, in the order given.

    `lengths` int[n] from 1 to `capacity`; items of one `owners` int64[n] never share a pack. ValueError for other lengths.

    >>> best_fit(np.array([5, 4, 3, 2, 2]), np.arange(5), 8).tolist()
    [0, 1, 0, 1, 1]
    """
    if len(lengths) and not 1 <= lengths.min() <= lengths.max() <= capacity:
        raise ValueError(f"lengths must be from 1 to {capacity}, not from {lengths.min()} to {lengths.max()}")
    _, owner, counts = np.unique(owners, return_inverse=True, return_counts=True)
    return place(lengths.astype(np.int64), owner.astype(np.int64), counts[owner] > 1, capacity)


@numba.njit(cache=True, nogil=True)
def place(lengths: np.ndarray, owner: np.ndarray, shared: np.ndarray, capacity: int) -> np.ndarray:
    """`best_fit`, over dense owners; `shared`: whether the owner has another item."""
    count = len(lengths)
    packs = np.full(count, NONE, np.int64)
    left, right = np.full(count, NONE, np.int64), np.full(count, NONE, np.int64)
    heap = np.full(capacity + 1, NONE, np.int64)  # by remaining capacity: its lowest pack
    some = np.zeros(capacity // 64 + 1, np.uint64)  # one bit a capacity: whether any pack has it
    before = np.full(count, NONE, np.int64)  # the item placed into the same pack before this shared one
    latest = np.full(count, NONE, np.int64)  # by pack: its last shared item
    aside = np.empty(count, np.int64)
    aside_room = np.empty(count, np.int64)
    made = 0
    for item in range(count):
        length, waiting = lengths[item], 0
        room = next_room(some, length, capacity)
        while room != NONE:
            pack = heap[room]
            if not (shared[item] and holds(latest[pack], before, owner, owner[item])):
                break
            aside[waiting], aside_room[waiting] = pack, room
            waiting += 1
            pop(heap, some, left, right, room)
            room = next_room(some, length, capacity)
        if room == NONE:
            pack, room = made, capacity
            made += 1
        else:
            pack = heap[room]
            pop(heap, some, left, right, room)
        packs[item] = pack
        if shared[item]:
            before[item], latest[pack] = latest[pack], item
        if room > length:
            push(heap, some, left, right, room - length, pack)
        for index in range(waiting):
            push(heap, some, left, right, aside_room[index], aside[index])
    return packs


@numba.njit(cache=True, nogil=True)
def holds(item: int, before: np.ndarray, owner: np.ndarray, wanted: int) -> bool:
    """Whether a pack, whose last shared item is given, holds an item of this owner."""
    while item != NONE:
        if owner[item] == wanted:
            return True
        item = before[item]
    return False


@numba.njit(cache=True, nogil=True)
def next_room(some: np.ndarray, least: int, capacity: int) -> int:
    """The smallest remaining capacity of at least `least` that any pack has."""
    word = least >> 6
    bits = some[word] >> np.uint64(least & 63) << np.uint64(least & 63)
    while bits == 0:
        word += 1
        if word >= len(some):
            return NONE
        bits = some[word]
    low = 0
    while not (bits >> np.uint64(low)) & np.uint64(1):
        low += 1
    return word * 64 + low


@numba.njit(cache=True, nogil=True)
def push(heap: np.ndarray, some: np.ndarray, left: np.ndarray, right: np.ndarray, room: int, pack: int) -> None:
    """Put a pack among those with this remaining capacity."""
    left[pack], right[pack] = NONE, NONE
    heap[room] = merge(left, right, heap[room], pack)
    some[room >> 6] |= np.uint64(1) << np.uint64(room & 63)


@numba.njit(cache=True, nogil=True)
def pop(heap: np.ndarray, some: np.ndarray, left: np.ndarray, right: np.ndarray, room: int) -> None:
    """Take out the lowest pack of this remaining capacity."""
    pack = heap[room]
    heap[room] = merge(left, right, left[pack], right[pack])
    if heap[room] == NONE:
        some[room >> 6] &= ~(np.uint64(1) << np.uint64(room & 63))


@numba.njit(cache=True, nogil=True)
def merge(left: np.ndarray, right: np.ndarray, one: int, other: int) -> int:
    """Two skew heaps (Sleator and Tarjan 1986) as one, top down: along the right spines, each node's children swapped."""
    if one == NONE:
        return other
    if other == NONE:
        return one
    if other < one:
        one, other = other, one
    root, at = one, one
    while True:
        rest = right[at]
        right[at] = left[at]
        if rest == NONE:
            left[at] = other
            return root
        if other < rest:
            rest, other = other, rest
        left[at] = rest
        at = rest
