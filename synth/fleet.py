"""What a replay is about: a fleet (from YAML) and serving's load minute by minute (from a CSV of rates)."""

import csv
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pipeline import forms
from synth.decide import Limits


@dataclass(frozen=True)
class Serving:
    """Serving's own autoscaler and pods, one GPU a pod."""

    headroom: float = 0.25  # asks for load x (1 + headroom); HPA's target utilisation of 0.8
    minimum_gpus: int = 1
    startup_seconds: int = 120
    drain_seconds: int = 30
    stabilisation_seconds: int = 300  # HPA's default: scales down to the highest wish of so long


@dataclass(frozen=True)
class Workers:
    """Ours, one GPU each."""

    startup_seconds: int = 120
    drain_seconds: int = 60  # planned scale-down: requests in flight finish
    yield_seconds: int = 20  # preempted: requests in flight are handed back (the worker's max_yield_seconds)
    request_seconds: float = 30  # work lost by a preempted worker: half of what its requests take
    tokens_per_gpu_hour: int = 1_500_000  # 12 M an hour and node of 8, the report's figure
    hours_between_crashes: float = 500  # of one worker; our assumption


@dataclass(frozen=True)
class Fleet:
    """GPUs that serving and the farm share. One GPU's rate follows from the trace: its peak and the headroom fill the fleet."""

    gpus: int = 128
    node_gpus: int = 8
    reserve_gpus: int = 2
    noise: float = 0.02  # of each minute's load around the line between two windows' means (standard deviation of its log)
    node_hours_between_failures: float = 2000
    repair_minutes: float = 60
    forecast_error: float = 0.0  # standard deviation of the log of an error on every forecast, new each hour
    seed: int = 0
    serving: Serving = field(default_factory=Serving)
    workers: Workers = field(default_factory=Workers)

    def __post_init__(self) -> None:
        if not 0 <= self.reserve_gpus < self.gpus or self.gpus % self.node_gpus:
            raise ValueError("gpus must be whole nodes, and more than reserve_gpus")

    def requests_per_gpu(self, peak: float) -> float:
        """Requests/s of one GPU if the peak and the autoscaler's headroom just fill the fleet."""
        return peak * (1 + self.serving.headroom) / self.gpus

    def limits(self, peak: float) -> Limits:
        """What the scheduler of this fleet goes by."""
        return Limits(
            requests_per_gpu=self.requests_per_gpu(peak),
            headroom=self.serving.headroom,
            minimum_gpus=self.serving.minimum_gpus,
            reserve_gpus=self.reserve_gpus,
            startup_seconds=self.workers.startup_seconds,
            drain_seconds=self.workers.drain_seconds,
            yield_seconds=self.workers.yield_seconds,
        )


def read_fleet(path: str) -> Fleet:
    """Raises forms.FormError with every mistake's line."""
    with open(path, encoding="utf-8") as file:
        return forms.build(Fleet, forms.load(file.read(), path), "fleet")


@dataclass(frozen=True)
class Trace:
    """Mean requests/s of one model's windows; midnight of a Monday at 0. `lost`: windows of an outage."""

    model: str
    window_seconds: int
    rates: np.ndarray

    @property
    def lost(self) -> np.ndarray:
        """bool[windows]: no load where there always was some; the windows in which it began or ended too."""
        return self.rates < 0.02 * np.median(self.rates)

    @property
    def days(self) -> float:
        return len(self.rates) * self.window_seconds / 86_400

    def minutes(self, noise: float, seed: int, bridged: bool) -> np.ndarray:
        """float64[minutes]: the line through the windows' middles, with seeded noise; `bridged`: as if no window were lost."""
        middles = (np.arange(len(self.rates)) + 0.5) * self.window_seconds / 60
        use = ~self.lost if bridged else np.ones(len(self.rates), bool)
        at = np.arange(len(self.rates) * self.window_seconds // 60) + 0.5
        line = np.interp(at, middles[use], self.rates[use])
        return line * np.exp(np.random.default_rng(seed).normal(0, noise, len(line)))

    def lost_minutes(self) -> np.ndarray:
        """bool[minutes] that a result without outages passes over: the lost windows and the lines that lead to them."""
        lost = np.repeat(self.lost, self.window_seconds // 60)
        reach = self.window_seconds // 120
        return np.convolve(lost, np.ones(2 * reach + 1), "same") > 0


def read_trace(path: str, models: tuple[str, ...] = ()) -> tuple[list[Trace], list[str]]:
    """(traces of two weeks, names of columns that have less) from a CSV `t_seconds,MODEL,…` of mean requests/s per window.

    A column's zeros at its end are missing, not idleness. Raises ValueError with the place of what cannot be read.
    """
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name != "t_seconds"]
    if not rows or "t_seconds" not in rows[0] or not names:
        raise ValueError(
            f"{path}: must be CSV with the columns t_seconds and one of requests/s for each model"
        )
    if unknown := [model for model in models if model not in names]:
        raise ValueError(f"{path}: no column {unknown[0]!r}; there are {', '.join(names)}")
    times = [_number(path, line, "t_seconds", row) for line, row in enumerate(rows, 2)]
    step = int(times[1] - times[0]) if len(times) > 1 else 0
    if step < 60 or step % 60 or any(after - before != step for before, after in pairwise(times)):
        raise ValueError(f"{path}: t_seconds must go up by one step of whole minutes, without gaps")
    traces: list[Trace] = []
    short: list[Trace] = []
    for name in models or names:
        rates = np.array([_number(path, line, name, row) for line, row in enumerate(rows, 2)])
        trace = Trace(name, step, np.trim_zeros(rates, "b"))
        (traces if trace.days > 13 else short).append(trace)
    return traces, [trace.model for trace in short]


def _number(path: str, line: int, name: str, row: dict[str, str]) -> float:
    try:
        number = float(row[name])
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError(f"{path}:{line}: {name}: {row[name]!r} is no rate; write requests/s, 0 or more")
    return number
