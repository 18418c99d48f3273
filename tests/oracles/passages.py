"""What of passages stands in a text, by comparing every token of one with every token of the other."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from tests.oracles.letters import ANCHOR, GRAM, letters, run_of, weight

Runs = list[tuple[int, int, int]]  # first letter in the text; first and beyond the last in the passage


class Hit(NamedTuple):
    row: int
    passage: int
    covered: int
    start: int
    stop: int
    runs: list[tuple[int, int]]  # joined


@dataclass(frozen=True)
class Passages:
    texts: list[str]
    rows: list[int]
    shared: int

    def seeds(self) -> list[dict[int, str]]:
        """Of each passage the n-grams that nominate, by their first letter."""
        every = [
            {token.first: gram for token in tokens if (gram := run_of(found, token.first, GRAM))}
            for found, tokens in map(letters, self.texts)
        ]
        times = Counter(gram for grams in every for gram in grams.values())
        rare = [{at: gram for at, gram in grams.items() if times[gram] <= self.shared} for grams in every]
        return [some or grams for some, grams in zip(rare, every, strict=True)]

    def anchors(self) -> dict[int, int]:
        """The letter of each light passage that it is found by."""
        tokens = {
            (passage, token.first): (not token.firm, run_of(found, token.first, ANCHOR))
            for passage, (found, own) in enumerate(map(letters, self.texts))
            if weight(found) < GRAM
            for token in own
            if run_of(found, token.first, ANCHOR)
        }
        times = Counter(anchor for _, anchor in tokens.values())
        best: dict[int, tuple[bool, int, int]] = {}
        for (passage, first), (soft, anchor) in tokens.items():
            best[passage] = min(best.get(passage, (True, 1 << 30, 0)), (soft, times[anchor], first))
        return {passage: first for passage, (_, _, first) in best.items()}


def runs_of(text: str, passage: str, seeds: dict[int, str], anchor: int | None) -> Runs:
    """Every run, in the order of the text. `anchor`: of a light passage, of which the first place counts."""
    (inside, own), (known, _) = letters(text), letters(passage)
    begins = {token.first for token in own} | {len(inside)}
    if weight(known) < GRAM:
        places = [token.first - anchor for token in own] if anchor is not None else []
        whole = (at for at in places if at >= 0 and inside[at : at + len(known)] == known)
        parted = (at for at in whole if {at, at + len(known)} <= begins)
        return [(at, 0, len(known)) for at in parted if not among_digits(inside, at, at + len(known))][:1]
    found = set()
    for token in own:
        for first, gram in seeds.items():
            if gram == run_of(inside, token.first, GRAM):
                low, high = first, first
                off = token.first - first
                while low > 0 and off + low > 0 and known[low - 1] == inside[off + low - 1]:
                    low -= 1
                while high < len(known) and off + high < len(inside) and known[high] == inside[off + high]:
                    high += 1
                found.add((off + low, low, high))
    return sorted(found)


def among_digits(inside: str, first: int, beyond: int) -> bool:
    """Whether letters begin and end with digits and stand between two more."""
    return (
        first > 0
        and beyond < len(inside)
        and all(inside[at].isdigit() for at in (first - 1, first, beyond - 1, beyond))
    )


def window(runs: Runs, size: int) -> Runs:
    """The runs of the first window that covers most."""
    windows = [[run for run in runs[at:] if run[0] < runs[at][0] + 2 * size] for at in range(len(runs))]
    return max(windows, key=lambda one: len(covered(one)), default=[])


def covered(runs: Runs) -> set[int]:
    return {letter for _, low, high in runs for letter in range(low, high)}


def joined(letters_covered: set[int]) -> list[tuple[int, int]]:
    edges = sorted(one for one in letters_covered if one - 1 not in letters_covered)
    return [(low, next(end for end in range(low, 1 << 30) if end not in letters_covered)) for low in edges]


def find(text: str, known: Passages, least_coverage: float) -> tuple[list[Hit], int, set[str]]:
    """(the hits, how many records have one, the stray grams and light passages)."""
    anchors, seeds, best, hits = known.anchors(), known.seeds(), dict[int, float](), dict[int, Hit]()
    for passage, (row, other) in enumerate(zip(known.rows, map(letters, known.texts), strict=True)):
        size = len(other[0])
        runs = window(runs_of(text, known.texts[passage], seeds[passage], anchors.get(passage)), size)
        if not runs:
            continue
        best[passage] = len(covered(runs)) / size
        stop = max(at + high - low for at, low, high in runs)
        hit = Hit(row, passage, len(covered(runs)), runs[0][0], stop, joined(covered(runs)))
        before = hits.get(row)
        if hit.covered >= least_coverage * size and (before is None or best[before.passage] < best[passage]):
            hits[row] = hit
    ordered = sorted(hits.values(), key=lambda hit: (-best[hit.passage], hit.passage))
    return ordered[:8], len(hits), strays(text, known, best)


def strays(text: str, known: Passages, best: dict[int, float]) -> set[str]:
    inside, own = letters(text)
    grams = {run_of(inside, token.first, GRAM) for token in own} - {""}
    every = [set(seeds.values()) for seeds in known.seeds()]
    found = {letters(known.texts[passage])[0]: share for passage, share in best.items()}
    light = {one for one in found if weight(one) < GRAM}
    nearly = any(share >= 0.9 for one, share in found.items() if one not in light)
    return light if nearly else (grams & set().union(*every)) | light
