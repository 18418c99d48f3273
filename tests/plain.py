"""The flow without Beam: the same step functions, called one after the other in this process.

Beam's naive twin (`tests/runs/test_equal.py` holds them equal, file by file), and the quick way to a finished run for tests
that are about something else: a graph costs Beam 3 s to build and walk, whatever the documents.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from pipeline.comparisons.exchange import Sender
from pipeline.data import slices
from pipeline.data.keys import digest
from pipeline.recipe import Recipe
from pipeline.run.driver import DEFAULT, Job, Settings, prepare, run_planned
from pipeline.run.folder import locked
from pipeline.steps import compare, decide, late, pairs, shards, statistics, tokens
from pipeline.steps.ingest import ingest
from pipeline.steps.placed import PlacedStage
from pipeline.steps.plan import Plan
from pipeline.steps.work import Corpus, Piece, Work


def run(recipe: Recipe, settings: Settings = DEFAULT) -> dict[str, Any]:
    """As `driver.run`."""
    job = prepare(recipe, settings)
    with locked(job.work.store):
        return run_planned(job, job.plan(), walk)


def walk(job: Job, planned: Plan) -> None:
    """As `driver.run_pipeline`."""
    work = job.work
    pieces = [piece for split in planned.splits for piece in ingest(split, work)]
    corpus = Corpus.of(pieces)
    for stage in work.placed.stages:
        if stage.kind == "comparison" and not compare.done(work, stage, corpus):
            run_comparison(work, stage, pieces, corpus)
        for piece in pieces:
            late.measure(piece, work, stage, corpus)
        if stage.statistics and stage.kind != "sample":
            run_statistics(work, stage, pieces, corpus)
    for piece in pieces:
        tokens.tokenize(piece, work, corpus)
    if work.placed.sample is not None:
        run_statistics(work, work.placed.sample, pieces, corpus)
    run_packs(work, pieces, corpus)


def run_comparison(work: Work, stage: PlacedStage, pieces: list[Piece], corpus: Corpus) -> None:
    folder, shape = compare.folder_of(work, stage, corpus), pairs if pairs.by_pairs(stage) else compare

    def hop(targets: Iterable[tuple[str, str]], step: compare.Step, name: str) -> list[str]:
        return send(
            work,
            targets,
            lambda target: step(target[0], slices.Inbox(work.store, target[1]), work, stage, corpus),
            lambda target: f"{folder}/{name}/{target[0]}",
        )

    buckets = route(
        work,
        pieces,
        lambda piece: compare.nominate(piece, work, stage, corpus),
        lambda piece: f"{folder}/{piece.name}",
    )
    if shape is pairs:
        marked = run_rounds(work, buckets, hop, stage.rule.rounds)
    else:
        marked = meet(work, hop(buckets, compare.settle, "settle"))
    published = [
        shape.publish(piece, slices.Inbox(work.store, where), work, stage, corpus) for piece, where in marked
    ]
    shape.close(published, work, stage, corpus)


def run_rounds(
    work: Work, keyed: list[tuple[str, str]], hop: Callable[..., list[str]], rounds: int
) -> list[tuple[str, str]]:
    verified: list[str] = []
    for turn in range(rounds):
        paired = hop(keyed, pairs.pair, f"pair-{turn}")
        asked = hop(meet(work, paired), pairs.ask, f"ask-{turn}")
        verified += hop(meet(work, asked), pairs.verify, f"verify-{turn}")
        fates = meet(work, hop(meet(work, verified), pairs.settle, f"settle-{turn}"))
        if turn + 1 < rounds:
            keyed = meet(work, hop(fates, pairs.nominate_again, f"again-{turn + 1}"))
    return fates


def run_statistics(work: Work, stage: PlacedStage, pieces: list[Piece], corpus: Corpus) -> None:
    parts = [statistics.partial(piece, work, stage, corpus) for piece in pieces]
    statistics.merge(parts, work, stage, corpus)


def run_packs(work: Work, pieces: list[Piece], corpus: Corpus) -> None:
    kept = sum(int(decide.decide(piece, work, corpus).facts["tokens"]) for piece in pieces)
    pools = shards.pools_of(kept, work)
    folds = shards.add_folds([shards.pool_folds(piece, work, corpus, pools) for piece in pieces])
    names = shards.shard_names(folds, work, pools)
    wanted = shards.to_make(names, work)
    sent = digest(json.dumps({"pools": pools, "names": names, "make": wanted}))
    pooled = route(
        work,
        pieces,
        lambda piece: shards.send_tokens(piece, work, corpus, pools, wanted),
        lambda piece: f"pools/{sent}/{piece.name}",
    )
    for pool, where in pooled:
        shards.make_shard(names[pool], slices.read(work.store, where), work)
    shards.close(names, work, corpus, pools)


def route(
    work: Work, senders: Iterable[Any], send_: Sender, name: Callable[[Any], str]
) -> list[tuple[str, str]]:
    """(target, where its slices are listed) of an exchange through files."""
    return meet(work, send(work, senders, send_, name))


def send(work: Work, senders: Iterable[Any], send_: Sender, name: Callable[[Any], str]) -> list[str]:
    """The slice file of each sender."""
    files = []
    for sender in senders:
        files.append(f"{slices.FOLDER}/{name(sender)}")
        if not work.store.exists(files[-1]):
            slices.write(work.store, files[-1], send_(sender))
    return files


def meet(work: Work, files: list[str]) -> list[tuple[str, str]]:
    """(target, where its slices are listed) of what was sent."""
    listing = f"{slices.FOLDER}/lists/{digest(sorted(files))}.json"
    return list(slices.list_targets(work.store, sorted(files), listing))
