"""Parquet files: bounded row groups, checked pages, one name."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.data import tables
from pipeline.data.store import LocalStore

SCHEMA = pa.schema([("id", pa.binary(16)), ("n", pa.int64())])


def rows(*numbers: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([n.to_bytes(16, "big") for n in numbers], pa.binary(16)), pa.array(numbers)], schema=SCHEMA
    )


def test_batches_come_back_as_they_were_written(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    with tables.TableWriter(store, SCHEMA) as writer:
        writer.write(rows(1, 2))
        writer.write(rows(3))
        writer.publish("t.parquet")
    assert [batch["n"].to_pylist() for batch in tables.batches(store, "t.parquet")] == [[1, 2], [3]]
    assert tables.read(store, "t.parquet", ["n"])["n"].to_pylist() == [1, 2, 3]


def test_equal_rows_are_equal_bytes(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    for name in ("one", "two"):
        tables.write(store, rows(*range(1000)), name)
    assert store.read("one") == store.read("two")


def test_a_flipped_bit_is_found_on_reading_and_the_file_is_named(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    tables.write(store, rows(*range(1000)), "t")
    data = bytearray(store.read("t"))
    data[200] ^= 1
    Path(store.path("t")).write_bytes(bytes(data))
    with pytest.raises(OSError, match=r"^t: "):
        tables.read(store, "t")


def test_an_empty_table_is_one_empty_batch(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    with tables.TableWriter(store, SCHEMA) as writer:
        writer.publish("none")
    assert tables.as_batch(tables.read(store, "none")).num_rows == 0


@pytest.mark.parametrize("mask", [[True, False, True], [True, None, True], [None] * 3, [False] * 3])
def test_rows_are_kept_where_a_mask_is_true(mask: list[bool | None]):
    found = tables.kept(rows(1, 2, 3), pa.array(mask, pa.bool_()))
    assert found["n"].to_pylist() == [n for n, one in zip((1, 2, 3), mask, strict=True) if one]


def test_a_batch_that_is_kept_whole_is_not_copied():
    every = rows(1, 2, 3)
    assert tables.kept(every, pa.array([True] * 3)) is every
    assert tables.kept(rows(), pa.array([], pa.bool_())).num_rows == 0
