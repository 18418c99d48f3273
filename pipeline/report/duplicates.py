"""Duplicates, each comparison apart: how alike, how large the groups, from which source to which, and the largest groups."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import charts, page
from pipeline.charts import Fates, Scale
from pipeline.ledger import Run
from pipeline.ledger.inspect import AROUND
from pipeline.ledger.where import documents
from pipeline.report.seen import Seen, Walk
from pipeline.steps.placed import COMPARISON, PlacedStage

BINS = 40  # of similarity
GROUPS = 6  # the largest, shown with their survivor


@dataclass
class Duplicates:
    """What one comparison marked. A group is a survivor with all that fell directly for it."""

    stage: PlacedStage
    between: np.ndarray  # int64[sources, sources]: documents of the one that fell for a document of the other
    similar: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    sizes: Counter[int] = field(default_factory=Counter)  # marks by the size of their group
    largest: list[tuple[int, bytes]] = field(default_factory=list)  # (size, survivor), largest first
    stretches: Counter[str] = field(default_factory=Counter)  # cut, by source, of a comparison that cuts

    @staticmethod
    def over(walk: Walk) -> list["Duplicates"]:
        size = len(walk.sources.names)
        stages = (stage for stage in walk.stages if stage.kind == COMPARISON)
        return [Duplicates(stage, np.zeros((size, size), np.int64)) for stage in stages]

    def add(self, seen: Seen) -> None:
        marks = seen.marks(self.stage)
        if self.stage.cuts:
            self.add_cuts(seen, marks)
            return
        marks = marks.filter(pc.and_(pc.is_valid(marks["reason"]), pc.is_valid(marks["survivor"])))
        if not marks.num_rows:
            return
        ids, survivors = (pa.concat_arrays(marks[name].chunks) for name in ("id", "survivor"))
        pairs = seen.walk.sources_of(ids) * len(self.between) + seen.walk.sources_of(survivors)
        self.between += np.bincount(pairs, minlength=self.between.size).reshape(self.between.shape)
        alike = np.asarray(pc.fill_null(marks["similarity"], 1.0), np.float64)
        self.similar += np.bincount(np.minimum((alike * BINS).astype(np.int64), BINS - 1), minlength=BINS)
        sizes = np.asarray(pc.fill_null(marks["group_size"], 2))
        self.sizes.update(dict(zip(*(one.tolist() for one in np.unique(sizes, return_counts=True)), strict=True)))  # fmt: skip
        self.keep_largest(sizes, survivors)

    def add_cuts(self, seen: Seen, marks: pa.Table) -> None:
        if marks.num_rows:
            source = seen.walk.sources_of(pa.concat_arrays(marks["id"].chunks))
            cuts = np.bincount(source, np.asarray(pc.list_value_length(marks["cuts"])), len(self.between))
            self.stretches.update({name: int(count) for name, count in zip(seen.walk.sources.names, cuts, strict=True) if count})  # fmt: skip

    def keep_largest(self, sizes: np.ndarray, survivors: pa.Array) -> None:
        floor = self.largest[-1][0] if len(self.largest) == GROUPS else 0
        for row in np.argsort(-sizes, kind="stable"):
            one = (int(sizes[row]), survivors[int(row)].as_py())
            if one[0] <= floor:
                return
            if one not in self.largest:
                self.largest = sorted([*self.largest, one], key=lambda two: (-two[0], two[1]))[:GROUPS]
                floor = self.largest[-1][0] if len(self.largest) == GROUPS else 0

    def groups(self) -> dict[int, int]:
        """How many groups there are of each size: all but the survivor have a mark."""
        return {size: max(1, round(marks / (size - 1))) for size, marks in sorted(self.sizes.items())}


def section(walk: Walk, found: list[Duplicates]) -> page.Section:
    parts = [part for one in found for part in comparison(walk, one)]
    return page.Section("Duplicates", parts or [page.text("The recipe compares no documents.", "note")])


def comparison(walk: Walk, one: Duplicates) -> list[str]:
    name, groups = one.stage.name, one.groups()
    fell = int(one.similar.sum())
    parts = [page.heading(name, f"duplicates-{page.slug(name)}")]
    if one.stretches:
        rows = [{"name": source, "after": count} for source, count in one.stretches.most_common()]
        picture = charts.bars(rows, f"{name}: text cut by source", "stretches of text")
        said = f"Cut text that stands elsewhere, too: {one.stretches.total():,} times. The documents stay."
        return [*parts, page.text(said), page.figure(picture)]
    if not fell:
        return [*parts, page.text("It found no duplicates.", "note")]
    rows = [
        {"name": label, "after": count} for label, count in doubling(groups).items()
    ]  # sizes 2, 3–4, 5–8, …
    return [
        *parts,
        page.text(f"{charts.counted(fell, 'document')} fell for a better one, in {charts.counted(sum(groups.values()), 'group')}."),
        *similarity(one),
        page.subheading("Groups by size", f"{page.slug(name)}-groups", "documents in a group, its survivor counted"),
        page.figure(charts.bars(rows, f"{name}: groups by size", "groups")),
        page.subheading("From source to source", f"{page.slug(name)}-sources", "left: what fell; above: what it fell for"),
        page.figure(matrix(walk, one)),
        page.folded(f"The {len(one.largest)} largest groups, by their survivor", largest(walk.run, one), opened=False),
    ]  # fmt: skip


def similarity(one: Duplicates) -> list[str]:
    """The histogram, for comparisons that measure how alike two documents are."""
    threshold = getattr(one.stage.rule, "threshold", None)
    if threshold is None:
        return []
    empty = [0] * BINS
    picture = charts.histogram(
        [Fates("fell", empty, empty, one.similar.tolist())],
        Scale(0, 1),
        threshold,
        f"{one.stage.name}: similarity of what fell",
        "similarity to its survivor",
    )
    return [page.figure(picture)]


def doubling(counts: dict[int, int]) -> dict[str, int]:
    """Counts by size under 2, 3–4, 5–8, 9–16 …

    >>> doubling({2: 5, 3: 1, 4: 1, 9: 2})
    {'2': 5, '3–4': 2, '5–8': 0, '9–16': 2}
    """
    last = max((size - 1).bit_length() for size in counts)
    found = {}
    for bits in range(1, last + 1):
        low, high = (1 << (bits - 1)) + 1, 1 << bits
        label = f"{low:,}–{high:,}" if low < high else f"{high:,}"
        found[label] = sum(count for size, count in counts.items() if low <= size <= high)
    return found


def matrix(walk: Walk, one: Duplicates) -> str:
    names = walk.sources.names
    used = [place for place in range(len(names)) if one.between[place].any() or one.between[:, place].any()]
    rows = [
        {
            "row": names[a],
            "column": names[b],
            "value": int(one.between[a, b]),
            "told": f"{one.between[a, b]:,} documents",
        }
        for a in used
        for b in used
    ]
    return charts.heat(rows, f"{one.stage.name}: from source to source", "documents")


def largest(run: Run, one: Duplicates) -> list[str]:
    survivors = {found[0]: found[1:] for found in documents(run, {survivor for _, survivor in one.largest})}
    parts = []
    for size, survivor in one.largest:
        file, position, url, begins = survivors[survivor]
        place = url or f"{file} at {position:,}"
        parts.append(
            page.excerpt(f"{size:,} documents · {survivor.hex()} · {place}", [("", begins[:AROUND])], "kept")
        )
    return parts
