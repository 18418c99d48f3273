"""`winnow synth replay`: a recorded week of serving, and what the scheduler would have made of its idle GPUs."""

from functools import partial
from typing import TYPE_CHECKING

import click

from pipeline.cli import curable

if TYPE_CHECKING:
    from synth.judge import Judged

FILE = click.Path(exists=True, dir_okay=False)
mistakes = partial(curable, "synth")


@click.command()
@click.option(
    "--trace", required=True, type=FILE, help="CSV: t_seconds, then mean requests/s of each model per window."
)
@click.option(
    "--fleet", "fleet_path", type=FILE, help="YAML; without it 128 GPUs and synth/fleet.py's defaults."
)
@click.option(
    "--model", "models", multiple=True, help="A column of the trace; default: all that have two weeks."
)
@click.option(
    "--sweep", is_flag=True, help="Also vary startup, drain, reserve, forecast error, noise, failures."
)
@click.option("-o", "--output", default="replay.html", show_default=True)
def replay(trace: str, fleet_path: str | None, models: tuple[str, ...], sweep: bool, output: str) -> None:
    """Learn a forecast on a trace's first week and replay its second with the scheduler's own decisions.

    \b
      winnow synth replay --trace rates.csv --fleet fleet.yaml

    Beside it: a night window, the best window, a threshold, and the clairvoyant. Runs of zeros are outages:
    results stand without and with them. Some ten seconds for each model, a minute more with --sweep.
    """
    with mistakes():
        from pathlib import Path

        from synth import judge
        from synth.fleet import Fleet, read_fleet, read_trace
        from synth.replay_page import page

        fleet = read_fleet(fleet_path) if fleet_path else Fleet()
        traces, short = read_trace(trace, models)
        for name in short:
            click.secho(f"{name}: less than two weeks were measured; passed over", fg="yellow", err=True)
        if not traces:
            raise ValueError(f"{trace}: no column has two weeks of load")
        judged, swept = [], []
        for one in traces:
            for outages in (False, True) if one.lost.any() else (False,):
                judged.append(judge.judge(one, fleet, outages))
                for line in lines(judged[-1]):
                    click.echo(line)
            if sweep:
                swept += [(what, judge.scheduler_alone(one, other)) for what, other in judge.sweep(fleet)]
        for what, found in swept:
            click.echo(f"{found.trace.model:<12} {what:<24} {found.share():6.1%} of idle, "
                       f"{found.results[judge.OURS].extra_short} extra minutes short")  # fmt: skip
        Path(output).write_text(page(judged, swept), encoding="utf-8")
    click.echo(f"written to {output}")


def lines(one: "Judged") -> list[str]:
    from synth.replay_page import title

    found = [f"{title(one)}: {one.idle:,.0f} idle GPU-hours"]
    found += [
        f"  {name:<12} {one.share(name):6.1%} of idle   {one.tokens(name) / 1e9:7.2f} G tokens   "
        f"extra minutes short {result.extra_short:>3}   preempted {result.preempted:>5,}"
        for name, result in one.results.items()
    ]
    return found
