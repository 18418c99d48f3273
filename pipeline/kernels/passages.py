"""Which known passages stand in a text, how much of each, and where.

Found by n-grams, measured by letters: an n-gram that a text and a passage share is stretched both ways as far as their
letters agree, to a *run*; coverage is the share of the passage's letters that runs cover which begin within a window of
twice the passage's length. A passage that is lighter than an n-gram counts only where it stands whole, from the
beginning of a token to the end of one, and with digits at both ends not among further digits. Hashes only nominate: every run is compared letter by letter.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from pipeline.kernels.letters import DIGIT, GRAM, WEIGH, Letters

KEPT = 8  # passages of a text that are told in full
NEARLY = 0.9  # of a passage: then n-grams are no strays in that text
WINDOW = 2  # lengths of a passage
SPARSE = 32  # bits a key in the tables that most tokens are turned away by
SHARED = 16  # places of an n-gram beyond which it is a phrase of the benchmark itself
NONE = -1


class Passages(NamedTuple):
    """Passages by their n-grams; lighter ones by one anchor each. `rows`: which record each was made of, ascending.

    Key k belongs to the postings from[k]:from[k + 1]: passage and index of the letter at which the key begins in it.
    """

    rows: np.ndarray  # int32[passages]
    letters: np.ndarray  # uint32
    bounds: np.ndarray  # int64[passages + 1]
    light: np.ndarray  # uint8[passages]: has no n-gram, must stand whole
    keys: np.ndarray  # uint64[keys], ascending
    postings: np.ndarray  # int64[keys + 1]
    passages: np.ndarray  # int32[postings]
    places: np.ndarray  # int32[postings]
    slots: np.ndarray  # int32: open addressing, a key's index + 1
    gram_bits: np.ndarray  # uint64: one bit for many hashes
    anchor_bits: np.ndarray  # uint64


class Found(NamedTuple):
    """Per text the passages that cover best, at most KEPT, and its strays.

    A stray is an n-gram in a text that holds no passage nearly whole: the number of its key. A light passage
    counts as one n-gram wherever it stands: the number of keys + its own.
    """

    hits: np.ndarray  # int64[texts + 1]: bounds of the hits
    records: np.ndarray  # int32[texts]: distinct records with least_coverage or more
    passage: np.ndarray  # int32[hits]
    covered: np.ndarray  # int32[hits]: letters of the passage
    start: np.ndarray  # int64[hits]: of the window's runs in the texts' letters
    stop: np.ndarray  # int64[hits]
    runs: np.ndarray  # int64[hits + 1]: bounds of the runs
    run: np.ndarray  # int32[runs, 2]: letters of the passage, ascending, joined where they touch
    strays: np.ndarray  # int64[texts + 1]: bounds of the strays
    stray: np.ndarray  # int32[strays], ascending within a text


def index(spelt: Letters, rows: np.ndarray, shared: int = SHARED) -> Passages:
    """Passages for `find`, from their letters; `rows` as in Passages. Passages lighter than an anchor are never found.

    N-grams that stand at more than `shared` places nominate nothing, but in passages that have no others: they are the
    benchmark's own phrases, and what they are part of is found by what stands beside them.
    """
    count = len(rows)
    weights = np.concatenate([[0], np.cumsum(spelt.letters >> WEIGH, dtype=np.int64)])
    light = np.diff(weights[spelt.bounds]) < GRAM
    passage = np.repeat(np.arange(count, dtype=np.int32), np.diff(spelt.tokens))
    place = (spelt.starts - spelt.bounds[passage]).astype(np.int32)
    heavy = np.flatnonzero((spelt.gram != 0) & ~light[passage])
    heavy = telling(heavy, spelt.gram, passage, shared)
    anchors = anchor_tokens(spelt, passage, light)
    hashes = np.concatenate([spelt.gram[heavy], spelt.anchor[anchors]])
    tokens = np.concatenate([heavy, anchors])
    order = np.lexsort((tokens, hashes))
    tokens, hashes = tokens[order], hashes[order]
    firsts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])) if len(hashes) else order
    keys, kinds = hashes[firsts], light[passage[tokens[firsts]]]
    slots = np.zeros(power_above(2 * len(keys)), np.int32)
    file_keys(keys, slots)
    own = rows.astype(np.int32), spelt.letters, spelt.bounds, light.astype(np.uint8)
    filed = keys, np.append(firsts, len(hashes)), passage[tokens], place[tokens]
    return Passages(*own, *filed, slots, sieve(keys[~kinds]), sieve(keys[kinds]))


def telling(tokens: np.ndarray, gram: np.ndarray, passage: np.ndarray, shared: int) -> np.ndarray:
    """Those of the tokens whose n-gram stands at few places, and those of passages that have no such token."""
    _, which, times = np.unique(gram[tokens], return_inverse=True, return_counts=True)
    rare = times[which] <= shared
    told = np.bincount(passage[tokens[rare]], minlength=int(passage.max(initial=0)) + 1) > 0
    return tokens[rare | ~told[passage[tokens]]]


def anchor_tokens(spelt: Letters, passage: np.ndarray, light: np.ndarray) -> np.ndarray:
    """One token a light passage: one at which tokens begin however punctuation is set, with the rarest anchor."""
    able = np.flatnonzero((spelt.anchor != 0) & light[passage])
    _, which, times = np.unique(spelt.anchor[able], return_inverse=True, return_counts=True)
    able = able[np.lexsort((able, times[which], spelt.firm[able] == 0, passage[able]))]
    return able[np.append(True, np.diff(passage[able]) != 0)] if len(able) else able


def power_above(size: int) -> int:
    """The power of two that is at least `size`, and at least 64."""
    return max(64, 1 << (size - 1).bit_length())


def sieve(hashes: np.ndarray) -> np.ndarray:
    """uint64[...]: a bit for each hash, in SPARSE times as many."""
    bits = np.zeros(power_above(SPARSE * len(hashes)) // 64, np.uint64)
    places = hashes & np.uint64(len(bits) * 64 - 1)
    np.bitwise_or.at(bits, places >> np.uint64(6), np.uint64(1) << (places & np.uint64(63)))
    return bits


@njit(cache=True, nogil=True)
def file_keys(keys: Any, slots: Any) -> None:
    """Fill the table by which a hash finds its key."""
    mask = len(slots) - 1
    for number in range(len(keys)):
        slot = np.int64(keys[number] >> np.uint64(20)) & mask
        while slots[slot]:
            slot = (slot + 1) & mask
        slots[slot] = number + 1


@njit(cache=True, nogil=True)
def key_of(value: Any, keys: Any, slots: Any) -> int:
    """The number of the key that equals a hash; NONE where there is none."""
    mask = len(slots) - 1
    slot = np.int64(value >> np.uint64(20)) & mask
    while slots[slot]:
        if keys[slots[slot] - 1] == value:
            return slots[slot] - 1
        slot = (slot + 1) & mask
    return NONE


@njit(cache=True, nogil=True)
def sift(hashes: Any, bits: Any) -> Any:
    """int32[...]: the tokens whose hash may be a key; few others. Without a branch, so that memory is not waited for."""
    kept: Any = np.empty(len(hashes) + 1, np.int32)
    count: Any = 0
    mask, six, low = np.uint64(len(bits) * 64 - 1), np.uint64(6), np.uint64(63)
    for token in range(len(hashes)):
        place = hashes[token] & mask
        kept[count] = token
        count += np.int64(bits[place >> six] >> (place & low) & np.uint64(1))
    return kept[:count]


@njit(cache=True, nogil=True)
def with_keys(tokens: Any, hashes: Any, keys: Any, slots: Any) -> Any:
    """int32[2, ...]: those of the tokens whose hash is a key, and its number."""
    kept, count = np.empty((2, len(tokens)), np.int32), 0
    for token in tokens:
        key = key_of(hashes[token], keys, slots)
        if key != NONE:
            kept[0, count], kept[1, count] = token, key
            count += 1
    return kept[:, :count].copy()


def find(spelt: Letters, known: Passages, least_coverage: float) -> Found:
    """What stands in each text. Hits of less than `least_coverage` are not told."""
    sifted = sift(spelt.gram, known.gram_bits), sift(spelt.anchor, known.anchor_bits)
    hashes = spelt.gram, spelt.anchor
    keyed = tuple(
        with_keys(tokens, own, known.keys, known.slots) for tokens, own in zip(sifted, hashes, strict=True)
    )
    longest = int(np.diff(known.bounds).max(initial=0))
    room = np.zeros(longest + 1, np.int32)
    return Found(*find_all(tuple(spelt), tuple(known), keyed, least_coverage, room))


@njit(cache=True, nogil=True)
def find_all(spelt: Any, known: Any, keyed: Any, least_coverage: float, depth: Any) -> Any:
    """The fields of Found. `keyed`: the tokens at which a gram, an anchor is found, and its key; `depth`: room, all 0, for how
    often each letter of a passage is covered.
    """
    rows, bounds = known[0], known[2]
    texts, count = len(spelt[7]) - 1, len(rows)
    seen = np.full(count, NONE, np.int64)  # the text in which a passage was last met; there its last run:
    last = np.zeros((count, 2), np.int64)  # its diagonal, and where it ends
    nearly = np.full(1, NONE, np.int64)  # the last text in which a passage was nearly whole
    hits, records = np.zeros(texts + 1, np.int64), np.zeros(texts, np.int32)
    passage, covered = np.empty(texts * KEPT, np.int32), np.empty(texts * KEPT, np.int32)
    start, stop = np.empty(texts * KEPT, np.int64), np.empty(texts * KEPT, np.int64)
    run_bounds, run, run_count = np.zeros(texts * KEPT + 1, np.int64), np.empty((16, 2), np.int32), 0
    strays, stray, stray_count = np.zeros(texts + 1, np.int64), np.empty(16, np.int32), 0
    total = 0
    at = np.zeros(2, np.int64)  # in the keyed tokens
    grams_keyed, anchors_keyed = keyed[0][0], keyed[1][0]
    for text in range(texts):
        hits[text + 1], strays[text + 1] = total, stray_count
        end = spelt[7][text + 1]
        if not (at[0] < len(grams_keyed) and grams_keyed[at[0]] < end) and not (
            at[1] < len(anchors_keyed) and anchors_keyed[at[1]] < end
        ):
            continue
        met, grams = runs_of(text, spelt, known, keyed, at, seen, last)
        if len(met):
            met = met[np.argsort(met[:, 0] << 32 | met[:, 1] - spelt[1][text])]
            windows = best_windows(met, text, known, least_coverage, nearly, depth)
            chosen, records[text] = choose(windows, met, rows, bounds)
            for one in chosen:
                own = met[windows[one, 0] : windows[one, 1]]
                passage[total], covered[total] = own[0, 0], windows[one, 2]
                start[total], stop[total] = own[0, 1], (own[:, 1] + own[:, 3] - own[:, 2]).max()
                joined = joined_runs(own)
                while run_count + len(joined) > len(run):
                    run = np.concatenate((run, np.empty_like(run)))
                run[run_count : run_count + len(joined)] = joined
                run_count += len(joined)
                total += 1
                run_bounds[total] = run_count
        if len(grams):
            lone = grams[grams >= len(known[4])] if nearly[0] == text else grams
            while stray_count + len(lone) > len(stray):
                stray = np.concatenate((stray, np.empty_like(stray)))
            stray[stray_count : stray_count + len(lone)] = lone
            stray_count += len(lone)
        hits[text + 1], strays[text + 1] = total, stray_count
    return (
        hits,
        records,
        passage[:total],
        covered[:total],
        start[:total],
        stop[:total],
        run_bounds[: total + 1],
        run[:run_count],
        strays,
        stray[:stray_count],
    )


@njit(cache=True, nogil=True)
def runs_of(  # noqa: PLR0913, PLR0917 - the state of one walk
    text: int, spelt: Any, known: Any, keyed: Any, at: Any, seen: Any, last: Any
) -> Any:
    """(int64[runs, 4]: passage, first letter in the text, first and beyond the last in the passage; int64[grams])."""
    starts, end = spelt[2], spelt[7][text + 1]
    light, keys, postings, passages, places = known[3:8]
    met, met_count = np.empty((16, 4), np.int64), 0
    grams, gram_count = np.empty(16, np.int64), 0
    for which in range(2):
        tokens = keyed[which][0]
        while at[which] < len(tokens) and tokens[at[which]] < end:
            token, key = tokens[at[which]], keyed[which][1][at[which]]
            at[which] += 1
            if which == 0:
                grams = roomy(grams, gram_count)
                grams[gram_count] = key
                gram_count += 1
            for posting in range(postings[key], postings[key + 1]):
                one, place = passages[posting], places[posting]
                diagonal = starts[token] - place
                again = last[one, 0] == diagonal and starts[token] < last[one, 1]
                if light[one] != which or (seen[one] == text and (which or again)):
                    continue
                low, high = stretch(one, place, diagonal, text, spelt, known)
                if low == high:
                    continue
                if which:
                    grams = roomy(grams, gram_count)
                    grams[gram_count] = len(keys) + one
                    gram_count += 1
                seen[one], last[one, 0], last[one, 1] = text, diagonal, diagonal + high
                met = roomy(met, met_count)
                met[met_count, 0], met[met_count, 1] = one, diagonal + low
                met[met_count, 2], met[met_count, 3] = low, high
                met_count += 1
    return met[:met_count], np.unique(grams[:gram_count])


@njit(cache=True, nogil=True)
def stretch(one: int, place: int, diagonal: int, text: int, spelt: Any, known: Any) -> Any:
    """The first and beyond the last letter of a passage that agree with the text's around a place in it; none where they
    are too few, or do not reach from the beginning of a token to the end of one where the passage must stand whole.
    """
    text_letters, letters = spelt[0], known[1]
    begin, end = spelt[1][text] - diagonal, spelt[1][text + 1] - diagonal
    first, size = known[2][one], known[2][one + 1] - known[2][one]
    low = high = np.int64(place)
    weight: Any = 0
    while high < min(size, end) and letters[first + high] == text_letters[diagonal + high]:
        weight += np.int64(letters[first + high] >> WEIGH)
        high += 1
    while low > max(0, begin) and letters[first + low - 1] == text_letters[diagonal + low - 1]:
        low -= 1
    whole = low == 0 and high == size
    enough = whole and parted(diagonal, diagonal + size, text, spelt) if known[3][one] else weight >= GRAM
    return (low, high) if enough else (0, 0)


@njit(cache=True, nogil=True)
def roomy(array: Any, count: int) -> Any:
    """The array, twice as long where it is full."""
    return np.concatenate((array, np.empty_like(array))) if count == len(array) else array


@njit(cache=True, nogil=True)
def parted(first: int, beyond: int, text: int, spelt: Any) -> bool:
    """Whether these letters of a text begin with a token and end with one, and are no part of a row of numbers."""
    letters, bounds, starts, tokens = spelt[0], spelt[1], spelt[2], spelt[7]
    if bounds[text] < first and beyond < bounds[text + 1]:
        digits = 0
        for place in (first - 1, first, beyond - 1, beyond):
            digits += letters[place] >> WEIGH == DIGIT
        if digits == 4:
            return False
    own = starts[tokens[text] : tokens[text + 1]]
    if beyond < bounds[text + 1]:
        after = np.searchsorted(own, beyond)
        if after == len(own) or own[after] != beyond:
            return False
    return own[np.searchsorted(own, first)] == first


@njit(cache=True, nogil=True)
def best_windows(met: Any, text: int, known: Any, least_coverage: float, nearly: Any, depth: Any) -> Any:
    """int64[passages, 3]: of sorted runs, by passage, the first and beyond the last of its best window, and the letters
    that they cover; passages that are covered less aside. The best windows cover most; of equals the first.
    """
    windows, count, first = np.empty((len(met), 3), np.int64), 0, 0
    bounds, light = known[2], known[3]
    while first < len(met):
        one, beyond = met[first, 0], first
        while beyond < len(met) and met[beyond, 0] == one:
            beyond += 1
        size = bounds[one + 1] - bounds[one]
        letters = right = 0
        top = windows[count]
        top[2] = 0
        for left in range(first, beyond):
            right = max(right, left)
            while right < beyond and met[right, 1] < met[left, 1] + WINDOW * size:
                for place in range(met[right, 2], met[right, 3]):
                    letters += depth[place] == 0
                    depth[place] += 1
                right += 1
            if letters > top[2]:
                top[0], top[1], top[2] = left, right, letters
            for place in range(met[left, 2], met[left, 3]):
                depth[place] -= 1
                letters -= depth[place] == 0
        if top[2] >= NEARLY * size and not light[one]:
            nearly[0] = text
        if top[2] >= least_coverage * size:
            count += 1
        first = beyond
    return windows[:count]


@njit(cache=True, nogil=True)
def choose(windows: Any, met: Any, rows: Any, bounds: Any) -> Any:
    """(the windows that cover the largest share of their passage, one a record, best first, at most KEPT; how many records)."""
    chosen, records, before = np.empty(KEPT + 1, np.int64), 0, NONE
    kept = 0
    for one in range(len(windows)):
        row = rows[met[windows[one, 0], 0]]
        records += row != before
        at = kept
        if row == before:  # another passage of the same record: the better one stays
            for other in range(kept):
                if rows[met[windows[chosen[other], 0], 0]] == row:
                    at = other
            if at < kept:
                if not covers_more(one, chosen[at], windows, met, bounds):
                    continue
                kept -= 1
                chosen[at:kept] = chosen[at + 1 : kept + 1]
        before = row
        at = kept
        while at > 0 and covers_more(one, chosen[at - 1], windows, met, bounds):
            chosen[at] = chosen[at - 1]
            at -= 1
        chosen[at] = one
        kept = min(kept + 1, KEPT)
    return chosen[:kept], records


@njit(cache=True, nogil=True)
def covers_more(one: int, other: int, windows: Any, met: Any, bounds: Any) -> bool:
    """Whether a window covers a larger share of its passage than another one."""
    passage, rival = met[windows[one, 0], 0], met[windows[other, 0], 0]
    size, rival_size = bounds[passage + 1] - bounds[passage], bounds[rival + 1] - bounds[rival]
    return windows[one, 2] * rival_size > windows[other, 2] * size


@njit(cache=True, nogil=True)
def joined_runs(met: Any) -> Any:
    """int32[runs, 2]: where the passage is covered, ascending, joined where runs touch."""
    order = np.argsort(met[:, 2])
    joined, count = np.empty((len(met), 2), np.int32), 0
    for one in order:
        if count and met[one, 2] <= joined[count - 1, 1]:
            joined[count - 1, 1] = max(joined[count - 1, 1], met[one, 3])
        else:
            joined[count, 0], joined[count, 1] = met[one, 2], met[one, 3]
            count += 1
    return joined[:count]


def discount(
    found_passage: np.ndarray, bounds: np.ndarray, runs: np.ndarray, known: Passages, common: np.ndarray
) -> np.ndarray:
    """int64[hits, 2]: of each hit the letters that are covered, and those of its passage, common n-grams aside.

    `common`: numbers of keys, light passages as in Found. Where less than an n-gram is left of a passage, nothing is.
    """
    common = np.unique(common)
    keys = common[common < len(known.keys)]
    spans = [np.arange(known.postings[key], known.postings[key + 1]) for key in keys]
    postings = np.concatenate([np.empty(0, np.int64), *spans])
    order = np.argsort(known.passages[postings], kind="stable")
    marked = known.passages[postings][order], known.places[postings][order]
    generic = np.zeros(len(known.rows), np.bool_)
    generic[common[common >= len(known.keys)] - len(known.keys)] = True
    left = np.zeros((len(found_passage), 2), np.int64)
    count_uncommon(found_passage, bounds, runs, tuple(known), marked, generic, left)
    return left


@njit(cache=True, nogil=True)
def count_uncommon(  # noqa: PLR0913, PLR0917 - hits, passages, and what is common of them
    found_passage: Any, run_bounds: Any, runs: Any, known: Any, marked: Any, generic: Any, left: Any
) -> None:
    """Fill left[hit]; all 0 where nothing is left."""
    letters, bounds = known[1], known[2]
    for hit in range(len(found_passage)):
        one = found_passage[hit]
        first, size = bounds[one], bounds[one + 1] - bounds[one]
        free = np.ones(size, np.bool_)
        if generic[one]:
            free[:] = False
        begin = np.searchsorted(marked[0], one)
        while begin < len(marked[0]) and marked[0][begin] == one:
            at: Any = np.int64(marked[1][begin])
            load: Any = 0
            while load < GRAM and at < size:
                free[at] = False
                load += np.int64(letters[first + at] >> WEIGH)
                at += 1
            begin += 1
        whole, covered = 0, 0
        weight: Any = 0
        for letter in range(size):
            whole += free[letter]
            weight += free[letter] * np.int64(letters[first + letter] >> WEIGH)
        for run in range(run_bounds[hit], run_bounds[hit + 1]):
            covered += free[runs[run, 0] : runs[run, 1]].sum()
        if weight >= GRAM or (whole == size and whole):
            left[hit, 0], left[hit, 1] = covered, whole
