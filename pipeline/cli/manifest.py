"""`winnow manifest …`: lists of shards, and of any other files."""

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pipeline.cli import Out

if TYPE_CHECKING:
    from pipeline.ship.files import Files


@click.group()
def manifest() -> None:
    """List, verify, split and compare shards: of a run, of any folder, or of raw inputs.

    A LIST is a run's folder, or a file that `create` wrote (JSON, or Parquet by its name).
    """


@manifest.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("patterns", nargs=-1)
@click.option("-o", "--output", required=True, metavar="LIST", help="Where to write it: .json or .parquet.")
@click.option(
    "--no-digest", is_flag=True, help="Sizes alone: seconds for 100,000 files, but no flipped bit is found."
)
def create(folder: str, patterns: tuple[str, ...], output: str, no_digest: bool) -> None:
    """List what lies in FOLDER, or what PATTERNS match there: paths, sizes, SHA-256, rows of Parquet.

    \b
      winnow manifest create raw '*.jsonl.zst' -o raw.json
    """
    from pipeline.ship.files import digested, save, scan

    with told():
        found = scan(folder, patterns)
        save(found if no_digest else digested(found), output)
    click.echo(f"{len(found.files):,} files, {found.bytes:,} bytes: {output}")


@manifest.command("list")
@click.argument("source", metavar="LIST", type=click.Path(exists=True))
@click.argument("patterns", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file.")
def list_(source: str, patterns: tuple[str, ...], as_json: bool) -> None:
    """Print the files of a LIST, or those that PATTERNS match."""
    from pipeline.ship.files import matching

    found = matching(opened(source), patterns)
    for file in found.files:
        rows = "" if file.rows is None else f"{file.rows:,}"
        digest = (file.sha256 or "")[:12]
        click.echo(
            json.dumps(asdict(file), ensure_ascii=False)
            if as_json
            else f"{file.bytes:>15,} {rows:>12} {digest:<12} {file.path}"
        )
    if not as_json:
        click.echo(f"{found.bytes:>15,} bytes in {len(found.files):,} files")


@manifest.command()
@click.argument("source", metavar="LIST", type=Out(exists=True))
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False),
    help="Where the files lie, if not beside the list.",
)
def verify(source: str, root: str | None) -> None:
    """Find a flipped bit, a missing and an extra file; ends with 1, and names the place."""
    from pipeline.cli import fail
    from pipeline.data.objects import remote
    from pipeline.ship import files
    from pipeline.ship.manifest import superseded
    from pipeline.ship.manifest import verify as problems

    with told():
        if os.path.isdir(source) or remote(source):
            found = list(problems(source, superseded(source)))
        else:
            found = list(files.verify(files.load(source, root)))
    for problem in found:
        click.secho(f"✗ {problem}", fg="red")
    if found:
        fail(f"{source}: {len(found):,} {'problem' if len(found) == 1 else 'problems'}", 1)
    click.echo(
        "every file is the one that the list names"
        if os.path.isfile(source)
        else "every shard is the one that the manifest names"
    )


@manifest.command()
@click.argument("source", metavar="LIST", type=click.Path(exists=True))
@click.option("-n", "parts", type=click.IntRange(1), required=True, help="How many workers.")
@click.option(
    "-o", "--output", required=True, metavar="NAME", help="NAME.json becomes NAME.0-of-4.json and so on."
)
def split(source: str, parts: int, output: str) -> None:
    """Split a LIST into work lists of about equal bytes, the same whenever the same files are split."""
    from pipeline.ship import files

    stem, suffix = os.path.splitext(output)
    for number, part in enumerate(files.split(opened(source), parts)):
        name = f"{stem}.{number}-of-{parts}{suffix or '.json'}"
        files.save(part, name)
        click.echo(f"{part.bytes:>15,} bytes in {len(part.files):,} files: {name}")


@manifest.command()
@click.argument("before", type=click.Path(exists=True))
@click.argument("after", type=click.Path(exists=True))
def diff(before: str, after: str) -> None:
    """Say what happened between two LISTs; ends with 1 when they differ."""
    from pipeline.ship import files

    found = files.diff(opened(before), opened(after))
    for mark, paths in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        for path in paths:
            click.echo(f"{mark} {path}")
    for old, new in found.moved:
        click.echo(f"> {old} → {new}")
    if found == files.Difference((), (), (), ()):
        click.echo("equal")
    else:
        raise SystemExit(1)


def opened(source: str) -> "Files":
    from pipeline.ship.files import load

    with told():
        return load(source)


class told:  # noqa: N801  # reads as the statement that it is
    """Say a mistake in a list or folder in one line, and end with 2."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _at: object) -> None:
        from pipeline.cli import fail

        if isinstance(error, ValueError | OSError):
            fail(error)
