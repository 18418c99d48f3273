"""Row hashes against plain Python; folds against the order of rows."""

import struct
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.ids import make_ids
from pipeline.data.schemas import DOCUMENTS
from pipeline.kernels import hashing
from tests.oracles import hashing as oracle

seeds = st.integers(-(1 << 63), (1 << 64) - 1)
values = st.lists(st.none() | st.binary(max_size=20), max_size=8)


@given(values, seeds)
def test_a_row_s_hash_is_its_definition(rows, seed):
    hashes = hashing.row_hashes(pa.array(rows, pa.binary()), seed & oracle.MASK)
    assert hashes.tolist() == [oracle.hash_bytes(row, seed & oracle.MASK) for row in rows]


@given(st.lists(st.tuples(st.binary(max_size=9), st.none() | st.binary(max_size=9)), max_size=5), seeds)
def test_chance_is_its_definition(rows, seed):
    columns = [pa.array([row[at] for row in rows], pa.binary()) for at in (0, 1)]
    assert hashing.mix(seed, *columns).tolist() == [oracle.mix(seed & oracle.MASK, *row) for row in rows]


@given(st.lists(st.none() | values, max_size=5), seeds)
def test_a_list_s_hash_is_its_definition(rows, seed):
    hashes = hashing.row_hashes(pa.array(rows, pa.list_(pa.binary())), seed)
    assert hashes.tolist() == [oracle.hash_list(row, seed & oracle.MASK) for row in rows]


@pytest.mark.parametrize(
    ("array", "packed"),
    [
        (pa.array([1, -2], pa.int32()), [struct.pack("<i", 1), struct.pack("<i", -2)]),
        (pa.array([1, 2], pa.uint64()), [struct.pack("<Q", 1), struct.pack("<Q", 2)]),
        (pa.array([0.5, -0.0]), [struct.pack("<d", 0.5), struct.pack("<d", -0.0)]),
        (pa.array([True, False]), [b"\1", b"\0"]),
        (pa.array(["中", ""], pa.large_string()), ["中".encode(), b""]),
        (pa.array([b"ab", b"cd"], pa.binary(2)), [b"ab", b"cd"]),
        (pa.array([1, 2], pa.timestamp("us", "UTC")), [struct.pack("<q", 1), struct.pack("<q", 2)]),
        (pa.array(["a", "b"]).dictionary_encode(), [b"a", b"b"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_a_value_hashes_as_the_bytes_that_arrow_stores(array, packed):
    assert hashing.row_hashes(array, 7).tolist() == [oracle.hash_bytes(one, 7) for one in packed]
    assert hashing.row_hashes(array.slice(1), 7).tolist() == [oracle.hash_bytes(packed[1], 7)]


def test_types_without_bytes_of_their_own_are_refused():
    with pytest.raises(TypeError, match="cannot hash a column of map"):
        hashing.row_hashes(pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())), 0)


def document(number: int) -> dict:
    many = number % 3
    return {
        "id": number.to_bytes(16, "big"),
        "source": f"s{number % 2}",
        "digest": bytes(16),
        "url": None if many else "http://a",
        "date": datetime(2024, 1, 1 + many, tzinfo=UTC) if many else None,
        "text": "中文 " * many,
        "parts": [{"kind": "user", "start": 0, "stop": number}] * many if number % 5 else None,
        "media": [],
        "parents": [bytes(15) + bytes([number])] * many,
        "extra": None,
    }


documents = st.lists(st.integers(0, 20), max_size=8).map(
    lambda numbers: pa.RecordBatch.from_pylist([document(number) for number in numbers], DOCUMENTS)
)


@given(documents, st.randoms(use_true_random=False), st.data())
def test_folds_of_any_partition_in_any_order_add_up(batch, random, data):
    order = list(range(batch.num_rows))
    random.shuffle(order)
    cut = data.draw(st.integers(0, batch.num_rows))
    mixed = batch.take(pa.array(order, pa.int64()))
    assert hashing.add(map(hashing.fold, (mixed.slice(0, cut), mixed.slice(cut)))) == hashing.fold(batch)


@given(documents)
def test_a_changed_field_of_any_kind_changes_the_fold(batch):
    rows = batch.to_pylist()
    changes = {
        "source": "x",
        "url": "http://b",
        "text": "中文  ",
        "parts": [],
        "parents": [bytes(16)],
        "extra": "{}",
    }
    for row in rows[:1]:
        for name, value in changes.items():
            changed = pa.RecordBatch.from_pylist([row | {name: value}, *rows[1:]], DOCUMENTS)
            assert (hashing.fold(changed) == hashing.fold(batch)) == (row[name] == value)


def test_a_row_twice_is_not_a_row_once_and_none_is_zero():
    one = pa.RecordBatch.from_pylist([document(1)], DOCUMENTS)
    two = pa.RecordBatch.from_pylist([document(1)] * 2, DOCUMENTS)
    assert hashing.fold(two) == hashing.add([hashing.fold(one)] * 2) != hashing.fold(one)
    assert hashing.fold(one.slice(1)) == hashing.add([]) == (0, 0)


def test_no_columns_have_no_hash():
    with pytest.raises(ValueError, match="no columns"):
        hashing.mix(0)


def test_chance_is_uniform_over_neighbouring_ids_and_independent_between_seeds():
    ids = make_ids(b"12345678", np.arange(100_000))
    one, other = hashing.mix(0, ids), hashing.mix(1, ids)
    for bits in (one >> np.uint64(56), one & np.uint64(255), (one ^ other) >> np.uint64(56)):
        counts = np.bincount(bits.astype(np.int64), minlength=256)
        assert ((counts - 390.6) ** 2 / 390.6).sum() < 340  # chi squared with 255 degrees: p < 0.0003
    assert len(np.unique(one)) == len(one)


def test_one_bit_of_the_input_turns_half_of_the_output():
    ids = make_ids(b"12345678", np.arange(2_000) * 2)
    neighbours = make_ids(b"12345678", np.arange(2_000) * 2 + 1)
    turned = np.bitwise_count(hashing.mix(3, ids) ^ hashing.mix(3, neighbours))
    assert 31.5 < turned.mean() < 32.5
