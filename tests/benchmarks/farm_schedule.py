"""The farm's replay on the traces beside the project, and a decision's cost, for LOG.md: `python -m tests.benchmarks.farm_schedule`."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from synth import judge
from synth.cluster import alive_gpus
from synth.decide import decide
from synth.fleet import Fleet, Trace, read_trace
from tests.synth import weeks
from tests.synth.test_schedule import node

TRACES = Path(__file__).resolve().parents[3] / "shared/data/traces/servegen_rate_by_model_10min.csv"


def judged(traces: list[Trace]) -> Iterator[str]:
    yield "trace | policy | of idle | of clairvoyant | G tokens | scheduler makes | extra min short | extra s short | preempted"
    for trace in traces:
        for outages in (False, True) if trace.lost.any() else (False,):
            one = judge.judge(trace, Fleet(), outages)
            for name, result in one.results.items():
                yield (
                    f"{trace.model}{' with outages' if outages else ''} | {name} | {one.share(name):.1%} | "
                    f"{one.share(name) / one.share(judge.CLAIRVOYANT):.1%} | {one.tokens(name) / 1e9:.2f} | {one.times(name):.2f} x | "
                    f"{result.extra_short} | {result.extra_seconds:.0f} | {result.preempted:,}"
                )


def varied(traces: list[Trace]) -> Iterator[str]:
    """One thing at a time; other seeds; and both weeks in the other order, which nothing was chosen on."""
    yield "what differs | " + " | ".join(
        f"{trace.model}: of idle, of clairvoyant, extra min short" for trace in traces
    )
    fleets = [*judge.sweep(Fleet()), *((f"seed {seed}", Fleet(seed=seed)) for seed in (1, 2))]
    swapped = [replace(trace, rates=np.roll(trace.rates, len(trace.rates) // 2)) for trace in traces]
    for what, fleet, chosen in [*((*one, traces) for one in fleets), ("weeks swapped", Fleet(), swapped)]:
        cells = []
        for trace in chosen:
            one = judge.scheduler_alone(trace, fleet)
            cells.append(
                f"{one.share():.1%}, {one.share() / one.share(judge.CLAIRVOYANT):.1%}, {one.results[judge.OURS].extra_short}"
            )
        yield f"{what} | " + " | ".join(cells)


def decision() -> Iterator[str]:
    """From the API server's bytes to a number of workers, for 1,000 nodes of 8 GPUs with fifty images each."""
    body, forecast = orjson.dumps({"items": [node(f"gpu-{at}") for at in range(1000)]}), weeks.forecast()
    seen = weeks.seen(gpus=8000, serving=700)
    times = []
    for _ in range(20):
        begin = time.process_time()
        alive_gpus(body)
        middle = time.process_time()
        decide(seen, weeks.LIMITS, forecast)
        times.append((middle - begin, time.process_time() - middle))
    look, choice = np.median(times, 0) * 1000
    yield f"decision for 1,000 nodes ({len(body) / 1e6:.1f} MB of JSON): {look:.0f} ms of CPU to look, {choice:.2f} ms to decide"


if __name__ == "__main__":
    found, _ = read_trace(str(TRACES))
    for part in (decision(), judged(found), varied(found)):
        for line in part:
            print(line, flush=True)
