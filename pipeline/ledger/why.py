"""`winnow why`: the whole life of one record, from its address to its place in the packs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import tables
from pipeline.data.ids import file_digest, parse_id
from pipeline.data.keys import describe
from pipeline.ledger import Run
from pipeline.steps.judge import marked, piece_view, read_marks, read_statistics, reasons
from pipeline.steps.placed import COMPARISON, EDITOR, SAMPLE, PlacedStage
from pipeline.steps.shards import addresses
from pipeline.steps.taken import STAGE as TAKEN
from pipeline.steps.view import View
from pipeline.steps.work import Piece


@dataclass(frozen=True)
class Origin:
    """Where a record came from."""

    input: str
    source: str
    file: str
    position: int
    ordinal: int
    url: str | None
    date: str | None


@dataclass(frozen=True)
class Said:
    """What one stage had to say of a document. `applies` False: it lies outside the stage's `where`."""

    stage: str
    kind: str
    applies: bool
    reason: str | None
    values: Mapping[str, Any]  # columns it looked at, or what its mark says
    limits: Mapping[str, Any]  # its fields


@dataclass(frozen=True)
class Place:
    """Where tokens of a document lie: shard, pack in it, span in that."""

    shard: str
    pack: int
    copy: int
    start: int
    stop: int
    at: int


@dataclass(frozen=True)
class Life:
    """All that is known of one document."""

    id: str
    origin: Origin
    stage: str | None
    reason: str | None
    copies: int
    characters: int
    characters_cut: int
    characters_put: int
    tokens: int | None
    said: tuple[Said, ...]
    places: tuple[Place, ...]
    excerpt: str


@dataclass(frozen=True)
class Quarantined:
    """A record that never became a document."""

    id: str
    input: str
    file: str
    position: int
    reason: str
    detail: str | None
    excerpt: str | None


def by_id(run: Run, identifier: bytes) -> Life | Quarantined | None:
    """The record with an id, whatever became of it."""
    for piece in run.pieces:
        if (
            piece.first <= identifier.hex() <= piece.last
            and (row := row_of(run, piece, "id", identifier)) is not None
        ):
            return life(run, piece, row)
    return next(in_quarantine(run, pc.field("id") == identifier), None)


def by_text(run: Run, text: str) -> Iterator[Life]:
    """The documents with exactly this text."""
    digest = blake2b(text.encode(), digest_size=16).digest()
    return by_column(run, "digest", digest)


def by_url(run: Run, url: str) -> Iterator[Life]:
    """The documents from this URL."""
    return by_column(run, "url", url)


def by_column(run: Run, column: str, value: Any) -> Iterator[Life]:
    for piece in run.pieces:
        values = tables.read(run.store, piece.documents, [column])[column]
        for row in np.flatnonzero(
            np.asarray(pc.fill_null(pc.equal(values, pa.scalar(value, values.type)), False))
        ):
            yield life(run, piece, int(row))


def row_of(run: Run, piece: Piece, column: str, value: Any) -> int | None:
    values = tables.read(run.store, piece.documents, [column])[column]
    row = pc.index(values, pa.scalar(value, values.type)).as_py()
    return None if row < 0 else int(row)


def in_quarantine(run: Run, condition: pc.Expression) -> Iterator[Quarantined]:
    """The quarantined records that meet a condition."""
    for name, table in run.quarantine():
        for row in table.filter(condition).to_pylist():
            yield Quarantined(**{**row, "id": row["id"].hex()}, input=name)


