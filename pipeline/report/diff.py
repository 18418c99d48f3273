"""What differs between two runs: documents that flipped, tokens gained and lost, changed limits and packs.

Documents are matched by (id, digest): an id alone may stand for another text. Pieces that both runs share are compared row for
row; of the others, those whose ids overlap are compared together, which is what memory must hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.charts import brief
from pipeline.data import tables
from pipeline.data.keys import describe
from pipeline.ledger import Run
from pipeline.ledger.why import stage_said
from pipeline.measures.urls import hosts_of, registered
from pipeline.report.seen import Seen, Walk, summed
from pipeline.rules.shapes import Compared
from pipeline.steps.judge import piece_view
from pipeline.steps.placed import COMPARISON, PlacedStage
from pipeline.steps.view import View
from pipeline.steps.work import PIECE_ROWS, Piece

KEPT, ABSENT = "kept", "not in it"
NO_URL = "no URL"
NOBODY = " "  # between a stage and its reason: no stage's name holds one
SAMPLES = 5  # of each flip
WHAT = ("source", "language", "domain")
DOMAINS = 200_000  # kept in memory; beyond twice as many, those that changed least are forgotten


@dataclass(frozen=True)
class Sample:
    """One document that flipped: where it is on either side, and what decided there."""

    id: str
    source: str
    url: str | None
    values: tuple[str, str]  # before, after


@dataclass
class Flip:
    """Documents that had one fate and now have another."""

    documents: int = 0
    before: int = 0  # tokens shipped
    after: int = 0
    places: list[tuple[tuple[int, int], tuple[int, int]]] = field(
        default_factory=list
    )  # (piece, row) on either side
    samples: list[Sample] = field(default_factory=list)


@dataclass
class Diff:
    """Two runs, compared. A fate is `kept`, or `stage reason`, or `not in it`."""

    names: tuple[str, str]
    runs: tuple[Run, Run]
    documents: tuple[int, int] = (0, 0)
    same: int = 0  # documents of equal fate
    copies: int = 0  # of them, documents that ship more or less often
    flips: dict[tuple[str, str], Flip] = field(default_factory=dict)
    tokens: dict[str, dict[str, np.ndarray]] = field(default_factory=lambda: {what: {} for what in WHAT})

    @property
    def equal(self) -> bool:
        return not self.flips and not self.copies and not changes(self.runs) and not any(packs(self.runs)[1:])


# Numbers


def diff(before: Run, after: Run) -> Diff:
    """Everything that differs; texts are not read."""
    walks = (Walk(before), Walk(after))
    found = Diff((before.store.root, after.store.root), (before, after))
    for pair in groups(before, after):
        add(found, *(Rows.of(walk, places) for walk, places in zip(walks, pair, strict=True)))
    for fates, flip in found.flips.items():
        flip.samples = [sample(found, fates, place) for place in flip.places]
    return found


Places = list[int]
"""Numbers of a run's pieces."""


def groups(before: Run, after: Run) -> Iterator[tuple[Places, Places]]:
    """Pieces that belong together: equal ones, some at a time, then those of which one's ids reach into another's."""
    sides = [{piece.name: number for number, piece in enumerate(run.pieces)} for run in (before, after)]
    held: tuple[Places, Places] = ([], [])
    rows = 0
    for name, number in sides[0].items():
        if name in sides[1]:
            held[0].append(number)
            held[1].append(sides[1][name])
            rows += before.pieces[number].rows
        if rows > PIECE_ROWS:
            yield held
            held, rows = ([], []), 0
    if rows:
        yield held
    spans = sorted(
        (piece.first, piece.last, side, number)
        for side, run in enumerate((before, after))
        for number, piece in enumerate(run.pieces)
        if piece.name not in sides[1 - side]
    )
    held, reach = ([], []), ""
    for first, last, side, number in spans:
        if first > reach and any(held):
            yield held
            held = ([], [])
        held[side].append(number)
        reach = max(reach, last)
    if any(held):
        yield held


@dataclass(frozen=True)
class Rows:
    """Documents of some pieces of one run, row for row."""

    seen: Seen
    id: pa.Array
    digest: pa.Array
    source: pa.Array
    language: pa.Array
    url: pa.Array
    fate: pa.Array
    shipped: np.ndarray  # int64[n]: tokens, each copy counted

    @staticmethod
    def of(walk: Walk, places: Places) -> "Rows | None":
        if not places:
            return None
        seen = Seen(walk, places)
        documents, decided = seen.view.documents, seen.decisions
        tokens = np.asarray(pc.fill_null(decided["tokens"], 0), np.int64)
        fate = pc.binary_join_element_wise(decided["stage"], decided["reason"], NOBODY)
        languages = seen.languages()
        return Rows(
            seen,
            documents["id"],
            documents["digest"],
            documents["source"],
            pa.nulls(len(tokens), pa.string()) if languages is None else languages,
            documents["url"],
            pc.fill_null(fate, KEPT),
            tokens * seen.copies,
        )


