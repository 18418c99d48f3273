"""Who pays for a worker's GPUs: the jobs in hand, by their rows; nobody for idle hours, nobody twice."""

import pytest

from synth.bill import Bill


def test_every_busy_second_is_owed_once_and_idle_ones_by_nobody():
    bill = Bill(gpus=2)
    bill.busy(0)
    bill.share(10, {"a": 3, "b": 1})
    assert (
        bill.owed.pop("a") == 15
    )  # b's segment cannot be published: it still owes its own, and a nothing more
    bill.share(20, {"a": 1, "b": 1})
    assert (bill.owed["a"], bill.owed["b"]) == (10, 15)
    bill.idle(30)
    bill.idle(40)
    bill.busy(10_000)
    bill.share(10_010, {})
    bill.busy(10_020)
    bill.share(10_030, {"c": 1})
    assert bill.owed["c"] == 2 * (10 + 30)
    assert bill.owed.total() == pytest.approx(25 + 80)
