"""One worker beside one engine: letters in, committed segments out. A letter is acknowledged after its row is committed.

The life of a letter: received → noted in the journal → asked → its row in the buffer → segment published → acknowledged. A kill
between any two of these makes it come again, never vanish; collecting keeps one result of each id.

What kills an engine or worker is found by isolation. A letter that was in hand at a crash is asked again among an eighth as many
others as before, then an eighth of that, at last alone: who is alone at a crash, and was at one before, is dead. Where a *worker*
died with it in hand, it is asked through the ward, a child process that may die in the worker's place.
"""

import asyncio
import logging
import signal
import time
from asyncio import Task
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import TypeAdapter

from pipeline.data.store import LocalStore
from synth import farm as farms
from synth import segments
from synth.bill import Bill
from synth.engine import Answer, Engine, Failed, Lost, Process, Refused, RequestError
from synth.farm import Farm
from synth.journal import Journal
from synth.queue import Letter, Queue, QueueError
from synth.ward import Ward

LOG = logging.getLogger("winnow.synth")
ISOLATION = 8  # a letter of c crashes is asked among at most in_flight / 8^c others
MAX_DEATHS = 8  # workers that died with a letter in hand: the ward does not help, or the machines are sick
REMEMBERED = 20_000  # ids done lately: what is delivered twice at once is not asked twice
RECEIVE_SECONDS = 0.5
SETTLE_SECONDS = 2.0  # that the queue is given to take back what is given up
RESTART_SECONDS = (1, 5, 30, 120)  # before the engine is started again; the last for all later ones
SLEEPING = ("vllm:engine_sleep_state:weights_offloaded", "vllm:engine_sleep_state:discard_all")
TOKENS = "vllm:generation_tokens_total"


@dataclass(frozen=True)
class Habits:
    """How a worker works."""

    in_flight: int
    deadline_seconds: float = 1_800.0  # of one attempt; 32k tokens at 20 a second are 1,600 s
    attempts: int = 5
    delay_seconds: float = 2.0  # before the second attempt; doubled for each further one
    max_delay_seconds: float = 300.0
    commit_seconds: float = 5.0
    commit_rows: int = 1_000
    max_yield_seconds: float = 20.0  # a preempting serving pod waits exactly this long
    probe_seconds: float = 5.0
    stall_seconds: float = (
        120.0  # no answer and no token for so long, with requests in hand: the engine hangs
    )
    stop_when_empty: bool = False

    def delay(self, attempt: int) -> float:
        """Seconds before attempt number `attempt`, counted from 0."""
        return min(self.max_delay_seconds, self.delay_seconds * 2 ** (attempt - 1))


class Asked(Protocol):
    """An engine, or the ward before it."""

    async def ready(self) -> None:
        """When it can be asked."""

    async def complete(self, body: Mapping[str, Any]) -> Answer:
        """See Engine.complete."""


