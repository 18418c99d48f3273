"""One run, from a recipe to a manifest: prepare, plan, run what is missing, write the manifest last.

`winnow run` calls this in a child process that it watches (`pipeline.run.supervisor`); a notebook calls `run` directly.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from pipeline import __version__
from pipeline import recipe as recipes
from pipeline.data import receipts, slices
from pipeline.data.files import located
from pipeline.data.keys import digest
from pipeline.data.objects import remote, store_at
from pipeline.data.receipts import Receipt
from pipeline.data.schemas import SCHEMA_VERSION
from pipeline.data.store import Store
from pipeline.forms import suggest
from pipeline.readers import Reading
from pipeline.readers.shape import COLUMN_TYPES, OWN_COLUMNS, check_installed
from pipeline.run.folder import FolderError, locked, note_start
from pipeline.ship import manifest as manifests
from pipeline.ship import views
from pipeline.ship.tokenize import load
from pipeline.steps.compare import done
from pipeline.steps.decide import decisions_of
from pipeline.steps.ingest import pieces_of, receipt_of
from pipeline.steps.judge import marks_of, own_cuts
from pipeline.steps.measure import columns_of, missing
from pipeline.steps.placed import COMPARISON, Placed, PlacedStage, PlaceError, place
from pipeline.steps.plan import EXPANDS, Plan, PlanError, guess_format, plan
from pipeline.steps.shards import packs_of, shard_receipt
from pipeline.steps.taken import in_force
from pipeline.steps.work import PIECE_BYTES, Corpus, Pack, Piece, Work

MANIFEST = "manifest.json"


class SetupError(ValueError):
    """A recipe that is well formed but cannot run as it stands. `place`: the path in it of what is wrong."""

    def __init__(self, place: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.place = place


@contextmanager
def blame(*place: str | int) -> Iterator[None]:
    """Give a mistake its place in the recipe."""
    try:
        yield
    except ValueError as error:
        raise SetupError(place, str(error)) from error


@dataclass(frozen=True)
class Settings:
    """What may differ between runs that give equal bytes."""

    workers: int = 1
    piece_bytes: int = PIECE_BYTES
    exchange: str = "files"
    buckets: int | None = None
    beam: tuple[str, ...] = ()  # options passed on to Beam
    limit: int | None = None  # documents of each input; this one does decide, and is part of the keys
    beside: str = ""  # the recipe's folder, where `use:` finds modules


DEFAULT = Settings()


@dataclass(frozen=True)
class Job:
    """A recipe made ready for one folder."""

    recipe: recipes.Recipe
    work: Work
    paths: Mapping[str, str]
    settings: Settings

    def plan(self) -> Plan:
        """The splits, from the file listings as they are now."""
        try:
            return plan(self.work, self.paths, self.settings.limit)
        except PlanError as error:
            names = [one.name for one in self.recipe.inputs]
            raise SetupError(("inputs", names.index(error.input), "path"), str(error)) from error

    def manifest_key(self, planned: Plan) -> str:
        """Equal keys, equal manifest: a run that would give the same is not started."""
        decides = (
            [stage.key for stage in self.work.placed.stages],
            [stage.name for stage in self.work.placed.stages],
        )
        pack = vars(self.work.pack) | {"tokenizer": None}
        return digest(__version__, SCHEMA_VERSION, planned.key, *decides, pack, self.work.taken)


def prepare(recipe: recipes.Recipe, settings: Settings) -> Job:
    """Read the tokenizer, guess formats, place the stages; nothing is written. SetupError says what cannot run."""
    readings = {}
    for index, one in enumerate(recipe.inputs):
        with blame("inputs", index):
            readings[one.name] = reading_of(one)
    with blame("output", "tokenizer"):
        pack = pack_of(recipe.output)
    store = store_at(folder_of(recipe, settings))
    work = Work(
        store=store,
        readings=readings,
        placed=place_stages(recipe, readings, settings.beside),
        pack=pack,
        piece_bytes=settings.piece_bytes,
        buckets=settings.buckets,
        taken=in_force(store),
    )
    return Job(recipe, work, {one.name: one.path for one in recipe.inputs}, settings)


def folder_of(recipe: recipes.Recipe, settings: Settings) -> str:
    """Where the run writes; a recipe that is only tried does not write over the real thing."""
    path = recipe.output.path
    return path if settings.limit is None else f"{path.rstrip('/')}.first-{settings.limit}"


def place_stages(recipe: recipes.Recipe, readings: Mapping[str, Reading], beside: str = "") -> Placed:
    """The stages at their places; files that they load are looked for from the recipe's folder, `beside`."""
    stages = [replace(stage, rule=located(stage.rule, beside)) for stage in recipe.stages]
    try:
        placed = place(stages, chosen_columns(recipe, readings))
    except PlaceError as error:
        raise SetupError(("stages", error.index), str(error)) from error
    with blame("stages", len(stages) - 1):
        check_sources(placed.sample, {one.source for one in recipe.inputs})
    return placed


