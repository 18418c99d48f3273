"""What the corpus is made of, before and after: by source, language, length and date; and the mixture, planned and realised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import charts, page
from pipeline.charts import OTHER
from pipeline.report.seen import LARGEST, Seen, Walk, summed
from pipeline.steps.judge import read_statistics
from pipeline.steps.placed import PlacedStage

BEFORE, AFTER = 0, 1
WHAT = {"source": "Source", "language": "Language", "length": "Length in characters", "date": "Date"}
LENGTHS = [
    digit * 10**power for power in range(1, 8) for digit in (1, 2, 5)
]  # in characters, where bins begin


@dataclass
class Composition:
    """Tokens by what documents are: before (each document once) and after (each copy). float64[2] a group."""

    sample: PlacedStage | None
    groups: dict[str, dict[Any, np.ndarray]] = field(default_factory=lambda: {what: {} for what in WHAT})
    realised: dict[Any, float] = field(default_factory=dict)  # shipped tokens, by what the mixture weighs

    def add(self, seen: Seen) -> None:
        shipped = seen.tokens * seen.copies
        documents = seen.view.documents
        keys = {
            "source": documents["source"],
            "language": seen.languages(),
            "length": pa.array(np.searchsorted(LENGTHS, seen.characters, side="right")),
            "date": pc.year(documents["date"]),
        }
        for what, key in keys.items():
            if key is not None:
                for name, _, before, after in summed([key], before=seen.tokens, after=shipped):
                    self.groups[what].setdefault(name, np.zeros(2))[:] += (before, after)
        if self.sample is not None:
            by = documents[self.sample.rule.by].cast(pa.string())
            for name, _, tokens in summed([by], tokens=shipped):
                self.realised[name] = self.realised.get(name, 0.0) + tokens


def section(walk: Walk, found: Composition, shown: int = LARGEST) -> page.Section:
    parts = [page.text("Shares of all tokens: as read (each document once, those of what was dropped estimated), and as shipped (each copy counted).")]  # fmt: skip
    for what, title in WHAT.items():
        groups = {name: one for name, one in found.groups[what].items() if name is not None}
        if not groups:
            parts.append(page.text(f"No document has a {what}." if what == "date" else f"No stage measured the {what}.", "note"))  # fmt: skip
            continue
        picture = charts.bars(
            shares(named(what, groups, shown)), f"Composition by {what}", "share of tokens", percent=True
        )
        parts += [page.heading(title, f"composition-{what}"), page.figure(picture)]
        if None in found.groups[what]:
            without, whole = found.groups[what][None], sum(found.groups[what].values(), np.zeros(2))
            said = f"No {what}: {charts.share(without[BEFORE], whole[BEFORE])} before, {charts.share(without[AFTER], whole[AFTER])} after."
            parts.append(page.text(said, "note"))
    if found.sample is not None:
        parts += mixture(walk, found.sample, found, shown)
    return page.Section("Composition", parts)


def named(what: str, groups: Mapping[Any, np.ndarray], shown: int) -> dict[str, np.ndarray]:
    """Groups in the order in which one reads them: lengths and years ascend, others by size with the sum of the rest."""
    if what == "length":
        return {below(place): groups[place] for place in sorted(groups)}
    known = {str(name): one for name, one in groups.items()}
    if what == "date":
        recent = sorted(known)[-2 * shown - 1 :]
        return {name: known[name] for name in recent}
    ordered = sorted(known, key=lambda name: (-known[name].max(), name))
    found = {name: known[name] for name in ordered[:shown]}
    if rest := ordered[shown:]:
        found[f"{len(rest):,} {OTHER}"] = sum((known[name] for name in rest), np.zeros(2))
    return found


def below(place: int) -> str:
    """The lengths of one bin.

    >>> below(0), below(1), below(7)
    ('below 10', '10 to 20', '1k to 2k')
    """
    if place == 0:
        return f"below {LENGTHS[0]}"
    high = f" to {charts.brief(LENGTHS[place])}" if place < len(LENGTHS) else " and more"
    return f"{charts.brief(LENGTHS[place - 1])}{high}"


def shares(groups: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    whole = sum(groups.values(), np.zeros(2))
    before, after = (max(1.0, float(whole[place])) for place in (BEFORE, AFTER))
    return [
        {"name": name, "before": one[BEFORE] / before, "after": one[AFTER] / after}
        for name, one in groups.items()
    ]


def mixture(walk: Walk, stage: PlacedStage, found: Composition, shown: int) -> list[str]:
    """Planned: the epochs of each group times its tokens. Realised: what ships, whole documents only."""
    statistic = read_statistics(walk.run.work, stage, walk.run.corpus)[0]
    sums = summed([statistic["group"]], tokens=statistic["tokens"].to_numpy())
    alive = {name: tokens for name, _, tokens in sums}
    rows: list[tuple[str, float, int, float, float]] = []
    for name, one in sorted(found.realised.items(), key=lambda pair: -pair[1])[:shown]:
        epochs = float(stage.rule.epochs.get(name, 1.0))
        tokens = alive.get(name, 0)
        rows.append((str(name), epochs, tokens, epochs * tokens, one))
    planned, realised = sum(row[3] for row in rows), sum(row[4] for row in rows)
    drawn = [
        {"name": row[0], "before": row[3] / (planned or 1), "after": row[4] / (realised or 1)} for row in rows
    ]
    head = (stage.rule.by, "epochs", "tokens alive", "planned", "of all", "realised", "of all")
    cells = [
        [name, page.Cell(f"{epochs:g}", epochs), page.count(int(tokens)), page.count(round(wish)), page.percent(wish, planned),
         page.count(int(one)), page.percent(one, realised)]
        for name, epochs, tokens, wish, one in rows
    ]  # fmt: skip
    return [
        page.heading("Mixture", "composition-mixture"),
        page.text(
            f"Planned and realised by {stage.name}, in tokens: only whole documents can ship, so both differ a little."
        ),
        page.figure(
            charts.bars(
                drawn,
                "Mixture, planned and realised",
                "share of tokens",
                percent=True,
                names=("planned", "realised"),
            )
        ),
        page.table(head, cells),
    ]
