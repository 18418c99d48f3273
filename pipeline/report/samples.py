"""The few documents whose text a page shows, read once, piece by piece, with what editors cut marked."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from pipeline import page
from pipeline.data import tables
from pipeline.ledger import Run
from pipeline.ledger.inspect import AROUND, Span, marked_spans
from pipeline.steps.judge import judge_piece
from pipeline.steps.work import Piece

Wanted = list[tuple[int, int]]
"""(number of the piece, row) of each document that is to be shown."""
LETTERS = 3 * AROUND  # of a text, at most


class Samples:
    """Excerpts by (piece, row)."""

    def __init__(self, run: Run, wanted: Iterable[tuple[int, int]]) -> None:
        self.found: dict[tuple[int, int], tuple[str, list[Span]]] = {}
        rows: dict[int, set[int]] = {}
        for number, row in wanted:
            rows.setdefault(number, set()).add(row)
        for number, chosen in sorted(rows.items()):
            self.read(run, number, run.pieces[number], np.array(sorted(chosen)))

    def read(self, run: Run, number: int, piece: Piece, rows: np.ndarray) -> None:
        """The texts of these rows; row groups without one of them are not decoded."""
        view, _ = judge_piece(run.work, piece, run.corpus, ())
        cuts = view.cuts(run.work.placed.edits)
        decisions = run.decisions(piece, ["stage", "reason"])
        file, start = tables.open_table(run.store, piece.documents), 0
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            inside = rows[(rows >= start) & (rows < stop)]
            if len(inside):
                batch = file.read_row_group(group, columns=["id", "source", "text"]).take(pa.array(inside - start))  # fmt: skip
                for row, one in zip(inside.tolist(), batch.to_pylist(), strict=True):
                    said = {name: decisions[name][row].as_py() for name in ("stage", "reason")}
                    fate = f"dropped by {said['stage']}: {said['reason']}" if said["stage"] else "kept"
                    listed = cuts[row].as_py() or [] if cuts is not None else []
                    spans = marked_spans(one["text"].encode(), listed)
                    self.found[number, row] = (f"{one['source']} · {one['id'].hex()} · {fate}", spans)
            start = stop

    def excerpt(self, piece: int, row: int, note: str, kind: str = "") -> str:
        """One document, ready as HTML."""
        told, spans = self.found[piece, row]
        return page.excerpt(f"{note} · {told}", shortened(spans), kind)


def shortened(spans: Iterable[Span]) -> list[Span]:
    """The first letters of the spans together."""
    found, left = [], LETTERS
    for mark, words in spans:
        if left <= 0:
            break
        found.append((mark, words if len(words) <= left else f"{words[:left]}…"))
        left -= len(words)
    return found
