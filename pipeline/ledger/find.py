"""`winnow duplicates --find`: which documents of a run say what new ones say, whole or nearly.

Exact duplicates are found by the key that their stage stored. Near ones are nominated by a datasketch LSH index over the
stored signatures, a piece at a time, so that memory does not grow with the corpus; then the texts are compared in full. Who
shares no band is not found: with 14 × 8 bands 8 % of pairs of similarity .8, none of .95 (comparisons/near.py).
The new documents are held in memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.comparisons.near import signature_rows
from pipeline.data import tables
from pipeline.data.ids import parse_id
from pipeline.data.schemas import CUT_MARKS
from pipeline.kernels.minhash import SCHEME, SEED
from pipeline.ledger import LedgerError, Run
from pipeline.ledger.duplicates import EXCERPT, comparisons
from pipeline.readers import Extent, Reading, read
from pipeline.readers.shape import check_installed
from pipeline.steps.ingest import open_file
from pipeline.steps.judge import piece_view
from pipeline.steps.measure import Measuring
from pipeline.steps.pairs import by_pairs
from pipeline.steps.placed import PlacedStage
from pipeline.steps.plan import find_files, guess_format
from pipeline.steps.texts import texts
from pipeline.steps.view import View, with_chosen
from pipeline.steps.work import Piece

INPUT = "the new documents"


@dataclass(frozen=True)
class Match:
    """A document of the run, and what became of it there."""

    stage: str  # the comparison that finds them equal or alike
    id: str
    source: str
    similarity: float
    dropped_by: str | None
    reason: str | None


@dataclass
class Asked:
    """One new document. `matches`: what ships first, then the most similar, then by id."""

    file: str
    position: int
    excerpt: str
    matches: list[Match] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """All new documents, and those records that became none, by reason."""

    documents: tuple[Asked, ...]
    quarantined: Mapping[str, int]


def find(run: Run, path: str, like: str | None = None) -> Answer:
    """Ask for every document of a file, folder or pattern, read as the run's input `like` is read, by default its only one."""
    stages = comparisons(run)
    check(stages)
    reading = reading_of(run, path, like)
    batches: list[tuple[Measuring, list[Asked]]] = []
    quarantined: dict[str, int] = {}
    for file in find_files(path, reading, INPUT)[0]:
        for part in read(Extent(file.path, file.relative), reading, open_file):
            measuring = Measuring(with_chosen(part.documents, run.work.placed.chosen), no_cuts)
            batches.append((measuring, [asked(file.relative, row) for row in beginnings(part.documents)]))
            for reason in part.quarantine["reason"].to_pylist():
                quarantined[reason] = quarantined.get(reason, 0) + 1
    for piece in run.pieces:
        in_piece(run, piece, stages, batches)
    every = [one for _, documents in batches for one in documents]
    for one in every:
        one.matches.sort(key=lambda match: (match.dropped_by is not None, -match.similarity, match.id))
    return Answer(tuple(every), quarantined)


def check(stages: tuple[PlacedStage, ...]) -> None:
    """LedgerError where near duplicates are to be found, and the library is not there or takes no such bands."""
    near = [stage for stage in stages if by_pairs(stage)]
    if near and find_spec("datasketch") is None:
        raise LedgerError("finding near duplicates needs datasketch; pip install 'winnow[find]'")
    for stage in near:
        if stage.rule.bands < 2:
            raise LedgerError(f"{stage.name}: bands {stage.rule.bands}; datasketch's index takes 2 or more")


def reading_of(run: Run, path: str, like: str | None) -> Reading:
    """How the new documents are read: their format by their names, everything else as an input of the run."""
    known = run.work.readings
    if like is not None and like not in known:
        raise LedgerError(f"no input {like!r}; there are {', '.join(known)}")
    try:
        format_ = guess_format(INPUT, path)
        check_installed(INPUT, format_)
        one = known[like or next(iter(known))] if like or len(known) == 1 else Reading(INPUT, "", format_)
        return replace(one, format=format_)
    except ValueError as error:
        raise LedgerError(str(error)) from error


def no_cuts(_stage: PlacedStage) -> pa.Table:
    """A comparison has cut nothing of documents that were never in it."""
    return CUT_MARKS.empty_table()


def beginnings(documents: pa.RecordBatch) -> list[dict[str, Any]]:
    begins = pc.utf8_slice_codeunits(documents["text"], 0, EXCERPT)
    return pa.RecordBatch.from_arrays([documents["id"], begins], ["id", "begins"]).to_pylist()


