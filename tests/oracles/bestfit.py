"""Packing in plain Python: best fit by looking at every pack, and next fit, which only knows the last one."""


def best_fit(lengths: list[int], owners: list[int], capacity: int) -> list[int]:
    rooms: list[int] = []
    inside: list[set[int]] = []
    packs = []
    for length, owner in zip(lengths, owners, strict=True):
        fitting = [pack for pack, room in enumerate(rooms) if room >= length and owner not in inside[pack]]
        if not fitting:
            fitting = [len(rooms)]
            rooms.append(capacity)
            inside.append(set())
        pack = min(fitting, key=lambda pack: (rooms[pack], pack))
        rooms[pack] -= length
        inside[pack].add(owner)
        packs.append(pack)
    return packs


def next_fit(lengths: list[int], capacity: int) -> int:
    """How many packs it takes."""
    packs, room = 0, 0
    for length in lengths:
        if length > room:
            packs, room = packs + 1, capacity
        room -= length
    return packs


def cuts(kinds: list[int], length: int) -> list[int]:
    """Where a document is cut. `kinds`: 2 for each token that ends a paragraph, 1 for a sentence, else 0."""
    found = []
    start = 0
    while len(kinds) - start > length:
        ends = range(start + length - length // 4 + 1, start + length + 1)
        paragraphs = [end for end in ends if kinds[end - 1] == 2]
        sentences = [end for end in ends if kinds[end - 1] == 1]
        start = max(paragraphs or sentences or [start + length])
        found.append(start)
    return found
