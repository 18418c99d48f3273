"""How deep the tags of an HTML page nest, from one pass over its bytes. NumPy alone: the helpers that ask start in no time."""

from typing import NamedTuple

import numpy as np

LESS, SLASH = 60, 47
LONGEST = 8  # bytes of the longest name below

VOID = (
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "param",
    "source",
    "track",
    "wbr",
)
"""Elements that hold nothing (HTML living standard, 13.1.2)."""
UNCLOSED = (*VOID, "p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option", "colgroup")
"""Elements that do not nest by being opened again: those, and those that end where the next of their kind begins (13.1.2.4)."""
HIDING = ("applet", "button", "caption", "marquee", "object", "table", "td", "template", "th")
"""Elements within which an end tag does not close what was opened around them (13.2.4.2, "has an element in scope")."""


def as_key(name: str) -> int:
    return int.from_bytes(name.encode().ljust(LONGEST, b"\0"), "little")


VOID_KEYS, UNCLOSED_KEYS, HIDING_KEYS = (
    np.array(sorted(map(as_key, one)), dtype="<u8") for one in (VOID, UNCLOSED, HIDING)
)


BYTES = np.arange(256, dtype=np.uint8)
LETTER = np.isin(BYTES, [*range(65, 91), *range(97, 123)])
NAME = LETTER | np.isin(BYTES, [*range(48, 58), 45])
LOWER = np.where((BYTES >= 65) & (BYTES <= 90), BYTES | 32, BYTES).astype(np.uint8)


class Nesting(NamedTuple):
    """`deepest`: levels, were every end tag to close something. `work`: the sum of the levels at all tags, which is what
    walking up from each costs. `unsure`: tags whose end tag may be none, so by how many levels `deepest` may be wrong: those
    opened more often than closed, name by name, and those that hide others from their end tags.
    """

    deepest: int
    work: int
    unsure: int


def nesting(page: np.ndarray, serialised: bool = False) -> Nesting:
    """Levels of the tags in uint8[n]; end tags without a start are passed over, comments and scripts are read like the rest.

    An estimate: what a parser makes of ill-formed markup may be flatter, or deeper by `unsure`. Of a page that a parser has
    written, where all but VOID is closed, it is never too low, and too high by what looks like tags within attributes alone.
    """
    padded = np.concatenate([page, np.zeros(LONGEST + 2, np.uint8)])
    at = np.flatnonzero(page == LESS)
    closes = padded[at + 1] == SLASH
    keys, named = names(padded, at + 1 + closes)
    counted = named & ~is_one_of(keys, VOID_KEYS if serialised else UNCLOSED_KEYS)
    steps = np.where(closes, -1, 1)[counted]
    hiding = int(np.count_nonzero(is_one_of(keys[named & ~closes], HIDING_KEYS)))
    if not len(steps):
        return Nesting(0, 0, hiding)
    _, name = np.unique(keys[counted], return_inverse=True)
    unclosed = int(np.maximum(0, np.bincount(name, weights=steps)).sum())
    sums = np.cumsum(steps)
    levels = sums - np.minimum(0, np.minimum.accumulate(sums))
    return Nesting(int(levels.max()), int(levels.sum()), unclosed + hiding)


def names(padded: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(uint64, bool)[tags]: the names that begin there, in lower case, 0 where longer than any we know; whether one begins."""
    words = np.ndarray((len(padded) - LONGEST,), "<u8", padded, strides=(1,))[at]
    window = np.ascontiguousarray(
        words.view(np.uint8).reshape(-1, LONGEST).T
    )  # a row a place: columns are slow
    lower, within = LOWER[window], NAME[window]
    for place in range(1, LONGEST):
        within[place] &= within[place - 1]
    keys = np.ascontiguousarray((lower * within).T).view("<u8").ravel()
    longer = within[-1] & NAME[padded[at + LONGEST]]
    return np.where(longer, np.uint64(0), keys), LETTER[window[0]]


def is_one_of(keys: np.ndarray, sorted_keys: np.ndarray) -> np.ndarray:
    """bool[n]; for a few sorted keys faster than np.isin."""
    return sorted_keys[np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)] == keys
