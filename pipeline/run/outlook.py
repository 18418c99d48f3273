"""What a run would do, and what stands already: `winnow run --plan`, and the first lines of every run."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.data import receipts
from pipeline.data.objects import remote
from pipeline.run.driver import Job, finished, ingest_receipts, known_pieces, standing_comparisons
from pipeline.steps.decide import decisions_of
from pipeline.steps.ingest import pieces_of, receipt_of
from pipeline.steps.judge import judge_piece, statistic_of
from pipeline.steps.late import lacking
from pipeline.steps.measure import missing, wanted
from pipeline.steps.placed import COMPARISON, EDITOR, RULE, Placed, PlacedStage
from pipeline.steps.plan import Plan
from pipeline.steps.shards import packs_of
from pipeline.steps.tokens import asked_rows
from pipeline.steps.work import Corpus, Piece


@dataclass(frozen=True)
class Step:
    """One kind of step. `todo` of `total` will be done; None: as many as the steps before it leave, known then."""

    kind: str  # the first folder of its receipts: ingest, columns, marks, tokens, decisions, packs
    name: str
    todo: int | None
    total: int
    unit: str
    note: str = ""

    def line(self) -> str:
        """`=` and what stands, or `+` and what will be done."""
        if self.todo == 0:
            amount = f"stands ({count(self.total, self.unit)})" if self.unit else "stands"
        elif self.todo is None:
            amount = "what the steps before it leave"
        else:
            amount = f"{self.todo:,} of {count(self.total, self.unit)}"
        return (
            f"{'=' if self.todo == 0 else '+'} {self.name:<32} {amount}{'; ' if self.note else ''}{self.note}"
        )


@dataclass(frozen=True)
class Outlook:
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]
    finished: bool

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.finished:
            yield "nothing to do: the manifest is the one this recipe and these inputs give"
        else:
            yield "= stands from an earlier run, + will be done"
            yield from (step.line() for step in self.steps)
        yield from (f"! {warning}" for warning in self.warnings)

    def kinds(self) -> dict[str, bool]:
        """Per kind of step that will or may be done: whether that is certain."""
        active = [step for step in self.steps if step.todo != 0 and not self.finished]
        return {step.kind: any(one.todo for one in active if one.kind == step.kind) for step in active}


def outlook(job: Job, planned: Plan, exact: bool = True) -> Outlook:
    """Named step by step; nothing is written, and of inputs only files that were touched are read (by the plan).

    `exact`: judge all pieces, to know how many documents are to be tokenised; a run need not know that before it starts.
    """
    work, pieces = job.work, known_pieces(job.work, planned)
    corpus = None if pieces is None else Corpus.of(pieces)
    steps = [
        reading(job, planned),
        *measuring(job, planned),
        *comparing(job, corpus, pieces or []),
        *(shipping(job, pieces, corpus) if exact else shipping(job, None, None)),
    ]
    return Outlook(
        tuple(steps), (*warnings(work.placed), *read_twice(planned)), finished(job, planned) is not None
    )


def count(number: int, unit: str) -> str:
    """1 piece, 2 pieces."""
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def reading(job: Job, planned: Plan) -> Step:
    store, aliases = job.work.store, {alias.of for alias in planned.aliases}
    unread = [one for one in planned.splits if not store.exists(receipts.receipt_name(receipt_of(one)))]
    new = [one for one in unread if receipt_of(one) not in aliases]
    size = sum(one.bytes for one in new)
    notes = [f"{size / 1e6:,.1f} MB"] if new else []
    notes += [f"{len(unread) - len(new)} touched but equal"] if aliases else []
    return Step("ingest", "read", len(new), len(planned.splits), "split", ", ".join(notes))


def measuring(job: Job, planned: Plan) -> Iterator[Step]:
    """One step a measure, over the pieces that are known."""
    pieces = known_by_split(job, planned)
    unmeasured = [{placed.key for placed in missing(job.work, piece)} for piece in pieces]
    unread = len(pieces) < 1 or reading(job, planned).todo
    for placed in wanted(job.work.placed):
        todo = sum(placed.key in keys for keys in unmeasured)
        note = "and of what is read now" if unread and todo else ""
        edited = f" after {count(len(placed.edits), 'editor')}" if placed.edits else ""
        name = f"measure {type(placed.measure).__name__}{edited}"
        yield Step("columns", name, todo or (None if unread else 0), len(pieces), "piece", note)


def known_by_split(job: Job, planned: Plan) -> list[Piece]:
    return [piece for one in ingest_receipts(job.work, planned) if one for piece in pieces_of(one)]


def comparing(job: Job, corpus: Corpus | None, pieces: list[Piece]) -> Iterator[Step]:
    """Each comparison, and what is measured of the text that it leaves."""
    standing = standing_comparisons(job.work, corpus)
    for stage in job.work.placed.comparisons:
        why = "" if stage.name in standing else "the corpus or a stage before it is new"
        yield Step("marks", stage.name, int(stage.name not in standing), 1, "comparison", why)
        if wanted(job.work.placed, stage):
            todo = (
                sum(bool(lacking(piece, job.work, stage, corpus)) for piece in pieces)
                if corpus and not why
                else None
            )
            yield Step("columns", f"measure after {stage.name}", todo, len(pieces), "piece")


def shipping(job: Job, pieces: list[Piece] | None, corpus: Corpus | None) -> Iterator[Step]:
    """Tokens, decisions and packs: exact when nothing before them is to be done."""
    work, decided = job.work, pieces is not None and corpus is not None and settled(job, pieces, corpus)
    if not decided or pieces is None or corpus is None:
        yield from (Step(kind, kind, None, 0, "") for kind in ("tokens", "decisions", "packs"))
        return
    asked = [
        int(np.sum(asked_rows(piece, work, corpus, *judge_piece(work, piece, corpus, work.placed.stages))))
        for piece in pieces
    ]
    yield Step("tokens", "tokens", sum(asked), sum(piece.rows for piece in pieces), "document")
    undecided = [
        piece for piece in pieces if receipts.find(work.store, decisions_of(work, piece, corpus)) is None
    ]
    yield Step("decisions", "decisions", len(undecided), len(pieces), "piece")
    standing = receipts.find(work.store, packs_of(work, corpus)) is not None
    yield Step(
        "packs",
        "packs",
        0 if standing else 1,
        1,
        "set",
        "" if standing else "only shards whose documents changed",
    )


def settled(job: Job, pieces: list[Piece], corpus: Corpus) -> bool:
    """Whether all that judging reads is there."""
    measured = not any(missing(job.work, piece) for piece in pieces)
    standing = standing_comparisons(job.work, corpus)
    again = any(
        lacking(piece, job.work, stage, corpus)
        for stage in job.work.placed.comparisons
        if stage.name in standing
        for piece in pieces
    )
    known = len(standing) == len(job.work.placed.comparisons)
    return (
        measured
        and not again
        and known
        and all(receipts.find(job.work.store, of) for of in summed(job, corpus))
    )


def summed(job: Job, corpus: Corpus) -> Iterator[str]:
    """The steps of the statistics that judging reads."""
    for stage in job.work.placed.stages:
        if stage.kind in (RULE, EDITOR):
            yield from (statistic_of(job.work, one, stage, corpus) for one in stage.statistics)


def waits(stage: PlacedStage) -> bool:
    """Whether it looks at a text that a comparison cut."""
    return any(placed.waits for placed in stage.measures)


def read_twice(planned: Plan) -> Iterator[str]:
    """Files that several inputs read: most likely a path given twice."""
    readers: dict[str, set[str]] = {}
    for split in planned.splits:
        for extent in split.extents:
            readers.setdefault(
                extent.path if remote(extent.path) else os.path.realpath(extent.path), set()
            ).add(split.input)
    for names in sorted({tuple(sorted(one)) for one in readers.values() if len(one) > 1}):
        files = sorted(path for path, one in readers.items() if tuple(sorted(one)) == names)
        yield f"{' and '.join(names)} read the same {count(len(files), 'file')}, {files[0]}: its documents come in {len(names)} times"


def warnings(placed: Placed) -> Iterator[str]:
    """An order that wastes work."""
    compared = None
    for stage in placed.stages:
        if stage.kind == COMPARISON:
            compared = compared or stage.name
        elif stage.kind in (RULE, EDITOR) and compared and not stage.statistics and not waits(stage):
            yield f"{stage.name} stands after {compared}: what it drops was compared for nothing; move it before {compared}"
