"""`winnow where`: the documents behind a pack, or behind a step of a training."""

import dataclasses
import json
from collections.abc import Iterator

import click

from pipeline.cli import OUT


@click.command()
@click.argument("place", metavar="[SHARD:PACK]", required=False)
@click.option(
    "--in",
    "out",
    required=True,
    type=OUT,
    metavar="OUT",
    help="The run's output folder.",
)
@click.option("--step", type=click.IntRange(0), metavar="N", help="A step of a training, counted from 0.")
@click.option(
    "--rank", type=click.IntRange(0), default=0, show_default=True, help="The rank, as in its Feed."
)
@click.option("--world", type=click.IntRange(1), default=1, show_default=True, help="The number of ranks.")
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Packs a rank takes in a step.")
@click.option("--seed", type=int, default=0, show_default=True, help="The feed's seed.")
@click.option("--lanes", type=click.IntRange(1), default=16, show_default=True, help="The feed's lanes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a span.")
def where(
    place: str | None,
    out: str,
    step: int | None,
    rank: int,
    world: int,
    batch: int | None,
    seed: int,
    lanes: int,
    as_json: bool,
) -> None:
    """Name the documents of a pack, or of all packs of a training's step: origin, and which tokens are theirs.

    For a step give what its `Feed` was given; `winnow why ID` then tells what every stage said of a document.

    \b
      winnow where 0:12 --in out                            pack 12 of the shard of pool 0
      winnow where shards/00000-5e1f….parquet:12 --in out
      winnow where --step 48123 --rank 7 --world 16 --batch 8 --seed 1 --in out
    """
    from pipeline.cli import fail
    from pipeline.ledger import LedgerError, open_run
    from pipeline.ledger.where import find_shard, spans

    if (place is None) == (step is None):
        raise click.UsageError("give a place, SHARD:PACK, or --step with --batch")
    try:
        run = open_run(out)
        if place is not None:
            shard, pack = parse(place)
            packs = iter([(0, find_shard(run, shard), pack)])
        elif batch is None:
            raise click.UsageError("--step needs --batch: how many packs a rank takes in a step")
        else:
            packs = packs_of(out, step or 0, rank, world, batch, seed, lanes)
        for epoch, shard, pack in packs:
            if step is not None and not as_json:
                click.secho(f"epoch {epoch}, {shard} pack {pack}", bold=True)
            for one in spans(run, shard, pack):
                if as_json:
                    row = {"epoch": epoch, "shard": shard, "pack": pack, **dataclasses.asdict(one)}
                    click.echo(json.dumps(row, ensure_ascii=False))
                    continue
                begun = f", from its token {one.at}" if one.at else ""
                click.echo(f"tokens {one.start}–{one.stop}  {one.id}  {one.source}, copy {one.copy}{begun}")
                click.echo(f"    {one.url or one.file}, at byte or row {one.position:,}: {one.begins!r}")
    except (LedgerError, ValueError) as error:
        fail(error)


def parse(place: str) -> tuple[str, int]:
    shard, _, pack = place.rpartition(":")
    if not pack.isdigit() or not shard:
        raise click.UsageError(f"{place!r} is no place of a pack; write SHARD:PACK, such as 0:12")
    return shard, int(pack)


def packs_of(
    out: str, step: int, rank: int, world: int, batch: int, seed: int, lanes: int
) -> Iterator[tuple[int, str, int]]:
    """(epoch, shard, pack) of each pack that a rank takes in a step."""
    from pipeline.feed import Feed, Share
    from pipeline.ship.manifest import read

    shards = read(out)["shards"]
    feed = Feed(out, batch, seed=seed, share=Share(rank, world), lanes=lanes)
    for epoch, shard, pack in feed.places(step).tolist():
        yield epoch, shards[shard]["path"], pack
