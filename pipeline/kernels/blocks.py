"""Lines or paragraphs of texts, each with a 64-bit hash of its characters; white space around a line is no part of it."""

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from pipeline.kernels.hashing import finish, hash_stretch, stir
from pipeline.kernels.lines import read_line
from pipeline.kernels.text import buffers, classes

SEED = np.uint64(0x626C6F636B)  # any


def find_blocks(
    texts: pa.StringArray, paragraphs: bool, least: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(first int64[texts + 1], keys uint64[blocks], places int32[2, blocks]) of the blocks of at least so many tokens.

    Text i has the blocks first[i] to first[i + 1]. places: start and stop in bytes of the text; a block reaches to where the
    next one begins, so that its newline, and blank lines behind a paragraph, go with it.
    """
    offsets, values = buffers(texts)
    room = int(np.count_nonzero(values[offsets[0] : offsets[-1]] == ord("\n"))) + len(texts)
    first = np.zeros(len(texts) + 1, np.int64)
    keys, places = np.empty(room, np.uint64), np.empty((2, room), np.int32)
    walk((offsets, values), classes(), (paragraphs, least), first, keys, places)
    return first, keys[: first[-1]], places[:, : first[-1]]


@njit(cache=True, nogil=True)
def walk(texts: Any, tables: Any, asked: Any, first: Any, keys: Any, places: Any) -> None:
    """Fill `first`, `keys` and `places`. Of the block so far: where it begins, its tokens, its hash; `open`: it has a line."""
    (offsets, values), (paragraphs, least) = texts, asked
    found = 0
    for document in range(len(offsets) - 1):
        base, end = offsets[document], offsets[document + 1]
        at = begin = base
        tokens, state = 0, SEED
        is_open = ended = False
        while at < end:
            line, after = read_line(values, tables, at, end)
            blank = line.characters == 0
            if is_open and not blank and (ended or not paragraphs):
                found = close(keys, places, found, (begin - base, at - base, tokens, least), state)
                is_open = False
            if blank:
                ended = is_open
            else:
                if not is_open:
                    begin, tokens, state = at, 0, SEED
                    is_open, ended = True, False
                tokens += line.words
                state = stir(state, hash_stretch(values, line.start, line.stop, SEED))
            if is_open and blank and not paragraphs:
                found = close(keys, places, found, (begin - base, at - base, tokens, least), state)
                is_open = False
            at = after
        if is_open:
            found = close(keys, places, found, (begin - base, end - base, tokens, least), state)
        first[document + 1] = found


@njit(cache=True, nogil=True)
def close(keys: Any, places: Any, found: int, block: Any, state: Any) -> int:
    """Write one block down, if it is long enough; how many there are now."""
    start, stop, tokens, least = block
    if tokens < least:
        return found
    keys[found], places[0, found], places[1, found] = finish(state), start, stop
    return found + 1
