"""Repeated n-grams by slicing lists and counting tuples."""

from collections import Counter
from collections.abc import Sequence


def repeats(units: Sequence[str], size: int) -> tuple[int, int, int, int]:
    """(characters of the top gram, times, characters in repeated grams, places of repeated grams), of one size."""
    grams = [tuple(units[at : at + size]) for at in range(len(units) - size + 1)]
    times = Counter(grams)
    top, most = max(times.items(), key=lambda item: item[1], default=((), 0))  # of equals, the first met
    later = [at for at, gram in enumerate(grams) if gram in grams[:at]]
    covered = {unit for at in later for unit in range(at, at + size)}
    return (
        most * sum(map(len, top)) if most > 1 else 0,
        most if most > 1 else 0,
        sum(len(units[unit]) for unit in covered),
        sum(times[gram] > 1 for gram in grams),
    )
