"""`winnow account OUT`: prove that the books balance."""

import click

from pipeline.cli import OUT


@click.command()
@click.argument("out", type=OUT)
def account(out: str) -> None:
    """Recount a run from the bytes: records in the inputs, rows, characters, tokens in packs.

    Ends with 1, and names the place, when something differs.
    """
    from collections import Counter

    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.account import account as recount

    try:
        run = open_run(out)
    except LedgerError as error:
        fail(error)
    found: Counter[str] = Counter()
    wrong = 0
    for line in recount(run):
        found[line.what] += line.found
        wrong += bool(line.wrong)
        if line.wrong:
            click.secho(f"✗ {line.wrong}", fg="red")
        if line.missing:
            click.secho(f"! not recounted: {line.missing}", fg="yellow")
    for what, count in found.items():
        click.echo(f"{what:<10} {count:>16,}")
    if wrong:
        fail(f"{out}: {wrong:,} {'difference' if wrong == 1 else 'differences'}", 1)
    click.echo("the books balance")