class Metrics:
    """What Prometheus sees of a worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.outcomes = Counter("winnow_synth_outcomes", "Ends of attempts", ["outcome"], registry=registry)
        self.tokens = Counter("winnow_synth_tokens", "Tokens of answers", ["kind"], registry=registry)
        self.seconds = Histogram(
            "winnow_synth_request_seconds",
            "From sending to answer",
            registry=registry,
            buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 1_800),
        )
        self.in_flight = Gauge("winnow_synth_in_flight", "Requests at the engine", registry=registry)
        self.ready = Gauge(
            "winnow_synth_engine_ready", "1 while the engine takes requests", registry=registry
        )
        self.uncommitted = Gauge(
            "winnow_synth_uncommitted", "Rows that are in no segment yet", registry=registry
        )


@dataclass(frozen=True)
class Said:
    """What a letter says: see Request.letter."""

    job: str
    body: dict[str, Any]
    custom_id: str | None = None
    parents: list[str] | None = None
    revision: str | None = None


SAID = TypeAdapter(Said)


@dataclass
class Flight:
    """One letter at the engine, and those of its twins that were delivered meanwhile.

    `task` brings it to its end and is left alone; `asking` is the part of it at the engine, which may be cancelled at any time.
    """

    letters: list[Letter]
    limit: int  # requests that may be at the engine with it
    said: Mapping[str, Any]
    deaths: int = 0  # of workers, that were known when it was taken
    accompanied: bool = False
    sent: float = float("inf")  # by the monotonic clock
    asking: "Task[Answer] | None" = None
    task: "Task[None] | None" = None
    gone: str = ""  # why it is being cancelled, if not to yield

    def cancel(self, why: str = "") -> None:
        """Take it away from the engine; without a reason it goes back as it came."""
        if self.asking:
            self.gone = why
            self.asking.cancel()


@dataclass(frozen=True)
class Ended:
    """A row that is in no segment yet, and the letters to let go of afterwards."""

    job: str
    row: dict[str, Any]
    letters: list[Letter]


@dataclass
class Worker:
    """See the module. `step` is told each step of each letter: tests die in it."""

    farm: Farm
    queue: Queue
    engine: Engine
    habits: Habits
    name: str
    gpus: int = 1
    process: Process | None = None
    model: str = ""
    ward: Ward | None = None
    step: Callable[[str, str], None] = lambda _step, _id: None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.registry)
        self.journal = Journal(f"{self.farm.store}/journal")
        self.ward = self.ward or Ward(self.engine.url)
        self.flights: dict[tuple[str, int], Flight] = {}
        self.errors: list[BaseException] = []
        self.rows: list[Ended] = []
        self.buffered: dict[tuple[str, int], Ended] = {}
        self.recent: OrderedDict[tuple[str, int], None] = OrderedDict()
        self.leaving, self.finishing, self.changed = asyncio.Event(), asyncio.Event(), asyncio.Condition()
        self.ready, self.storing, self.version = True, True, "unknown"
        self.answered = self.committed = time.monotonic()
        self.began, self.restarts, self.bill = time.time(), 0, Bill(self.gpus)
        self.committing = asyncio.Lock()

    async def run(self) -> None:
        """Until told to leave (SIGTERM: yield; SIGUSR1: finish what is in hand), or until the queue is empty where that is wanted."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.leave)
        loop.add_signal_handler(signal.SIGUSR1, self.finish)
        self.version = await self.engine.version()
        side = [asyncio.create_task(one()) for one in (self.watch_engine, self.commit_often)]
        main = asyncio.create_task(self.receive())
        try:
            done, _ = await asyncio.wait([main, *side], return_when=asyncio.FIRST_COMPLETED)
            self.leaving.set()
            await asyncio.wait([main])
            await self.land()
        finally:
            for one in (main, *side):
                one.cancel()
            await asyncio.gather(main, *side, return_exceptions=True)
            try:
                await self.commit()
            finally:
                self.journal.close()
                await self.ward.close()  # type: ignore[union-attr]  # set by __post_init__
                await self.queue.close()
        for one in done:
            one.result()
        if self.errors:
            raise self.errors[0]

    def leave(self) -> None:
        """Give back what is unfinished after max_yield_seconds, commit, go."""
        LOG.info("leaving", extra={"in_flight": len(self.flights)})
        self.leaving.set()

    def finish(self) -> None:
        """Take nothing more, finish what is in hand, commit, go: for a planned scale-down, with all its grace."""
        self.finishing.set()
        self.leave()

    # Receiving

    async def receive(self) -> None:
        while not self.leaving.is_set():
            if not await self.room(self.habits.in_flight):
                continue
            try:
                if letter := await self.queue.receive(RECEIVE_SECONDS):
                    self.step("received", letter.id)
                    await self.take(letter)
                elif self.habits.stop_when_empty and not self.flights and not self.rows:
                    found = await self.queue.counts()
                    if not found.waiting + found.in_hand + found.delayed:
                        return
            except QueueError as error:  # an outage: what is at the engine goes on
                LOG.warning("queue", extra={"error": str(error)})
                await asyncio.sleep(self.habits.delay_seconds)

    async def room(self, limit: int) -> bool:
        """Whether a letter of this limit may go to the engine now; waits half a second for it."""

        def free() -> bool:
            limits = [limit, *(one.limit for one in self.flights.values())]
            return self.ready and self.storing and len(self.flights) < min(limits)

        async with self.changed:
            try:
                await asyncio.wait_for(self.changed.wait_for(free), RECEIVE_SECONDS)
            except TimeoutError:
                return False
        return True

    async def take(self, letter: Letter) -> None:
        """Start a letter's flight as soon as there is room for it."""
        if letter.key in self.recent:
            await self.queue.ack([letter])
            return
        if twin := self.flights.get(letter.key) or self.buffered.get(letter.key):
            twin.letters.append(letter)
            return
        deaths = self.journal.deaths(letter.key)
        crashes = letter.crashes + deaths
        limit = max(1, self.habits.in_flight // ISOLATION**crashes)
        try:
            flight = Flight([letter], limit, self.open(letter), deaths)
        except (OSError, ValueError) as error:
            self.end(Flight([letter], 1, named(letter)), "dead", reason="unreadable", detail=str(error))
            return
        if deaths >= MAX_DEATHS:
            self.end(flight, "dead", reason="killed_workers", detail=f"in hand when {deaths} workers died")
            return
        while not await self.room(limit):
            if self.leaving.is_set():
                await self.queue.hand_back(letter)
                return
        if not self.flights and not self.rows:
            self.began = time.time()
        self.bill.busy(time.monotonic())
        self.flights[letter.key] = flight
        if len(self.flights) > 1:
            for one in self.flights.values():
                one.accompanied = True
        asked: Asked = self.ward if deaths else self.engine  # type: ignore[assignment]  # see __post_init__
        flight.asking = asyncio.create_task(self.ask(flight, asked))
        flight.task = asyncio.create_task(self.fly(flight, flight.asking))
        flight.task.add_done_callback(self.landed)
        self.metrics.in_flight.set(len(self.flights))

    def open(self, letter: Letter) -> dict[str, Any]:
        """What a letter says. Raises ValueError, OSError."""
        body = letter.body
        if isinstance(said := orjson.loads(body), dict) and "reference" in said:
            body = self.farm.job(str(said.get("job"))).read(f"bodies/{letter.id}")
        found = SAID.validate_json(body, strict=True)
        farms.named(found.job)
        return dict(vars(found))

    # Flying

    async def ask(self, flight: Flight, asked: Asked) -> Answer:
        """Raises RequestError, TimeoutError."""
        letter = flight.letters[0]
        await asked.ready()
        await self.journal.look()
        if self.journal.deaths(letter.key) > flight.deaths:
            raise Failed("suspect", "a worker has died with it")
        self.journal.enter(letter.key)
        self.step("journalled", letter.id)
        flight.sent = time.monotonic()
        async with asyncio.timeout(self.habits.deadline_seconds):
            answer = await asked.complete(flight.said["body"])
        self.answered = time.monotonic()
        self.step("answered", letter.id)
        return answer

    async def fly(self, flight: Flight, asking: "Task[Answer]") -> None:
        letter = flight.letters[0]
        try:
            answer = await asking
        except Refused as error:
            self.end(flight, "dead", reason=error.reason, detail=error.detail)
        except Lost as error:
            await self.lost(flight, error)
        except (Failed, TimeoutError) as error:
            failed = error if isinstance(error, Failed) else Failed("deadline")
            if failed.reason in ("unreachable", "denied"):  # until one token comes back
                self.ready = False
            if failed.reason in ("unreachable", "suspect"):  # it was not even sent
                await self.give_back(flight)
            else:
                await self.again(flight, failed)
        except asyncio.CancelledError:
            if flight.gone:
                await self.crashed(flight, Lost(flight.gone))
            else:
                await self.give_back(flight)
        else:
            seconds = self.answered - flight.sent
            self.metrics.seconds.observe(seconds)
            self.metrics.tokens.labels("prompt").inc(answer.prompt_tokens)
            self.metrics.tokens.labels("completion").inc(answer.completion_tokens)
            self.end(flight, "result", **vars(answer), seconds=seconds)
        finally:
            self.journal.leave(letter.key)
            self.flights.pop(letter.key, None)
            if not self.flights:
                self.bill.idle(time.monotonic())
            self.metrics.in_flight.set(len(self.flights))
            await self.tell()

    def landed(self, task: "Task[None]") -> None:
        """An error in our own code stops the worker: its letters go back, and it is seen."""
        if not task.cancelled() and (error := task.exception()):
            self.errors.append(error)
            self.leaving.set()

    def end(self, flight: Flight, outcome: str, **more: Any) -> None:
        """The letter's last row, for the next segment."""
        letter, said = flight.letters[0], flight.said
        self.metrics.outcomes.labels(more.get("reason") or outcome).inc()
        if outcome == "dead":
            LOG.warning("dead", extra={"id": letter.id, **more})
        row = {
            "id": bytes.fromhex(letter.id),
            "outcome": outcome,
            "life": letter.life,
            "attempt": letter.attempt,
            "custom_id": said.get("custom_id"),
            "parents": said.get("parents"),
            "body": orjson.dumps(said["body"]).decode() if "body" in said else None,
            "revision": said.get("revision"),
            "engine": self.version,
            **more,
        }
        self.rows.append(ended := Ended(str(said.get("job")), row, flight.letters))
        self.buffered[letter.key] = ended
        self.metrics.uncommitted.set(len(self.rows))

    async def again(self, flight: Flight, error: RequestError) -> None:
        """Another attempt, later; or none. An engine that ends together with us fails what is left: that counts as nothing."""
        letter = flight.letters[0]
        if self.leaving.is_set():
            await self.give_back(flight)
            return
        if letter.attempt + 1 >= self.habits.attempts:
            self.end(
                flight, "dead", reason=error.reason, detail=f"{letter.attempt + 1} attempts; {error.detail}"
            )
            return
        self.metrics.outcomes.labels(f"retry_{error.reason}").inc()
        next_one = replace(letter, attempt=letter.attempt + 1)
        await self.replace(flight, next_one, self.habits.delay(next_one.attempt))

    async def lost(self, flight: Flight, error: Lost) -> None:
        """The connection broke: a crash if the engine (or the ward) is no more, else one failure among others."""
        if error.reason == "ward_died":
            await self.crashed(flight, error)
        elif await self.engine.alive() and not (self.process and self.process.ended):
            await self.again(flight, error)
        else:
            self.ready = False
            await self.crashed(flight, error)

    async def crashed(self, flight: Flight, error: Lost) -> None:
        """Among fewer next time; or dead, when it was alone now and had been in hand at a crash before."""
        letter = flight.letters[0]
        if self.leaving.is_set():
            await self.give_back(flight)
            return
        deaths = self.journal.deaths(letter.key)
        if letter.crashes + deaths and not flight.accompanied:
            self.end(flight, "dead", reason="killed_engine", detail=f"alone when it happened: {error.reason}")
            return
        self.metrics.outcomes.labels(f"retry_{error.reason}").inc()
        await self.replace(flight, replace(letter, crashes=letter.crashes + 1), 0)

    async def replace(self, flight: Flight, letter: Letter, seconds: float) -> None:
        """A copy on the queue, then the acknowledgement; what cannot be sent is given back as it is."""
        try:
            await self.queue.retry(flight.letters[0], letter, seconds)
            await self.queue.ack(flight.letters[1:])
        except OSError as error:
            LOG.warning("retry_not_sent", extra={"id": letter.id, "error": str(error)})
            await self.give_back(flight)

    async def give_back(self, flight: Flight) -> None:
        for one in flight.letters:
            await self.queue.hand_back(one)
        self.metrics.outcomes.labels("handed_back").inc()

    # Committing

    async def commit_often(self) -> None:
        """A segment every few seconds, or when enough rows wait; while the store refuses, nothing more is asked."""
        failures = 0
        while True:
            await asyncio.sleep(min(0.1, self.habits.commit_seconds))
            idle = self.habits.stop_when_empty and not self.flights
            due = idle or time.monotonic() - self.committed > self.habits.commit_seconds
            if not self.rows or not (due or len(self.rows) >= self.habits.commit_rows):
                continue
            try:
                await asyncio.shield(self.commit())  # who leaves meanwhile waits for it in the last commit
            except OSError as error:
                failures += 1
                self.storing = False
                LOG.warning("not_committed", extra={"error": str(error), "rows": len(self.rows)})
                await asyncio.sleep(self.habits.delay(failures))
            else:
                failures, self.storing = 0, True
                await self.tell()

    async def commit(self) -> None:
        """Publish the buffered rows, a segment for each job, then acknowledge. Raises OSError, and the rows stay."""
        async with self.committing:
            ended, self.rows = self.rows, []
            jobs: dict[str, list[Ended]] = {}
            for one in ended:
                jobs.setdefault(one.job, []).append(one)
            self.bill.share(time.monotonic(), {job: len(mine) for job, mine in jobs.items()})
            now = time.time()
            try:
                for job, mine in list(jobs.items()):
                    await self.publish(job, [one.row for one in mine], self.bill.owed[job], now)
                    del jobs[job], self.bill.owed[job]
                    await self.settle(mine)
            finally:
                self.rows = [one for mine in jobs.values() for one in mine] + self.rows
                self.metrics.uncommitted.set(len(self.rows))
            self.began, self.committed = now, time.monotonic()

    async def publish(self, job: str, rows: list[dict[str, Any]], gpu_seconds: float, now: float) -> None:
        counted = segments.tally(rows, gpu_seconds, self.began, now)
        for row in rows:
            self.step("written", row["id"].hex())
        await asyncio.to_thread(segments.publish, self.store(job), self.name, rows, counted)
        for row in rows:
            self.step("published", row["id"].hex())

    def store(self, job: str) -> LocalStore:
        return self.farm.job(job)

    async def settle(self, ended: Sequence[Ended]) -> None:
        """The rows are safe: let go of their letters. What the queue does not hear comes again, and is collected once."""
        done: list[Letter] = []
        try:
            for one in ended:
                self.recent[one.letters[0].key] = None
                self.journal.forget(one.letters[0].key)
                self.buffered.pop(one.letters[0].key, None)
                if one.row["outcome"] == "dead":
                    await self.queue.bury(one.letters[0], one.row["reason"])
                    done += one.letters[1:]
                else:
                    done += one.letters
            await self.queue.ack(done)
        except QueueError as error:
            LOG.warning("not_acknowledged", extra={"error": str(error), "rows": len(ended)})
        while len(self.recent) > REMEMBERED:
            self.recent.popitem(last=False)
        for letter in done:
            self.step("acknowledged", letter.id)

    # The engine

    async def watch_engine(self) -> None:
        """Notice an engine that sleeps, hangs or is gone; start our own again."""
        tokens = -1.0
        while True:
            await asyncio.sleep(self.habits.probe_seconds)
            gauges = await self.engine.gauges()
            if gauges.get(TOKENS, -1.0) != tokens:
                tokens, self.answered = gauges.get(TOKENS, -1.0), time.monotonic()
            if (self.process and self.process.ended) or not await self.engine.alive():
                await self.recover("gone")
            elif any(gauges.get(name) for name in SLEEPING):
                await self.recover("sleeping")
            elif self.stalled():
                await self.recover("hung")
            elif self.ready or await self.engine.answers(self.model, 2 * self.habits.probe_seconds):
                self.ready, self.restarts = True, 0
                self.metrics.ready.set(1)
                await self.tell()

    def stalled(self) -> bool:
        """Whether something was sent long ago, and nothing came since."""
        sent = min((one.sent for one in self.flights.values()), default=float("inf"))
        return time.monotonic() - max(sent, self.answered) > self.habits.stall_seconds

    async def tell(self) -> None:
        """There may be room now."""
        async with self.changed:
            self.changed.notify_all()

    async def recover(self, how: str) -> None:
        """Take its requests away and, where it is ours, start it again."""
        self.ready = False
        self.metrics.ready.set(0)
        LOG.warning("engine", extra={"state": how, "in_flight": len(self.flights)})
        waiting = [one for one in self.flights.values() if one.task]
        for one in waiting:
            one.cancel("" if how == "sleeping" else f"engine_{how}")
        await asyncio.gather(*(one.task for one in waiting if one.task), return_exceptions=True)
        if self.process and how != "sleeping":
            await self.process.stop(patience=1 if how == "hung" else 0)
            await asyncio.sleep(RESTART_SECONDS[min(self.restarts, len(RESTART_SECONDS) - 1)])
            self.restarts += 1
            await self.process.start(self.engine, self.model)

    # Leaving

    async def land(self) -> None:
        """What is in hand: waited for, then given back."""
        flights = list(self.flights.values())
        tasks = [one.task for one in flights if one.task]
        if tasks:
            await asyncio.wait(
                tasks, timeout=None if self.finishing.is_set() else self.habits.max_yield_seconds
            )
            for flight in flights:
                flight.cancel()
            await asyncio.wait(tasks, timeout=SETTLE_SECONDS)
        for one in tasks:
            one.cancel()  # what the queue does not take back in time goes back when it is closed
        await asyncio.gather(*tasks, return_exceptions=True)


def named(letter: Letter) -> dict[str, Any]:
    """The job of a letter that cannot be read, as far as it can be told."""
    try:
        return {"job": farms.named(orjson.loads(letter.body)["job"])}
    except (ValueError, KeyError, TypeError):
        return {"job": "unreadable"}
