"""Everything that goes wrong, at once: the books balance, and each request has exactly one result."""

import os
import signal
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from pipeline.data import tables
from synth import collect, segments, submit
from synth.farm import Farm
from synth.queue import Letter, open_queue
from synth.requests import Task
from tests.synth import farms
from tests.synth.broker import Broker
from tests.synth.conftest import run
from tests.synth.farms import double, texts
from tests.synth.test_worker import CLEAN, STEPS, documents

PATIENT = 100  # attempts: an engine that answers garbage for seconds may not use them up
LIMIT_SECONDS = 900  # for 2,000 requests; five times that for 100,000


@pytest.fixture(params=[2_000, pytest.param(100_000, marks=pytest.mark.soak)])
def count(request: pytest.FixtureRequest, farm: Farm) -> int:
    """Requests; a quarter of them on SQLite, which has no broker to kill."""
    return int(request.param) if farm.pulsar else int(request.param) // 4


def test_the_books_balance_whatever_fails(
    farm: Farm, tmp_path: Path, request: pytest.FixtureRequest, count: int
):
    """Three workers; the broker is killed, workers die at every step, letters come twice, one engine hangs and then babbles, a
    disk fills, workers join and leave.
    """
    task = farms.task(tmp_path, farm, texts(count), **CLEAN)
    submit.run(task)
    run(send_again(task, count // 20))
    with ExitStack() as stack:
        rates = (2_000, 2_000, 5)  # the third may not finish the work before the others have died
        urls = [stack.enter_context(double(rate)) for rate in rates]
        farms.command(urls[1], "hang")
        stay = {"attempts": PATIENT}
        stack.enter_context(farms.worker(task, urls[1], **stay))
        stack.enter_context(farms.worker(task, urls[2], full_seconds=2, **stay))
        for step in STEPS:
            with farms.worker(task, urls[0], step, 25, **stay) as process:
                process.join(120)
                assert process.exitcode == -signal.SIGKILL
            if step == STEPS[1]:
                farms.command(urls[1], "garbage")
            if step == STEPS[3] and farm.pulsar:
                broker: Broker = request.getfixturevalue("broker")
                broker.kill()
                broker.start()
        farms.command(urls[1], "ok")
        leaving = stack.enter_context(farms.worker(task, urls[0], **stay))
        stack.enter_context(farms.worker(task, urls[0], **stay))
        wait_for_rows(task, count * 3 // 4)
        os.kill(leaving.pid or 0, signal.SIGTERM)
        leaving.join(60)
        assert leaving.exitcode in (0, -signal.SIGTERM)  # it may have been told before it had begun
        books = settled(task)
    assert (books.submitted, books.pending, books.dead.total()) == (count, 0, 0)
    assert books.accepted + books.rejected["control_tokens"] == count
    found = [one["request"] for one in documents(task)]
    assert len(found) == len(set(found)) == books.accepted


async def send_again(task: Task, count: int) -> None:
    """Some letters a second time, as a sender that forgot would."""
    rows = tables.read(task.store, "requests/000000.parquet").to_pylist()[:count]
    queue = await open_queue(task.farm, task.job.variant)
    await queue.send([Letter(one["id"].hex(), one["body"]) for one in rows], "forgetful", 1)
    await queue.close()


def limit(count: int) -> float:
    """When so many requests are given up, by the monotonic clock."""
    return time.monotonic() + LIMIT_SECONDS * max(1, count // 20_000)


def wait_for_rows(task: Task, wanted: int) -> None:
    until = limit(wanted)
    rows = cache(lambda name: segments.read_tally(task.store, name).rows)  # a segment never changes
    while sum(map(rows, segments.names(task.store))) < wanted:
        assert time.monotonic() < until
        time.sleep(0.2)


def settled(task: Task) -> collect.Books:
    """The books, once nothing is pending."""
    count = len(collect.submitted(task.store))
    wait_for_rows(task, count)
    until = limit(count)
    while (books := collect.collect(task)).pending:
        assert books.balance
        assert time.monotonic() < until, books
        time.sleep(max(1, count // 10_000))  # each look collects
    assert books.balance
    return books
