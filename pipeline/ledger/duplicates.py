"""`winnow duplicates`: the groups that a comparison found, which source repeats which, and any removal computed again.

Marks are read as they stand; `recompute` believes none of them: it measures both texts anew, with the stages' own code.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import tables
from pipeline.data.schemas import CUT_MARKS, DOCUMENTS, ID, MARKS
from pipeline.ledger import LedgerError, Run
from pipeline.steps.judge import read_marks
from pipeline.steps.measure import Measuring
from pipeline.steps.pairs import by_pairs, tried_in
from pipeline.steps.placed import PlacedStage
from pipeline.steps.texts import texts
from pipeline.steps.view import with_chosen

EXCERPT = 160  # characters


@dataclass(frozen=True)
class Document:
    """One document of a group; `similarity` to the survivor, None for that itself."""

    id: str
    source: str
    similarity: float | None
    excerpt: str


@dataclass(frozen=True)
class Group:
    """Documents that went for one survivor. `members`: the first of them, least similar first."""

    stage: str
    documents: int  # the survivor included
    sources: Mapping[str, int]
    survivor: Document
    members: tuple[Document, ...]


@dataclass(frozen=True)
class Removal:
    """One removal, computed again from the two texts. `wrong`: why it does not hold; empty where it does."""

    id: str
    stage: str
    reason: str
    survivor: str
    marked: float | None
    similarity: float
    wrong: str
    excerpt: str
    survivor_excerpt: str


def comparisons(run: Run) -> tuple[PlacedStage, ...]:
    """The comparisons of a run that remove documents. LedgerError where there is none."""
    found = tuple(stage for stage in run.work.placed.comparisons if not stage.cuts)
    if not found:
        raise LedgerError(
            f"{run.store.root}: its recipe compares nothing; add exact_duplicates or near_duplicates"
        )
    return found


def removals(run: Run, stage: PlacedStage) -> pa.Table:
    """MARKS of all that a comparison removed, with `source` and `survivor_source`, in the order of ids."""
    marks = every_mark(run, stage)
    marks = marks.filter(pc.is_valid(marks["survivor"])).sort_by("id")
    both = pa.concat_arrays([marks[side].combine_chunks() for side in ("id", "survivor")])
    known = sources(run, both)
    for name, ids in (("source", marks["id"]), ("survivor_source", marks["survivor"])):
        marks = marks.append_column(
            name, known["source"].take(pc.index_in(ids, known["id"].combine_chunks()))
        )
    return marks


def every_mark(run: Run, stage: PlacedStage) -> pa.Table:
    """The marks of all pieces."""
    none = (CUT_MARKS if stage.cuts else MARKS).empty_table()
    found = (read_marks(run.work, stage, run.corpus, piece.name) for piece in run.pieces)
    return pa.concat_tables([none, *found])


def sources(run: Run, ids: pa.Array) -> pa.Table:
    """(id, source) of these documents."""
    columns = ["id", "source"]
    none = pa.schema([DOCUMENTS.field(name) for name in columns]).empty_table()
    read = (tables.read(run.store, piece.documents, columns) for piece in run.pieces)
    return pa.concat_tables([none, *(one.filter(pc.is_in(one["id"], ids)) for one in read)])


def matrix(marks: pa.Table) -> dict[tuple[str, str], int]:
    """(source, source of the survivor) → documents that went; of `removals`."""
    counts = marks.group_by(["source", "survivor_source"]).aggregate([([], "count_all")]).to_pylist()
    return {(row["source"], row["survivor_source"]): row["count_all"] for row in counts}


def groups(run: Run, stage: PlacedStage, marks: pa.Table, count: int, shown: int = 5) -> list[Group]:
    """The groups with most members, the largest first, then by survivor; `marks`: of `removals`."""
    sizes = marks.group_by("survivor").aggregate([([], "count_all")])
    largest = sizes.sort_by([("count_all", "descending"), ("survivor", "ascending")]).slice(0, count)
    found = []
    for survivor in largest["survivor"].to_pylist():
        rows = marks.filter(pc.equal(marks["survivor"], pa.scalar(survivor, ID)))
        rows = rows.sort_by([("similarity", "ascending"), ("id", "ascending")])
        found.append(group(run, stage.name, rows, shown))
    return found


def group(run: Run, stage: str, rows: pa.Table, shown: int) -> Group:
    """One group, of the marks of all its members."""
    first = rows.slice(0, shown).to_pylist()
    survivor = rows["survivor"][0].as_py(), rows["survivor_source"][0].as_py()
    begins = excerpts(run, [survivor[0], *(row["id"] for row in first)])
    counts = pc.value_counts(rows["source"]).to_pylist()
    held = {one["values"]: one["counts"] for one in counts}
    held[survivor[1]] = held.get(survivor[1], 0) + 1
    return Group(
        stage,
        rows.num_rows + 1,
        dict(sorted(held.items())),
        Document(survivor[0].hex(), survivor[1], None, begins[survivor[0]]),
        tuple(
            Document(row["id"].hex(), row["source"], row["similarity"], begins[row["id"]]) for row in first
        ),
    )


def excerpts(run: Run, ids: Iterable[bytes]) -> dict[bytes, str]:
    """How the text of each of these documents begins."""
    return {
        identifier: text
        for batch in documents(run, ids, ["id", "text"])
        for identifier, text in zip(
            batch["id"].to_pylist(),
            pc.utf8_slice_codeunits(batch["text"], 0, EXCERPT).to_pylist(),
            strict=True,
        )
    }


def documents(run: Run, ids: Iterable[bytes], columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """These documents as they were read, in the order of pieces and rows."""
    wanted = pa.array(sorted(set(ids)), ID)
    for piece in run.pieces:
        if not any(piece.first <= one.hex() <= piece.last for one in wanted.to_pylist()):
            continue
        asked = np.asarray(pc.is_in(tables.read(run.store, piece.documents, ["id"])["id"], wanted))
        names = columns or tables.open_table(run.store, piece.documents).schema_arrow.names
        for batch in texts(piece, run.work, asked, None, names):
            yield with_chosen(batch, {} if columns else run.work.placed.chosen)


# Computing removals again


def recompute(run: Run, ids: list[bytes]) -> Iterator[Removal]:
    """The removal of each of these documents, stage by stage. LedgerError for one that no comparison removed."""
    lost = set(ids)
    for stage in comparisons(run):
        marks = removals(run, stage)
        marks = marks.filter(pc.is_in(marks["id"], pa.array(ids, ID)))
        lost -= set(marks["id"].to_pylist())
        if marks.num_rows:
            yield from recomputed(run, stage, marks.to_pylist())
    if lost:
        names = ", ".join(sorted(one.hex() for one in lost))
        raise LedgerError(f"{names}: no comparison removed this; `winnow why` says what became of it")


def recomputed(run: Run, stage: PlacedStage, marks: list[dict[str, Any]]) -> Iterator[Removal]:
    """Removals by one stage."""
    both = {mark[side] for mark in marks for side in ("id", "survivor")}
    batch = tables.as_batch(pa.Table.from_batches(list(documents(run, both))).combine_chunks())
    place = {identifier: row for row, identifier in enumerate(batch["id"].to_pylist())}
    measuring, fates = Measuring(batch, lambda one: every_mark(run, one)), verdicts(run, both)
    rows = stage.rule.nominate(measuring.view.seen(stage))
    for mark in marks:
        one, other = place[mark["id"]], place[mark["survivor"]]
        similarity = compared(stage, measuring, rows, one, other)
        fate = fates[mark["survivor"]]
        tests = {
            f"they are {similarity:.6f} similar": mark["similarity"] in (None, np.float32(similarity)),
            f"they are no {stage.name}": similarity >= getattr(stage.rule, "threshold", 1),
            "the rule does not put the survivor first": put_first(stage, rows, mark["id"], mark["survivor"]),
            f"the survivor went no later, by {fate}": stood(run, stage, fate),
        }
        begins = pc.utf8_slice_codeunits(batch["text"].take(pa.array([one, other])), 0, EXCERPT).to_pylist()
        yield Removal(
            id=mark["id"].hex(),
            stage=stage.name,
            reason=mark["reason"],
            survivor=mark["survivor"].hex(),
            marked=mark["similarity"],
            similarity=similarity,
            wrong="; ".join(what for what, right in tests.items() if not right),
            excerpt=begins[0],
            survivor_excerpt=begins[1],
        )


def compared(stage: PlacedStage, measuring: Measuring, rows: pa.RecordBatch, one: int, other: int) -> float:
    """The similarity of two rows: of their features, or 1 where they share a key."""
    if by_pairs(stage):
        pair = measuring.text(stage.edits).take(pa.array([one, other]))
        features = stage.rule.features(pair)
        return float(stage.rule.verify(features.slice(0, 1), features, np.array([1]))[0])
    ids = measuring.documents["id"]
    keys = [set(rows["key"].filter(pc.equal(rows["id"], ids[row])).to_pylist()) for row in (one, other)]
    return float(bool(keys[0] & keys[1]))


def put_first(stage: PlacedStage, rows: pa.RecordBatch, member: bytes, survivor: bytes) -> bool:
    """Whether the rule, asked of the two alone, nominates them together and prefers the survivor."""
    two = rows.filter(pc.is_in(rows["id"], pa.array([member, survivor], ID)))
    if by_pairs(stage):
        members, partners = (two["id"].take(pa.array(side)) for side in stage.rule.pair(two, tried_in(two)))
        return (member, survivor) in set(zip(members.to_pylist(), partners.to_pylist(), strict=True))
    return [(row["id"], row["survivor"]) for row in stage.rule.settle(two).to_pylist()] == [
        (member, survivor)
    ]


def verdicts(run: Run, ids: set[bytes]) -> dict[bytes, str | None]:
    """The stage that dropped each of these documents; None where it was kept."""
    wanted = pa.array(sorted(ids), ID)
    decided = (run.decisions(piece, ["id", "stage"]) for piece in run.pieces)
    found = pa.concat_tables(one.filter(pc.is_in(one["id"], wanted)) for one in decided)
    return dict(zip(found["id"].to_pylist(), found["stage"].to_pylist(), strict=True))


def stood(run: Run, stage: PlacedStage, fallen: str | None) -> bool:
    """Whether a document that fell to some stage, to none, or to a takedown, still stood after another."""
    names = [one.name for one in run.work.placed.stages]
    return fallen not in names[: names.index(stage.name) + 1]
