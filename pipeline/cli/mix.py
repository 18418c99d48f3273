"""`winnow mix …`: from proxy runs to a mixture. Thin: `mixtures` is loaded when a command is called."""

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import curable

if TYPE_CHECKING:
    from mixtures.choice import Choice
    from pipeline.lock import Lock

FILE = click.Path(exists=True, dir_okay=False)


class Made(click.Path):
    """A file that a command writes at its end: its folder must be there at the beginning."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = super().convert(value, param, ctx)
        folder = os.path.dirname(str(value)) or "."
        if not os.path.isdir(folder):
            self.fail(f"there is no folder '{folder}'; make it", param, ctx)
        return path


MADE = Made(dir_okay=False)
mistakes = partial(curable, "mix")


@click.group()
def mix() -> None:
    """Decide how much of each source to train on, from small proxy runs.

    \b
      winnow mix propose domains.yaml -n 512 -o proxies.csv     which mixtures to train
      winnow mix proxies plan.yaml                              train them (or use any other trainer)
      winnow mix fit runs.csv losses.csv -o fit.json            one law per target, and how far to trust it
      winnow mix solve mixture.yaml                             the mixture, as mixture.lock.json
      winnow mix report mixture.lock.json --fit fit.json        one HTML page
    """


@mix.command()
@click.argument("domains", type=FILE, metavar="DOMAINS")
@click.option(
    "-n", "count", type=click.IntRange(1), default=512, show_default=True, help="How many mixtures."
)
@click.option("--seed", type=int, default=42, show_default=True)
@click.option(
    "--design",
    type=click.Choice(["regmix", "optimal"]),
    default="regmix",
    show_default=True,
    help="Random after RegMix, or those that teach most; with --runs, most about good mixtures.",
)
@click.option("--runs", type=FILE, help="With --design optimal: the shares of runs already made …")
@click.option("--losses", type=FILE, help="… and their losses.")
@click.option(
    "--keep",
    type=(str, FILE),
    multiple=True,
    metavar="GROUP LOCK",
    help="Keep the ratios that LOCK gives the domains of GROUP; the group's sum varies.",
)
@click.option(
    "-o",
    "--output",
    type=MADE,
    default="proxies.csv",
    show_default=True,
    help="CSV, or Parquet by its ending.",
)
def propose(
    domains: str,
    count: int,
    seed: int,
    design: str,
    runs: str | None,
    losses: str | None,
    keep: tuple[tuple[str, str], ...],
    output: str,
) -> None:
    """Write the mixtures of COUNT proxy runs for DOMAINS (YAML), and a training list beside them."""
    if bool(runs) != bool(losses):
        raise click.UsageError("give --runs and --losses together")
    if runs and design != "optimal":
        raise click.UsageError("runs already made are only used with --design optimal")
    with mistakes():
        from mixtures import propose as proposals
        from mixtures.domains import ratios, read
        from mixtures.tables import read_runs

        sources = read(domains)
        kept = {group: ratios(file, group, sources) for group, file in keep}
        made = read_runs(runs, losses, sources.names) if runs and losses else None
        if design == "optimal":
            shares = proposals.optimal(sources, count, seed, made, kept)
        else:
            shares = proposals.sample(sources, count, seed, kept)
        first = 1 + (len(made.runs) if made else 0)
        listed = proposals.write(output, sources.names, shares, first, seed)
    click.echo(f"{len(shares):,} mixtures of {len(sources.names)} domains: {output}, training list {listed}")


@mix.command()
@click.argument("runs", type=FILE, metavar="RUNS")
@click.argument("losses", type=FILE, metavar="LOSSES")
@click.option(
    "--test",
    "tests",
    type=(FILE, FILE),
    multiple=True,
    metavar="RUNS LOSSES",
    help="Tables to measure on; they choose nothing.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the folds.")
@click.option(
    "-o", "--output", type=MADE, default="fit.json", show_default=True, help="For solve and report."
)
def fit(runs: str, losses: str, tests: tuple[tuple[str, str], ...], seed: int, output: str) -> None:
    """Choose a law per target by cross-validation on RUNS (shares) and LOSSES, and say how far it can be trusted."""
    with mistakes():
        from mixtures import record
        from mixtures.choice import choose, measure, warning
        from mixtures.tables import read_runs

        table = read_runs(runs, losses)
        others = [read_runs(*test, domains=table.domains) for test in tests]
        say([*table.notes, warning(table)])
        spent: dict[str, float] = {}
        chosen = []
        for one in choose(table, seed, spent=spent):
            chosen.append(one)
            click.echo(choice_line(one))
        measured = dict(zip(tests, measure(table, chosen, others), strict=True))
        plain = {
            f"{one[0]} {one[1]}": {name: list(score.correlation) for name, score in found.items()}
            for one, found in measured.items()
        }
        record.write(output, table, chosen, seed, plain)
    for test, found in measured.items():
        click.echo(f"on {test[1]} (took no part):")
        for name, score in found.items():
            click.echo(f"  {name:<32} rank correlation {three(score.correlation)}")
    click.echo("CPU seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items()))
    if blind := [one.target for one in chosen if not one.score.knows]:
        click.secho(f"the runs say nothing about: {', '.join(blind)}", fg="red", err=True)
    click.echo(f"written to {output}")


def choice_line(one: "Choice") -> str:
    others = ", ".join(
        f"{name} {score.error[0]:.4f}" for name, score in one.scores.items() if name != one.law
    )
    return (
        f"{one.target:<28} {one.law:<12} rank correlation {three(one.score.correlation)}, error {three(one.score.error)} "
        f"({others}); {one.enough} runs were enough"
    )


def three(value: tuple[float, float, float]) -> str:
    return f"{value[0]:.4f} [{value[1]:.4f}, {value[2]:.4f}]"


def say(notes: list[str]) -> None:
    for note in filter(None, notes):
        click.secho(note, fg="yellow", err=True)


@mix.command()
@click.argument("path", type=FILE, metavar="MIXTURE")
@click.option("--force", is_flag=True, help="Solve even where the runs say nothing.")
def solve(path: str, force: bool) -> None:
    """Find the mixture that MIXTURE (YAML) asks for, with spreads, and write its lock."""
    with mistakes():
        from mixtures import plan
        from mixtures.choice import warning
        from pipeline import lock as locks

        task = plan.read(path)
        say([*task.runs.notes, warning(task.runs)])
        _, found = plan.carry_out(task, plan.choices(task), force)
        locks.write(task.plan.output, found)
    show(found)
    click.echo(f"written to {task.plan.output}")


def show(found: "Lock") -> None:
    """The lock for people."""
    more: Any = found.more
    click.echo(
        f"{'domain':<32} {'share':>8} {'90 % spread':>19} {'near-optimal':>19} {'tokens':>17} {'epochs':>7}"
    )
    for name, one in found.groups.items():
        spread, near = (
            f"{100 * low:8.2f} …{100 * high:7.2f} %"
            for low, high in (more[key]["shares"][name] for key in ("spread", "near_optimal"))
        )
        click.echo(
            f"{name:<32} {100 * one.share:6.2f} % {spread:>19} {near:>19} {one.tokens:>17,} {one.epochs:>7.2f}"
        )
    for name, one in more["targets"].items():
        click.echo(
            f"{name}: {one['law']}, predicted loss {one['predicted']:.4f}, 90 % {one['low']:.4f} … {one['high']:.4f}"
        )
    for name, way in more["methods"].items():
        click.echo(f"{name}: objective {way['objective']:.5f}{' ← stands' if name == more['method'] else ''}")
    for name, worth in more["binding"].items():
        click.echo(f"binds: {name}; 0.01 more is worth {worth:.5f}")
    for name, worth in more["more_data"].items():
        if worth:
            click.echo(f"more data: 10^9 further tokens of {name} are worth {worth:.5f}")


@mix.command()
@click.argument("path", type=FILE, metavar="LOCK")
@click.option(
    "--fit", "fitted", type=FILE, help="What `winnow mix fit` wrote: adds how far its laws can be trusted."
)
@click.option("-o", "--output", type=MADE, default="mixture.html", show_default=True)
def report(path: str, fitted: str | None, output: str) -> None:
    """Draw LOCK as one self-contained HTML page."""
    with mistakes():
        from pathlib import Path

        from mixtures import record
        from mixtures import report as reports
        from pipeline import lock as locks

        lock = locks.read(path)
        reports.check(lock, path)
        made = reports.report(lock, record.load_for(fitted, lock, path) if fitted else None)
        Path(output).write_text(made, encoding="utf-8")
    click.echo(f"written to {output}")


@mix.command()
@click.argument("path", type=FILE, metavar="PLAN")
@click.option("--workers", type=click.IntRange(1), help="Proxies at once; default: one per core or GPU.")
@click.option("--only", type=click.IntRange(0), help="Train one run by its place in the list (Indexed Jobs).")
def proxies(path: str, workers: int | None, only: int | None) -> None:
    """Train the small models of PLAN (YAML) that are not trained yet, and write their losses."""
    with mistakes():
        from mixtures import proxies as training

        for line in training.train_all(path, workers, only):
            click.echo(line)
