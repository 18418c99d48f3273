"""Every rule: the histogram of each value that it compares, its limit drawn in, and how rules overlap.

What is compared is what the rule itself says (`compares`, rules/shapes.py); a rule that says nothing has its counts alone.
"""

from dataclasses import dataclass, field, fields, replace
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import charts, page
from pipeline.charts import Fates, Scale
from pipeline.kernels.limits import GONE, KEPT, REST, Axis, Found, Observed, gather
from pipeline.ledger import Funnel, total
from pipeline.report.samples import Samples, Wanted
from pipeline.report.seen import Seen, Walk
from pipeline.rules.shapes import Compared
from pipeline.steps.placed import COMPARISON, PlacedStage

BINS = 44
LOOKED_AT, ROWS = 8, 20_000  # pieces, spread over the run, from whose first rows the axes are chosen
NEAR = 5  # documents shown on either side of a limit
Key = tuple[str, str]  # stage, reason


class Place(NamedTuple):
    """How near a document stands to a limit, and where it is."""

    distance: float
    piece: int
    row: int
    value: float


@dataclass
class Limit:
    """One value beside its limit: how many documents of each source have it, by what became of them."""

    scale: Scale
    limit: float
    edge: int  # the bin that begins at the limit
    counts: np.ndarray  # int64[sources, 3, bins]
    what: str  # the axis
    broken: int = 0  # documents beyond the limit, whoever dropped them
    sides: tuple[list[Place], list[Place]] = field(default_factory=lambda: ([], []))  # nearest within, beyond

    def add(self, seen: Seen, one: Compared, applies: np.ndarray) -> None:
        observed = observe(seen, one, applies)
        near = Found(self.counts, np.full((2, NEAR), np.inf), np.full((2, NEAR), -1))
        gather(observed, Axis(self.edges, self.limit, one.over), near)
        self.broken += int((observed.broken & observed.speaks).sum())
        for side, distances, rows in zip(self.sides, near.distances, near.rows, strict=True):
            side += [
                Place(float(distance), *seen.place(int(row)), float(observed.values[row]))
                for distance, row in zip(distances, rows, strict=True)
                if row >= 0
            ]
            side.sort()
            del side[NEAR:]

    @cached_property
    def edges(self) -> np.ndarray:
        """float64[bins - 1]; the limit itself is one of them, where it is within the axis."""
        (low, high), step = self.scale.ends, 1 / BINS
        edges = np.array([self.scale.unbent(low + (high - low) * step * place) for place in range(1, BINS)])
        if 0 < self.edge < BINS:
            edges[self.edge - 1] = self.limit
        return edges


def observe(seen: Seen, one: Compared, applies: np.ndarray) -> Observed:
    """What is known of a piece's rows; a limit speaks of those in its scope whose value is known."""
    speaks = applies & np.asarray(one.values.is_valid())
    if one.where is not None:
        speaks &= np.asarray(pc.fill_null(one.where, False))
    values = np.asarray(pc.fill_null(one.values.cast("float64"), 0.0))
    return Observed(values, speaks, np.asarray(pc.fill_null(one.broken, False)), seen.kept, seen.source)


@dataclass
class Rules:
    """Limits by stage and reason, and how often two stages name the same document."""

    names: tuple[str, ...]
    limits: dict[Key, Limit]
    both: np.ndarray  # int64[stages, stages]: documents that both would drop
    only: np.ndarray  # int64[stages]: documents that no other stage would drop

    @staticmethod
    def over(walk: Walk) -> "Rules":
        names = tuple(stage.name for stage in walk.stages)
        size = len(names)
        return Rules(names, axes(walk), np.zeros((size, size), np.int64), np.zeros(size, np.int64))

    def add(self, seen: Seen) -> None:
        given = np.zeros((len(self.names), len(seen.kept)), np.float32)
        for place, (stage, answer) in enumerate(seen.answers()):
            given[place] = answer.given
            for reason, one in answer.compared.items():
                if (stage.name, reason) in self.limits:
                    self.limits[stage.name, reason].add(seen, one, answer.applies)
        self.both += (given @ given.T).astype(np.int64)  # exact: a piece has far fewer than 2^24 rows
        self.only += given[:, given.sum(axis=0) == 1].sum(axis=1).astype(np.int64)

    def wanted(self) -> Wanted:
        """The rows whose texts are shown, by piece."""
        return [
            (place.piece, place.row)
            for limit in self.limits.values()
            for side in limit.sides
            for place in side
        ]


