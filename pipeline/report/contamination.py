"""Contamination, per benchmark: how many items are touched and how far, and what stands in the documents beside the items."""

from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import charts, page
from pipeline.charts import Fates, Scale
from pipeline.report.seen import Seen, Walk
from pipeline.rules.contamination import Contamination
from pipeline.steps.placed import PlacedStage

BINS = 40  # of coverage
SHOWN = 5  # hits of a benchmark
LETTERS = 400  # of a benchmark's text


@dataclass
class Touched:
    """What one benchmark's items were found in."""

    stage: PlacedStage
    number: int  # of the benchmark, among the stage's
    best: dict[int, float] = field(default_factory=dict)  # by item: the most that one document covers
    hits: np.ndarray = field(
        default_factory=lambda: np.zeros((2, BINS), np.int64)
    )  # within, beyond the limit
    documents: int = 0
    beyond: int = 0  # the limit; an earlier stage may have dropped them
    shown: list[tuple[float, int, str, str]] = field(default_factory=list)  # coverage, item, excerpt, id

    @property
    def name(self) -> str:
        return str(self.stage.rule.needs[self.number].name)

    def add(self, seen: Seen) -> None:
        """A piece's hits; most documents have none."""
        one = self.stage.rule.needs[self.number]
        columns = seen.view.seen(self.stage)
        lists = columns[f"{one.name}_hits"]
        rows = np.flatnonzero((np.diff(np.asarray(lists.offsets)) > 0) & np.asarray(seen.view.applies(self.stage.where)))  # fmt: skip
        if not len(rows):
            return
        strays = seen.statistics(self.stage)[self.number]
        chosen = columns.take(pa.array(rows))
        weighed = self.stage.rule.weigh(chosen, one, strays)
        over = self.stage.rule.over(weighed)
        found = chosen[f"{one.name}_hits"].flatten()
        items = found.field("line").to_numpy()
        for item in np.unique(items).tolist():
            self.best[item] = max(self.best.get(item, 0.0), float(weighed.coverage[items == item].max()))
        bins = np.minimum((weighed.coverage * BINS).astype(np.int64), BINS - 1) + BINS * over
        self.hits += np.bincount(bins, minlength=2 * BINS).reshape(2, BINS)
        self.documents += len(rows)
        self.beyond += len(np.unique(weighed.document[over]))
        self.keep(weighed, items, found, chosen["id"])

    def keep(self, weighed: Any, items: np.ndarray, found: pa.StructArray, ids: pa.Array) -> None:
        order = np.argsort(-weighed.coverage, kind="stable")[:SHOWN].tolist()
        excerpts = found.field("excerpt")
        new = [
            (float(weighed.coverage[place]), int(items[place]), excerpts[place].as_py(), ids[int(weighed.document[place])].as_py().hex())
            for place in order
        ]  # fmt: skip
        self.shown = nlargest(SHOWN, [*self.shown, *new], key=lambda one: one[0])


def over(walk: Walk) -> list[Touched]:
    """One for each benchmark of each stage that looks for them."""
    stages = (stage for stage in walk.stages if isinstance(stage.rule, Contamination))
    return [Touched(stage, number) for stage in stages for number in range(len(stage.rule.needs))]


def section(found: list[Touched]) -> page.Section:
    if not found:
        return page.Section("Contamination", [page.text("No stage looked for benchmarks.", "note")])
    rows = []
    for one in found:
        items = len(one.stage.rule.needs[one.number].benchmark.items)
        half = sum(coverage >= 0.5 for coverage in one.best.values())
        cells = (len(one.best), half, one.documents, one.beyond)
        rows.append(
            [one.name, items, *map(page.count, cells), page.percent(max(one.best.values(), default=0), 1)]
        )
    head = ("benchmark", "items", "touched", "half covered", "documents with a hit", "beyond the limit", "highest coverage")  # fmt: skip
    pictured = [
        Fates(
            one.name,
            one.hits[0].tolist(),
            [0] * BINS,
            one.hits[1].tolist(),
            charts.share(int(one.hits[1].sum()), int(one.hits.sum())),
        )
        for one in found
        if one.hits.any()
    ]
    parts = [page.text("How much of a benchmark item stands in one document; the limit depends on the item's length (recipe, below).")]  # fmt: skip
    if pictured:
        parts.append(page.figure(charts.histogram(pictured, Scale(0, 1), None, "Coverage of benchmark items", "share of the item covered, by hit", ("within", "", "beyond the limit"))))  # fmt: skip
    else:
        parts.append(page.text("No item was found in any document.", "note"))
    parts.append(page.table(head, rows))
    return page.Section("Contamination", [*parts, *(examples(one) for one in found if one.shown)])


def examples(one: Touched) -> str:
    items = one.stage.rule.needs[one.number].benchmark.items
    pairs = []
    for coverage, line, excerpt, identifier in one.shown:
        question = " ".join(items[line].question.split())
        pairs += [
            page.excerpt(f"{one.name}:{line}, the item", [("", question[:LETTERS])]),
            page.excerpt(f"document {identifier}, covers {coverage:.0%}", [("", excerpt)], "gone"),
        ]
    return page.folded(f"{one.name}: {len(one.shown)} hits beside their items", pairs)
