"""The farm's control loop: every minute look, decide, apply, and one line that says why.

Two or more may run; the one that holds the Lease acts. It keeps nothing of its own: loads and history come from
Prometheus, the workers' number from the cluster, the night's GPU-hours and the last growth from the Lease's notes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import orjson

from pipeline import forms
from synth.cluster import Cluster, ClusterError, Lease, Look, Place
from synth.decide import SWITCHED_OFF, Decision, Limits, Seen, decide, idle_minutes
from synth.forecast import RECENT, WEEK, Forecast, learn
from synth.prometheus import MeterError, Prometheus


@dataclass(frozen=True)
class Plan:
    """`winnow synth schedule PLAN`."""

    limits: Limits
    prometheus: Prometheus
    cluster: Place
    budget_resets_at: str = "18:00"  # UTC
    learn_again_hours: float = 24

    def __post_init__(self) -> None:
        try:
            datetime.strptime(self.budget_resets_at, "%H:%M")
        except ValueError as error:
            raise ValueError(
                f"budget_resets_at: {self.budget_resets_at!r} must be a time like 18:00"
            ) from error

    def night(self, now: float) -> int:
        """The number of the night that `now` (seconds since 1970) belongs to."""
        hour, minute = self.budget_resets_at.split(":")
        return int((now - 3600 * int(hour) - 60 * int(minute)) // 86_400)


def read_plan(path: str) -> Plan:
    """Raises forms.FormError with every mistake's line."""
    with open(path, encoding="utf-8") as file:
        return forms.build(Plan, forms.load(file.read(), path), "schedule")


class Farm(Protocol):
    """What is looked at and scaled: synth.cluster.Cluster, or a test's double."""

    def look(self) -> Look: ...
    def scale(self, workers: int) -> None: ...


@dataclass
class Notes:
    """What outlives a scheduler: kept in the Lease."""

    night: int = 0
    spent_gpu_hours: float = 0.0
    grown: float = 0.0  # seconds since 1970
    looked: float = 0.0

    def as_text(self) -> dict[str, str]:
        return {f"winnow.synth/{name}": repr(value) for name, value in vars(self).items()}

    @classmethod
    def of(cls, annotations: dict[str, str]) -> "Notes":
        found = {key.removeprefix("winnow.synth/"): value for key, value in annotations.items()}
        kinds = {name: type(value) for name, value in vars(cls()).items()}
        return cls(**{name: kind(found[name]) for name, kind in kinds.items() if name in found})


