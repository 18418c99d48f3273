"""`winnow report OUT`: what a run did, as one page of pictures and tables."""

import click

from pipeline.cli import OUT


@click.command()
@click.argument("out", type=OUT)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="The page.  [default: OUT.html, beside the folder; of a bucket: in this one]",
)
def report(out: str, output: str | None) -> None:
    """Write one HTML page about a run: funnel, rules and their limits, duplicates, packs, and the recipe.

    \b
      winnow report out                 writes out.html
      winnow report out -o page.html

    The page needs nothing but itself: no network, no other file. It is made from columns and decisions;
    texts are read only for the samples that it shows.
    """
    from pathlib import Path

    from pipeline.cli import fail
    from pipeline.data.objects import remote
    from pipeline.ledger import LedgerError, open_run
    from pipeline.report import report as drawn

    beside = f"{out.rstrip('/')}.html"
    target = Path(output or (Path(beside).name if remote(out) else beside))
    try:
        page = drawn(open_run(out))
    except LedgerError as error:
        fail(error)
    target.write_text(page, encoding="utf-8")
    click.echo(f"{target}  ({len(page.encode()) / 1e6:.1f} MB)")
