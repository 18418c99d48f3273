"""Slice files: each target finds its rows, and no others, with one range read a slice."""

from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import slices
from pipeline.data.store import LocalStore


def batch(*numbers: int, piece: str = "") -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": pa.array(numbers, pa.int64())}).replace_schema_metadata(
        {"piece": piece}
    )


def test_every_target_reads_its_own_slices_in_the_order_of_senders(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    slices.write(store, "one", [("a", batch(1, 2)), ("b", batch(3)), ("a", batch(4))])
    slices.write(store, "two", [("b", batch(5))])
    where = dict(slices.list_targets(store, ["one", "two"], "list"))
    assert list(where) == ["a", "b"]
    assert [one["n"].to_pylist() for one in slices.read(store, where["a"])] == [[1, 2], [4]]
    assert [one["n"].to_pylist() for one in slices.read(store, where["b"])] == [[3], [5]]
    assert [one["n"].to_pylist() for one in slices.read_from(store, ["two", "one"], "b")] == [[5], [3]]
    assert list(slices.read_from(store, ["one"], "c")) == []
    assert set(slices.targets(store, "one")) == {"a", "b"}


def test_a_target_opens_no_footer(tmp_path: Path):
    """Else every target would read every sender's footer: quadratic."""
    store = LocalStore(str(tmp_path))
    slices.write(store, "one", [("a", batch(1)), ("b", batch(2))])
    where = dict(slices.list_targets(store, ["one"], "list"))
    data = Path(store.path("one")).read_bytes()
    Path(store.path("one")).write_bytes(data[:-8] + b"no index")
    assert [one["n"].to_pylist() for one in slices.read(store, where["b"])] == [[2]]


def test_a_sender_with_nothing_to_say_leaves_an_empty_file(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    slices.write(store, "none", [])
    assert slices.targets(store, "none") == {}


def test_metadata_travels_with_a_slice():
    assert slices.decode(slices.encode(batch(1, piece="p"))).schema.metadata == {b"piece": b"p"}


@given(st.lists(st.integers(0, 99), min_size=200, max_size=400), st.integers(0, 190))
def test_a_slice_of_a_large_batch_takes_only_its_own_rows_along(numbers: list[int], start: int):
    large = batch(*numbers)
    small = large.slice(start, 5)
    assert slices.decode(slices.encode(small)).equals(small)
    assert len(slices.encode(small)) < 1000