def axes(walk: Walk) -> dict[Key, Limit]:
    """An axis for each value that is compared, from what some pieces hold."""
    held: dict[Key, list[np.ndarray]] = {}
    known: dict[Key, tuple[Any, Compared]] = {}
    if not (count := len(walk.run.pieces)):
        return {}
    for number in sorted({round(step * (count - 1) / (LOOKED_AT - 1)) for step in range(LOOKED_AT)}):
        seen = Seen(walk, [number], rows=ROWS)
        for stage, answer in seen.answers():
            for reason, one in answer.compared.items():
                observed = observe(seen, one, answer.applies)
                values = observed.values[observed.speaks & np.isfinite(observed.values)]
                known[stage.name, reason] = (stage.rule, replace(one, values=one.values.slice(0, 0)))
                if len(values):
                    ends = np.quantile(values, (0.002, 0.5, 0.998))
                    held.setdefault((stage.name, reason), []).append(ends)
    shape = (len(walk.sources.names), 3, BINS)
    limits = {}
    for key, (rule, one) in known.items():
        ends = np.array(held.get(key, [[0.0, one.limit, one.limit]]))
        scale, edge = axis(ends, one.limit)
        limits[key] = Limit(scale, one.limit, edge, np.zeros(shape, np.int64), axis_name(rule, key[1], one))
    return limits


def axis_name(rule: Any, reason: str, one: Compared) -> str:
    """What the axis counts, by the name of the field that holds the limit: of several the one most like the reason."""
    start = "max_" if one.over else "min_"
    names = [
        field.name.removeprefix(start)
        for field in fields(rule)
        if field.name.startswith(start) and getattr(rule, field.name) == one.limit
    ]
    near = [SequenceMatcher(None, name, reason).ratio() for name in names]
    name = names[near.index(max(near))] if names else reason
    if name.endswith(("share", "ratio")):
        return name.replace("_", " ")
    kind = "count" if pa.types.is_integer(one.values.type) else "share" if one.limit <= 1 else "value"
    return f"{name.replace('_', ' ')} ({kind})"


def axis(ends: np.ndarray, limit: float) -> tuple[Scale, int]:
    """(scale, the bin that begins at the limit): the limit stands between two bins, with room on both sides."""
    low, middle, high = float(ends[:, 0].min()), float(np.median(ends[:, 1])), float(ends[:, 2].max())
    low, high = min(low, limit), max(high, limit)
    unit = None
    if low >= 0:
        low = 0.0 if low < 0.3 * high else low
        small = max(min([one for one in (limit, middle) if one > 0] or [min(1.0, high)]), 1e-6 * high)
        unit = small / 8 if low == 0.0 and high > 8 * small > 0 else None
    scale = Scale(low, high if high > low else low + 1.0, unit)
    bent, end = scale.bent(limit), scale.ends
    if bent > end[0] + 0.9 * (end[1] - end[0]):  # there is always room beyond
        scale = Scale(low, scale.unbent(end[0] + (bent - end[0]) / 0.9), unit)
    edge = round(BINS * scale.at(limit))
    if edge > 0:
        bent = scale.bent(low)
        scale = Scale(low, scale.unbent(bent + (scale.bent(limit) - bent) * BINS / edge), unit)
    return scale, edge


# The page


def section(walk: Walk, rules: Rules, samples: Samples, shown: int) -> page.Section:
    parts = [page.text("A document falls by the first stage that has a reason. Each rule is asked alone, too, of all documents within its scope. Bars count documents, each row on a scale of its own; at the right, the share beyond the limit."),
             overlap_picture(rules), overview(walk, rules)]  # fmt: skip
    for place, stage in enumerate(walk.stages):
        if stage.kind == COMPARISON:
            continue
        found = {reason: limit for (name, reason), limit in rules.limits.items() if name == stage.name}
        parts += [
            page.heading(stage.name, anchor(stage)),
            page.text(sentence(rules, walk.funnel, place)),
        ]
        if not found:
            parts.append(page.text("It compares no single number with a limit that could be drawn.", "note"))
        for reason, limit in found.items():
            parts += limit_parts(walk, (stage.name, reason), limit, samples, shown)
    return page.Section("Rules", parts)


