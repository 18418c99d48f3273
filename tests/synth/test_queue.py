"""The contract of queues, on a SQLite file and on a real Pulsar broker: `synth.queue.Queue`."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipeline import forms
from synth import queue_pulsar
from synth.farm import Farm, Pulsar
from synth.queue import Counts, Letter, Queue, QueueError, open_queue
from tests.synth import farms
from tests.synth.broker import Broker
from tests.synth.conftest import run

WAIT = 20.0  # for what must come
SHORT = 1.0  # for what must not


def letters(count: int, first: int = 0) -> list[Letter]:
    return [Letter(f"{number:032x}", f"body {number}".encode()) for number in range(first, first + count)]


async def drained(queue: Queue, wait: float = SHORT) -> list[Letter]:
    """All letters, acknowledged."""
    found = []
    while letter := await queue.receive(wait):
        found.append(letter)
        await queue.ack([letter])
    return found


async def settled(queue: Queue, wanted: Counts) -> Counts:
    """The counts, once they are as wanted: a broker counts with some delay."""
    until = time.monotonic() + WAIT
    while (found := await queue.counts()) != wanted and time.monotonic() < until:  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(0.1)
    return found


def test_what_was_sent_comes_once_with_all_that_it_says(farm: Farm):
    async def body() -> None:
        queue = await open_queue(farm, "v", create=True)
        sent = [replace(one, attempt=2, crashes=1, life=3) for one in letters(20)]
        await queue.send(sent, "sender", 1)
        assert await settled(queue, Counts(20, 0, 0, 0)) == Counts(20, 0, 0, 0)
        assert sorted(await drained(queue), key=lambda one: one.id) == sent
        assert await settled(queue, Counts(0, 0, 0, 0)) == Counts(0, 0, 0, 0)
        await queue.close()
        again = await open_queue(farm, "v")
        assert await drained(again) == []
        await again.close()

    run(body())


def test_a_sender_that_repeats_itself_adds_only_what_is_new(farm: Farm):
    async def body() -> None:
        for part in (letters(10), letters(15), letters(5)):
            queue = await open_queue(farm, "v", create=True)
            await queue.send(part, "sender", 1)
            await queue.close()
        queue = await open_queue(farm, "v", create=True)
        await queue.send(letters(3, 100), "another", 1)
        assert sorted(one.id for one in await drained(queue)) == [
            one.id for one in [*letters(15), *letters(3, 100)]
        ]
        await queue.close()

    run(body())


def test_what_is_not_acknowledged_comes_again_to_another(farm: Farm):
    async def body() -> None:
        one = await open_queue(farm, "v", create=True)
        await one.send(letters(3), "sender", 1)
        held = [await one.receive(WAIT) for _ in range(3)]
        await one.ack([held[0]])  # type: ignore[list-item]  # it came
        await one.close()
        other = await open_queue(farm, "v")
        assert sorted(letter.id for letter in await drained(other, 3)) == sorted(
            letter.id for letter in held[1:] if letter
        )
        await other.close()

    run(body())


HOLD = """
import asyncio, sys
from synth import farm
from synth.queue import open_queue
async def hold():
    queue = await open_queue(farm.read(sys.argv[1]), "v")
    for _ in range(3):
        assert await queue.receive(60)
    print("held", flush=True)
    await asyncio.sleep(600)
