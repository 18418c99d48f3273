"""What a worker promises: committed before acknowledged, nothing lost, one result of each id, and no engine or request stops it."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
import zstandard

from pipeline.data.store import LocalStore
from synth import collect, queue_pulsar, segments, submit
from synth.engine import Engine, EngineError, Process
from synth.farm import Farm
from synth.queue import Counts, Letter, open_queue
from synth.requests import Task
from synth.ward import Ward
from synth.work import Post, free_port, work
from synth.worker import Worker
from tests.synth import farms
from tests.synth.conftest import run
from tests.synth.farms import QUICK, double, texts

STEPS = ("received", "journalled", "answered", "written", "published", "acknowledged")
CLEAN: dict[str, Any] = {"checks": {"max_repeated": 1.0, "truncated": True}}


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(str(tmp_path / "farm"))


def finish(
    task: Task, url: str = "", habits: Any = QUICK, make: type[Worker] = Worker, **more: Any
) -> collect.Books:
    """Work until the queue is empty, in this process; the books. Without a URL the worker starts a double of its own."""
    post = Post(task.farm, "double", url, () if url else farms.own_double())
    run(work(post, habits, make, **more))
    books = collect.collect(task)
    assert books.balance
    return books


def test_every_request_has_one_result(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(60), candidates=2, **CLEAN)
    submit.run(task)
    with double() as url:
        books = finish(task, url)
    assert (books.submitted, books.pending, books.dead.total()) == (120, 0, 0)
    assert books.accepted + books.rejected.total() == 120
    assert books.rejected.keys() <= {"control_tokens"}


def test_workers_killed_at_every_step_lose_and_double_nothing(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(100), **CLEAN)
    submit.run(task)
    with double() as url:
        for step in STEPS:
            with farms.worker(task, url, step, 4) as process:
                process.join(60)
                assert process.exitcode == -signal.SIGKILL
        books = finish(task, url)
    assert (books.submitted, books.pending, books.dead.total()) == (100, 0, 0)
    found = [row["request"] for row in documents(task)]
    assert len(found) == len(set(found)) == books.accepted


def documents(task: Task) -> list[dict[str, Any]]:
    rows = []
    for name in task.store.list("documents"):
        with zstandard.open(task.store.path(name), "rb") as file:
            rows += [orjson.loads(line) for line in file.read().splitlines()]
    return rows


def test_a_result_is_committed_before_its_letter_is_acknowledged(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(20), **CLEAN)
    submit.run(task)
    seen: list[tuple[str, str]] = []
    with double() as url:
        finish(task, url, step=lambda step, identifier: seen.append((step, identifier)))
    acknowledged = {one for one in seen if one[0] == "acknowledged"}
    assert len(acknowledged) == 20
    for _, identifier in acknowledged:
        assert [step for step, one in seen if one == identifier] == list(STEPS)


class Leaving(Worker):
    """Told to leave while a segment is on its way to a slow disk."""

    async def publish(self, *arguments: Any) -> None:
        self.leave()
        await super().publish(*arguments)

    def store(self, job: str) -> LocalStore:
        return Slow(super().store(job).root)


class Slow(LocalStore):
    def publish(self, temporary: str, name: str) -> bool:
        time.sleep(1)
        return super().publish(temporary, name)


def test_what_is_being_committed_when_a_worker_leaves_is_neither_lost_nor_written_twice(
    tmp_path: Path, farm: Farm
):
    task = farms.task(tmp_path, farm, texts(80), **CLEAN)
    submit.run(task)
    with double(rate=100) as url:
        books = finish(task, url, make=Leaving)
    assert len(segments.names(task.store)) == 2
    assert 0 < books.pending == run(counted(farm)).waiting
    assert books.delivered_again == 0


async def counted(farm: Farm) -> Counts:
    queue = await open_queue(farm, "double")
    found = await queue.counts()
    await queue.close()
    return found


class Hasty(Worker):
    """Takes each request away once, before anything of it has run."""

    async def take(self, letter: Letter) -> None:
        await super().take(letter)
        if letter.id not in TAKEN_AWAY:
            TAKEN_AWAY.add(letter.id)
            self.flights[letter.key].cancel()


TAKEN_AWAY = set[str]()


def test_a_request_that_is_taken_away_before_it_began_goes_back(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(20), **CLEAN)
    submit.run(task)
    with double() as url:
        books = finish(task, url, make=Hasty)
    assert len(TAKEN_AWAY) == 20
    assert (books.pending, books.dead.total()) == (0, 0)


def test_letters_that_are_none_end_as_unreadable_and_no_worker(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(1), **CLEAN)
    submit.run(task)
    bodies = [b"{", b"[]", b'{"job": "../j", "body": {}}', b'{"job": "j", "body": "text"}', b'{"reference": 1}',
              b'{"job": "j", "body": {}, "parents": [1]}', b'{"job": "j", "body": {}, "custom_id": 7}']  # fmt: skip

    async def send() -> None:
        queue = await open_queue(farm, "double")
        await queue.send([Letter(f"{at:032x}", body) for at, body in enumerate(bodies)], "stranger", 1)
        await queue.close()

    run(send())
    said = [
        queue_pulsar.read(Foreign(given), "normal")
        for given in ({}, {"id": "x"}, {"id": "0" * 32, "life": "y"})
    ]
    assert said == [None] * 3
    with double() as url:
        run(work(Post(farm, "double", url), QUICK))
    assert run(counted(farm)) == Counts(0, 0, 0, len(bodies))


def test_twins_that_come_while_the_first_is_asked_are_not_asked_again(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(10), **CLEAN)
    submit.run(task)
    asked = Counter[str]()

    async def twice() -> None:
        queue = await open_queue(farm, "double")
        letters = [one for _ in range(10) if (one := await queue.receive(0))]
        await queue.send(letters, "twins", 1)
        await queue.close()

    run(twice())
    with double() as url:
        books = finish(
            task, url, step=lambda step, identifier: asked.update([identifier] * (step == "answered"))
        )
    assert set(asked.values()) == {1}
    assert books.submitted == 10
    assert books.delivered_again == 0


# Engines


@pytest.mark.parametrize(
    ("fault", "reason"), [("garbage", "garbage"), ("busy", "engine_busy"), ("refuse", "refused")]
)
def test_a_request_that_fails_each_time_is_dead_with_its_reason(
    tmp_path: Path, farm: Farm, fault: str, reason: str
):
    task = farms.task(tmp_path, farm, [*texts(10), *texts(1, f"[[{fault}]]")], **CLEAN)
    submit.run(task)
    with double() as url:
        books = finish(task, url)
    assert books.dead == {reason: 1}
    (one,) = collect.dead(task)
    assert one["attempt"] == (0 if fault == "refuse" else QUICK.attempts - 1)


def test_a_request_over_its_deadline_is_tried_again_then_dead(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, [*texts(10), *texts(1, "[[hang]]")], **CLEAN)
    submit.run(task)
    with double() as url:
        books = finish(task, url, replace(QUICK, deadline_seconds=0.5, attempts=2, stall_seconds=60))
    assert books.dead == {"deadline": 1}


def test_a_poisoned_engine_is_started_again_and_its_poison_found(tmp_path: Path, farm: Farm):
    """The poison kills the engine while others are in hand, then alone: it is dead, they are not."""
    task = farms.task(tmp_path, farm, [*texts(40), *texts(1, "[[die]]")], **CLEAN)
    submit.run(task)
    books = finish(task)
    assert books.dead == {"killed_engine": 1}
    assert collect.dead(task)[0]["custom_id"].endswith(":41")


@pytest.mark.parametrize("mode", ["hang", "sleep", "locked"])
def test_an_engine_that_answers_nobody_is_left_alone_until_it_does(tmp_path: Path, farm: Farm, mode: str):
    """It hangs, sleeps, or wants another key, and serves its pages all the while; nobody dies of it."""
    task = farms.task(tmp_path, farm, texts(30), **CLEAN)
    submit.run(task)

    async def body() -> None:
        with double() as url:
            await asyncio.to_thread(farms.command, url, mode)
            habits = replace(QUICK, stall_seconds=0.5)
            working = asyncio.create_task(work(Post(farm, "double", url), habits))
            await asyncio.sleep(1.5)
            assert not working.done()
            await asyncio.to_thread(farms.command, url, "ok")
            await working

    run(body())
    books = collect.collect(task)
    assert (books.dead.total(), books.pending) == (0, 0)


def test_an_engine_that_loads_ends_with_the_worker_that_started_it(tmp_path: Path, farm: Farm):
    submit.run(farms.task(tmp_path, farm, texts(1)))
    note = tmp_path / "pid"
    loading = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    async def body() -> None:
        working = asyncio.create_task(work(Post(farm, "double", command=(sys.executable, "-c", loading))))
        await asyncio.to_thread(wait_for, lambda: note.exists() and note.read_text())
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(asyncio.CancelledError):
            await working

    run(body())
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def start_and_die(port: int, log: str) -> None:
    async def start() -> None:
        own = Process(farms.own_double(), port, {}, log)
        async with Engine(own.url) as engine:
            await own.start(engine, "double")

    asyncio.run(start())
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(
    sys.platform != "linux", reason="not run: needs Linux, where a process can be tied to another"
)
def test_an_engine_ends_with_a_worker_that_is_killed(tmp_path: Path):
    port, log = free_port(), tmp_path / "log"
    with farms.process(start_and_die, port, str(log)) as one:
        one.join()
        assert one.exitcode == -signal.SIGKILL
    assert log.exists()
    until = time.monotonic() + 60
    while farms.answers(port):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_an_engine_of_another_model_is_refused(tmp_path: Path, farm: Farm):
    submit.run(farms.task(tmp_path, farm, texts(1)))
    with double(model="other") as url, pytest.raises(EngineError, match="serves other, not double"):
        run(work(Post(farm, "double", url)))


def test_no_engine_is_refused(tmp_path: Path, farm: Farm):
    submit.run(farms.task(tmp_path, farm, texts(1)))
    with pytest.raises(EngineError, match="no OpenAI server answers"):
        run(work(Post(farm, "double", "http://127.0.0.1:9")))


# Poison


def test_a_request_that_kills_its_worker_kills_no_second_one(tmp_path: Path, farm: Farm):
    """A worker dies of it. The next asks what the dead one held through a child, which dies in its place."""
    task = farms.task(tmp_path, farm, [*texts(1, "poison"), *texts(5)], **CLEAN)
    submit.run(task)
    (tmp_path / "ward.py").write_text(WARD)
    with double() as url:
        with farms.worker(task, url, "answered", 1) as process:
            process.join(60)
            assert process.exitcode == -signal.SIGKILL
        books = finish(task, url, ward=Ward(url, (sys.executable, str(tmp_path / "ward.py"))))
    assert books.dead == {"killed_engine": 1}
    assert books.pending == 0


def test_the_ward_has_the_engines_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")

    async def body(url: str) -> None:
        ward = Ward(url)
        answer = await ward.complete({"model": "double", "messages": [{"content": "Hello"}], "max_tokens": 4})
        await ward.close()
        assert answer.text

    with double() as url:
        farms.command(url, "locked")
        run(body(url))


WARD = """
import sys
print(flush=True)
for line in sys.stdin:
    if "poison" in line:
        sys.exit(3)
    number = int(line.split(",")[0].split(":")[1])
    answer = '{"text":"fine words all of them","thought":"","finish":"stop","prompt_tokens":1,"completion_tokens":1}'
    print(f'{{"n":{number},"answer":{answer}}}', flush=True)
