"""Levels of tags, tag after tag."""

import re

from pipeline.kernels.nesting import HIDING, UNCLOSED, VOID

TAG = re.compile(rb"<(/?)([A-Za-z][A-Za-z0-9-]*)")


def nesting(page: bytes, serialised: bool) -> tuple[int, int, int]:
    """(deepest, work, unsure)."""
    level = deepest = work = hiding = 0
    balance: dict[bytes, int] = {}
    for slash, name in TAG.findall(page):
        lower = name.lower().decode()
        known = lower if len(lower) <= 8 else "longer"  # which the kernel does not tell apart
        hiding += not slash and lower in HIDING
        if lower in (VOID if serialised else UNCLOSED):
            continue
        level = max(0, level - 1) if slash else level + 1
        deepest, work = max(deepest, level), work + level
        balance[known] = balance.get(known, 0) + (-1 if slash else 1)
    return deepest, work, hiding + sum(max(0, one) for one in balance.values())
