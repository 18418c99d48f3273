"""A queue on Apache Pulsar: one plain topic per variant and lane, one Shared subscription, a topic of dead letters.

Rules and their reasons (measured on Pulsar 4.0.8 with client 3.13):
- no partitions: the Python client does not keep the receiver queue's limit on them, and a slow worker hoards letters;
- `receiver_queue_size=1`, one pending receive per lane, never cancelled: a cancelled one swallows a letter;
- no acknowledgement timeout: minutes of work are normal; a dead worker's letters go back when its connection breaks;
- attempts stand in properties: negative acknowledgements are counted in memory only;
- sequence ids begin with 1: 0 counts as none. A wrong token only shows as a timeout, so it is tried on the admin API first.
"""

import asyncio
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import pulsar
import pulsar.asyncio

from synth.farm import Pulsar
from synth.queue import LANES, Counts, Lane, Letter, QueueError

T = TypeVar("T")
SUBSCRIPTION = "work"
WINDOW = 500  # sends on their way at once
SEND_MILLISECONDS = 120_000  # an outage of the broker that a send survives
CLOSE_SECONDS = 5.0  # then the end of the process closes it
URGENT_SECONDS = (
    0.1  # that a further urgent letter may take to come, before a normal one that is here already
)
HANDED_BACK_MILLISECONDS = 1_000
BIG = 4 << 20  # bytes; the broker takes 5 MiB with its own fields


STARTING_SECONDS = 60.0  # that a broker is given which answers but cannot serve yet, as after a restart


class AbsentError(QueueError):
    """The broker has no such thing."""


class StartingError(QueueError):
    """The broker answers that it cannot serve."""


async def open_pulsar(broker: Pulsar, variant: str, create: bool) -> "PulsarQueue":
    """Raises QueueError: unreachable, token refused, topic or subscription not there."""
    await asyncio.to_thread(prepare if create else check, broker, variant)
    token = broker.token()
    client = pulsar.asyncio.Client(
        broker.service,
        authentication=pulsar.AuthenticationToken(token) if token else None,
        tls_trust_certs_file_path=broker.tls_ca or None,
        operation_timeout_seconds=60,
        logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error),
    )
    return PulsarQueue(broker, variant, client)


# Topics


def topic(broker: Pulsar, variant: str, lane: str) -> str:
    return f"persistent://{broker.tenant}/{broker.namespace}/{variant}-{lane}"


def admin(broker: Pulsar, method: str, path: str, body: Any = None) -> Any:
    """The answer of the admin API; None where it has nothing to say or the thing is there already. Raises QueueError."""
    until = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            return ask(broker, method, path, body)
        except StartingError:
            if time.monotonic() > until:
                raise
            time.sleep(1)


def ask(broker: Pulsar, method: str, path: str, body: Any = None) -> Any:
    """`admin`, once."""
    request = urllib.request.Request(f"{broker.admin.rstrip('/')}/admin/v2/{path}", method=method)  # noqa: S310  # the farm's own
    request.add_header("Content-Type", "application/json")
    if token := broker.token():
        request.add_header("Authorization", f"Bearer {token}")
    trusted = ssl.create_default_context(cafile=broker.tls_ca) if broker.tls_ca else None
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=30, context=trusted) as answer:  # noqa: S310
            said = answer.read()
            return json.loads(said) if said else None
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            if error.code == 409:
                return None
            kind = {404: AbsentError}.get(error.code, QueueError if error.code < 500 else StartingError)
            raise kind(refusal(broker, error, path)) from error
    except OSError as error:
        raise QueueError(
            f"{broker.admin}: {error}; is the broker running, and `admin` its web address?"
        ) from error


def refusal(broker: Pulsar, error: urllib.error.HTTPError, path: str) -> str:
    where = broker.token_file or "none is named: add pulsar.token_file"
    if error.code in (401, 403):
        return f"{broker.admin}: refused {path} ({error.code}); the token ({where}) is wrong, expired or lacks a grant"
    if error.code == 404:
        return f"{broker.admin}: no {path}; submit a job first"
    return f"{broker.admin}: {path}: {error.code} {error.read()[:200].decode(errors='replace')}"


def prepare(broker: Pulsar, variant: str) -> None:
    """Make what is missing. Tenant and namespace may be there with none of our rights to make them."""
    space = f"{broker.tenant}/{broker.namespace}"
    if not allowed(broker, f"persistent/{space}"):
        clusters = admin(broker, "GET", "clusters")
        admin(broker, "PUT", f"tenants/{broker.tenant}", {"allowedClusters": clusters})
        admin(broker, "PUT", f"namespaces/{space}")
        admin(broker, "POST", f"namespaces/{space}/deduplication", True)
    if broker.max_unacked:
        admin(broker, "POST", f"namespaces/{space}/maxUnackedMessagesPerConsumer", broker.max_unacked)
    for lane in (*LANES, "dead"):
        path = f"persistent/{space}/{variant}-{lane}"
        admin(broker, "PUT", path)
        admin(
            broker, "PUT", f"{path}/subscription/{SUBSCRIPTION}", "earliest"
        )  # without a body it begins at the latest


def allowed(broker: Pulsar, path: str) -> bool:
    try:
        admin(broker, "GET", path)
    except AbsentError:
        return False
    return True


def check(broker: Pulsar, variant: str) -> None:
    """QueueError unless topics and subscription are there and our token may read them."""
    for lane in (*LANES, "dead"):
        stats(broker, variant, lane)