"""


# The store


class FullThrice(Worker):
    """Its disk is full at the first three commits. `asked`: letters received before each."""

    asked: ClassVar[list[int]] = []

    def store(self, job: str) -> LocalStore:
        FullThrice.asked.append(RECEIVED.total())
        store = super().store(job)
        return farms.Full(store.root) if len(FullThrice.asked) <= 3 else store


RECEIVED = Counter[str]()


def test_a_full_disk_stops_the_asking_and_loses_nothing(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(200), **CLEAN)
    submit.run(task)
    with double(rate=200) as url:
        books = finish(
            task, url, replace(QUICK, delay_seconds=0.3), FullThrice,
            step=lambda step, identifier: RECEIVED.update([identifier] * (step == "received")),
        )  # fmt: skip
    _, second, _, fourth, *_ = FullThrice.asked
    assert fourth - second <= 1  # the one that was on its way
    assert fourth < 200
    assert (books.pending, books.dead.total(), books.delivered_again) == (0, 0, 0)


def test_a_store_that_cannot_be_written_is_refused_at_once(tmp_path: Path, farm: Farm):
    submit.run(farms.task(tmp_path, farm, texts(1)))
    (tmp_path / "farm/tmp").touch()
    with pytest.raises(EngineError, match="results cannot be written here"):
        run(work(Post(farm, "double", "http://127.0.0.1:9")))


# Leaving


def test_a_preempted_worker_gives_back_what_is_unfinished_and_commits_the_rest(tmp_path: Path, farm: Farm):
    """SIGTERM with requests at a slow engine: gone within its yield, its results kept, the others waiting for the next worker."""
    slow = [*texts(8), *texts(8, "[[hang]]")]
    task = farms.task(tmp_path, farm, slow, **CLEAN)
    submit.run(task)
    with double() as url, farms.worker(task, url) as process:
        wait_for(
            lambda: sum(segments.read_tally(task.store, one).rows for one in segments.names(task.store)) == 8
        )
        begin = time.monotonic()
        os.kill(process.pid or 0, signal.SIGTERM)
        process.join(60)
        assert process.exitcode == 0
        assert time.monotonic() - begin < QUICK.max_yield_seconds + 10
    books = collect.collect(task)
    assert (books.pending, books.dead.total()) == (8, 0)
    assert os.listdir(f"{farm.store}/journal") == []

    async def left() -> list[tuple[int, int]]:
        queue = await open_queue(farm, "double")
        found = [(one.attempt, one.crashes) for _ in range(9) if (one := await queue.receive(0.2))]
        await queue.close()
        return found

    assert run(left()) == [(0, 0)] * 8


class Foreign:
    """A message that some other program sent."""

    def __init__(self, said: dict[str, str]) -> None:
        self.properties = lambda: said


def wait_for(found: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_worker_that_is_to_finish_takes_nothing_more_and_finishes_what_it_has(tmp_path: Path, farm: Farm):
    task = farms.task(tmp_path, farm, texts(1_000), **CLEAN)
    submit.run(task)
    with double(rate=20) as url, farms.worker(task, url) as process:
        wait_for(lambda: segments.names(task.store))
        os.kill(process.pid or 0, signal.SIGUSR1)
        process.join(60)
        assert process.exitcode == 0
    books = collect.collect(task)
    assert 0 < books.pending < 1_000
    assert books.accepted + books.rejected.total() + books.pending == 1_000
