"""A fleet's days under one policy, minute by minute: GPUs serving, synthesising, idle; capacity short; pods preempted.

Discrete events on whole seconds: a new load each minute, serving's autoscaler 15 s and the scheduler 30 s after it (both
see the minute that ended), pods that become ready or are gone, nodes that fail and come back. Serving's pods take free
GPUs, else preempt workers and wait until those have left; workers take what is left, as a Deployment of low priority does.
The model counts GPUs and knows no nodes' fragments: serving's and our pods have one GPU each.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import ceil, sqrt

import numpy as np

from synth.decide import Limits, Seen, decide
from synth.fleet import Fleet
from synth.forecast import RECENT, WEEK, Forecast

Policy = Callable[[Seen], int]
PLENTY = 10**9  # requests that wait: the replay asks what the GPUs could do
AUTOSCALE_AT, SCHEDULE_AT = 15, 30  # seconds into the minute
COLUMNS = (
    "serving",
    "synthesising",
    "starting",
    "leaving",
    "free",
    "short",
    "delayed",
    "preempted",
    "lost",
    "wait",
)


@dataclass(frozen=True)
class Days:
    """What happened, a row a minute; GPU columns are means over the minute.

    `load` requests/s; `short` seconds in which the load was above serving's capacity; `delayed` seconds x serving pods that
    waited for a GPU; `preempted` workers; `lost` GPU-seconds of work handed back; `wait` a request's mean wait in its own
    service times (Sakasegawa's approximation of M/M/c). `idle`: (second, GPUs that serving leaves) at each change.
    """

    load: np.ndarray
    table: np.ndarray  # float64[minutes, COLUMNS]
    idle: list[tuple[int, int]]

    def __getitem__(self, column: str) -> np.ndarray:
        return self.table[:, COLUMNS.index(column)]

    @property
    def used(self) -> np.ndarray:
        """GPU-hours a minute that made tokens which count."""
        return self["synthesising"] / 60 - self["lost"] / 3600

    @property
    def short_minutes(self) -> np.ndarray:
        return self["short"] > 0


@dataclass
class Pods:
    """GPUs of one kind of pod: waiting for one, starting (oldest batch first), ready, leaving."""

    waiting: int = 0
    coming: int = 0
    ready: int = 0
    going: int = 0
    starting: deque[list[int]] = field(default_factory=deque)  # [second when ready, pods]
    leaving: list[tuple[int, int]] = field(default_factory=list)  # a heap of (second when gone, pods)

    @property
    def holding(self) -> int:
        return self.coming + self.ready + self.going

    def start(self, until: int, count: int) -> None:
        self.coming += count
        self.starting.append([until, count])

    def leave(self, until: int, count: int) -> None:
        self.going += count
        heapq.heappush(self.leaving, (until, count))

    def settle(self, now: int) -> None:
        while self.starting and self.starting[0][0] <= now:
            count = self.starting.popleft()[1]
            self.coming, self.ready = self.coming - count, self.ready + count
        while self.leaving and self.leaving[0][0] <= now:
            self.going -= heapq.heappop(self.leaving)[1]

    def take(self, count: int) -> tuple[int, int]:
        """Take so many away, the newest of those still starting first: (from starting, from ready)."""
        left = count
        while left and self.starting:
            batch = self.starting[-1]
            gone = min(left, batch[1])
            batch[1] -= gone
            left -= gone
            if not batch[1]:
                self.starting.pop()
        unstarted = count - left
        ready = min(left, self.ready)
        self.coming, self.ready = self.coming - unstarted, self.ready - ready
        return unstarted, ready


class Replay:
    """One run, from a Monday's midnight on; `days` does it all."""

    def __init__(self, loads: np.ndarray, fleet: Fleet, requests_per_gpu: float) -> None:
        self.loads, self.fleet, self.rate = loads.tolist(), fleet, requests_per_gpu
        self.alive = fleet.gpus
        self.serving, self.workers, self.wanted = Pods(), Pods(), 0
        self.wishes: deque[tuple[int, int]] = deque()
        self.table = [[0.0] * len(COLUMNS) for _ in loads]
        self.idle: list[tuple[int, int]] = []
        self.clock: list[int] = []
        self.grown = -PLENTY
        self.spent = 0.0
        self.crashes = np.random.default_rng([fleet.seed, 1]).random(len(loads))
        self.failures = dict(self.failing_nodes())
        self.serving.ready = self.wish(loads[0])

    def failing_nodes(self) -> Iterator[tuple[int, float]]:
        """(second, a chance that says which GPUs): as often and the same whatever the policy."""
        chance = np.random.default_rng([self.fleet.seed, 2])
        nodes = self.fleet.gpus // self.fleet.node_gpus
        second = 0.0
        while True:
            second += chance.exponential(self.fleet.node_hours_between_failures * 3600 / nodes)
            if second >= 60 * len(self.loads):
                return
            yield int(second), chance.random()

    def days(self, policy: Policy) -> Days:
        """Run to the end of the loads."""
        repairs: set[int] = set()
        ticks = (range(second, 60 * len(self.loads), 60) for second in (0, AUTOSCALE_AT, SCHEDULE_AT))
        self.clock = sorted({*self.failures, *chain.from_iterable(ticks)})
        since, state = 0, self.state(0)
        while self.clock:
            now = heapq.heappop(self.clock)
            if now >= 60 * len(self.loads):
                break
            self.serving.settle(now)
            self.workers.settle(now)
            minute, second = divmod(now, 60)
            if now in self.failures:
                self.fail(self.failures[now])
                repairs.add(self.at(now + int(60 * self.fleet.repair_minutes)))
            if now in repairs:
                self.alive += self.fleet.node_gpus
                repairs.remove(now)
            if second == 0:
                self.crash(minute, now)
            if second == AUTOSCALE_AT:
                self.autoscale(now, self.loads[max(0, minute - 1)])
            if second == SCHEDULE_AT:
                self.schedule(now, minute, policy)
            self.place(now)
            if (changed := self.state(minute)) != state:
                self.account(state, since, now)
                since, state = now, changed
        self.account(state, since, 60 * len(self.loads))
        return Days(np.array(self.loads), np.array(self.table), self.idle)

    def state(self, minute: int) -> tuple[int, ...]:
        """All that a row of the table is made from; it differs at least from minute to minute."""
        serving, workers = self.serving, self.workers
        return (minute, self.alive, serving.holding, serving.ready, serving.waiting,
                workers.ready, workers.coming, workers.going)  # fmt: skip

    def at(self, second: int) -> int:
        heapq.heappush(self.clock, second)
        return second

    @property
    def free(self) -> int:
        return self.alive - self.serving.holding - self.workers.holding

    def account(self, state: tuple[int, ...], start: int, end: int) -> None:
        """Write down the time in which nothing changed."""
        minute, alive, holding, ready, waiting, synthesising, starting, leaving = state
        seconds, row, load, capacity = end - start, self.table[minute], self.loads[minute], ready * self.rate
        share = seconds / 60
        farm = synthesising + starting + leaving
        row[0] += holding * share
        row[1] += synthesising * share
        row[2] += starting * share
        row[3] += leaving * share
        row[4] += (alive - holding - farm) * share
        row[5] += seconds * (load > capacity)
        row[6] += waiting * seconds
        row[9] += share * waiting_time(load / max(capacity, 1e-9), ready)
        self.spent += farm * share / 60
        left = max(0, alive - holding - waiting)
        if not self.idle or self.idle[-1][1] != left:
            self.idle.append((start, left))

    def wish(self, load: float) -> int:
        """What serving's autoscaler asks for: load and headroom, within the fleet."""
        serving = self.fleet.serving
        need = ceil(load * (1 + serving.headroom) / self.rate - 1e-9)
        return min(max(serving.minimum_gpus, need), self.alive)

    def autoscale(self, now: int, load: float) -> None:
        """Up at once, down to the highest wish of the stabilisation time."""
        self.wishes.append((now, self.wish(load)))
        while self.wishes[0][0] < now - self.fleet.serving.stabilisation_seconds:
            self.wishes.popleft()
        pods = self.serving
        asked = pods.waiting + pods.coming + pods.ready
        if (wish := self.wishes[-1][1]) > asked:
            pods.waiting += wish - asked
        elif (stable := max(wish for _, wish in self.wishes)) < asked:
            unplaced = min(asked - stable, pods.waiting)
            pods.waiting -= unplaced
            gone = sum(pods.take(asked - stable - unplaced))
            pods.leave(self.at(now + self.fleet.serving.drain_seconds), gone)

    def schedule(self, now: int, minute: int, policy: Policy) -> None:
        """The same look that the scheduler has."""
        if minute % 1440 == 18 * 60:
            self.spent = 0.0
        loads = tuple(self.loads[max(0, minute - RECENT) : minute])
        serving = self.serving.holding + self.serving.waiting
        seen = Seen(
            minute=minute % WEEK, loads=loads, gpus=self.alive, serving=serving, workers=self.wanted,
            backlog=PLENTY, spent_gpu_hours=self.spent, minutes_since_growth=(now - self.grown) / 60,
        )  # fmt: skip
        wanted = policy(seen)
        if wanted > self.wanted:
            self.grown = now
        self.wanted = wanted
        surplus = self.workers.coming + self.workers.ready - wanted
        if surplus > 0:
            self.shed(now, surplus, self.fleet.workers.drain_seconds)

    def shed(self, now: int, count: int, seconds: int) -> int:
        """Workers still starting leave at once, ready ones after `seconds`: how many of these."""
        _, ready = self.workers.take(count)
        if ready:
            self.workers.leave(self.at(now + seconds), ready)
        return ready

    def soon(self, now: int) -> int:
        """Workers that are gone before a preempted one would be."""
        limit = now + self.fleet.workers.yield_seconds
        return sum(count for gone, count in self.workers.leaving if gone <= limit)

    def place(self, now: int) -> None:
        """Free GPUs to serving; workers preempted for the rest; what is then left to workers."""
        if placed := self.serving.waiting and min(self.serving.waiting, max(0, self.free)):
            self.serving.waiting -= placed
            self.serving.start(self.at(now + self.fleet.serving.startup_seconds), placed)
        pods, times = self.workers, self.fleet.workers
        if (
            self.serving.waiting
            and (victims := min(self.serving.waiting - self.soon(now), pods.coming + pods.ready)) > 0
        ):
            ready = self.shed(now, victims, times.yield_seconds)
            self.table[now // 60][7] += victims
            self.table[now // 60][8] += ready * times.request_seconds
            self.place(now)
            return
        missing = self.wanted - pods.coming - pods.ready
        if (started := min(missing, self.free - self.serving.waiting)) > 0:
            pods.start(self.at(now + times.startup_seconds), started)

    def crash(self, minute: int, now: int) -> None:
        """Some of the ready workers' engines end, and start again where they are."""
        expected = self.workers.ready / (60 * self.fleet.workers.hours_between_crashes)
        crashed = min(self.workers.ready, int(expected + self.crashes[minute]))
        if crashed:
            self.workers.ready -= crashed
            self.workers.start(self.at(now + self.fleet.workers.startup_seconds), crashed)

    def fail(self, chance: float) -> None:
        """A node is gone: serving's share of its GPUs by chance, the rest by turns idle ones and ours."""
        gpus = self.fleet.node_gpus
        lost = min(int(gpus * self.serving.holding / self.alive + chance), gpus)
        taken = sum(self.serving.take(lost))
        self.serving.waiting += taken
        ours = self.workers.coming + self.workers.ready
        rest = gpus - taken
        self.workers.take(
            min(ours, max(rest - max(self.free, 0), round(rest * ours / max(1, ours + self.free))))
        )
        self.alive -= gpus


def waiting_time(busy: float, servers: int) -> float:
    """A request's mean wait in service times; 100 where the load is above the capacity."""
    if busy >= 1 or servers < 1:
        return 100.0
    return min(100.0, busy ** (sqrt(2 * (servers + 1)) - 1) / (servers * (1 - busy)))


def nothing(_: Seen) -> int:
    return 0


def ours(limits: Limits, forecast: Forecast, error: float = 0.0, seed: int = 0) -> Policy:
    """The scheduler's own decision; `error`: every forecast is off by a factor, new each hour."""
    factors = np.exp(np.random.default_rng([seed, 3]).normal(0, error, WEEK // 60))

    @dataclass(frozen=True)
    class Wrong(Forecast):
        def highest(self, minute: int, loads: Sequence[float], ahead: float, likely: bool = False) -> float:
            return super().highest(minute, loads, ahead, likely) * float(factors[minute // 60 % len(factors)])

    used = Wrong(**vars(forecast)) if error else forecast

    return lambda seen: decide(seen, limits, used).workers


def window(start: int, minutes: int, workers: int) -> Policy:
    """The same number of workers in the same hours of every day; `start` in minutes after midnight."""
    return lambda seen: workers if (seen.minute - start) % 1440 < minutes else 0


def reactive(threshold: int) -> Policy:
    """All but `threshold` GPUs of those that serving leaves now."""
    return lambda seen: max(0, seen.gpus - seen.serving - threshold)


def clairvoyant(idle: list[tuple[int, int]], minutes: int, startup: int, drain: int) -> np.ndarray:
    """GPU-hours a minute of who knows all: each stretch that a GPU is idle, less startup and drain where longer than both.

    The last GPU to fall idle is the first to be needed again, which makes the stretches as unequal as they can be; what is
    left of a stretch, max(0, length - costs), is convex, so no other matching yields more.
    """
    change = np.zeros(60 * minutes + 1)
    open_since: list[int] = []
    for second, count in [*idle, (60 * minutes, 0)]:
        open_since += [second] * (count - len(open_since))
        while len(open_since) > count:
            start, end = open_since.pop() + startup, second - drain
            if end > start:
                change[start] += 1
                change[end] -= 1
    return np.cumsum(change)[:-1].reshape(-1, 60).sum(1) / 3600
