"""How many workers to run for the next minute, and the sentences that say why. Pure: no clock, no cluster, no chance.

Two ceilings frame every decision. What we hold must be free again one look and one drain from now, so it stays under
the *ceiling of the next minutes*; what we take must first pay back its startup and its drain, so we only grow as far as the
GPUs will likely stay idle for the *payback time*. Between the two nothing moves: that keeps the farm from flapping.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf

from synth.forecast import HORIZONS, Forecast


@dataclass(frozen=True)
class Limits:
    """What the owner of the GPUs allows and what a worker costs. `winnow synth schedule` reads it from YAML."""

    requests_per_gpu: float  # requests/s that one GPU serves within the latency objective
    on: bool = True  # the kill switch
    headroom: float = 0.25  # that serving's autoscaler keeps above the load: a target utilisation of 0.8
    minimum_gpus: int = 1  # serving's least
    reserve_gpus: int = 2  # GPUs left free whatever the forecast says
    gpus_per_worker: int = 1
    startup_seconds: float = 120
    drain_seconds: float = 60  # planned
    yield_seconds: float = 20  # what a serving pod waits that preempts: the worker's max_yield_seconds
    every_seconds: float = 60
    payback: float = 2  # a worker is started if the GPUs stay idle for this many times its startup and drain
    settle_minutes: float = 3  # between two growths: at most 60 / settle_minutes an hour
    budget_gpu_hours: float | None = None  # a night, from one reset to the next
    requests_per_worker: int = 32  # in flight: more workers than this needs are not started
    max_workers: int = 10_000
    blind_minutes: float = 10  # without a load so long, everything is handed back

    def __post_init__(self) -> None:
        if self.requests_per_gpu <= 0 or self.gpus_per_worker < 1 or self.requests_per_worker < 1:
            raise ValueError("requests_per_gpu, gpus_per_worker and requests_per_worker must be above 0")
        if min(self.reserve_gpus, self.minimum_gpus, self.settle_minutes, self.drain_seconds) < 0:
            raise ValueError(
                "reserve_gpus, minimum_gpus, settle_minutes and drain_seconds cannot be negative"
            )

    def serving_gpus(self, load: float) -> int:
        """What serving's autoscaler will ask for at this load."""
        return max(self.minimum_gpus, ceil(load * (1 + self.headroom) / self.requests_per_gpu - 1e-9))

    @property
    def quantile(self) -> float:
        """How sure the forecast must be. What a miss costs is the time that serving waits for it, so of each minute no more
        than 0.4 s may be expected to be waited: 0.98 where workers yield in 20 s, 0.997 where they take 120.
        """
        return min(max(0.9, 1 - 0.4 / max(self.yield_seconds, 0.4)), 0.999)

    @property
    def lead_minutes(self) -> float:
        """What is decided now cannot be mended before the next look, and takes a drain to come true."""
        return (self.every_seconds + self.drain_seconds) / 60

    @property
    def payback_minutes(self) -> float:
        return self.lead_minutes + self.payback * (self.startup_seconds + self.drain_seconds) / 60


@dataclass(frozen=True)
class Seen:
    """One look at the cluster."""

    minute: int  # of the week, Monday 00:00 = 0
    loads: tuple[float, ...]  # serving's requests/s minute by minute, newest last; NaN: not known
    gpus: int  # alive, shared by serving and us
    serving: int  # GPUs of serving's pods, those that wait and those that leave included
    workers: int  # ours: what we asked for last
    backlog: int  # requests that wait or are in flight
    strained: bool = False  # serving's requests wait, or its latency is above the objective
    spent_gpu_hours: float = 0.0  # since the budget's last reset
    minutes_since_growth: float = inf


@dataclass(frozen=True)
class Decision:
    workers: int
    reasons: tuple[str, ...]


SWITCHED_OFF = Decision(0, ("switched off",))


def decide(seen: Seen, limits: Limits, forecast: Forecast) -> Decision:
    """Workers for the next minute. Never more GPUs than `gpus - serving - reserve`; never fewer with more idle GPUs."""
    if not limits.on:
        return SWITCHED_OFF
    if limits.budget_gpu_hours is not None and seen.spent_gpu_hours >= limits.budget_gpu_hours:
        return Decision(0, (f"the night's budget of {limits.budget_gpu_hours:g} GPU-hours is spent",))
    keep, kept = ceiling(seen, limits, forecast, limits.lead_minutes)
    useful = useful_workers(seen, limits)
    enough = f"{seen.backlog:,} requests are left: enough for {useful} workers"
    if (hold := min(keep, useful)) < seen.workers:
        return Decision(
            hold, (f"shed {seen.workers - hold} of {seen.workers}", kept if keep < useful else enough)
        )
    later = ceiling(seen, limits, forecast, limits.payback_minutes, likely=True)
    grow, grown = later if later[0] < keep else (keep, kept)
    target = min(grow, useful)
    if target <= seen.workers:
        return Decision(seen.workers, (f"stay at {seen.workers}", grown if grow < useful else enough))
    if held := "; ".join(held_back(seen, limits)):
        return Decision(seen.workers, (f"stay at {seen.workers} though {target} would fit", held))
    return Decision(target, (f"start {target - seen.workers} beside {seen.workers}", grown))


def ceiling(
    seen: Seen, limits: Limits, forecast: Forecast, minutes: float, likely: bool = False
) -> tuple[int, str]:
    """(workers that leave serving what it may need within so many minutes, and the reserve; the sentence)."""
    blind = blind_minutes(seen.loads)
    if blind > limits.blind_minutes:
        return 0, f"serving's load has not been seen for {blind} minutes"
    need = limits.serving_gpus(forecast.highest(seen.minute, seen.loads, minutes, likely))
    left = seen.gpus - max(seen.serving + limits.reserve_gpus, need)
    workers = max(0, min(left // limits.gpus_per_worker, limits.max_workers))
    return workers, (
        f"within {minutes:.0f} min serving {'will likely' if likely else 'may'} need {need} of {seen.gpus} GPUs (it holds {seen.serving}, "
        f"{limits.reserve_gpus} are in reserve): room for {workers} workers"
    )


def useful_workers(seen: Seen, limits: Limits) -> int:
    """No more than the backlog keeps full, and none that the budget could not pay back."""
    useful = ceil(seen.backlog / limits.requests_per_worker)
    if limits.budget_gpu_hours is not None:
        left = limits.budget_gpu_hours - seen.spent_gpu_hours
        cost = limits.gpus_per_worker * limits.payback_minutes / 60
        useful = min(useful, max(seen.workers, int(left / cost)))
    return useful


def held_back(seen: Seen, limits: Limits) -> Iterator[str]:
    """Why now is no time to grow, though there is room."""
    if seen.strained:
        yield "serving's requests wait, or its latency is above the objective"
    if not seen.loads or blind_minutes(seen.loads):
        yield "serving's load is not known"
    if seen.minutes_since_growth < limits.settle_minutes:
        yield f"the last growth was {seen.minutes_since_growth:.0f} min ago, {limits.settle_minutes:g} must lie between two"


def blind_minutes(loads: tuple[float, ...]) -> int:
    """How many of the newest loads are unknown."""
    return next((back for back, load in enumerate(reversed(loads)) if load == load), len(loads))  # noqa: PLR0124 - NaN


def idle_minutes(seen: Seen, limits: Limits, forecast: Forecast) -> int:
    """So long, at most an hour, one worker more than now would not be in serving's way."""
    fits = [ahead for ahead in HORIZONS if ceiling(seen, limits, forecast, ahead)[0] > seen.workers]
    return max(fits, default=0)