def stats(broker: Pulsar, variant: str, lane: str) -> dict[str, int]:
    path = f"persistent/{broker.tenant}/{broker.namespace}/{variant}-{lane}"
    found = admin(broker, "GET", f"{path}/stats?getPreciseBacklog=true")["subscriptions"]
    if SUBSCRIPTION not in found:
        raise QueueError(
            f"{path}: has no subscription '{SUBSCRIPTION}', so letters would be lost; submit a job first"
        )
    return {name: found[SUBSCRIPTION][name] for name in ("msgBacklog", "unackedMessages", "msgDelayed")}


# Letters


async def told(done: Awaitable[T]) -> T:
    """What the client gives, or QueueError with what it says."""
    try:
        return await done
    except pulsar.asyncio.PulsarException as error:
        raise QueueError(f"Pulsar: {error}") from error


def properties(letter: Letter) -> dict[str, str]:
    counted = {name: str(getattr(letter, name)) for name in ("attempt", "crashes", "life")}
    return {"id": letter.id, **counted}


@dataclass
class PulsarQueue:
    """See synth.queue.Queue."""

    broker: Pulsar
    variant: str
    client: Any
    consumers: dict[Lane, Any] = field(default_factory=dict)
    producers: dict[tuple[str, str], Any] = field(default_factory=dict)
    last: Lane = "normal"  # whose letter came last
    pending: dict[Lane, "asyncio.Task[Any]"] = field(default_factory=dict)

    async def producer(self, lane: str, name: str = "") -> Any:
        """One that stays open; a name makes its sequence ids count over restarts."""
        if (lane, name) not in self.producers:
            self.producers[lane, name] = await told(
                self.client.create_producer(
                    topic(self.broker, self.variant, lane),
                    producer_name=name or None,
                    send_timeout_millis=SEND_MILLISECONDS,
                    batching_enabled=False,  # backlogs count entries, and a batch would be one
                    max_pending_messages=2 * WINDOW,
                )
            )
        return self.producers[lane, name]

    async def send(self, letters: Sequence[Letter], sender: str, first: int) -> None:
        for start in range(0, len(letters), WINDOW):
            sent = []
            for ordinal, letter in enumerate(letters[start : start + WINDOW], first + start):
                if len(letter.body) > BIG:
                    raise QueueError(
                        f"request {letter.id} has {len(letter.body):,} bytes; the broker takes {BIG:,}"
                    )
                producer = await self.producer(letter.lane, sender)
                sent.append(producer.send(letter.body, properties(letter), sequence_id=ordinal))
            await told(asyncio.gather(*sent))

    async def receive(self, seconds: float) -> Letter | None:
        for lane in LANES:
            if lane not in self.consumers:
                self.consumers[lane] = await told(
                    self.client.subscribe(
                        topic(self.broker, self.variant, lane),
                        SUBSCRIPTION,
                        consumer_type=pulsar.ConsumerType.Shared,
                        receiver_queue_size=1,
                        negative_ack_redelivery_delay_ms=HANDED_BACK_MILLISECONDS,
                    )
                )
            if lane not in self.pending:
                self.pending[lane] = asyncio.ensure_future(self.consumers[lane].receive())
        if self.last == LANES[0]:
            await asyncio.wait([self.pending[LANES[0]]], timeout=URGENT_SECONDS)
        await asyncio.wait(self.pending.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for lane in LANES:
            if self.pending[lane].done():
                self.last = lane
                message = await told(self.pending.pop(lane))
                if letter := read(message, lane):
                    return letter
                await self.bury(Letter("", message.data(), lane, handle=message), "unreadable")
        return None

    async def ack(self, letters: Sequence[Letter]) -> None:
        await told(asyncio.gather(*(self.consumers[one.lane].acknowledge(one.handle) for one in letters)))

    async def hand_back(self, letter: Letter) -> None:
        await self.consumers[letter.lane].negative_acknowledge(letter.handle)

    async def retry(self, letter: Letter, again: Letter, seconds: float) -> None:
        producer = await self.producer(again.lane)
        await told(producer.send(again.body, properties(again), deliver_after=timedelta(seconds=seconds)))
        await self.ack([letter])

    async def bury(self, letter: Letter, reason: str) -> None:
        producer = await self.producer("dead")
        await told(producer.send(letter.body, {**properties(letter), "reason": reason}))
        await self.ack([letter])

    async def counts(self) -> Counts:
        work = [await asyncio.to_thread(stats, self.broker, self.variant, lane) for lane in LANES]
        dead = await asyncio.to_thread(stats, self.broker, self.variant, "dead")
        backlog, held, delayed = (
            sum(one[name] for one in work) for name in ("msgBacklog", "unackedMessages", "msgDelayed")
        )
        return Counts(max(0, backlog - held - delayed), held, delayed, dead["msgBacklog"])

    async def close(self) -> None:
        await asyncio.wait([asyncio.ensure_future(self.client.close())], timeout=CLOSE_SECONDS)
        for one in self.pending.values():
            one.cancel()  # a receive that is pending at the close sometimes never ends
        await asyncio.gather(*self.pending.values(), return_exceptions=True)


def read(message: Any, lane: Lane) -> Letter | None:
    """None for what was not sent by `properties`."""
    said = message.properties()
    numbers = {name: said.get(name, "0") for name in ("attempt", "crashes", "life")}
    if not re.fullmatch("[0-9a-f]{32}", said.get("id", "")) or not all(map(str.isdecimal, numbers.values())):
        return None
    return Letter(
        said["id"], message.data(), lane, handle=message,
        **{name: int(number) for name, number in numbers.items()},
    )  # fmt: skip
