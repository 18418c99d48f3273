"""Replays as one HTML page: what was assumed, every policy beside the others, the days drawn, what each result depends on."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline import charts
from pipeline import page as pages
from pipeline.page import Section, figure, table, text
from synth.judge import CLAIRVOYANT, OURS, Judged, Result
from synth.replay import Days

STEP = 20  # minutes between two points of a drawn day
HEAD = (
    "policy", "of idle GPU-hours", "of clairvoyant", "M tokens", "scheduler makes", "extra minutes short",
    "extra seconds short", "preempted", "s x pods waiting",
)  # fmt: skip


def page(judged: Sequence[Judged], swept: Sequence[tuple[str, Judged]] = ()) -> str:
    """`judged`: each trace without its outages and, where it has some, with them; `swept`: (what differs, result)."""
    drawn = {one.trace.model: one for one in judged}
    sections = [Section("What is assumed", assumed(judged[0]))]
    sections += [Section(title(one), [text(said(one)), comparison(one)]) for one in judged]
    if swept:
        sections.append(Section("What the results depend on", [sweep_table(swept)]))
    sections += [Section(f"{model}: the judged days", list(days(one))) for model, one in drawn.items()]
    return pages.page("Synthesis in idle GPU-hours, replayed", sections)


def title(one: Judged) -> str:
    return one.trace.model + (" with its outages" if one.outages else " without outages")


def assumed(one: Judged) -> list[str]:
    fleet, serving, workers = one.fleet, one.fleet.serving, one.fleet.workers
    sentences = (
        f"Fleet: {fleet.gpus} GPUs in nodes of {fleet.node_gpus}, which the peak of the whole trace and {serving.headroom:.0%} "
        "headroom just fill; one GPU a pod, and no pod waits for a particular node. A node fails every "
        f"{fleet.node_hours_between_failures:g} h of its own time and is repaired in {fleet.repair_minutes:g} min.\n"
        f"Load: lines through the middles of the trace's windows, with seeded noise of {fleet.noise:.0%} a minute. The trace "
        "begins at midnight; which weekday that was is not known.\n"
        f"Serving: its autoscaler asks each minute for the last minute's load and the headroom, at once upwards, after "
        f"{serving.stabilisation_seconds} s downwards; a pod starts in {serving.startup_seconds} s. It preempts workers, which "
        f"then hold their GPUs for {workers.yield_seconds} s more.\n"
        f"Workers: {workers.startup_seconds} s to start, {workers.drain_seconds} s to drain, {fleet.reserve_gpus} GPUs in reserve; "
        f"a preempted one loses {workers.request_seconds:g} s of work. Only ready workers count as used, at "
        f"{workers.tokens_per_gpu_hour:,} tokens a GPU-hour (a figure from the report, not measured here).\n"
        "The forecast is learnt on week one and judged on week two, both of the same trace; the scheduler decides with the "
        "same function as in a cluster. Windows and threshold have the constants that did no harm in week one: serving "
        "short for not one second more. Clairvoyant: knows when each GPU will be idle, pays startup and drain, harms nobody."
    )
    return [text(words) for words in sentences.splitlines()]


def said(one: Judged) -> str:
    return (
        f"{one.idle:,.0f} of {one.counted.sum() / 60 * one.fleet.gpus:,.0f} GPU-hours are idle; serving is short of capacity in "
        f"{one.short} minutes without any farm."
    )


def comparison(one: Judged) -> str:
    def row(result: Result) -> tuple[str, ...]:
        name = result.policy
        return (
            name, f"{one.share(name):.1%}", f"{result.used / one.results[CLAIRVOYANT].used:.1%}",
            f"{one.tokens(name) / 1e6:,.0f}", f"{one.times(name):.2f} x", str(result.extra_short),
            f"{result.extra_seconds:.0f}", f"{result.preempted:,}", f"{result.delayed:,.0f}",
        )  # fmt: skip

    return table(HEAD, [row(result) for result in one.results.values()])


def sweep_table(swept: Sequence[tuple[str, Judged]]) -> str:
    head = ("trace", "what differs", "of idle", "of clairvoyant", "extra minutes short", "preempted")
    return table(head, [
        (one.trace.model, what, f"{one.share():.1%}", f"{one.share() / one.share(CLAIRVOYANT):.1%}",
         one.results[OURS].extra_short, one.results[OURS].preempted)
        for what, one in swept
    ])  # fmt: skip


def days(one: Judged) -> Iterator[str]:
    """Seven days of GPUs by the hour, then the week's tokens, preemptions and waits."""
    happened = one.results[OURS].days
    if happened is None:
        return
    load = (
        happened.load
        * (1 + one.fleet.serving.headroom)
        / one.fleet.requests_per_gpu(float(one.trace.rates.max()))
    )
    series = {"load and headroom": load, "serving": happened["serving"], "synthesising": happened["synthesising"],
              "idle": happened["free"]}  # fmt: skip
    for day in range(len(load) // 1440):
        rows = [
            {"name": name, "x": STEP * at / 60, "y": float(value)}
            for name, values in series.items()
            for at, value in enumerate(values[1440 * day : 1440 * (day + 1)].reshape(-1, STEP).mean(1))
        ]
        yield text(f"Day {day + 8}")
        yield figure(charts.lines(rows, f"GPUs on day {day + 8}", "hour of the day", "GPUs"))
    yield from week(one, happened)


def week(one: Judged, happened: Days) -> Iterator[str]:
    """By the hour: tokens, preempted workers, and what a request of serving waits with the farm and without."""
    tokens = happened.used * one.fleet.workers.tokens_per_gpu_hour / 1e6
    yield by_hour("Tokens", "M tokens an hour", {"tokens": tokens * 60})
    yield by_hour("Preemptions", "workers an hour", {"preempted": happened["preempted"] * 60})
    waits = {"with the farm": np.minimum(happened["wait"], 2), "without": np.minimum(one.without["wait"], 2)}
    yield by_hour("Serving's mean wait, cut at 2", "service times", waits)


def by_hour(heading: str, unit: str, series: dict[str, np.ndarray]) -> str:
    rows = [
        {"name": name, "x": at / 24, "y": float(value)}
        for name, values in series.items()
        for at, value in enumerate(values[: len(values) // 60 * 60].reshape(-1, 60).mean(1))
    ]
    return text(heading) + figure(charts.lines(rows, heading, "day", unit))