def add(found: Diff, one: Rows | None, two: Rows | None) -> None:
    """Compare two sets of rows, of which no document is in another pair; None: none."""
    sizes = [0 if rows is None else len(rows.id) for rows in (one, two)]
    found.documents = (found.documents[0] + sizes[0], found.documents[1] + sizes[1])
    alone = [np.arange(size) for size in sizes]
    changed: list[np.ndarray] = list(alone)
    if one is not None and two is not None:
        here, there = matched(one, two)
        flipped = np.asarray(pc.not_equal(one.fate.take(pa.array(here)), two.fate.take(pa.array(there))), bool)  # fmt: skip
        copies = one.seen.copies[here] != two.seen.copies[there]
        found.same += int((~flipped).sum())
        found.copies += int((copies & ~flipped).sum())
        tally(found, (one, here[flipped]), (two, there[flipped]))
        alone = [np.setdiff1d(rows, known) for rows, known in zip(alone, (here, there), strict=True)]
        unlike = one.shipped[here] != two.shipped[there]
        changed = [np.append(here[unlike], alone[0]), np.append(there[unlike], alone[1])]
    tally(found, None if one is None else (one, alone[0]), None)
    tally(found, None, None if two is None else (two, alone[1]))
    for side, rows in enumerate((one, two)):
        if rows is not None:
            grow(found.tokens["source"], side, rows.source, rows.shipped)
            if rows.language.null_count < len(rows.language):
                grow(found.tokens["language"], side, rows.language, rows.shipped)
            grow(found.tokens["domain"], side, *domains(rows, changed[side]))
    forget(found.tokens["domain"])


def matched(one: Rows, two: Rows) -> tuple[np.ndarray, np.ndarray]:
    """(rows of one, rows of the other): the same id with the same text."""
    match = pc.index_in(one.id, two.id)
    here, there = np.flatnonzero(np.asarray(match.is_valid())), np.asarray(match.drop_null(), np.int64)
    equal = np.asarray(pc.equal(one.digest.take(pa.array(here)), two.digest.take(pa.array(there))), bool)
    return here[equal], there[equal]


Chosen = tuple[Rows, np.ndarray]


def tally(found: Diff, one: Chosen | None, two: Chosen | None) -> None:
    """Count what flipped from one side to the other; None: it is not there."""
    rows = (one or two or (None, np.empty(0)))[1]
    if not len(rows):
        return
    absent = pa.array([ABSENT] * len(rows), pa.string())
    fates = [absent if side is None else side[0].fate.take(pa.array(side[1])) for side in (one, two)]
    shipped = [np.zeros(len(rows), np.int64) if side is None else side[0].shipped[side[1]] for side in (one, two)]  # fmt: skip
    for before, after, documents, lost, gained in summed(fates, one=shipped[0], two=shipped[1]):
        flip = found.flips.setdefault((before, after), Flip())
        flip.documents += documents
        flip.before += lost
        flip.after += gained
        if len(flip.places) < SAMPLES:
            mask = pc.and_(pc.equal(fates[0], before), pc.equal(fates[1], after))
            first = np.flatnonzero(np.asarray(mask))[: SAMPLES - len(flip.places)]
            flip.places += [(place_of(one, index), place_of(two, index)) for index in first.tolist()]


def place_of(side: Chosen | None, index: int) -> tuple[int, int]:
    """(piece, row) of one of the chosen rows."""
    return (-1, -1) if side is None else side[0].seen.place(int(side[1][index]))


def grow(sums: dict[str, np.ndarray], side: int, keys: pa.Array, tokens: np.ndarray) -> None:
    """Add tokens shipped by key, on one side; null is a key, too."""
    for key, _, count in summed([keys], tokens=tokens):
        sums.setdefault("–" if key is None else key, np.zeros(2, np.int64))[side] += count