def asked(file: str, row: Mapping[str, Any]) -> Asked:
    return Asked(file, parse_id(row["id"]).position, row["begins"])


def in_piece(
    run: Run,
    piece: Piece,
    stages: tuple[PlacedStage, ...],
    batches: list[tuple[Measuring, list[Asked]]],
) -> None:
    """Add the matches of one piece to the documents asked for; of several stages the first says so."""
    view, fates = (
        piece_view(run.work, piece, run.corpus),
        tables.as_batch(run.decisions(piece, ["stage", "reason"])),
    )
    found: dict[int, set[tuple[int, int]]] = {number: set() for number in range(len(batches))}
    for stage in stages:
        search = near if by_pairs(stage) else equal
        for number, row, other, similarity in search(run, piece, view, stage, [one for one, _ in batches]):
            if (row, other) in found[number]:
                continue
            found[number].add((row, other))
            identifier, source = (view.documents[name][other].as_py() for name in ("id", "source"))
            fate = fates["stage"][other].as_py(), fates["reason"][other].as_py()
            batches[number][1][row].matches.append(
                Match(stage.name, identifier.hex(), source, similarity, *fate)
            )


Hit = tuple[int, int, int, float]  # batch, row in it, row of the piece, similarity


def equal(
    _run: Run, _piece: Piece, view: View, stage: PlacedStage, batches: list[Measuring]
) -> Iterator[Hit]:
    """Documents under the same key of a comparison by keys."""
    stored = keyed(stage, view)
    for number, one in enumerate(batches):
        keys = keyed(stage, one.view)
        for key in keys.keys() & stored.keys():
            yield from ((number, row, other, 1.0) for row in keys[key] for other in stored[key])


def keyed(stage: PlacedStage, view: View) -> dict[Any, list[int]]:
    """The rows under each key that a comparison nominates."""
    rows = stage.rule.nominate(view.seen(stage))
    found: dict[Any, list[int]] = {}
    places = pc.index_in(rows["id"], view.documents["id"]).to_pylist()
    for key, row in zip(rows["key"].to_pylist(), places, strict=True):
        found.setdefault(key, []).append(row)
    return found


def near(run: Run, piece: Piece, view: View, stage: PlacedStage, batches: list[Measuring]) -> Iterator[Hit]:
    """Documents that the index nominates and whose shingles are as similar as the stage asks."""
    candidates = list(nominated(view, stage, batches))
    rows = np.unique([other for _, _, other in candidates]).astype(np.int64)
    wanted = np.zeros(piece.rows, np.bool_)
    wanted[rows] = True
    features = [
        stage.rule.features(batch["text"])
        for batch in texts(piece, run.work, wanted, view.cuts(stage.edits), ("id", "text"))
    ]
    if not features:
        return
    held = pa.concat_arrays(features)
    for number, one in enumerate(batches):
        pairs = np.array([(row, other) for at, row, other in candidates if at == number], np.int64).reshape(
            -1, 2
        )
        mine = stage.rule.features(one.text(stage.edits).take(pa.array(pairs[:, 0])))
        similar = stage.rule.verify(mine, held, np.searchsorted(rows, pairs[:, 1]))
        for (row, other), similarity in zip(pairs.tolist(), similar.tolist(), strict=True):
            if similarity >= stage.rule.threshold:
                yield number, row, other, similarity


def nominated(view: View, stage: PlacedStage, batches: list[Measuring]) -> Iterator[tuple[int, int, int]]:
    """(batch, row in it, row of the piece) of documents that share a band."""
    from datasketch import LeanMinHash, MinHashLSH  # noqa: PLC0415  # an extra: for those who look something up

    def sketches(seen: pa.RecordBatch) -> Iterator[tuple[int, Any]]:
        """(row, its signature), of those that have a shingle: all others are alike and mean nothing."""
        signed = signature_rows(seen["signature"])
        for row in np.flatnonzero(np.asarray(seen["shingles"]) > 0).tolist():
            yield row, LeanMinHash(seed=SEED, hashvalues=signed[row], scheme=SCHEME)

    bands, width = stage.rule.bands, stage.rule.rows
    index = MinHashLSH(num_perm=bands * width, params=(bands, width))
    for row, sketch in sketches(view.seen(stage)):
        index.insert(row, sketch, check_duplication=False)
    for number, one in enumerate(batches):
        for row, sketch in sketches(one.view.seen(stage)):
            yield from ((number, row, other) for other in sorted(index.query(sketch)))