asyncio.run(hold())
"""


def test_what_a_killed_worker_held_comes_to_another_as_it_was(farm: Farm, tmp_path: Path):
    file = farms.write(tmp_path / "farm.yaml", forms.dump(farm))

    async def body() -> None:
        queue = await open_queue(farm, "v", create=True)
        await queue.send(letters(3), "sender", 1)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, "-c", HOLD, file]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:  # noqa: ASYNC220
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == b"held\n"
            assert await queue.receive(SHORT) is None
            process.kill()
        found = [await queue.receive(WAIT) for _ in range(3)]
        assert sorted(found, key=lambda one: one.id if one else "") == letters(3)
        await queue.close()

    run(body())


def test_handed_back_letters_come_again_as_they_were(farm: Farm):
    async def body() -> None:
        queue = await open_queue(farm, "v", create=True)
        await queue.send(letters(1), "sender", 1)
        letter = await queue.receive(WAIT)
        assert letter
        await queue.hand_back(letter)
        assert await queue.receive(WAIT) == letter
        await queue.close()

    run(body())


def test_a_retry_comes_later_in_the_place_of_the_first(farm: Farm):
    async def body() -> None:
        queue = await open_queue(farm, "v", create=True)
        await queue.send(letters(1), "sender", 1)
        letter = await queue.receive(WAIT)
        assert letter
        begin = time.monotonic()
        await queue.retry(letter, replace(letter, attempt=1), 2.0)
        assert (await settled(queue, Counts(0, 0, 1, 0))).delayed == 1
        again = await queue.receive(WAIT)
        assert time.monotonic() - begin > 1.5
        assert again == replace(letter, attempt=1)
        assert await queue.receive(SHORT) is None
        await queue.close()

    run(body())


def test_the_urgent_go_first(farm: Farm):
    async def body() -> None:
        queue = await open_queue(farm, "v", create=True)
        await queue.send(letters(10), "sender", 1)
        await queue.send([replace(one, lane="urgent") for one in letters(5, 50)], "other", 1)
        assert await queue.receive(WAIT)  # a broker sends the first of each lane as soon as it is asked
        await asyncio.sleep(1)
        lanes = [one.lane for one in await drained(queue)]
        assert len(lanes) == 14
        assert (
            lanes[:6].count("urgent") == 4
        )  # a busy broker may be late twice; lanes in turn give three of six
        await queue.close()

    run(body())


def test_the_buried_come_no_more_and_are_counted(farm: Farm):
    async def body() -> None:
        queue = await open_queue(farm, "v", create=True)
        await queue.send(letters(2), "sender", 1)
        letter = await queue.receive(WAIT)
        assert letter
        await queue.bury(letter, "poison")
        assert len(await drained(queue)) == 1
        assert await settled(queue, Counts(0, 0, 0, 1)) == Counts(0, 0, 0, 1)
        await queue.close()

    run(body())


def test_a_queue_that_was_never_made_is_refused(farm: Farm):
    with pytest.raises(QueueError, match="submit a job first"):
        run(open_queue(farm, "v"))


# What only a broker can do


def with_token(farm: Farm, broker: Broker, subject: str, seconds: int | None = None) -> Farm:
    assert farm.pulsar
    return replace(farm, pulsar=broker.farm(subject, farm.pulsar.namespace, seconds))


@pytest.mark.engine("Pulsar")
@pytest.mark.parametrize(("subject", "seconds"), [("stranger", None), ("admin", -60)])
def test_a_stranger_and_an_expired_token_are_refused_at_once(
    broker: Broker, tmp_path: Path, subject: str, seconds: int | None
):
    """The client itself would try for half a minute and say only that it was too late."""
    farm = Farm(str(tmp_path), broker.farm(namespace="guarded"))
    run(open_and_close(farm))
    with pytest.raises(QueueError, match=r"token .* is wrong, expired or lacks a grant"):
        run(open_queue(with_token(farm, broker, subject, seconds), "v"), 10)


async def open_and_close(farm: Farm) -> None:
    await (await open_queue(farm, "v", create=True)).close()


@pytest.mark.engine("Pulsar")
def test_a_topic_without_its_subscription_is_refused(broker: Broker, tmp_path: Path):
    farm = Farm(str(tmp_path), broker.farm(namespace="bare"))
    run(open_and_close(farm))
    assert farm.pulsar
    queue_pulsar.admin(farm.pulsar, "DELETE", "persistent/farm/bare/v-normal/subscription/work")
    with pytest.raises(QueueError, match="has no subscription 'work'"):
        run(open_queue(farm, "v"), 10)


@pytest.mark.engine("Pulsar")
def test_a_message_that_is_no_letter_is_buried(broker: Broker, tmp_path: Path):
    farm = Farm(str(tmp_path), broker.farm(namespace="foreign"))

    async def body() -> None:
        queue = await open_queue(farm, "v", create=True)
        await (await queue.producer("normal")).send(b"from elsewhere", {"some": "property"})  # type: ignore[attr-defined]  # Pulsar's
        await queue.send(letters(1), "sender", 1)
        assert await drained(queue, 5) == []  # it ends at the buried one
        assert await drained(queue, 5) == letters(1)
        assert await settled(queue, Counts(0, 0, 0, 1)) == Counts(0, 0, 0, 1)
        await queue.close()

    run(body())


@pytest.mark.engine("Pulsar")
def test_letters_outlive_a_kill_of_the_broker(broker: Broker, tmp_path: Path):
    """Sent during the outage, held over it, acknowledged before it: the first two come, the last does not."""
    farm = Farm(str(tmp_path), broker.farm(namespace="killed"))

    async def body() -> None:
        queue = await open_queue(farm, "v", create=True)
        await queue.send(letters(30), "sender", 1)
        done = [one for _ in range(20) if (one := await queue.receive(WAIT))]
        await queue.ack(done[:15])
        await asyncio.sleep(1)
        broker.kill()
        sending = asyncio.create_task(queue.send(letters(31, 0)[30:], "sender", 31))
        await asyncio.to_thread(broker.start)
        await sending
        left = {one.id for one in await drained(queue, 10)}
        assert left == {one.id for one in letters(31)} - {one.id for one in done[:15]}
        await queue.close()

    run(body(), 400)


class Restarting(BaseHTTPRequestHandler):
    """Answers as a broker whose storage is not back yet: twice that it cannot serve, then what was asked."""

    left = 2

    def do_GET(self) -> None:
        type(self).left -= 1
        body = b'["standalone"]' if self.left < 0 else b"not enough bookies"
        self.send_response(200 if self.left < 0 else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_broker_that_is_starting_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queue_pulsar.time, "sleep", lambda _: None)
    with HTTPServer(("127.0.0.1", 0), Restarting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        broker = Pulsar("pulsar://127.0.0.1:1", f"http://127.0.0.1:{server.server_port}")
        assert queue_pulsar.admin(broker, "GET", "clusters") == ["standalone"]
        Restarting.left = 10**6
        monkeypatch.setattr(queue_pulsar, "STARTING_SECONDS", 0.0)
        with pytest.raises(queue_pulsar.StartingError, match="not enough bookies"):
            queue_pulsar.admin(broker, "GET", "clusters")
        server.shutdown()
