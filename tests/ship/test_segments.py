"""Masks of packs against a naive twin that goes token by token."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import schemas
from pipeline.ship.segments import masks, matrix

LENGTH = 12
sizes = st.lists(st.integers(1, LENGTH), max_size=LENGTH).map(
    lambda drawn: [size for end, size in zip(np.cumsum(drawn), drawn, strict=True) if end <= LENGTH]
)
Rows = list[list[int]]


def spans_of(packs: Rows) -> pa.ListArray:
    """Adjacent spans of these sizes."""
    return pa.array(
        [
            [
                {
                    "id": bytes(16),
                    "source": "a",
                    "copy": 0,
                    "start": int(end) - size,
                    "stop": int(end),
                    "at": 0,
                }
                for end, size in zip(np.cumsum(pack), pack, strict=True)
            ]
            for pack in packs
        ],
        pa.list_(schemas.SPAN),
    )


def naive(packs: Rows) -> tuple[Rows, Rows, list[list[bool]]]:
    segments, positions, loss = [], [], []
    for pack in packs:
        parts = [*enumerate(pack, 1), (0, LENGTH - sum(pack))]
        segments.append([number for number, size in parts for _ in range(size)])
        positions.append([at for _, size in parts for at in range(size)])
        loss.append([number > 0 and at > 0 for number, size in parts for at in range(size)])
    return segments, positions, loss


@given(st.lists(sizes, max_size=5))
def test_masks_are_those_of_the_twin(packs: Rows):
    found = masks(spans_of(packs), LENGTH)
    assert tuple(one.tolist() for one in found) == naive(packs)
    assert [one.dtype for one in found] == [np.int32, np.int32, bool]


@given(st.lists(sizes, min_size=2, max_size=5))
def test_a_slice_of_packs_has_the_masks_of_its_packs(packs: Rows):
    found = masks(spans_of(packs)[1:], LENGTH)
    assert tuple(one.tolist() for one in found) == naive(packs[1:])


def test_an_example_worked_by_hand():
    found = masks(spans_of([[3, 1, 5]]), LENGTH)
    assert found.segments.tolist() == [[1, 1, 1, 2, 3, 3, 3, 3, 3, 0, 0, 0]]
    assert found.positions.tolist() == [[0, 1, 2, 0, 0, 1, 2, 3, 4, 0, 1, 2]]
    assert found.loss.astype(int).tolist() == [[0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0]]


def test_a_column_of_tokens_as_a_matrix():
    column = pa.chunked_array([[[1, 2], [3, 4]], [[5, 6]]], pa.list_(pa.uint16(), 2))
    assert matrix(column).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert matrix(column.slice(1)).tolist() == [[3, 4], [5, 6]]
    assert matrix(column.slice(3)).shape == (0, 2)
