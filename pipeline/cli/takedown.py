"""`winnow takedown OUT`: documents out of the shards, all other shards as they were."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.ledger.takedown import Statement


@click.command()
@click.argument("out", type=click.Path(exists=True, file_okay=False))
@click.option("--id", "ids", multiple=True, metavar="LIST", help="Ids of documents.")
@click.option("--url", "urls", multiple=True, metavar="LIST", help="URLs that documents came from.")
@click.option("--digest", "digests", multiple=True, metavar="LIST", help="Digests of texts.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would change; change nothing.")
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Worker processes; default: one per core."
)
@click.option("--json", "as_json", is_flag=True, help="The statement as one JSON object.")
@click.option(
    "--tokenizer", type=click.Path(exists=True), help="The run's tokenizer.json, if it is not where it was."
)
def takedown(
    out: str,
    ids: tuple[str, ...],
    urls: tuple[str, ...],
    digests: tuple[str, ...],
    only_plan: bool,
    workers: int | None,
    as_json: bool,
    tokenizer: str | None,
) -> None:
    """Take documents out of the shards of OUT: those asked for, all of the same text, all that was made from them.

    A LIST is one value, or a file with one a line. Only shards that hold such a document are packed again; all others keep
    their bytes, verdicts and statistics stay. Later runs in OUT leave them out too.

    \b
      winnow takedown out --url removed-urls.txt --plan
      winnow takedown out --url removed-urls.txt
    """
    from pipeline.cli import fail
    from pipeline.data.objects import store_at
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.takedown import state, take_down
    from pipeline.run.driver import SetupError
    from pipeline.run.folder import FolderError, locked

    asked = [
        (kind, value)
        for kind, lists in (("id", ids), ("url", urls), ("digest", digests))
        for one in lists
        for value in values(kind, one)
    ]
    if not asked:
        raise click.UsageError("name what goes: --id, --url or --digest")
    try:
        run = open_run(out)
        if only_plan:
            say(state(run, asked)[0], as_json)
            return
        with locked(store_at(out)):
            run = open_run(out)  # as it is now that nobody else writes
            statement, listed = state(run, asked)
            tokenizer = tokenizer or run.recipe.output.tokenizer
            click.echo(f"{len(statement.touched):,} shards are packed again …", err=True)
            say(take_down(run, statement, listed, tokenizer, workers or os.cpu_count() or 1), as_json)
    except (FolderError, LedgerError, SetupError, OSError, ValueError) as error:
        fail(error)


def values(kind: str, one: str) -> Iterator[str]:
    """The entries of a list: a file's lines, or the value itself."""
    from pipeline.cli import fail
    from pipeline.data.lists import entries

    try:
        found = entries(one) if os.path.isfile(one) else (one,)
    except ValueError as error:
        fail(error)
    for value in found:
        if kind == "url" and "://" not in value:
            fail(f"--url: {value!r} is no URL, and no file of URLs")
        if kind != "url" and not is_hex(value):
            fail(f"--{kind}: {value!r} is no {kind} of 32 hex digits, and no file of such")
        yield value if kind == "url" else value.lower()


def is_hex(value: str) -> bool:
    return len(value) == 32 and not set(value.lower()) - set("0123456789abcdef")


def say(statement: "Statement", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(statement), ensure_ascii=False))
        return
    for line in lines(statement):
        click.echo(line)
    for kind, value in statement.unknown:
        click.secho(f"! not in this run: {kind} {value}", fg="yellow")


def lines(statement: "Statement") -> Iterator[str]:
    """For people."""
    from pipeline.ledger.takedown import by_source

    for one in statement.taken:
        ships = f"{one.copies} {'copy' if one.copies == 1 else 'copies'}" if one.copies else "did not ship"
        yield f"- {one.id}  {one.source}  {ships}  {one.why}"
    for at in statement.touched:
        packs = ", ".join(map(str, at.packs[:8])) + (" …" if len(at.packs) > 8 else "")
        became = f" → {at.after or 'nothing left'}" if statement.done else ""
        yield f"~ {at.shard}{became}: {at.documents:,} documents, {at.tokens:,} tokens, in packs {packs}"
    sources = ", ".join(f"{count:,} of {source}" for source, count in by_source(statement.taken).items())
    verb = "were packed again" if statement.done else "would be packed again"
    yield f"{len(statement.taken):,} documents ({sources or 'none'}); {len(statement.touched):,} shards {verb}"
    yield f"{statement.untouched:,} of {statement.shards:,} shards keep every byte"
    yield "documents/ and the inputs still hold the texts; delete them there too where they may not be kept"
