"""What a stage removes, and what it nearly removed: a sample of the dropped, and the kept that stand nearest to a limit.

A sample is the first by hash of (seed, id): the same on every machine, and a larger one holds the smaller. Nearness needs
nothing of a rule but its fields: each number in turn is moved by 1 % to all of it, and who falls first stood nearest.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data import tables
from pipeline.kernels import hashing
from pipeline.ledger import LedgerError, Run
from pipeline.ledger.export import Choice
from pipeline.ledger.why import Life, life
from pipeline.steps.judge import judge_piece, piece_view, read_statistics, reasons
from pipeline.steps.placed import EDITOR, RULE, PlacedStage
from pipeline.steps.work import Piece

MOVES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # of a limit's value, of 1 where that is 0
AROUND = 160  # characters shown before and behind the first cut


@dataclass(frozen=True)
class Near:
    """A kept document that falls when one limit is moved by a share of its value."""

    life: Life
    field: str
    limit: float
    moved: float


def sample(run: Run, choice: Choice, count: int, seed: int = 0) -> list[Life]:
    """Some of the documents that were dropped (or, without a stage, of any), in the order of hash(seed, id)."""
    choice.check(run)
    best: list[tuple[int, str, int]] = []
    pieces = {piece.name: piece for piece in run.pieces}
    for piece in run.pieces:
        decided = tables.as_batch(run.decisions(piece))
        rows = np.flatnonzero(choice.mask(decided))
        hashes = hashing.mix(seed, decided["id"])[rows]
        first = np.argsort(hashes, kind="stable")[:count]
        best += [(int(hashes[index]), piece.name, int(rows[index])) for index in first]
        best = heapq.nsmallest(count, best)
    return [life(run, pieces[name], row) for _, name, row in best]


def nearest(run: Run, stage_name: str, reason: str | None, count: int) -> list[Near]:
    """The kept documents that the smallest move of one limit would drop, nearest first; for rules and editors."""
    Choice(True, stage_name, reason).check(run)
    stage = next(one for one in run.work.placed.stages if one.name == stage_name)
    if stage.kind not in (RULE, EDITOR):
        raise LedgerError(
            f"{stage_name}: is a {stage.kind}; only rules and editors have limits to be near to"
        )
    moves = list(moved(stage))
    found: list[tuple[float, str, int, str, float, float]] = []
    pieces = {piece.name: piece for piece in run.pieces}
    for piece in run.pieces:
        for row, (share, name, limit, at) in fallen(run, piece, stage, reason, moves).items():
            found.append((share, piece.name, row, name, limit, at))
        found = heapq.nsmallest(count, found)
    return [Near(life(run, pieces[name], row), field, limit, at) for _, name, row, field, limit, at in found]


Move = tuple[float, str, float, float, PlacedStage]  # share, field, limit, moved limit, the stage with it


def moved(stage: PlacedStage) -> Iterator[Move]:
    """The stage with each of its numbers moved a little, then more, either way; what the class refuses is left out."""
    for share in MOVES:
        for field in fields(stage.rule):
            limit = getattr(stage.rule, field.name)
            if type(limit) not in (int, float):
                continue
            for at in shifted(limit, share):
                try:
                    rule = replace(stage.rule, **{field.name: at})
                except ValueError:
                    continue
                yield share, field.name, limit, at, replace(stage, rule=rule)


def shifted(limit: float, share: float) -> tuple[float, float]:
    """The limit less and plus a share of itself; whole numbers by one at least."""
    step = max(1, round(abs(limit) * share)) if type(limit) is int else share * (abs(limit) or 1.0)
    return limit - step, limit + step


def fallen(
    run: Run, piece: Piece, stage: PlacedStage, reason: str | None, moves: list[Move]
) -> dict[int, tuple[float, str, float, float]]:
    """By row of the piece: the first move that drops a document that ships."""
    view = piece_view(run.work, piece, run.corpus)
    left = np.asarray(run.decisions(piece, ["copies"])["copies"]) > 0
    found: dict[int, tuple[float, str, float, float]] = {}
    for share, name, limit, at, changed in moves:
        said = reasons(view, changed, no_marks, lambda _: read_statistics(run.work, stage, run.corpus))
        wanted = pc.is_valid(said) if reason is None else pc.fill_null(pc.equal(said, reason), False)
        for row in np.flatnonzero(left & np.asarray(wanted)):
            found[int(row)] = (share, name, limit, at)
            left[row] = False
    return found


def no_marks(stage: PlacedStage) -> pa.Table:
    raise TypeError(f"{stage.name} is no comparison")


def evidence(run: Run, one: Life) -> str:
    """The text around the first cut of the editors, what is cut in [-…-] and what is put in {+…+}; else its beginning."""
    piece = next(
        piece
        for piece in run.pieces
        if piece.first <= one.id <= piece.last and row_in(run, piece, one.id) >= 0
    )
    row = row_in(run, piece, one.id)
    text = tables.read(run.store, piece.documents, ["text"])["text"][row].as_py().encode()
    view, _ = judge_piece(run.work, piece, run.corpus, ())
    lists = view.cuts(run.work.placed.edits)
    cuts: list[dict[str, Any]] = lists[row].as_py() or [] if lists is not None else []
    return marked_text(text, cuts)


def row_in(run: Run, piece: Piece, identifier: str) -> int:
    ids = tables.read(run.store, piece.documents, ["id"])["id"]
    return int(pc.index(ids, pa.scalar(bytes.fromhex(identifier), ids.type)).as_py())


def marked_text(text: bytes, cuts: list[dict[str, Any]]) -> str:
    """The text with its cuts marked, as much of it as one looks at."""
    return "".join(MARKS[kind].format(words) for kind, words in marked_spans(text, cuts))


Span = tuple[str, str]  # what became of it: "", "del" for what is cut, "ins" for what is put; and the words
MARKS = {"": "{}", "del": "[-{}-]", "ins": "{{+{}+}}"}


def marked_spans(text: bytes, cuts: list[dict[str, Any]]) -> list[Span]:
    """The text around its first cut, or its beginning, in order."""
    if not cuts:
        return [("", text[: 4 * AROUND].decode(errors="ignore")[: 2 * AROUND])]
    first = cuts[0]["start"]
    spans, at = [("", text[:first].decode()[-AROUND:])], first
    for cut in cuts:
        if cut["start"] - first > 4 * AROUND:
            break
        spans += [("", text[at : cut["start"]].decode())] if cut["start"] > at else []
        spans.append(("del", text[cut["start"] : cut["stop"]].decode()[: 2 * AROUND]))
        spans += [("ins", cut["put"])] if cut["put"] else []
        at = cut["stop"]
    return [*spans, ("", text[at : at + 4 * AROUND].decode(errors="ignore")[:AROUND])]
