"""A trace's second week judged: the scheduler, learnt on week one, beside nothing, fixed windows, a threshold, the clairvoyant."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from synth import replay
from synth.fleet import Fleet, Trace
from synth.forecast import WEEK, learn

NIGHT = (23 * 60, 8 * 60)  # 23:00 to 07:00: start and length in minutes
OURS, NIGHTLY, WINDOW, THRESHOLD, CLAIRVOYANT = (
    "scheduler", "night 23-07", "best window", "threshold", "clairvoyant",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What one policy made of the week; hours are GPU-hours."""

    policy: str
    used: float
    extra_short: int  # minutes in which serving was short of capacity, beyond the same week without a farm
    extra_seconds: float  # the same in seconds
    preempted: int
    delayed: float  # seconds x serving pods that waited for a GPU
    days: replay.Days | None = None


@dataclass(frozen=True)
class Judged:
    """All policies on one trace; `counted`: minutes that results count (all, or those without outages)."""

    trace: Trace
    fleet: Fleet
    outages: bool
    idle: float
    short: int  # minutes, without a farm
    results: dict[str, Result]
    counted: np.ndarray
    without: replay.Days

    def share(self, policy: str = OURS) -> float:
        """Of the idle GPU-hours."""
        return self.results[policy].used / self.idle

    def times(self, policy: str) -> float:
        """The scheduler's tokens over another policy's."""
        return self.results[OURS].used / max(self.results[policy].used, 1e-9)

    def tokens(self, policy: str = OURS) -> float:
        return self.results[policy].used * self.fleet.workers.tokens_per_gpu_hour


class Weeks:
    """Both weeks of a trace on one fleet, and the second one replayed without a farm."""

    def __init__(self, trace: Trace, fleet: Fleet, outages: bool) -> None:
        self.trace, self.fleet, self.outages = trace, fleet, outages
        self.peak = float(trace.rates.max())
        self.rate = fleet.requests_per_gpu(self.peak)
        load = trace.minutes(fleet.noise, fleet.seed, bridged=not outages)
        known = ~trace.lost_minutes() if not outages else np.ones(len(load), bool)
        self.first, self.second = load[:WEEK], load[WEEK:]
        self.known, self.counted = known[:WEEK], known[WEEK:]
        self.without = self.run(replay.nothing)

    def run(self, policy: replay.Policy) -> replay.Days:
        return replay.Replay(self.second, self.fleet, self.rate).days(policy)

    def scheduler(self) -> replay.Policy:
        limits = self.fleet.limits(self.peak)
        forecast = learn(np.where(self.known, self.first, np.nan), quantile=limits.quantile)
        return replay.ours(limits, forecast, self.fleet.forecast_error, self.fleet.seed)

    def result(self, name: str, policy: replay.Policy) -> Result:
        days, at = self.run(policy), self.counted
        extra = int(days.short_minutes[at].sum()) - int(self.without.short_minutes[at].sum())
        seconds, preempted, delayed = (
            float(days[column][at].sum() - self.without[column][at].sum())
            for column in ("short", "preempted", "delayed")
        )
        return Result(name, float(days.used[at].sum()), extra, seconds, int(preempted), delayed, days)

    def clairvoyant(self) -> Result:
        times = self.fleet.workers
        hours = replay.clairvoyant(
            self.without.idle, len(self.second), times.startup_seconds, times.drain_seconds
        )
        return Result(CLAIRVOYANT, float(hours[self.counted].sum()), 0, 0.0, 0, 0.0)

    def judged(self, results: list[Result]) -> Judged:
        at = self.counted
        idle, short = float(self.without["free"][at].sum()) / 60, int(self.without.short_minutes[at].sum())
        by_name = {result.policy: result for result in results}
        return Judged(self.trace, self.fleet, self.outages, idle, short, by_name, at, self.without)


def scheduler_alone(trace: Trace, fleet: Fleet, outages: bool = False) -> Judged:
    """The scheduler and the clairvoyant: what a sweep compares."""
    weeks = Weeks(trace, fleet, outages)
    return weeks.judged([weeks.result(OURS, weeks.scheduler()), weeks.clairvoyant()])


