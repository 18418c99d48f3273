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
from pipeline.data.schemas import ID
from pipeline.kernels.cuts import apply
from pipeline.ledger import Run
from pipeline.steps.judge import emptied, piece_view, read_marks, read_statistics, reasons
from pipeline.steps.measure import marked
from pipeline.steps.placed import COMPARISON, EDITOR, SAMPLE, PlacedStage
from pipeline.steps.shards import addresses
from pipeline.steps.view import View
from pipeline.steps.work import Piece

EXCERPT = 160  # characters of what a comparison cut


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
    """What one stage had to say of a document. `applies` False: it lies outside the stage's `where`; `reached` False: of a
    stage that looks at many documents, an earlier one had dropped this and it took no part.
    """

    stage: str
    kind: str
    applies: bool
    reason: str | None
    values: Mapping[str, Any]  # columns it looked at, or what its mark says
    limits: Mapping[str, Any]  # its fields
    reached: bool = True


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
class Survivor:
    """Whom a comparison kept in a document's place, and what became of that one later."""

    id: str
    source: str
    stage: str | None
    reason: str | None
    copies: int


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
    survivors: tuple[Survivor, ...]  # each went for the next; the last was kept, or fell for another reason
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
    if (at := located(run, identifier)) is not None:
        return life(run, *at)
    return next(in_quarantine(run, pc.field("id") == identifier), None)


def located(run: Run, identifier: bytes) -> tuple[Piece, int] | None:
    """In which piece a document lies, and its row there."""
    for piece in run.pieces:
        if (
            piece.first <= identifier.hex() <= piece.last
            and (row := row_of(run, piece, "id", identifier)) is not None
        ):
            return piece, row
    return None


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
    whole = piece_view(run.work, piece, run.corpus)
    one = View(whole.documents.slice(row, 1), lambda placed: whole.columns(placed).slice(row, 1))
    text = document["text"]
    said = tuple(stage_said(run, piece, one, stage, decision, text) for stage in run.work.placed.stages)
    identifier = decision.pop("id")
    places = tuple(find_places(run, identifier, decision["copies"]))
    return Life(
        id=identifier.hex(),
        origin=origin(run, piece, document),
        said=said,
        survivors=tuple(
            survivors(run, next((one.values.get("survivor") for one in said if one.reason), None))
        ),
        places=places,
        excerpt=text[:300],
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


def stage_said(
    run: Run, piece: Piece, one: View, stage: PlacedStage, decision: Mapping[str, Any], text: str
) -> Said:
    """What a stage says of one document, asked alone."""
    applies = bool(one.applies(stage.where)[0].as_py())
    limits = describe(stage.rule)["fields"]
    if stage.kind == COMPARISON:
        marks = read_marks(run.work, stage, run.corpus, piece.name)
        values = marked(one.documents["id"], marks).to_pylist()[0]
        del values["id"]
        reason = values.pop("reason")
        if stage.cuts:
            before = edited(text, one.cuts(stage.edits))
            values = {"group_size": values["group_size"], **cut_out(before, values["cuts"], values["stays"])}
            reason = emptied(one, stage)[0].as_py()
        values = {name: readable(value) for name, value in values.items()}
        return Said(stage.name, stage.kind, applies, reason, values, limits, reached(run, stage, decision))
    if stage.kind == SAMPLE:
        dropped = decision["reason"] if decision["stage"] == stage.name else None
        copies = {"copies": decision["copies"]}
        return Said(stage.name, stage.kind, applies, dropped, copies, limits, reached(run, stage, decision))
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


def reached(run: Run, stage: PlacedStage, decision: Mapping[str, Any]) -> bool:
    """Whether no stage before this one dropped the document."""
    before = [one.name for one in run.work.placed.stages].index(stage.name)
    return decision["stage"] not in [one.name for one in run.work.placed.stages[:before]]


def edited(text: str, cuts: pa.ListArray | None) -> str:
    """One text as the editors before a stage left it."""
    return text if cuts is None else apply(pa.array([text]), cuts)[0].as_py()


def cut_out(text: str, cuts: list[Mapping[str, Any]] | None, stays: list[bytes] | None) -> dict[str, str]:
    """What a comparison cut out of a text, and in which document the same stays."""
    data = text.encode()
    pairs = zip(cuts or (), stays or (), strict=True)
    shown = [
        (data[cut["start"] : cut["stop"]].decode().strip()[:EXCERPT], other.hex()) for cut, other in pairs
    ]
    return {
        f"cut {number}": f"{begins!r}, which stays in {other}"
        for number, (begins, other) in enumerate(shown, 1)
    }


def survivors(run: Run, identifier: str | None) -> Iterator[Survivor]:
    """The chain that begins with a survivor: whoever went for another at a later stage is followed by that one."""
    while identifier is not None:
        at = located(run, bytes.fromhex(identifier))
        if at is None:
            raise ValueError(
                f"survivor {identifier} is no document of this run; `winnow account` tells what is damaged"
            )
        piece, row = at
        fate = run.decisions(piece).slice(row, 1).to_pylist()[0]
        source = tables.read(run.store, piece.documents, ["source"])["source"][row].as_py()
        yield Survivor(identifier, source, fate["stage"], fate["reason"], fate["copies"])
        identifier = next(
            (
                mark["survivor"].hex()
                for stage in run.work.placed.comparisons
                if stage.name == fate["stage"]
                for mark in marked(
                    pa.array([fate["id"]], ID), read_marks(run.work, stage, run.corpus, piece.name)
                ).to_pylist()
            ),
            None,
        )


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