def minute_of_week(now: float) -> int:
    """Monday 00:00 UTC is 0; 1970 began on a Thursday."""
    return int(now // 60 + 3 * 1440) % WEEK


@dataclass
class Scheduler:
    """One look after the other; `now` is always seconds since 1970."""

    plan: Plan
    farm: Farm
    notes: Notes = field(default_factory=Notes)
    forecast: Forecast | None = None
    learnt: float = -math.inf
    looked: float = math.nan  # when a look last was whole

    def obey(self, plan: Plan) -> None:
        """From now on this one; what was learnt under another is learnt anew."""
        if plan != self.plan:
            self.plan, self.forecast = plan, None

    def see(self, now: float) -> Seen:
        look = self.farm.look()
        queries = self.plan.prometheus
        strained = queries.now(queries.strained)
        backlog = queries.now(queries.backlog)
        if math.isnan(backlog):
            raise MeterError(f"{queries.backlog}: no value; how many requests wait is not known")
        self.remember(now, look)
        return Seen(
            minute=minute_of_week(now),
            loads=tuple(queries.past(queries.load, now, RECENT).tolist()),
            gpus=look.gpus,
            serving=look.serving,
            workers=look.workers,
            backlog=int(backlog),
            strained=not math.isnan(strained) and strained > 0,
            spent_gpu_hours=self.notes.spent_gpu_hours,
            minutes_since_growth=(now - self.notes.grown) / 60,
        )

    def remember(self, now: float, look: Look) -> None:
        """Add what ran since the last look to the night's GPU-hours."""
        notes, night = self.notes, self.plan.night(now)
        if night != notes.night:
            notes.night, notes.spent_gpu_hours = night, 0.0
        elif notes.looked:
            notes.spent_gpu_hours += (
                look.pods * self.plan.limits.gpus_per_worker * (now - notes.looked) / 3600
            )
        notes.looked = now

    def decide(self, now: float) -> tuple[Seen, Decision]:
        """Raises ClusterError or MeterError where it cannot look, ValueError where history is too short."""
        if self.forecast is None or now - self.learnt >= 3600 * self.plan.learn_again_hours:
            meter = self.plan.prometheus
            minutes = 1440 * meter.history_days
            past = meter.past(meter.load, now, minutes)
            first = minute_of_week(now - 60 * (minutes - 1))
            self.forecast, self.learnt = learn(past, first, self.plan.limits.quantile), now
        seen = self.see(now)
        return seen, decide(seen, self.plan.limits, self.forecast)

    def step(self, now: float) -> str:
        """Look, decide, apply: the line that says so. What cannot be looked at for too long is handed back.

        The kill switch asks nobody: it works without Prometheus, and before there is any history.
        """
        if not self.plan.limits.on:
            self.farm.scale(0)
            return line(now, decision=0, reasons=SWITCHED_OFF.reasons)
        try:
            seen, decision = self.decide(now)
        except (MeterError, ValueError) as error:
            self.looked = now if math.isnan(self.looked) else self.looked
            blind = (now - self.looked) / 60 >= self.plan.limits.blind_minutes
            if blind:
                self.farm.scale(0)
            return line(now, missed=str(error), **({"decision": 0} if blind else {}))
        self.looked = now
        if decision.workers != seen.workers:
            self.farm.scale(decision.workers)
        if decision.workers > seen.workers:
            self.notes.grown = now
        return line(now, decision=decision.workers, reasons=decision.reasons, **looked(seen))

    def explain(self, now: float) -> str:
        """What it would do now and why, for people; nothing is changed."""
        if not self.plan.limits.on:
            return f"decision: 0 workers\n  {SWITCHED_OFF.reasons[0]}"
        seen, decision = self.decide(now)
        facts = [f"  {name:<24} {value}" for name, value in looked(seen).items()]
        remaining = idle_minutes(seen, self.plan.limits, self.forecast) if self.forecast else 0
        return "\n".join([
            "seen", *facts, f"  {'idle for one more':<24} {remaining} min",
            f"decision: {decision.workers} workers", *(f"  {reason}" for reason in decision.reasons),
        ])  # fmt: skip


def looked(seen: Seen) -> dict[str, object]:
    """A look without its sixty loads."""
    load = seen.loads[-1] if seen.loads else math.nan
    return {name: value for name, value in vars(seen).items() if name != "loads"} | {"load": load}


def line(now: float, **facts: object) -> str:
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    return orjson.dumps({"at": moment, **facts}).decode()


@dataclass
class Held:
    """The cluster, scaled only while the Lease is ours: a look may have taken longer than the Lease lasts."""

    cluster: Cluster
    lease: Lease
    clock: "Clock"

    def look(self) -> Look:
        return self.cluster.look()

    def scale(self, workers: int) -> None:
        if not self.lease.hold(self.clock.monotonic()):
            raise ClusterError(f"the Lease was lost during the look: not scaled to {workers}")
        self.cluster.scale(workers)


def run(
    read: Callable[[], Plan], cluster: Cluster, identity: str, clock: "Clock", say: Callable[[str], None]
) -> None:
    """Until `clock.wait` says that it is over. A look that fails is said and made again at the next minute.

    The plan is read anew before each look, but for where the cluster is; one that cannot be read leaves the last in force.
    """
    lease = Lease(cluster, identity)
    scheduler = Scheduler(read(), Held(cluster, lease, clock))
    leading, due = False, -math.inf
    try:
        while not clock.wait(cluster.place.lease_seconds / 5):
            held = lease.hold(clock.monotonic(), scheduler.notes.as_text() if leading else None)
            if held != leading:
                say(line(clock.now(), leading=held, identity=identity))
            if held and not leading:
                scheduler.notes, due = Notes.of(lease.notes), -math.inf
            leading = held
            if leading and clock.monotonic() >= due:
                try:
                    scheduler.obey(read())
                except (OSError, ValueError) as error:
                    say(line(clock.now(), plan=str(error)))
                due = clock.monotonic() + scheduler.plan.limits.every_seconds
                try:
                    say(scheduler.step(clock.now()))
                except ClusterError as error:
                    say(line(clock.now(), missed=str(error)))
    finally:
        if leading:
            try:
                lease.give_up()
            except ClusterError as error:  # the next leader waits for the lease's time instead
                say(line(clock.now(), missed=str(error)))


class Clock(Protocol):
    """Time, and the signal to end."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...
    def wait(self, seconds: float) -> bool: ...