def check_sources(sample: PlacedStage | None, known: set[str]) -> None:
    """Refuse a mixture of sources that no input has."""
    if sample is None or getattr(sample.rule, "by", None) != "source":
        return
    for source in sorted(set(getattr(sample.rule, "named", ())) - known):
        raise ValueError(f"{sample.name}: no input has source {source!r}; {suggest(source, sorted(known))}")


def chosen_columns(recipe: recipes.Recipe, readings: Mapping[str, Reading]) -> dict[str, pa.DataType]:
    """The columns that inputs bring along, with their types; two inputs agree on one."""
    types: dict[str, str] = {}
    for index, one in enumerate(recipe.inputs):
        for column, kind in readings[one.name].columns:
            if types.setdefault(column, kind) != kind:
                said = f"{one.name}: column {column!r} is {kind} here and {types[column]} in another input; make them one"
                raise SetupError(("inputs", index, "columns"), said)
    return {column: COLUMN_TYPES[kind] for column, kind in sorted(types.items())}


def reading_of(one: recipes.Input) -> Reading:
    format_ = guess_format(one.name, one.path) if one.format == "auto" else one.format
    check_installed(one.name, format_)
    kinds: dict[str, str] = dict(one.columns)
    for column, kind in OWN_COLUMNS.get(format_, ()):
        if kinds.setdefault(column, kind) != kind:
            raise ValueError(
                f"{one.name}: column {column!r} of format {format_} is {kind}; say that, or leave it out"
            )
    columns = tuple(sorted(kinds.items()))
    return Reading(one.name, one.source, format_, one.text, columns, one.max_bytes)


def pack_of(output: recipes.Output) -> Pack:
    encoder = load(output.tokenizer, output.end_token)
    pad = output.pad_token or output.end_token
    encoder.token_id(pad)
    return Pack(
        output.tokenizer,
        encoder.digest,
        output.end_token,
        pad,
        output.pack_tokens,
        output.pool_tokens,
        output.seed,
    )


# What stands already


def ingest_receipts(work: Work, planned: Plan) -> list[Receipt | None]:
    """The receipt of every split, in the plan's order; None where it was not read."""
    aliases = {alias.of: alias for alias in planned.aliases}
    return [
        aliases.get(receipt_of(one)) or receipts.find(work.store, receipt_of(one)) for one in planned.splits
    ]


def known_pieces(work: Work, planned: Plan) -> list[Piece] | None:
    """The pieces of all splits in the plan's order; None while one was not read."""
    found = ingest_receipts(work, planned)
    return [piece for one in found if one for piece in pieces_of(one)] if all(found) else None


def known_corpus(work: Work, planned: Plan) -> Corpus | None:
    pieces = known_pieces(work, planned)
    return None if pieces is None else Corpus.of(pieces)


def standing_comparisons(work: Work, corpus: Corpus | None) -> frozenset[str]:
    """The comparisons that are done for this corpus."""
    return frozenset(one.name for one in work.placed.comparisons if corpus and done(work, one, corpus))


def current_manifest(store: Store) -> dict[str, Any] | None:
    """The manifest of the last finished run."""
    return json.loads(store.read(MANIFEST)) if store.exists(MANIFEST) else None


# Running


def run(recipe: recipes.Recipe, settings: Settings = DEFAULT) -> dict[str, Any]:
    """Do what is missing, and give the manifest. Raises FolderError, PlanError, or what a step raised."""
    job = prepare(recipe, settings)
    with locked(job.work.store):
        return run_planned(job, job.plan(), run_pipeline)


def run_planned(job: Job, planned: Plan, walk: Callable[[Job, Plan], None]) -> dict[str, Any]:
    """`run`, when the folder is ours alone; `walk` takes the steps from the plan to the last receipt.

    A manifest of equal key: nothing is opened, nothing is written.
    """
    if standing := finished(job, planned):
        return standing
    begin(job, planned)
    if not packed(job.work, planned):
        walk_on(job, planned, walk)
    return finish(job, planned)


def walk_on(job: Job, planned: Plan, walk: Callable[[Job, Plan], None]) -> None:
    """`walk`. In a bucket another run of the same may be done first, and sweep what this one reads: then all is there too."""
    try:
        walk(job, planned)
    except Exception:
        if not (remote(job.work.store.root) and packed(job.work, planned)):
            raise


def finished(job: Job, planned: Plan) -> dict[str, Any] | None:
    """The manifest, when it is the one that this run would write."""
    standing = current_manifest(job.work.store)
    return standing if standing and standing["key"] == job.manifest_key(planned) else None


def begin(job: Job, planned: Plan) -> None:
    """Sweep what a killed run left, and publish the plan."""
    store = job.work.store
    note_start(store)
    store.sweep()
    for alias in planned.aliases:
        receipts.publish(store, alias)
    store.put(planned.dumps().encode(), planned.name)