def domains(rows: Rows, chosen: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """(registered domain, tokens) of some rows."""
    hosts = hosts_of(rows.url.take(pa.array(chosen))).dictionary_encode()
    names = pa.array([registered(host) for host in hosts.dictionary.to_pylist()], pa.string())
    return pc.fill_null(names.take(hosts.indices), NO_URL), rows.shipped[chosen]


def forget(sums: dict[str, np.ndarray]) -> None:
    """Keep memory within bounds where domains are very many."""
    if len(sums) > 2 * DOMAINS:
        for name in sorted(sums, key=lambda name: -abs(int(sums[name][1] - sums[name][0])))[DOMAINS:]:
            del sums[name]


# What decided


def sample(found: Diff, fates: tuple[str, str], places: tuple[tuple[int, int], tuple[int, int]]) -> Sample:
    """One document with the value that decided on either side: of the stage that dropped it on one of them."""
    deciding = [fate.split(NOBODY) for fate in fates if fate not in (KEPT, ABSENT)]
    values, told = [], {}
    for run, (number, row) in zip(found.runs, places, strict=True):
        if number < 0:
            values.append(ABSENT)
            continue
        piece = run.pieces[number]
        one = single(piece_view(run.work, piece, run.corpus), row)
        told = {name: one.documents[name][0].as_py() for name in ("id", "source", "url")}
        decision = run.decisions(piece).slice(row, 1).to_pylist()[0]
        said = (value(run, piece, one, decision, names) for names in deciding)
        values.append("; ".join(dict.fromkeys(filter(None, said))) or "–")
    return Sample(told["id"].hex(), told["source"], told["url"], (values[0], values[1]))


def single(whole: View, row: int) -> View:
    """One row of a piece."""
    return View(whole.documents.slice(row, 1), lambda placed: whole.columns(placed).slice(row, 1))


def value(run: Run, piece: Piece, one: View, decision: Mapping[str, Any], names: Sequence[str]) -> str:
    """What a stage compares of one document for a reason, its two names, beside its limit."""
    stage_name, reason = names
    stage = next((stage for stage in run.work.placed.stages if stage.name == stage_name), None)
    if stage is None:
        return f"no {stage_name}"
    if not one.applies(stage.where)[0].as_py():
        return f"outside {stage_name}"
    if hasattr(stage.rule, "compares"):
        compared = stage.rule.compares(one.seen(stage)).get(reason)
        if isinstance(compared, Compared):
            return f"{reason} {brief_or_nothing(compared)} (limit {brief(compared.limit)})"
    return f"{stage_name}: {other_value(run, piece, one, decision, stage)}"


def brief_or_nothing(compared: Compared) -> str:
    held = compared.values[0].as_py()
    return "–" if held is None else brief(held)


def other_value(run: Run, piece: Piece, one: View, decision: Mapping[str, Any], stage: PlacedStage) -> str:
    """Of comparisons the survivor and how alike it is; of other stages whether they give the reason."""
    text = text_of(run, piece, one) if stage.cuts else ""
    said = stage_said(run, piece, one, stage, decision, text)
    if not said.reached:
        return "not reached"
    if stage.kind == COMPARISON and said.reason and not stage.cuts:
        return f"{said.values['similarity']:.2f} like {said.values['survivor']}"
    return said.reason or "passes"


def text_of(run: Run, piece: Piece, one: View) -> str:
    """The text of the one document of a view."""
    rows = tables.read(run.store, piece.documents, ["id", "text"])
    return str(rows["text"][pc.index(rows["id"], one.documents["id"][0]).as_py()].as_py())


# Recipes and packs


def changes(runs: tuple[Run, Run]) -> list[tuple[str, str, str, str]]:
    """(where, field, before, after) of every stage, input and pack setting that differs."""
    found = []
    sides = [settings(run) for run in runs]
    for where in dict.fromkeys([*sides[0], *sides[1]]):
        one, two = (side.get(where) for side in sides)
        if one is None or two is None:
            found.append((where, "", "–" if one is None else "there", "–" if two is None else "there"))
            continue
        found += [(where, name, str(one.get(name, "–")), str(two.get(name, "–")))
                  for name in dict.fromkeys([*one, *two]) if one.get(name) != two.get(name)]  # fmt: skip
    return found


def settings(run: Run) -> dict[str, dict[str, Any]]:
    """By stage, input and output: its fields."""
    stages = {}
    for place, stage in enumerate(run.work.placed.stages):
        told = describe(stage.rule)
        scope = {f"where {name}": limit for name, limit in stage.where.limits.items()}
        stages[stage.name] = {"class": told["class"], "version": told["version"], "place": place, **told["fields"], **scope}  # fmt: skip
    inputs = {f"input {name}": vars(reading) for name, reading in run.work.readings.items()}
    pack = {name: value for name, value in vars(run.work.pack).items() if name != "tokenizer"}
    return {**stages, **inputs, "packs": pack, "winnow": {"version": run.manifest["code"]}}


def packs(runs: tuple[Run, Run]) -> tuple[int, int, int]:
    """Shards of equal bytes, shards only before, shards only after."""
    one, two = ({shard["sha256"] for shard in run.manifest["shards"]} for run in runs)
    return len(one & two), len(one - two), len(two - one)