def anchor(stage: PlacedStage) -> str:
    """Where a stage has its heading."""
    return f"{'duplicates' if stage.kind == COMPARISON else 'rule'}-{page.slug(stage.name)}"


def sentence(rules: Rules, funnel: Funnel, place: int) -> str:
    """What a stage takes, would take, and shares with others."""
    name = rules.names[place]
    taken = total(funnel.dropped(name)).documents
    alone, only = int(rules.both[place, place]), int(rules.only[place])
    shared = [
        (int(rules.both[place, other]), rules.names[other])
        for other in range(len(rules.names))
        if other != place and rules.both[place, other]
    ]
    also = ", ".join(
        f"{other} ({charts.share(count, alone)})" for count, other in sorted(shared, reverse=True)[:3]
    )
    said = f"It dropped {charts.counted(taken, 'document')}; asked alone it would drop {alone:,}, of which {only:,} no other stage would."
    return f"{said} Most in common with {also}." if also else said


def overlap_picture(rules: Rules) -> str:
    """Which share of what one stage would drop another would drop, too."""
    rows = [
        {"row": one, "column": other, "value": 100 * rules.both[a, b] / max(1, rules.both[a, a]) if a != b else 0,
         "told": f"{rules.both[a, b]:,} documents"}
        for a, one in enumerate(rules.names)
        for b, other in enumerate(rules.names)
    ]  # fmt: skip
    unit = "% of what the stage at the left would drop that the one above would drop, too"
    return page.figure(charts.heat(rows, "How stages overlap", unit))


def overview(walk: Walk, rules: Rules) -> str:
    rows = []
    for place, name in enumerate(rules.names):
        taken = total(walk.funnel.dropped(name)).documents
        rows.append(
            [
                page.Link(name, anchor(walk.stages[place])),
                page.count(taken),
                page.count(int(rules.both[place, place])),
                page.count(int(rules.only[place])),
            ]
        )
    return page.table(("stage", "dropped", "would drop alone", "no other would"), rows)


def limit_parts(walk: Walk, key: Key, limit: Limit, samples: Samples, shown: int) -> list[str]:
    stage, reason = key
    taken = total([one for one in walk.funnel.dropped(stage) if one.reason == reason]).documents
    told = f"{limit.broken:,} beyond {charts.brief(limit.limit)}; dropped for it {taken:,}"
    title = page.subheading(reason, page.slug(f"{stage} {reason}"), told)
    rows = fates(walk, limit, shown)
    picture = charts.histogram(rows, limit.scale, limit.limit, f"{stage}: {reason}", limit.what)
    parts = [title, page.figure(picture)]
    near = [
        samples.excerpt(
            place.piece, place.row, f"{charts.brief(place.value)} (limit {charts.brief(limit.limit)})", kind
        )
        for side, kind in zip(limit.sides, ("kept", "gone"), strict=True)
        for place in side
    ]
    return [
        *parts,
        page.folded(f"The {charts.counted(len(near), 'document')} nearest to the limit, on both sides", near)
        if near
        else "",
    ]


def fates(walk: Walk, limit: Limit, shown: int) -> list[Fates]:
    """All documents first, then the sources that have any, the smaller of too many in one row."""
    names = walk.sources.names
    chosen = [place for place in range(len(names)) if limit.counts[place].any()]
    rows = [("all sources", limit.counts.sum(axis=0))]
    if len(chosen) > 1:
        rows += [(names[place], limit.counts[place]) for place in chosen[:shown]]
        if rest := chosen[shown:]:
            rows.append((f"{len(rest)} smaller", limit.counts[rest].sum(axis=0)))
    return [
        Fates(
            name,
            counts[KEPT].tolist(),
            counts[REST].tolist(),
            counts[GONE].tolist(),
            charts.share(int(counts[GONE].sum()), int(counts.sum())),
        )
        for name, counts in rows
    ]
