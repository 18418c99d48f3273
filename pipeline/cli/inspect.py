"""`winnow inspect OUT`: read what a stage removes before you trust it."""

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from pipeline.cli import OUT

if TYPE_CHECKING:
    from pipeline.ledger import Run
    from pipeline.ledger.why import Life


@click.command()
@click.argument("out", type=OUT)
@click.option("--stage", help="Only what this stage dropped.")
@click.option("--reason", help="Only what was dropped for this reason.")
@click.option("--kept", is_flag=True, help="A sample of what ships instead.")
@click.option("--near", is_flag=True, help="The kept documents that stand nearest to a limit of --stage.")
@click.option("--sample", "count", type=click.IntRange(1), default=5, show_default=True, help="How many.")
@click.option("--seed", default=0, show_default=True, help="Another seed, another sample.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a document.")
def inspect(
    out: str,
    stage: str | None,
    reason: str | None,
    kept: bool,
    near: bool,
    count: int,
    seed: int,
    as_json: bool,
) -> None:
    """Show a sample of what was dropped, with the values that decided, and what editors cut marked in the text.

    \b
      winnow inspect out                                             of everything that was dropped
      winnow inspect out --stage gopher_quality --reason too_few_words --sample 20
      winnow inspect out --stage gopher_quality --near               the kept ones nearest to a limit
    """
    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.export import Choice
    from pipeline.ledger.inspect import nearest, sample

    if near and stage is None:
        raise click.UsageError("--near needs a --stage")
    if kept and (near or stage or reason):
        raise click.UsageError(
            "--kept is a sample of all that ships; it goes with no --near, --stage or --reason"
        )
    try:
        run = open_run(out)
        if near:
            found = [
                (one.life, f"falls at {one.field} {one.moved:g}, now {one.limit:g}")
                for one in nearest(run, str(stage), reason, count)
            ]
        else:
            choice = Choice(not kept, stage, reason)
            found = [(one, "") for one in sample(run, choice, count, seed)]
    except LedgerError as error:
        fail(error)
    if not found:
        fail(f"{out}: no such document", 1)
    for one, note in found:
        show(run, one, stage, note, as_json)


def show(run: "Run", one: "Life", stage: str | None, note: str, as_json: bool) -> None:
    """One document; with a note the values that this stage looked at, else those of the stage that dropped it."""
    from pipeline.cli.why import verdict
    from pipeline.ledger.inspect import evidence

    text = evidence(run, one)
    if as_json:
        click.echo(
            json.dumps(
                {**dataclasses.asdict(one), "note": note, "evidence": text}, ensure_ascii=False, default=str
            )
        )
        return
    for line in verdict(one):
        click.echo(line)
    if note:
        click.echo(f"  near      {note}")
    decided = (said for said in one.said if (said.stage == stage if note else said.applies and said.reason))
    if said := next(decided, None):
        values = ", ".join(f"{name} {value}" for name, value in said.values.items() if value is not None)
        click.echo(f"  {said.stage}: {said.reason or 'passes'}; {values}")
    click.echo("".join(f"    {line}\n" for line in text.splitlines()))
