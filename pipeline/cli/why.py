"""`winnow why`: why one record is in or out."""

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from pipeline.cli import OUT

if TYPE_CHECKING:
    from pipeline.ledger.why import Life, Quarantined, Said, Survivor


@click.command()
@click.argument("identifier", required=False, metavar="[ID]")
@click.option(
    "--text", type=click.Path(exists=True, dir_okay=False), help="A file that holds the document's text."
)
@click.option("--url", help="The URL that the document came from.")
@click.option(
    "--in",
    "out",
    required=True,
    type=OUT,
    metavar="OUT",
    help="The run's output folder.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a record.")
def why(identifier: str | None, text: str | None, url: str | None, out: str, as_json: bool) -> None:
    """Say why a record is in or out: its origin, every measured value beside its limit, its place in the packs.

    \b
      winnow why 6f1c…e0 --in out              a document, or a quarantined record, by id
      winnow why --text page.txt --in out      the documents with exactly this text
      winnow why --url https://… --in out
    """
    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.why import by_id, by_text, by_url

    if sum(one is not None for one in (identifier, text, url)) != 1:
        raise click.UsageError("give one of: an ID, --text FILE, --url URL")
    try:
        run = open_run(out)
    except LedgerError as error:
        fail(error)
    if identifier is not None:
        found = [one] if (one := by_id(run, parse(identifier))) else []
    elif text is not None:
        found = list(by_text(run, text_of(text)))
    else:
        found = list(by_url(run, str(url)))
    if not found:
        fail(f"{out}: no record with this {'id' if identifier else 'text' if text else 'URL'}", 1)
    for one in found:
        click.echo(
            json.dumps(dataclasses.asdict(one), ensure_ascii=False, default=str)
            if as_json
            else "\n".join(lines(one))
        )


def text_of(path: str) -> str:
    """A file's text; one that is not UTF-8 was never a document."""
    from pipeline.cli import fail

    with open(path, "rb") as file:
        try:
            return file.read().decode()
        except UnicodeDecodeError as error:
            fail(
                f"{path}: not UTF-8 at byte {error.start:,}, so no document has this text; look for it in quarantine/"
            )


def parse(identifier: str) -> bytes:
    """16 bytes from 32 hex digits."""
    try:
        value = bytes.fromhex(identifier)
    except ValueError:
        value = b""
    if len(value) != 16:
        raise click.UsageError(
            f"{identifier!r} is no id: ids are 32 hex digits, as `winnow why --url`, `winnow inspect` and exported documents (winnow_id) show them"
        )
    return value


def lines(one: "Life | Quarantined") -> list[str]:
    """For people."""
    from pipeline.ledger.why import Quarantined

    if isinstance(one, Quarantined):
        return [
            f"{one.id}  quarantined: {one.reason}",
            f"  from      {one.input}: {one.file}, at byte or row {one.position:,}",
            f"  detail    {one.detail or '–'}",
            f"  excerpt   {one.excerpt!r}",
        ]
    return [
        *verdict(one),
        *(line for said in one.said for line in stage(said)),
        *(
            f"  {'for' if not number else 'then for':<9} {heir(other)}"
            for number, other in enumerate(one.survivors)
        ),
        *places(one),
        f"  begins    {one.excerpt[:160]!r}",
    ]


def verdict(one: "Life") -> list[str]:
    shipped = f"kept, {one.copies} {'copy' if one.copies == 1 else 'copies'}"
    cut = f", {one.characters_cut:,} cut, {one.characters_put:,} put" if one.characters_cut else ""
    return [
        f"{one.id}  {shipped if one.stage is None else f'dropped by {one.stage}: {one.reason}'}",
        f"  from      {one.origin.input}: {one.origin.file}, at byte or row {one.origin.position:,}{f', {one.origin.url}' if one.origin.url else ''}",
        f"  size      {one.characters:,} characters{cut}{f', {one.tokens:,} tokens' if one.tokens else ''}",
    ]


def heir(one: "Survivor") -> str:
    """A survivor, and whether it still stands."""
    return f"{one.id} ({one.source}), {'kept' if one.stage is None else f'which {one.stage} dropped later: {one.reason}'}"


def stage(said: "Said") -> list[str]:
    outside = "not reached" if said.applies else "outside its where"
    head = (said.reason or "passes") if said.applies and said.reached else outside
    values = ", ".join(f"{name} {value}" for name, value in said.values.items() if value is not None)
    limits = ", ".join(f"{name} {value}" for name, value in said.limits.items())
    lines = [f"  {said.stage}: {head}"]
    lines += [f"      found   {values}"] if values else []
    return lines + ([f"      limits  {limits}"] if limits else [])


def places(one: "Life") -> list[str]:
    return [
        f"  packed    {at.shard} pack {at.pack}, tokens {at.start}–{at.stop} (copy {at.copy}, from its token {at.at})"
        for at in one.places
    ]
