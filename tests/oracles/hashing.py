"""Row hashes in plain Python, one number at a time."""

MASK = (1 << 64) - 1
LANE, SPREAD, LENGTH = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
NULL = 0x9E6C63D0876A9A47


def finish(value: int) -> int:
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & MASK
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33


def turn(value: int, by: int) -> int:
    return (value << by | value >> 64 - by) & MASK


def stir(state: int, lane: int) -> int:
    state ^= turn(lane * SPREAD & MASK, 31) * LANE & MASK
    return (turn(state, 27) * LANE + LENGTH) & MASK


def hash_bytes(data: bytes | None, seed: int) -> int:
    if data is None:
        return NULL
    state = finish(seed + LANE & MASK) ^ len(data) * LENGTH & MASK
    for at in range(0, len(data), 8):
        state = stir(state, int.from_bytes(data[at : at + 8], "little"))
    return finish(state)


def hash_list(items: list[bytes | None] | None, seed: int) -> int:
    if items is None:
        return NULL
    state = len(items)
    for item in items:
        state = stir(state, hash_bytes(item, seed))
    return finish(state)


def mix(seed: int, *values: bytes | None) -> int:
    row = seed & MASK
    for value in values:
        row = finish(stir(row, hash_bytes(value, seed)))
    return row
