"""Some pieces of a run as every section of the page looks at it: columns and decisions as arrays, no text.

A run is walked once, piece by piece; each section keeps sums, so memory is that of one piece whatever the run's size.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import ledger
from pipeline.charts import OTHER
from pipeline.data import tables
from pipeline.data.ids import file_digest
from pipeline.rules.shapes import Compared, Comparisons
from pipeline.steps.judge import emptied, piece_view, read_marks, read_statistics, reasons
from pipeline.steps.placed import COMPARISON, EDITOR, SAMPLE, PlacedMeasure, PlacedStage
from pipeline.steps.view import View
from pipeline.steps.work import PIECE_ROWS

LARGEST = 20  # sources that are shown by name; the rest is summed


@dataclass(frozen=True)
class Sources:
    """The largest sources by documents, then the sum of all others under one name."""

    largest: tuple[str, ...]
    others: int

    @staticmethod
    def of(funnel: ledger.Funnel) -> "Sources":
        sizes: dict[str, int] = {}
        for one in funnel.counts:
            sizes[one.source] = sizes.get(one.source, 0) + one.documents
        ordered = sorted(sizes, key=lambda name: (-sizes[name], name))
        return Sources(tuple(ordered[:LARGEST]), max(0, len(ordered) - LARGEST))

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.largest, f"{self.others:,} {OTHER}") if self.others else self.largest

    def codes(self, sources: pa.Array) -> np.ndarray:
        """int64[n]: which of `names` each row belongs to."""
        found = pc.index_in(sources, pa.array(self.largest, pa.string()))
        return np.asarray(pc.fill_null(found, len(self.largest)), np.int64)


@dataclass(frozen=True)
class Answer:
    """What one stage says of the rows of a piece, asked alone."""

    given: np.ndarray  # bool[n]: it has a reason
    applies: np.ndarray  # bool[n]: it speaks of the row
    compared: Mapping[str, Compared]  # by reason, where the rule says what it compares


class Walk:
    """A run being walked: what is the same for all of its pieces."""

    def __init__(self, run: ledger.Run) -> None:
        self.run, self.funnel = run, ledger.funnel(run)
        self.sources, self.rates = Sources.of(self.funnel), self.funnel.tokens_a_character()
        self.stages = run.work.placed.stages
        self.language = next(
            (one for one in run.work.placed.measures if "language" in one.measure.columns.names), None
        )

    def pieces(self) -> Iterator["Seen"]:
        """All pieces, in their order, small ones together."""
        held: list[int] = []
        rows = 0
        for number, piece in enumerate(self.run.pieces):
            if held and rows + piece.rows > PIECE_ROWS:
                yield Seen(self, held)
                held, rows = [], 0
            held.append(number)
            rows += piece.rows
        if held:
            yield Seen(self, held)

    @cached_property
    def files(self) -> tuple[np.ndarray, np.ndarray]:
        """(file digests, sources by number) of all files, ascending: an id begins with the digest of its file."""
        found: dict[int, str] = {}
        for split in self.run.planned.splits:
            source = self.run.work.readings[split.input].source
            for extent in split.extents:
                found[int.from_bytes(file_digest(split.input, extent.relative), "big")] = source
        digests = np.array(sorted(found), np.uint64)
        return digests, self.sources.codes(pa.array([found[int(one)] for one in digests], pa.string()))

    def sources_of(self, ids: pa.Array) -> np.ndarray:
        """int64[n]: the source of each id, by number."""
        digests, codes = self.files
        start = ids.offset * 16
        data = np.frombuffer(ids.buffers()[1], ">u8")[start // 8 :: 2][: len(ids)]
        return codes[np.searchsorted(digests, data.astype(np.uint64))]


class Seen:
    """Some pieces: row for row their documents, what was decided, and what each stage says of them."""

    def __init__(self, walk: Walk, numbers: Sequence[int], rows: int | None = None) -> None:
        """`numbers`: which of the run's pieces; `rows`: only the first ones of each."""
        self.walk, self.run, self.numbers = walk, walk.run, numbers
        work = self.run.work
        views = [piece_view(work, self.run.pieces[number], self.run.corpus) for number in numbers]
        names = views[0].documents.schema.names
        documents = [view.documents.select(names).slice(0, rows) for view in views]
        self.starts = np.cumsum([0, *(one.num_rows for one in documents)])
        held: dict[str, pa.RecordBatch] = {}

        def columns(placed: PlacedMeasure) -> pa.RecordBatch:
            if placed.key not in held:
                held[placed.key] = joined([view.columns(placed).slice(0, rows) for view in views])
            return held[placed.key]

        self.view = View(joined(documents), columns)
        decided = (tables.as_batch(self.run.decisions(self.run.pieces[number])) for number in numbers)
        self.decisions = joined([one.slice(0, rows) for one in decided])
        self.source = walk.sources.codes(self.view.documents["source"])
        self.copies = np.asarray(self.decisions["copies"])
        self.kept = self.copies > 0
        self.characters = np.asarray(self.decisions["characters"])

    def place(self, row: int) -> tuple[int, int]:
        """(number of the piece, row in it) of a row."""
        index = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.numbers[index], row - int(self.starts[index])

    def marks(self, stage: PlacedStage) -> pa.Table:
        """What a comparison says of these pieces."""
        names = (self.run.pieces[number].name for number in self.numbers)
        return pa.concat_tables([read_marks(self.run.work, stage, self.run.corpus, name) for name in names])

    @cached_property
    def stage(self) -> np.ndarray:
        """int64[n]: the place of the stage that dropped a row, of none the number of stages."""
        names = pa.array(self.walk.funnel.stages, pa.string())
        found = pc.index_in(self.decisions["stage"], names)
        return np.where(self.kept, len(names), np.asarray(pc.fill_null(found, len(names)), np.int64))

    @cached_property
    def tokens(self) -> np.ndarray:
        """float64[n]: as tokenised; of what never was, by the characters and the rate of the kept of its source."""
        source = self.view.documents["source"].dictionary_encode()
        rates = np.array([self.walk.rates[name] for name in source.dictionary.to_pylist()], np.float64)
        guess = self.characters * rates[np.asarray(source.indices)]
        known = pc.cast(self.decisions["tokens"], pa.float64())
        return np.where(self.kept, np.asarray(pc.fill_null(known, 0.0)), guess)

    def languages(self) -> pa.Array | None:
        """string[n], None where no stage measured them."""
        home = self.walk.language
        return None if home is None else self.view.columns(home)["language"]

    def answers(self) -> Iterator[tuple[PlacedStage, Answer]]:
        return ((stage, self.answer(stage)) for stage in self.walk.stages)

    def answer(self, stage: PlacedStage) -> Answer:
        applies = np.asarray(self.view.applies(stage.where))
        if stage.kind == SAMPLE:
            return Answer(self.stage == self.walk.stages.index(stage), applies, {})
        if stage.kind == COMPARISON:
            said = reasons(self.view, stage, self.marks, self.statistics)
            return Answer(np.asarray(said.is_valid()), applies, {})
        if not hasattr(stage.rule, "compares"):
            said = reasons(self.view, stage, no_marks, self.statistics)
            return Answer(np.asarray(said.is_valid()), applies, {})
        compared: Comparisons = stage.rule.compares(self.view.seen(stage), *self.statistics(stage))
        masks = [one.broken if isinstance(one, Compared) else one for one in compared.values()]
        broken = reduce(np.logical_or, [np.asarray(pc.fill_null(mask, False)) for mask in masks])
        if stage.kind == EDITOR:
            broken |= np.asarray(emptied(self.view, stage).is_valid())
        single = {name: one for name, one in compared.items() if isinstance(one, Compared)}
        return Answer(broken & applies, applies, single)

    def statistics(self, stage: PlacedStage) -> list[pa.Table]:
        return read_statistics(self.run.work, stage, self.run.corpus)


def joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of all; of one nothing is copied."""
    return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def no_marks(stage: PlacedStage) -> pa.Table:
    raise TypeError(f"{stage.name} is no comparison")


def summed(keys: list[pa.Array], **values: Any) -> Iterator[tuple[Any, ...]]:
    """(keys …, rows, sums of values …) of each distinct combination of keys."""
    names = [f"key{place}" for place in range(len(keys))]
    table = pa.table({**dict(zip(names, keys, strict=True)), **{name: pa.array(one) for name, one in values.items()}})  # fmt: skip
    grouped = table.group_by(names).aggregate([([], "count_all"), *((name, "sum") for name in values)])
    columns = [*names, "count_all", *(f"{name}_sum" for name in values)]
    return zip(*(grouped[name].to_pylist() for name in columns), strict=True)
