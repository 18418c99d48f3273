"""`winnow flink up|status|down`: a small Flink cluster on this machine, to try a recipe on a real engine."""

import os

import click

FOLDER = click.option(
    "--folder",
    default="flink",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Where its logs and state lie.",
)


@click.group()
def flink() -> None:
    """Start and end a small Flink cluster with Beam's job server; needs Java 11 or later and Maven.

    \b
      winnow flink up
      winnow run recipe.yaml --exchange engine -- $(winnow flink options)
      winnow flink down
    """


@flink.command()
@FOLDER
@click.option(
    "--taskmanagers",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default=True,
    help="One a core; each has one slot.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    help="Of Flink's own page; 0: a free one.",
)
def up(folder: str, taskmanagers: int, port: int) -> None:
    """Fetch Flink once (150 MB), start it, and say how to run a recipe on it. A TaskManager takes about 1 GB."""
    from pipeline.cli import fail
    from pipeline.engines.cluster import ClusterError
    from pipeline.engines.cluster import up as start

    try:
        cluster = start(os.path.abspath(folder), taskmanagers, port)
    except ClusterError as error:
        fail(error, 1)
    click.echo(
        f"Flink is up: http://127.0.0.1:{cluster.rest}, {taskmanagers} TaskManagers, logs in {folder}/log"
    )
    at = "" if folder == "flink" else f" --folder {folder}"
    click.echo(f"  winnow run recipe.yaml --exchange engine -- $(winnow flink options{at})")


@flink.command()
@FOLDER
@click.option(
    "--interface",
    type=click.Choice(["PortableRunner", "FlinkRunner"]),
    default="PortableRunner",
    show_default=True,
    help="Through the job server that is up, or one that Beam starts.",
)
def options(folder: str, interface: str) -> None:
    """Print the options that go behind `--` of `winnow run`."""
    from pipeline.cli import fail
    from pipeline.engines.cluster import state

    if (found := state(os.path.abspath(folder))) is None:
        fail(f"{folder}: no cluster was started here; winnow flink up", 1)
    click.echo(" ".join(one.replace(" ", "") for one in found.options[interface]))


@flink.command()
@FOLDER
def status(folder: str) -> None:
    """Say which processes run."""
    from pipeline.cli import fail
    from pipeline.engines.cluster import state

    if (found := state(os.path.abspath(folder))) is None:
        fail(f"{folder}: no cluster was started here", 1)
    for one in found.processes:
        click.echo(f"{one.name:<14} {one.pid:>8} {'runs' if one.alive() else 'ended'}")


@flink.command()
@FOLDER
def down(folder: str) -> None:
    """End the cluster and its workers."""
    from pipeline.cli import fail
    from pipeline.engines.cluster import ClusterError
    from pipeline.engines.cluster import down as end

    try:
        click.echo(f"ended: {', '.join(end(os.path.abspath(folder))) or 'nothing ran any more'}")
    except ClusterError as error:
        fail(error, 1)
