"""Receipts: the first published stands, and a damaged one is named."""

from pathlib import Path

import pytest

from pipeline.data import receipts
from pipeline.data.receipts import Receipt
from pipeline.data.store import LocalStore


def test_the_first_receipt_stands_and_the_second_writer_is_given_it(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    first = receipts.publish(store, Receipt("step/key", {"rows": 1}, {"f": "aa"}))
    assert receipts.publish(store, Receipt("step/key", {"rows": 2})) == first
    assert receipts.find(store, "step/key") == first == receipts.get(store, "step/key")


def test_a_step_that_was_not_done_has_no_receipt(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    assert receipts.find(store, "nothing") is None
    with pytest.raises(FileNotFoundError, match=r"receipts/nothing\.json"):
        receipts.get(store, "nothing")


def test_a_damaged_receipt_is_an_error_that_names_it(tmp_path: Path):
    store = LocalStore(str(tmp_path))
    store.put(b'{"of": "st', "receipts/step.json")
    with pytest.raises(ValueError, match=r"receipts/step\.json: damaged receipt"):
        receipts.find(store, "step")


def test_a_receipt_holds_nothing_of_time_or_place(tmp_path: Path):
    for folder in ("one", "two"):
        receipts.publish(LocalStore(str(tmp_path / folder)), Receipt("s", {"rows": 3}, {"file": "d"}))
    assert (tmp_path / "one/receipts/s.json").read_bytes() == (tmp_path / "two/receipts/s.json").read_bytes()
