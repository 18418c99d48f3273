"""Cuts: what is taken out of a text, and what is put in its place, applied, composed and counted.

A list of cuts is list<struct<start int32, stop int32, put string>>: bytes start to stop of the text make way for
`put`. Cuts are sorted, do not overlap, and lie at character boundaries; a null list has none, a null put is empty.
Cuts that do not ascend, or end behind their text, are a ValueError.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from pipeline.kernels.text import buffers, strings

FINE = -1
MOST = np.iinfo(np.int32).max


class Flat(NamedTuple):
    """Cuts as a kernel takes them: row i has the cuts first[i] to first[i + 1]."""

    first: np.ndarray  # int64[rows + 1]
    starts: np.ndarray  # int32[cuts]
    stops: np.ndarray  # int32[cuts]
    put_offsets: np.ndarray  # int32[cuts + 1]
    puts: np.ndarray  # uint8


def apply(texts: pa.StringArray, cuts: pa.ListArray) -> pa.StringArray:
    """The texts with their cuts carried out."""
    offsets, values = buffers(texts)
    flat = flatten(cuts, np.diff(offsets))
    changes = np.diff(flat.put_offsets).astype(np.int64) - flat.stops + flat.starts
    changed = np.append(0, np.cumsum(changes))[flat.first]
    ends = offsets.astype(np.int64) - offsets[0] + changed
    out = np.empty(ends[-1], np.uint8)
    splice(offsets, values, flat, out)
    return strings(ends, out)


def compose(first: pa.ListArray, second: pa.ListArray) -> pa.ListArray:
    """One list of cuts that does what two do in turn.

    The law: apply(t, compose(a, b)) == apply(apply(t, a), b); `second` speaks of the text after `first`. No two cuts of the result touch: where they would, they are one.
    For example "abcd", of which `first` makes "aXYd" (1 to 3 make way for XY) and `second` then "aXZ" (2 to 4 make
    way for Z): composed, 1 to 4 make way for XZ.
    """
    unbounded = np.full(len(first), MOST, np.int32)
    one, two = flatten(first, unbounded), flatten(second, unbounded)
    room = len(one.starts) + len(two.starts)
    starts, stops, offsets = np.zeros(room, np.int32), np.zeros(room, np.int32), np.zeros(room + 1, np.int32)
    out = Flat(
        np.zeros_like(one.first), starts, stops, offsets, np.empty(len(one.puts) + len(two.puts), np.uint8)
    )
    sew(one, two, out)
    return unflatten(out, first.type)


def totals(texts: pa.StringArray, cuts: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """(int64[texts], int64[texts]): the characters, in code points, that are cut and that are put."""
    offsets, values = buffers(texts)
    flat = flatten(cuts, np.diff(offsets))
    return count_characters(offsets, values, flat)


def move_parts(cuts: pa.ListArray, parts: pa.ListArray) -> pa.ListArray:
    """Stretches list<{kind, start, stop}> of the texts, in bytes, as stretches of what the cuts leave; null lists stay null.

    A bound inside a cut moves behind what is put there, so what is put belongs to the part before.
    """
    flat, lists = flatten(cuts, np.full(len(cuts), MOST, np.int32)), parts.flatten()
    first = np.append(0, np.cumsum(np.asarray(pc.fill_null(pc.list_value_length(parts), 0)), dtype=np.int64))
    starts, stops = (move(flat, first, np.asarray(lists.field(name))) for name in ("start", "stop"))
    moved = pa.StructArray.from_arrays(
        [lists.field("kind"), pa.array(starts), pa.array(stops)], fields=list(parts.type.value_type)
    )
    return relist(first, moved, parts)


def keep_media(texts: pa.StringArray, cuts: pa.ListArray, media: pa.ListArray) -> pa.ListArray:
    """The media whose mark U+FFFC no cut takes; a text has as many marks as media. Null lists stay null."""
    offsets, values = buffers(texts)
    counts = np.asarray(pc.fill_null(pc.list_value_length(media), 0)).astype(np.int64)
    first = np.append(0, np.cumsum(counts))
    kept = stay(offsets, values, flatten(cuts, np.diff(offsets)), first)
    left = np.append(0, np.cumsum(kept))[first]
    return relist(left, media.flatten().filter(pa.array(kept)), media)


def relist(first: np.ndarray, items: pa.Array, like: pa.ListArray) -> pa.ListArray:
    """Items as lists again, null where `like` is."""
    mask = like.is_null() if like.null_count else None
    offsets = pa.array(first.astype(np.int32))
    return pa.ListArray.from_arrays(offsets, items, type=like.type, mask=mask)


def flatten(cuts: pa.ListArray, lengths: np.ndarray) -> Flat:
    """A list array, sliced or not, as plain arrays, checked against the bytes of each text."""
    if len(cuts) != len(lengths):
        raise ValueError(f"{len(cuts)} lists of cuts for {len(lengths)} texts")
    sizes = np.asarray(pc.fill_null(pc.list_value_length(cuts), 0))
    starts, stops, puts = cuts.flatten().flatten()
    first = np.append(0, np.cumsum(sizes, dtype=np.int64))
    flat = Flat(first, np.asarray(starts), np.asarray(stops), *buffers(pc.fill_null(puts, "")))
    bad = first_bad(flat, lengths)
    if bad != FINE:
        raise ValueError(
            f"row {bad}: cuts must ascend within their text, without overlap: {cuts[bad].as_py()}"
        )
    return flat


def unflatten(flat: Flat, kind: pa.ListType) -> pa.ListArray:
    """The inverse of `flatten`; the last of flat.first says how much is in use."""
    used = flat.first[-1]
    offsets = flat.put_offsets[: used + 1]
    columns = [
        pa.array(flat.starts[:used]),
        pa.array(flat.stops[:used]),
        strings(offsets, flat.puts[: offsets[-1]]),
    ]
    cuts = pa.StructArray.from_arrays(columns, fields=list(kind.value_type))
    return pa.ListArray.from_arrays(pa.array(flat.first.astype(np.int32)), cuts, type=kind)


@njit(cache=True, nogil=True)
def first_bad(flat: Any, lengths: Any) -> int:
    """The first row whose cuts do not ascend within its text, or FINE."""
    for row in range(len(lengths)):
        at = 0
        for cut in range(flat.first[row], flat.first[row + 1]):
            if flat.starts[cut] < at or flat.stops[cut] < flat.starts[cut] or flat.stops[cut] > lengths[row]:
                return row
            at = flat.stops[cut]
    return FINE


@njit(cache=True, nogil=True)
def splice(offsets: Any, values: Any, flat: Any, out: Any) -> None:
    """Every text, less its cuts, plus what they put, to `out`."""
    size = 0
    for row in range(len(offsets) - 1):
        base = at = offsets[row]
        for cut in range(flat.first[row], flat.first[row + 1]):
            size = copy(values, at, base + flat.starts[cut], out, size)
            size = copy(flat.puts, flat.put_offsets[cut], flat.put_offsets[cut + 1], out, size)
            at = base + flat.stops[cut]
        size = copy(values, at, offsets[row + 1], out, size)


@njit(cache=True, nogil=True)
def sew(one: Any, two: Any, out: Any) -> None:  # noqa: C901, PLR0912 - one walk over both
    """Walk the text after `one` as alternating stretches, kept and put, and carry out the cuts of `two` on them.

    `at` counts in the text, `place` in the text after `one`; `inside`: a cut of `two` has begun and not ended.
    """
    cuts = size = 0
    for row in range(len(one.first) - 1):
        begin, stretches = one.first[row], 2 * (one.first[row + 1] - one.first[row]) + 1
        other, others = two.first[row], two.first[row + 1]
        at = place = 0
        inside = False
        for stretch in range(stretches):
            cut, kept, done, left = begin + stretch // 2, stretch % 2 == 0, 0, MOST
            if not kept:
                cuts = cover(out, row, cuts, one.starts[cut], one.stops[cut])
                at, done, left = (
                    one.stops[cut],
                    one.put_offsets[cut],
                    one.put_offsets[cut + 1] - one.put_offsets[cut],
                )
            elif stretch < stretches - 1:
                left = one.starts[cut] - at
            while left > 0 and not (stretch == stretches - 1 and other == others):
                take = left
                if inside:
                    take = min(left, two.stops[other] - place)
                    if kept:
                        cuts = cover(out, row, cuts, at, at + take)
                elif other < others and two.starts[other] == place:
                    take = 0
                    cuts = cover(out, row, cuts, at, at)
                    size = copy(two.puts, two.put_offsets[other], two.put_offsets[other + 1], out.puts, size)
                    inside = True
                else:
                    if other < others:
                        take = min(left, two.starts[other] - place)
                    if not kept:
                        size = copy(one.puts, done, done + take, out.puts, size)
                out.put_offsets[cuts] = size
                if kept:
                    at += take
                done += take
                place += take
                left -= take
                if inside and place == two.stops[other]:
                    inside = False
                    other += 1
        out.first[row + 1] = cuts = cuts - hollow(out, row, cuts)


@njit(cache=True, nogil=True)
def cover(out: Any, row: int, cuts: int, start: int, stop: int) -> int:
    """Cut start to stop too: the last of the row's cuts grows where it touches, else there is one more."""
    if cuts > out.first[row] and out.stops[cuts - 1] == start:
        out.stops[cuts - 1] = stop
        return cuts
    cuts -= hollow(out, row, cuts)
    out.starts[cuts], out.stops[cuts] = start, stop
    out.put_offsets[cuts + 1] = out.put_offsets[cuts]
    return cuts + 1