def packed(work: Work, planned: Plan) -> bool:
    """Whether the last receipt is there, and every column."""
    corpus = known_corpus(work, planned)
    return bool(
        corpus and not unmeasured(work, planned) and receipts.find(work.store, packs_of(work, corpus))
    )


def run_pipeline(job: Job, planned: Plan, leaving: Callable[[], None] | None = None) -> None:
    """The steps as one Beam pipeline; `leaving`: see `flow.run`."""
    from pipeline import flow  # noqa: PLC0415  # Beam takes a second to import; a run with nothing to do needs none
    from pipeline.comparisons.exchange import Exchange  # noqa: PLC0415

    exchange = Exchange(job.work.store, job.settings.exchange)
    graph = flow.Flow(
        job.work, planned.name, exchange, standing_comparisons(job.work, known_corpus(job.work, planned))
    )
    flow.run(graph, workers_for(job, planned), job.settings.beam, leaving)


def workers_for(job: Job, planned: Plan) -> int:
    """One for what becomes one piece: it works in the pipeline's own process, and two would have to start theirs."""
    text = sum(split.bytes for split in planned.splits) * EXPANDS
    return 1 if len(planned.splits) < 2 and text <= job.settings.piece_bytes else job.settings.workers


def unmeasured(work: Work, planned: Plan) -> list[Piece]:
    """The known pieces that lack a column."""
    return [piece for piece in known_pieces(work, planned) or () if missing(work, piece)]


def finish(job: Job, planned: Plan) -> dict[str, Any]:
    """Shards' table and manifest, from receipts alone; the slices of this run's exchanges go before it is written."""
    work, corpus = job.work, known_corpus(job.work, planned)
    if corpus is None:
        raise RuntimeError(f"{work.store.root}: the pipeline ended, but not every split was read; run again")
    if in_force(work.store) != work.taken:
        raise FolderError(
            f"{work.store.root}: documents were taken down while this ran; run again to leave them out"
        )
    packs = receipts.get(work.store, packs_of(work, corpus))
    encoder = load(work.pack.tokenizer, work.pack.end_token)
    shards = [
        {"path": name, **receipts.get(work.store, shard_receipt(name)).facts}
        for name in packs.facts["shards"]
    ]
    manifest = manifests.build(
        key=job.manifest_key(planned),
        recipe=recipes.dumps(job.recipe),
        tokens=manifests.token_facts(encoder, work.pack.pad_token, work.pack.length),
        shards=shards,
        run=run_facts(job, planned, corpus, packs.facts["pools"]),
    )
    manifest = json.loads(json.dumps(manifest))  # as everyone will read it
    work.store.sweep()  # what lost workers left
    work.store.sweep(slices.FOLDER)
    work.store.replace(views.sql(layout(job, planned, corpus, shards)).encode(), views.NAME)
    manifests.write(work.store, manifest, shards)
    return manifest


def layout(job: Job, planned: Plan, corpus: Corpus, shards: Sequence[Mapping[str, Any]]) -> views.Layout:
    """Where everything of this run lies, for people with SQL."""
    work, pieces = job.work, known_pieces(job.work, planned) or []
    quarantine = [
        one for found in ingest_receipts(work, planned) if found for one in found.facts["quarantine"]
    ]
    placed = work.placed
    return views.Layout(
        documents=[piece.documents for piece in pieces],
        decisions=[f"{decisions_of(work, piece, corpus)}.parquet" for piece in pieces],
        quarantine=[f"quarantine/{one['name']}.parquet" for one in quarantine],
        shards=[shard["path"] for shard in shards],
        columns={
            stage.name: [
                [
                    f"{columns_of(home, piece.name, own_cuts(work, home.edits, corpus, piece.name))}.parquet"
                    for piece in pieces
                ]
                for home in stage.measures
            ]
            for stage in placed.stages
            if stage.kind != COMPARISON
        },
        marks={
            stage.name: sorted(receipts.get(work.store, marks_of(stage, corpus)).files)
            for stage in placed.comparisons
        },
    )


def run_facts(job: Job, planned: Plan, corpus: Corpus, pools: int) -> dict[str, Any]:
    """What the ledger needs to read the run again."""
    readings = {name: asdict(reading) for name, reading in job.work.readings.items()}
    pack = {**asdict(job.work.pack), "tokenizer": os.path.basename(job.work.pack.tokenizer)}
    beside = job.settings.beside
    if beside and not remote(job.work.store.root):
        beside = os.path.relpath(beside, job.work.store.root)
    return {
        "beside": beside,
        "plan": planned.name,
        "limit": job.settings.limit,
        "corpus": corpus.digest,
        "pools": pools,
        "taken": job.work.taken,
        "readings": readings,
        "pack": pack,
    }
