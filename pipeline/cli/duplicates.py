"""`winnow duplicates OUT`: what the comparisons found, and any of it computed again."""

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from pipeline.cli import OUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger import Run
    from pipeline.ledger.duplicates import Document, Group, Removal
    from pipeline.ledger.find import Answer, Asked

SHOWN = 5  # members of a group, and documents found


@click.command()
@click.argument("out", type=OUT)
@click.option(
    "--groups", "count", type=click.IntRange(0), default=5, show_default=True, help="How many groups a stage."
)
@click.option(
    "--recompute",
    "ids",
    multiple=True,
    metavar="ID",
    help="Compute this document's removal again; many times.",
)
@click.option(
    "--find", "path", metavar="FILE", help="Whether the corpus has what is in FILE, a folder or a pattern."
)
@click.option("--like", metavar="INPUT", help="With --find: read FILE as this input of the recipe is read.")
@click.option("--json", "as_json", is_flag=True, help="JSON, a line each.")
def duplicates(
    out: str, count: int, ids: tuple[str, ...], path: str | None, like: str | None, as_json: bool
) -> None:
    """Show the largest groups of duplicates and which source repeats which, stage by stage.

    --recompute compares the two texts of a removal again and ends with 1 where it does not hold. --find looks new documents up
    among all that the run read, kept or not (pip install 'winnow[find]').

    \b
      winnow duplicates out
      winnow duplicates out --recompute 6f1c…e0
      winnow duplicates out --find new.jsonl --like web
    """
    from pipeline.cli import fail
    from pipeline.cli.why import parse
    from pipeline.ledger import LedgerError, open_run

    if bool(ids) and path is not None:
        raise click.UsageError("give one of: --recompute ID, --find FILE")
    if like is not None and path is None:
        raise click.UsageError("--like goes with --find FILE")
    try:
        run = open_run(out)
        if ids:
            show_again(run, [parse(one) for one in ids], as_json)
        elif path is not None:
            show_found(run, path, like, as_json)
        else:
            show_groups(run, count, as_json)
    except LedgerError as error:
        fail(error)


def show_groups(run: "Run", count: int, as_json: bool) -> None:
    """Stage by stage: matrix, then groups."""
    from pipeline.ledger.duplicates import comparisons, groups, matrix, removals

    for stage in comparisons(run):
        marks = removals(run, stage)
        counts, found = matrix(marks), groups(run, stage, marks, count, SHOWN)
        if as_json:
            pairs = [
                {"source": one, "survivor_source": other, "documents": n}
                for (one, other), n in counts.items()
            ]
            said = {"stage": stage.name, "removed": marks.num_rows, "sources": pairs}
            echo_json({**said, "groups": [dataclasses.asdict(one) for one in found]})
            continue
        show_matrix(stage.name, marks.num_rows, counts)
        for one in found:
            click.echo("\n".join(lines(one)))


def show_matrix(stage: str, removed: int, counts: "dict[tuple[str, str], int]") -> None:
    """Sources of those that went down, sources of their survivors across."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.cli.tables import number

    table = Table(title=f"{stage}: {number(removed)} removed", title_justify="left")
    table.add_column("removed from ↓  for one in →")
    across = sorted({other for _, other in counts})
    for name in across:
        table.add_column(escape(name), justify="right")
    for source in sorted({one for one, _ in counts}):
        table.add_row(escape(source), *(number(counts.get((source, other), 0)) for other in across))
    Console(width=110).print(table)


def lines(one: "Group") -> "Iterator[str]":
    """A group, for people."""
    held = ", ".join(f"{count:,} {source}" for source, count in one.sources.items())
    yield f"{one.documents:,} documents ({held})"
    yield f"  survivor   {line(one.survivor)}"
    yield from (f"  {member.similarity or 1:<10.4f} {line(member)}" for member in one.members)
    if (more := one.documents - 1 - len(one.members)) > 0:
        yield f"  and {more:,} more, more similar"


def line(one: "Document") -> str:
    return f"{one.id} {one.source}  {one.excerpt[:60]!r}"


def show_again(run: "Run", ids: list[bytes], as_json: bool) -> None:
    """Removals computed again."""
    from pipeline.cli import fail
    from pipeline.ledger.duplicates import recompute

    found = list(recompute(run, ids))
    for one in found:
        if as_json:
            echo_json(dataclasses.asdict(one))
        else:
            click.echo("\n".join(again(one)))
    if wrong := sum(bool(one.wrong) for one in found):
        fail(f"{run.store.root}: {wrong:,} of {len(found):,} do not hold", 1)


def again(one: "Removal") -> "Iterator[str]":
    """A removal, for people."""
    yield f"{one.id}  {one.reason}: {'does not hold: ' + one.wrong if one.wrong else 'holds'}"
    yield f"  similarity {one.similarity:.6f} computed again, {one.marked if one.marked is not None else 'none'} marked"
    yield f"  begins     {one.excerpt!r}"
    yield f"  survivor   {one.survivor}, begins {one.survivor_excerpt!r}"


def show_found(run: "Run", path: str, like: str | None, as_json: bool) -> None:
    """Every new document with what the corpus has of it."""
    from pipeline.ledger.find import find

    answer = find(run, path, like)
    for one in answer.documents:
        if as_json:
            echo_json(dataclasses.asdict(one))
        else:
            click.echo("\n".join(told(one)))
    click.echo(summed(answer), err=True)


def told(one: "Asked") -> "Iterator[str]":
    yield f"{one.file} at {one.position:,}: {f'{len(one.matches):,} found' if one.matches else 'new'}  {one.excerpt[:60]!r}"
    for match in one.matches[:SHOWN]:
        fate = "kept" if match.dropped_by is None else f"dropped by {match.dropped_by}: {match.reason}"
        yield f"  {match.similarity:.4f} {match.id} {match.source}, {fate}"


def summed(answer: "Answer") -> str:
    """How many are there already, and what could not be asked for."""
    known = [one.matches for one in answer.documents if one.matches]
    kept = sum(any(match.dropped_by is None for match in matches) for matches in known)
    unread = ", ".join(f"{count:,} {reason}" for reason, count in sorted(answer.quarantined.items()))
    return (
        f"{len(known):,} of {len(answer.documents):,} are in the corpus, {kept:,} of them with a match that ships"
        f"{f'; not read: {unread}' if unread else ''}"
    )


def echo_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, default=str))
