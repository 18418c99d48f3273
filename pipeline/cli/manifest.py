"""`winnow manifest …`: the list of shards that a trainer reads."""

import click


@click.group()
def manifest() -> None:
    """Check the shards of a run against their manifest."""


@manifest.command()
@click.argument("out", type=click.Path(exists=True, file_okay=False))
def verify(out: str) -> None:
    """Find a flipped bit, a missing and an extra shard; ends with 1, and names the place."""
    from pipeline.cli import fail
    from pipeline.ship.manifest import superseded
    from pipeline.ship.manifest import verify as problems

    found = list(problems(out, superseded(out)))
    for problem in found:
        click.secho(f"✗ {problem}", fg="red")
    if found:
        fail(f"{out}: {len(found):,} {'problem' if len(found) == 1 else 'problems'}", 1)
    click.echo("every shard is the one that the manifest names")