@njit(cache=True, nogil=True)
def hollow(out: Any, row: int, cuts: int) -> int:
    """1 where the last of the row's cuts changes nothing, else 0."""
    if cuts == out.first[row] or out.starts[cuts - 1] < out.stops[cuts - 1]:
        return 0
    return 1 if out.put_offsets[cuts - 1] == out.put_offsets[cuts] else 0


@njit(cache=True, nogil=True)
def copy(values: Any, start: int, stop: int, out: Any, size: int) -> int:
    """values[start:stop] behind the first `size` bytes of `out`; the new size."""
    for at in range(start, stop):
        out[size + at - start] = values[at]
    return size + stop - start


@njit(cache=True, nogil=True)
def move(flat: Any, first: Any, places: Any) -> Any:
    """int64[places]: where each place of row i, first[i] to first[i + 1], lies after the cuts."""
    moved = np.empty(len(places), np.int64)
    for row in range(len(first) - 1):
        for index in range(first[row], first[row + 1]):
            place = at = np.int64(places[index])
            for cut in range(flat.first[row], flat.first[row + 1]):
                if flat.starts[cut] >= place:
                    break
                put = np.int64(flat.put_offsets[cut + 1]) - flat.put_offsets[cut]
                at += put - (min(place, np.int64(flat.stops[cut])) - flat.starts[cut])
            moved[index] = at
    return moved


