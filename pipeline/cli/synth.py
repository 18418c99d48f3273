"""`winnow synth …`: the farm. Thin: `synth` is loaded when a command is called."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import curable
from pipeline.cli.synth_demo import demo
from pipeline.cli.synth_replay import replay
from pipeline.cli.synth_schedule import schedule

if TYPE_CHECKING:
    from synth.collect import Books
    from synth.requests import Task

FILE = click.Path(exists=True, dir_okay=False)
mistakes = partial(curable, "synth")


@click.group()
def synth() -> None:
    """Make training data with language models in hours when their GPUs would idle.

    \b
      winnow synth demo                     see it work: no broker, no GPU
      winnow synth submit job.yaml          put a job's requests on the queue; twice adds nothing
      winnow synth work farm.yaml -v NAME   one worker beside one engine
      winnow synth status farm.yaml         backlog, rates, yield, what is left
      winnow synth collect job.yaml         results → documents for `winnow run`, and the books
      winnow synth replay --trace t.csv     what the scheduler would make of a recorded week
      winnow synth schedule plan.yaml       take idle GPUs, give them back in time
    """


synth.add_command(demo)
synth.add_command(replay)
synth.add_command(schedule)


@synth.command()
@click.argument("path", type=FILE, metavar="JOB")
def submit(path: str) -> None:
    """Put the requests of JOB (YAML) on the farm's queue; what was put there before is not put again.

    \b
      winnow synth submit job.yaml
    """
    with mistakes():
        from synth import requests
        from synth import submit as submitting

        done = submitting.run(requests.read(path))
    click.echo(
        f"{done.rows:,} rows: {done.new:,} new requests, {done.known:,} known; {done.sent:,} letters sent"
    )
    for reason, count in sorted(done.refused.items()):
        click.secho(f"refused: {count:,} {reason}, first {done.examples[reason]}", fg="red", err=True)


@synth.command()
@click.argument("path", type=FILE, metavar="FARM")
@click.option("-v", "--variant", required=True, help="Which model; `winnow synth variants` lists them.")
@click.option(
    "--engine", "url", default="", help="Base URL of a running engine. Without it, vLLM is started here."
)
@click.option(
    "--in-flight", type=click.IntRange(1), help="Requests at the engine at once; default: the variant's."
)
@click.option("--deadline", type=click.FloatRange(min=0, min_open=True), default=1_800.0, show_default=True,
              help="Seconds for one attempt.")  # fmt: skip
@click.option("--max-yield", type=click.FloatRange(min=0), default=20.0, show_default=True,
              help="Seconds after SIGTERM in which requests may still finish.")  # fmt: skip
@click.option("--metrics-port", type=click.IntRange(0, 65_535), default=0, help="For Prometheus; 0: none.")
@click.option("--until-empty", is_flag=True, help="Leave when the queue is empty.")
@click.option(
    "--co-located", is_flag=True, help="The engine is serving's own: lowest priority, and out of its way."
)
def work(
    path: str,
    variant: str,
    url: str,
    in_flight: int | None,
    deadline: float,
    max_yield: float,
    metrics_port: int,
    until_empty: bool,
    co_located: bool,
) -> None:
    """Work beside one engine until told to leave: SIGTERM gives back what is unfinished, SIGUSR1 finishes what is in hand.

    \b
      winnow synth work farm.yaml -v qwen3-8b
      winnow synth work farm.yaml -v qwen3-8b --engine http://127.0.0.1:8000
    """
    with mistakes():
        import asyncio
        from contextlib import suppress
        from dataclasses import replace

        from synth import farm, variants
        from synth import work as working
        from synth.colocated import Guest, replica
        from synth.worker import Habits, Worker

        post = working.Post(farm.read(path), variant, url, metrics_port=metrics_port)
        if co_located:
            post = replace(post, url=replica(url, post.name))
        concurrency = in_flight or variants.read(variant, post.farm.variants).concurrency
        working.log_lines()
        habits = Habits(concurrency, deadline, max_yield_seconds=max_yield, stop_when_empty=until_empty)
        with suppress(asyncio.CancelledError):  # told to leave before the engine was ready
            asyncio.run(working.work(post, habits, Guest if co_located else Worker))


@synth.command()
@click.argument("path", type=FILE, metavar="FARM")
@click.option(
    "--watch", type=click.FloatRange(min=0.5), help="Show it again every so many seconds, until Ctrl-C."
)
def status(path: str, watch: float | None) -> None:
    """Backlog, what is in flight, rates, yield, GPU-hours, cost and time left, without reading a request.

    \b
      winnow synth status farm.yaml --watch 5
    """
    with mistakes():
        import time

        from rich.console import Console
        from rich.live import Live

        if watch is None:
            Console().print(table(path))
            return
        with Live(table(path)) as live:
            while True:
                time.sleep(watch)
                live.update(table(path))


def table(path: str) -> Any:
    """The farm as a rich Group of two tables."""
    import asyncio

    from rich.console import Group
    from rich.table import Table

    from synth import farm as farms
    from synth import status as looking

    farm = farms.read(path)
    jobs = Table(
        "job",
        "variant",
        "submitted",
        "done",
        "dead",
        "tokens/s",
        "yield",
        "GPU-hours",
        "cost",
        "time left",
        title="Jobs",
    )
    for one in looking.jobs(farm):
        hours = one.done.gpu_seconds / 3_600
        share = f"{one.books['accepted'] / max(1, one.done.results):.1%}" if one.books else "–"
        left = "–" if one.left_seconds is None else f"{one.left_seconds / 3_600:.1f} h"
        jobs.add_row(
            one.job, one.variant, f"{one.submitted:,}", f"{one.done.results:,}", f"{one.done.dead:,}", f"{one.tokens_per_second:,.0f}",
            share, f"{hours:,.2f}", f"{hours * farm.gpu_hour:,.2f}", left,
        )  # fmt: skip
    queues = Table("variant", "waiting", "in hand", "delayed", "dead letters", title="Queues")
    for name, counts in asyncio.run(looking.queues(farm)).items():
        said = [counts] if isinstance(counts, str) else [f"{count:,}" for count in vars(counts).values()]
        queues.add_row(name, *said)
    return Group(jobs, queues)


@synth.command()
@click.argument("path", type=FILE, metavar="JOB")
@click.option("--batch", type=click.Path(dir_okay=False), help="Write OpenAI batch output (JSON lines) too.")
def collect(path: str, batch: str | None) -> None:
    """Turn the results of JOB into documents for `winnow run`, and show the books; 1 when they do not balance.

    \b
      winnow synth collect job.yaml
      winnow synth collect job.yaml --batch output.jsonl
    """
    with mistakes():
        from synth import collect as collecting
        from synth import requests

        task = requests.read(path)
        books = collecting.collect(task)
        if batch:
            with open(batch, "wb") as file:
                file.writelines(collecting.batch_lines(task))
    show(books, task)


def show(books: "Books", task: "Task") -> None:
    """The books for people; ends with 1 when they do not balance."""
    from pipeline.cli import fail

    def by_reason(counted: dict[str, int]) -> str:
        return (
            f" ({', '.join(f'{count:,} {reason}' for reason, count in sorted(counted.items()))})"
            if counted
            else ""
        )

    click.echo(f"submitted  {books.submitted:>12,}")
    click.echo(f"accepted   {books.accepted:>12,}")
    click.echo(f"rejected   {books.rejected.total():>12,}{by_reason(books.rejected)}")
    click.echo(f"dead       {books.dead.total():>12,}{by_reason(books.dead)}")
    click.echo(f"pending    {books.pending:>12,}")
    click.echo(f"delivered again and left out: {books.delivered_again:,}")
    if not books.balance:
        fail(
            f"the books do not balance: {books.strangers:,} results are of requests that were never submitted",
            1,
        )
    click.echo(f"the books balance; {books.documents:,} new documents. In a recipe:")
    click.echo(f"  - {{source: synth-{task.job.job}, path: '{task.store.path('documents')}'}}")


@synth.command()
@click.argument("path", type=FILE, metavar="TRIAL")
def trial(path: str) -> None:
    """Run a sample of a job through several models, and say which yields most per GPU-hour.

    \b
      winnow synth trial trial.yaml
    """
    with mistakes():
        import asyncio
        from pathlib import Path

        from synth import trial as trials

        wanted, task = trials.read(path)
        outcomes = asyncio.run(trials.run(wanted, task))
        Path(wanted.output).write_text(trials.page(task, outcomes), encoding="utf-8")
        for one in outcomes:
            click.echo(
                f"{one.variant:<28} {one.passed:7.1%} passed, {one.yields:14,.0f} accepted tokens per GPU-hour"
            )
        click.echo(trials.advice(outcomes))
    click.echo(f"written to {wanted.output}")


@synth.command()
def variants() -> None:
    """List the models that a farm can run.

    \b
      winnow synth variants        the shipped ones; a farm's own are files in its folder `variants`
    """
    with mistakes():
        from synth import variants as shipped

        for name in shipped.names():
            one = shipped.read(name)
            click.echo(f"{name:<28} {one.model:<48} {one.kind:<7} {one.gpus} × {one.gpu_memory_gb} GB")


# The dead


@synth.group()
def dead() -> None:
    """Requests that ended without an answer: look at them, give them another life, or give them up.

    \b
      winnow synth dead list job.yaml
      winnow synth dead requeue job.yaml --reason deadline
      winnow synth dead drop job.yaml --id 0123…
    """


def chosen(command: Any) -> Any:
    """The options that choose among the dead."""
    command = click.option("--reason", help="Only those that ended so.")(command)
    command = click.option("--id", "ids", multiple=True, help="Only these.")(command)
    return click.argument("path", type=FILE, metavar="JOB")(command)


def those(path: str, reason: str | None, ids: tuple[str, ...]) -> tuple["Task", list[dict[str, Any]]]:
    from synth import collect, requests

    task = requests.read(path)
    found = [
        one
        for one in collect.dead(task)
        if (reason in (None, one["reason"])) and (not ids or one["id"] in ids)
    ]
    if lacking := sorted(set(ids) - {one["id"] for one in found}):
        raise ValueError(f"{lacking[0]} is not among the dead of {task.job.job}")
    return task, found


@dead.command("list")
@chosen
def dead_list(path: str, reason: str | None, ids: tuple[str, ...]) -> None:
    """The dead of JOB, each with its reason.

    \b
      winnow synth dead list job.yaml --reason deadline
    """
    with mistakes():
        for one in those(path, reason, ids)[1]:
            click.echo(f"{one['id']}  {one['custom_id']}  {one['reason']}: {one['detail']}")


@dead.command("requeue")
@chosen
def dead_requeue(path: str, reason: str | None, ids: tuple[str, ...]) -> None:
    """Put the dead of JOB on the queue again.

    \b
      winnow synth dead requeue job.yaml --reason deadline
    """
    with mistakes():
        import asyncio

        from synth import collect, submit

        task, found = those(path, reason, ids)
        with submit.locked(task.store):
            asyncio.run(submit.requeue(task, {one["id"]: one["life"] for one in found}))
            collect.settle_dead(task, found, "requeued")
    click.echo(f"{len(found):,} requests have another life")


@dead.command("drop")
@chosen
def dead_drop(path: str, reason: str | None, ids: tuple[str, ...]) -> None:
    """Give the dead of JOB up: they count as rejected, dropped.

    \b
      winnow synth dead drop job.yaml --id 0123…
    """
    with mistakes():
        from synth import collect, submit

        task, found = those(path, reason, ids)
        with submit.locked(task.store):
            collect.settle_dead(task, found, "dropped")
    click.echo(f"{len(found):,} requests are given up")
