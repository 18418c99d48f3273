"""`winnow where PACK`: what lies behind it."""

import dataclasses
import json

import click

from pipeline.cli import OUT


@click.command()
@click.argument("place", metavar="SHARD:PACK")
@click.option(
    "--in",
    "out",
    required=True,
    type=OUT,
    metavar="OUT",
    help="The run's output folder.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a span.")
def where(place: str, out: str, as_json: bool) -> None:
    """Name the documents of a pack: origin, and which of its tokens are theirs.

    \b
      winnow where 0:12 --in out                            pack 12 of the shard of pool 0
      winnow where shards/00000-5e1f….parquet:12 --in out
    """
    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.where import find_shard, spans

    shard, _, pack = place.rpartition(":")
    if not pack.isdigit() or not shard:
        raise click.UsageError(f"{place!r} is no place of a pack; write SHARD:PACK, such as 0:12")
    try:
        run = open_run(out)
        found = spans(run, find_shard(run, shard), int(pack))
    except LedgerError as error:
        fail(error)
    for one in found:
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(one), ensure_ascii=False))
            continue
        begun = f", from its token {one.at}" if one.at else ""
        click.echo(f"tokens {one.start}–{one.stop}  {one.id}  {one.source}, copy {one.copy}{begun}")
        click.echo(f"    {one.url or one.file}, at byte or row {one.position:,}: {one.begins!r}")