def judge(trace: Trace, fleet: Fleet, outages: bool = False) -> Judged:
    """All policies. The rivals' constants are the most that did no harm in week one: serving short for not a second more."""
    weeks, trial = Weeks(trace, fleet, outages), Trial(trace, fleet, outages)
    best = max(trial.windows(), key=lambda found: found[1] * found[2])
    return weeks.judged([
        weeks.result(OURS, weeks.scheduler()),
        weeks.result(NIGHTLY, replay.window(*NIGHT, trial.most(*NIGHT))),
        weeks.result(WINDOW, replay.window(*best)),
        weeks.result(THRESHOLD, replay.reactive(trial.least_threshold())),
        weeks.clairvoyant(),
    ])  # fmt: skip


class Trial:
    """Week one, on which rivals find their constants."""

    def __init__(self, trace: Trace, fleet: Fleet, outages: bool) -> None:
        load = trace.minutes(fleet.noise, fleet.seed, bridged=not outages)[:WEEK]
        self.load, self.fleet, self.rate = load, fleet, fleet.requests_per_gpu(float(trace.rates.max()))
        self.without = self.run(replay.nothing)

    def run(self, policy: replay.Policy) -> replay.Days:
        return replay.Replay(self.load, self.fleet, self.rate).days(policy)

    def harmless(self, policy: replay.Policy) -> bool:
        return bool(self.run(policy)["short"].sum() <= self.without["short"].sum())

    def most(self, start: int, minutes: int) -> int:
        """The most constant workers in this window that did no harm, to the 32nd part of the fleet; at least `undisturbed`."""
        counts = range(self.undisturbed(start, minutes), self.fleet.gpus + 1, max(1, self.fleet.gpus // 32))
        harmful = bisect(
            counts, False, lo=1, key=lambda count: not self.harmless(replay.window(start, minutes, count))
        )
        return counts[harmful - 1]

    def undisturbed(self, start: int, minutes: int) -> int:
        """GPUs that no pod of serving ever needed in this window."""
        inside = (np.arange(len(self.load)) - start) % 1440 < minutes
        return int(self.without["free"][inside].min())

    def windows(self) -> Iterator[tuple[int, int, int]]:
        """(start, minutes, workers) of the best window by its undisturbed GPUs, and of the whole day."""
        spans = [(60 * start, 60 * hours) for start in range(24) for hours in range(1, 24)]
        start, minutes = max(spans, key=lambda span: span[1] * self.undisturbed(*span))
        yield start, minutes, self.most(start, minutes)
        yield 0, 1440, self.most(0, 1440)

    def least_threshold(self) -> int:
        """Of 0, 1, 2, 4 … GPUs kept free the first that did no harm."""
        doubled = (0, *(2**power for power in range(self.fleet.gpus.bit_length())))
        return next(gpus for gpus in doubled if self.harmless(replay.reactive(gpus)))


def sweep(fleet: Fleet) -> Iterator[tuple[str, Fleet]]:
    """(what differs, the fleet): one thing at a time."""
    yield "as given", fleet
    for seconds in (30, 300):
        yield f"startup {seconds} s", replace(fleet, workers=replace(fleet.workers, startup_seconds=seconds))
    for seconds in (20, 120):
        yield f"drain {seconds} s", replace(fleet, workers=replace(fleet.workers, drain_seconds=seconds))
    slow = replace(fleet.workers, drain_seconds=120, yield_seconds=120)
    yield "drain and yield 120 s", replace(fleet, workers=slow)
    for gpus in (0, fleet.node_gpus):
        yield f"reserve {gpus}", replace(fleet, reserve_gpus=gpus)
    for error in (0.1, 0.3):
        yield f"forecast error {error:.0%}", replace(fleet, forecast_error=error)
    for noise in (0.0, 0.05):
        yield f"noise {noise:.0%}", replace(fleet, noise=noise)
    yield "serving starts in 300 s", replace(fleet, serving=replace(fleet.serving, startup_seconds=300))
    yield "a node fails every 200 h", replace(fleet, node_hours_between_failures=200)
