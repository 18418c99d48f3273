"""The funnel: documents, characters and tokens through the stages, by source and by language, as a stream and as tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline import charts, page
from pipeline.charts import OTHER
from pipeline.ledger import Funnel
from pipeline.report.seen import LARGEST, Seen, Walk, summed
from pipeline.steps.decide import KEPT

UNITS = ("documents", "characters", "tokens")
Groups = Mapping[str, np.ndarray]
"""By group: float64[stages + 1, 3], documents, characters and tokens that each stage took; last what was kept."""


@dataclass
class Languages:
    """The funnel by language, piece by piece; empty where no stage measured languages."""

    stages: int
    groups: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, seen: Seen) -> None:
        languages = seen.languages()
        if languages is None:
            return
        sums = summed([languages, seen.stage], characters=seen.characters, tokens=seen.tokens)
        for language, stage, *sizes in sums:
            self.groups.setdefault(language, np.zeros((self.stages + 1, 3)))[stage] += sizes


def by_source(funnel: Funnel) -> dict[str, np.ndarray]:
    """The same by source, from the receipts."""
    place = {name: number for number, name in enumerate((*funnel.stages, KEPT))}
    rates, groups = funnel.tokens_a_character(), dict[str, np.ndarray]()
    for one in funnel.counts:
        tokens = one.tokens if one.stage == KEPT else one.characters * rates[one.source]
        taken = groups.setdefault(one.source, np.zeros((len(place), 3)))
        taken[place[one.stage]] += (one.documents, one.characters, tokens)
    return groups


def largest(groups: Groups, count: int) -> dict[str, np.ndarray]:
    """The largest groups by documents, and the sum of the rest."""
    ordered = sorted(groups, key=lambda name: (-groups[name][:, 0].sum(), name))
    found = {name: groups[name] for name in ordered[:count]}
    if rest := ordered[count:]:
        found[f"{len(rest):,} {OTHER}"] = sum((groups[name] for name in rest), np.zeros_like(groups[rest[0]]))
    return found


def left(taken: np.ndarray) -> np.ndarray:
    """[stages + 1, 3]: what is left before the first stage, and after each one."""
    return taken[::-1].cumsum(axis=0)[::-1]


def section(walk: Walk, languages: Languages, shown: int = LARGEST) -> page.Section:
    sources = by_source(walk.funnel)
    panes = [("source", sources), *([("language", languages.groups)] if languages.groups else [])]
    pictures = [
        (f"{unit} by {what}", page.figure(picture(groups, walk.funnel.stages, what, unit)))
        for unit in UNITS
        for what, groups in panes
    ]
    return page.Section("Funnel", [
        page.tabs("funnel", "what flows", pictures),
        page.text("Orange leaves at a stage. Tokens of what was dropped are estimated (≈) from the kept of the same source."),
        page.heading("By stage", "funnel-by-stage"),
        stage_table(walk.funnel, sources),
        *(part for what, groups in panes for part in (
            page.heading(f"By {what}", f"funnel-by-{what}"), group_table(what, largest(groups, shown)))),
    ])  # fmt: skip


def picture(groups: Groups, stages: tuple[str, ...], what: str, unit: str) -> str:
    column = UNITS.index(unit)
    streams = {
        name: left(taken)[:, column].tolist() for name, taken in largest(groups, charts.SERIES - 1).items()
    }
    return charts.flow(stages, streams, f"{unit} through the stages by {what}", unit)


def stage_table(funnel: Funnel, groups: Groups) -> str:
    """A row a stage: what it took, what it would take alone, and what is left."""
    zero = np.zeros((len(funnel.stages) + 1, 3))
    taken = sum(groups.values(), zero)
    remains = left(taken)
    rows = []
    for place, stage in enumerate(funnel.stages):
        documents, characters, tokens = taken[place]
        rows.append([
            stage, page.count(int(documents)), page.percent(documents, remains[0][0]),
            page.count(funnel.alone[stage][0]) if stage in funnel.alone else "", page.count(int(characters)), page.about(tokens),
            page.count(int(remains[place + 1][0])), page.percent(remains[place + 1][0], remains[0][0]),
        ])  # fmt: skip
    head = (
        "stage",
        "dropped",
        "of all",
        "would drop alone",
        "characters dropped",
        "tokens dropped",
        "left",
        "of all",
    )
    kept = taken[-1]
    last = ["kept", "", "", "", "", "", page.count(int(kept[0])), page.percent(kept[0], remains[0][0])]
    return page.table(head, rows, last)


def group_table(what: str, groups: Groups) -> str:
    """A row a group: read, kept, and tokens."""
    head = (what, "read", "kept", "of its own", "characters read", "characters kept", "tokens read", "tokens kept")  # fmt: skip
    rows = []
    for name, taken in groups.items():
        read, kept = taken.sum(axis=0), taken[-1]
        cells = [page.count(int(read[0])), page.count(int(kept[0])), page.percent(kept[0], read[0])]
        cells += [page.count(int(read[1])), page.count(int(kept[1]))]
        rows.append([name, *cells, page.about(read[2]), page.count(int(kept[2]))])
    return page.table(head, rows)
