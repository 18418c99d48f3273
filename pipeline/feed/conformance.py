"""Whether a trainer's model keeps the documents of a pack apart: `problems(logits, vocabulary)` is empty when it does.

Call it from the trainer's own tests, on CPU, with the attention and the positions that training uses:

    def logits(tokens, positions, segments):  # int64 [packs, length] each, as NumPy arrays
        return model(...)  # [packs, length, vocabulary]

    assert not conformance.problems(logits, vocabulary=1000)
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from pipeline.feed.order import chance

Logits = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]
SHARES = (0.0, 0.11, 0.16, 0.55, 0.83, 0.94)  # where the documents of a pack begin and the last one ends


class Pack(NamedTuple):
    """One pack, int64 [1, length] each, and where its documents lie."""

    tokens: np.ndarray
    positions: np.ndarray
    segments: np.ndarray
    documents: tuple[slice, ...]


def problems(
    logits: Logits, vocabulary: int, length: int = 64, seed: int = 0, tolerance: float = 1e-3
) -> list[str]:
    """What the model mixes up, in words.

    Another text in one document, or in the padding, must leave the logits of all other documents equal **bit for bit**:
    what is masked weighs exactly nothing. That a document means the same wherever it stands in a pack holds to `tolerance`
    of the largest logit: elsewhere in a row, sums are taken in another order. It fails where positions count on through a
    pack. A model that looks neither back nor at positions passes: it mixes nothing up.
    """
    if length < 32 or vocabulary < 2:
        raise ValueError(f"length {length} must be 32 or more, vocabulary {vocabulary} 2 or more")
    pack = made(texts(vocabulary, length, seed), length)
    return [
        *leaks(logits, pack, vocabulary),
        *drifts(logits, pack, tolerance),
    ]


def texts(vocabulary: int, length: int, seed: int) -> list[np.ndarray]:
    """Tokens of a pack's documents; the last item is its padding."""
    tokens = (chance(length, seed, vocabulary) % np.uint64(vocabulary)).astype(np.int64)
    edges = [round(share * length) for share in SHARES]
    return [tokens[start:stop] for start, stop in pairwise([*edges, length])]


def made(parts: list[np.ndarray], length: int) -> Pack:
    """The pack of these documents and, last, its padding."""
    sizes = [len(part) for part in parts]
    ends = np.cumsum(sizes)
    numbers = [*range(1, len(parts)), 0]
    positions = np.concatenate([np.arange(size) for size in sizes])
    documents = tuple(slice(end - size, end) for end, size in zip(ends[:-1], sizes[:-1], strict=True))
    rows = (np.concatenate(parts), positions, np.repeat(numbers, sizes))
    tokens, positions, segments = (row.astype(np.int64).reshape(1, length) for row in rows)
    return Pack(tokens, positions, segments, documents)


def leaks(logits: Logits, pack: Pack, vocabulary: int) -> Iterator[str]:
    """Documents whose logits are not the same bits when another one has other tokens."""
    before = run(logits, pack)
    padding = slice(pack.documents[-1].stop, pack.tokens.shape[1])
    for number, changed in enumerate([*pack.documents, padding]):
        tokens = pack.tokens.copy()
        tokens[0, changed] = (tokens[0, changed] + 1) % vocabulary
        after = run(logits, pack._replace(tokens=tokens))
        what = f"document {number + 1}" if number < len(pack.documents) else "the padding"
        for other, where in enumerate(pack.documents):
            if other != number and before[where].tobytes() != after[where].tobytes():
                apart = np.abs(before[where] - after[where]).max()
                yield (
                    f"other tokens in {what} change the logits of document {other + 1}, by up to {apart:.3g}: "
                    "attention goes across documents; mask it by `segments`"
                )


def drifts(logits: Logits, pack: Pack, tolerance: float) -> Iterator[str]:
    """Documents whose logits change with what stands before them: the same pack with its documents in reverse order."""
    length = pack.tokens.shape[1]
    padding = pack.tokens[0, pack.documents[-1].stop :]
    turned = made([*(pack.tokens[0, where] for where in reversed(pack.documents)), padding], length)
    before, after = run(logits, pack), run(logits, turned)
    limit = tolerance * max(1e-30, float(np.abs(before).max()))
    for number, (one, other) in enumerate(zip(pack.documents, reversed(turned.documents), strict=True), 1):
        if not (apart := np.abs(before[one] - after[other]).max()) <= limit:
            yield (
                f"document {number} has other logits elsewhere in the pack, by up to {apart:.3g}: "
                "positions do not begin anew; take `positions`"
            )


def run(logits: Logits, pack: Pack) -> np.ndarray:
    """Float [length, vocabulary]. ValueError for another shape."""
    found = np.asarray(logits(pack.tokens, pack.positions, pack.segments))
    if found.shape[:2] != pack.tokens.shape or found.ndim != 3:
        raise ValueError(f"logits have shape {found.shape}, not [1, {pack.tokens.shape[1]}, vocabulary]")
    return found[0]