@njit(cache=True, nogil=True)
def stay(offsets: Any, values: Any, flat: Any, first: Any) -> Any:
    """bool[media]: whether the mark of each (EF BF BC) lies in no cut; row i has the media first[i] to first[i + 1]."""
    kept = np.ones(first[-1], np.bool_)
    for row in range(len(first) - 1):
        index, cut = first[row], flat.first[row]
        at = offsets[row]
        while index < first[row + 1] and at + 2 < offsets[row + 1]:
            if values[at] == 0xEF and values[at + 1] == 0xBF and values[at + 2] == 0xBC:
                place = at - offsets[row]
                while cut < flat.first[row + 1] and flat.stops[cut] <= place:
                    cut += 1
                kept[index] = cut == flat.first[row + 1] or flat.starts[cut] > place
                index += 1
            at += 1
    return kept


@njit(cache=True, nogil=True)
def count_characters(offsets: Any, values: Any, flat: Any) -> tuple[Any, Any]:
    """(int64[rows], int64[rows]): characters in what is cut and in what is put."""
    cut_out, put_out = np.zeros(len(offsets) - 1, np.int64), np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(cut_out)):
        for cut in range(flat.first[row], flat.first[row + 1]):
            cut_out[row] += characters(
                values, offsets[row] + flat.starts[cut], offsets[row] + flat.stops[cut]
            )
            put_out[row] += characters(flat.puts, flat.put_offsets[cut], flat.put_offsets[cut + 1])
    return cut_out, put_out


@njit(cache=True, nogil=True)
def characters(values: Any, start: int, stop: int) -> int:
    """Code points in values[start:stop]: bytes that continue none."""
    found = 0
    for at in range(start, stop):
        found += values[at] & 0xC0 != 0x80
    return found
