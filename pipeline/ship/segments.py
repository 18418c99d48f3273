"""What a trainer masks by, token for token: segments, positions and loss mask of packs, from their spans."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Masks(NamedTuple):
    """Row for row beside tokens [packs, length]."""

    segments: np.ndarray  # int32: 1, 2, … for the spans of a pack in their order; 0 is padding
    positions: np.ndarray  # int32: from 0 on in each span, and in the padding
    loss: np.ndarray  # bool: this token is a target, to be told from those before it in its span


def masks(spans: pa.ListArray, length: int) -> Masks:
    """The masks of packs of `length` tokens; `spans` list<SPAN>[packs], adjacent from the pack's first token on.

    Attention may go from a token to one of the same segment only. The first token of a span is no target: nothing before
    it belongs to its document, or, in a fragment of one that was cut, to what this pack holds of it. A trainer that shifts
    (logits of token i against token i + 1) shifts the loss mask along.
    """
    held = np.asarray(pc.list_value_length(spans)).astype(np.int64)
    flat = spans.flatten()
    sizes = (np.asarray(flat.field("stop")) - np.asarray(flat.field("start"))).astype(np.int64)
    ends = np.cumsum(held)  # where the padding of each pack is put in between, as an item of its own
    filled = np.diff(np.concatenate([[0], np.cumsum(sizes)])[np.concatenate([[0], ends])])
    sizes = np.insert(sizes, ends, length - filled)
    number = np.arange(len(sizes)) - np.repeat(np.cumsum(held + 1) - (held + 1), held + 1) + 1
    number[np.cumsum(held + 1) - 1] = 0
    first = np.cumsum(sizes) - sizes
    shape = (len(spans), length)
    segments = np.repeat(number.astype(np.int32), sizes).reshape(shape)
    positions = (np.arange(shape[0] * length) - np.repeat(first, sizes)).astype(np.int32).reshape(shape)
    return Masks(segments, positions, (segments > 0) & (positions > 0))


def matrix(tokens: pa.ChunkedArray) -> np.ndarray:
    """[packs, length]: a column of tokens, as a view."""
    column = tokens.combine_chunks()
    size = column.type.list_size
    values = np.asarray(column.values)[column.offset * size : (column.offset + len(column)) * size]
    return values.reshape(len(column), size)