def life(run: Run, piece: Piece, row: int) -> Life:
    """Everything about one row of a piece; its rules are asked again, so that the values stand beside the limits."""
    decision = run.decisions(piece).slice(row, 1).to_pylist()[0]
    document = (
        tables.read(run.store, piece.documents, ["id", "source", "url", "date", "text"])
        .slice(row, 1)
        .to_pylist()[0]
    )
    whole = piece_view(run.work, piece)
    one = View(whole.documents.slice(row, 1), lambda placed: whole.columns(placed).slice(row, 1))
    said = tuple(stage_said(run, piece, one, stage, decision) for stage in run.work.placed.stages)
    identifier = decision.pop("id")
    places = tuple(find_places(run, identifier, decision["copies"]))
    return Life(
        id=identifier.hex(),
        origin=origin(run, piece, document),
        said=said,
        places=places,
        excerpt=document["text"][:300],
        **decision,
    )


def origin(run: Run, piece: Piece, document: Mapping[str, Any]) -> Origin:
    address = parse_id(document["id"])
    files = (
        one.relative for split in run.planned.splits if split.input == piece.input for one in split.extents
    )
    file = next(one for one in files if file_digest(piece.input, one) == address.file)
    date = document["date"].isoformat() if document["date"] else None
    return Origin(
        piece.input, document["source"], file, address.position, address.ordinal, document["url"], date
    )


def stage_said(run: Run, piece: Piece, one: View, stage: PlacedStage, decision: Mapping[str, Any]) -> Said:
    """What a stage says of one document, asked alone."""
    applies = bool(one.applies(stage.where)[0].as_py())
    limits = describe(stage.rule)["fields"]
    if stage.kind == COMPARISON:
        mark = marked(one.documents["id"], read_marks(run.work, stage, run.corpus, piece.name)).to_pylist()[0]
        values = {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in mark.items()
            if name != "id"
        }
        return Said(stage.name, stage.kind, applies, values.pop("reason"), values, limits)
    if stage.kind == SAMPLE:
        dropped = decision["reason"] if decision["stage"] == stage.name else None
        reached = applies and decision["stage"] in (None, stage.name, TAKEN)
        return Said(stage.name, stage.kind, reached, dropped, {"copies": decision["copies"]}, limits)
    reason = reasons(one, stage, no_marks, lambda wanted: read_statistics(run.work, wanted, run.corpus))[
        0
    ].as_py()
    if hasattr(stage.rule, "found"):  # a rule whose columns are no plain values says itself what it saw
        values = stage.rule.found(one.seen(stage), *read_statistics(run.work, stage, run.corpus))
        return Said(stage.name, stage.kind, applies, reason, values, limits)
    names = [name for home in stage.measures for name in home.measure.columns.names]
    hidden = {stage.rule.cuts} if stage.kind == EDITOR else set()
    values = {name: readable(one.seen(stage)[name][0].as_py()) for name in names if name not in hidden}
    return Said(stage.name, stage.kind, applies, reason, values, limits)


def no_marks(stage: PlacedStage) -> pa.Table:
    raise TypeError(f"{stage.name} is no comparison")


def readable(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def find_places(run: Run, identifier: bytes, copies: int) -> Iterator[Place]:
    """The spans of a document, in the shards of its pools."""
    if not copies:
        return
    ids = pa.array([identifier], pa.binary(16))
    _, _, pools = addresses(run.work.pack.seed, ids, np.array([copies]), run.manifest["run"]["pools"])
    prefixes = tuple(f"shards/{pool:05d}-" for pool in sorted(set(pools.tolist())))
    for shard in run.manifest["shards"]:
        if shard["path"].startswith(prefixes) and run.store.exists(shard["path"]):
            yield from places_in(run, shard["path"], identifier)


def places_in(run: Run, shard: str, identifier: bytes) -> Iterator[Place]:
    lists = tables.as_batch(tables.read(run.store, shard, ["spans"]))["spans"]
    pack = np.repeat(np.arange(len(lists)), np.asarray(pc.list_value_length(lists)))
    flat = lists.flatten()
    for row in np.flatnonzero(np.asarray(pc.equal(flat.field("id"), pa.scalar(identifier, pa.binary(16))))):
        span = flat[int(row)].as_py()
        yield Place(shard, int(pack[row]), span["copy"], span["start"], span["stop"], span["at"])
