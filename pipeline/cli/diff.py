"""`winnow diff OUT1 OUT2`: what another recipe, input or version did to the corpus."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.report.diff import Diff

SHOWN = 12  # rows of a table


@click.command()
@click.argument("before", type=click.Path(exists=True, file_okay=False), metavar="OUT1")
@click.argument("after", type=click.Path(exists=True, file_okay=False), metavar="OUT2")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write it as an HTML page, too.")
def diff(before: str, after: str, output: str | None) -> None:
    """Compare two runs: documents that flipped and what decided, tokens gained and lost, changed limits and packs.

    \b
      winnow diff out-monday out-tuesday
      winnow diff out-monday out-tuesday -o diff.html

    Documents are matched by address and text. Ends with 1 where anything differs, as diff does.
    """
    import sys
    from pathlib import Path

    from rich.console import Console

    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.report.diff import diff as compared
    from pipeline.report.diff_page import diff_page

    try:
        found = compared(open_run(before), open_run(after))
    except LedgerError as error:
        fail(error)
    console = Console()
    for table in tables(found):
        console.print(table)
    if output:
        Path(output).write_text(diff_page(found), encoding="utf-8")
        click.echo(output)
    if found.equal:
        click.echo("no difference")
    sys.exit(0 if found.equal else 1)


def tables(found: "Diff") -> "Iterator[Table]":
    """What there is to say, most telling first; nothing of what is equal."""
    from pipeline.report.diff import WHAT, changes

    if changed := changes(found.runs):
        yield table("Recipe", ("where", "field", *found.names), changed)
    if found.flips:
        yield flips(found)
    for what in WHAT:
        if rows := gains(found, what):
            yield table(f"Tokens by {what}", (what, *found.names, "change"), rows)
    if found.flips or found.copies:
        yield summary(found)


def flips(found: "Diff") -> "Table":
    """The largest kinds of flips, each with an example."""
    from pipeline.charts import number
    from pipeline.report.diff_page import largest, shown_fate, signed

    rows = []
    for (one, two), flip in largest(found)[:SHOWN]:
        sample = flip.samples[0]
        values = " → ".join(dict.fromkeys(sample.values))
        change = signed(flip.after - flip.before)
        rows.append((shown_fate(one), shown_fate(two), number(flip.documents), change, f"{sample.id}  {values}"))  # fmt: skip
    return table("Flips", ("before", "after", "documents", "tokens", "for example"), rows)


def gains(found: "Diff", what: str) -> list[tuple[str, ...]]:
    """Those whose tokens changed most."""
    from pipeline.charts import number
    from pipeline.report.diff_page import signed

    changed = [
        (name, int(one[0]), int(one[1])) for name, one in found.tokens[what].items() if one[0] != one[1]
    ]
    ordered = sorted(changed, key=lambda one: (-abs(one[2] - one[1]), one[0]))[:SHOWN]
    return [(name, number(one), number(two), signed(two - one)) for name, one, two in ordered]


def summary(found: "Diff") -> "Table":
    from pipeline.charts import number
    from pipeline.report.diff import packs
    from pipeline.report.diff_page import shipped

    before, after = shipped(found)
    same, gone, new = packs(found.runs)
    rows = [
        ("documents", *map(number, found.documents)),
        ("tokens shipped", number(before), number(after)),
        ("shards of their own", number(gone), number(new)),
        ("shards of equal bytes", number(same), number(same)),
    ]
    return table("In all", ("", *found.names), rows)


def table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    made = Table(title=title, title_justify="left")
    for name in head:
        made.add_column(escape(name), overflow="fold")
    for row in rows:
        made.add_row(*map(escape, row))
    return made
