"""What the corpus is made of, before and after: by source, language, length and date; and the mixture, planned and realised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import charts, ledger, page
from pipeline.charts import OTHER
from pipeline.ledger import Groups
from pipeline.report.seen import LARGEST, Seen, Walk, summed

BEFORE, AFTER = 0, 1
WHAT = {"source": "Source", "language": "Language", "length": "Length in characters", "date": "Date"}
LENGTHS = [
    digit * 10**power for power in range(1, 8) for digit in (1, 2, 5)
]  # in characters, where bins begin


@dataclass
class Composition:
    """Tokens by what documents are: before (each document once) and after (each copy). float64[2] a group."""

    groups: dict[str, dict[Any, np.ndarray]] = field(default_factory=lambda: {what: {} for what in WHAT})

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


def section(walk: Walk, found: Composition, shown: int = LARGEST) -> page.Section:
    parts = [page.text("Shares of all tokens: as read (each document once, those of what was dropped estimated), and as shipped (each copy counted).")]  # fmt: skip
    for what, title in WHAT.items():
        groups = {name: one for name, one in found.groups[what].items() if name is not None}
        if not groups:
            parts.append(page.text(f"No document has a {what}." if what == "date" else f"No stage measured the {what}.", "note"))  # fmt: skip
            continue
        whole = sum(found.groups[what].values(), np.zeros(2))
        picture = charts.bars(
            shares(named(what, groups, shown), whole),
            f"Composition by {what}",
            "share of tokens",
            percent=True,
        )
        parts += [page.heading(title, f"composition-{what}"), page.figure(picture)]
        if None in found.groups[what]:
            without = found.groups[what][None]
            said = f"No {what}: {charts.share(without[BEFORE], whole[BEFORE])} before, {charts.share(without[AFTER], whole[AFTER])} after."
            parts.append(page.text(said, "note"))
    if (weighed := ledger.groups(walk.run)) is not None:
        parts += mixture(weighed, shown)
    return page.Section("Composition", parts)


def named(what: str, groups: Mapping[Any, np.ndarray], shown: int) -> dict[str, np.ndarray]:
    """Groups in the order in which one reads them: lengths and years ascend, others by size with the sum of the rest."""
    if what == "length":
        return {below(place): groups[place] for place in sorted(groups)}
    known = {str(name): one for name, one in groups.items()}
    if what == "date":
        years = sorted(known)
        earlier, recent = years[: -2 * shown], years[-2 * shown :]
        found = (
            {f"before {recent[0]}": sum((known[name] for name in earlier), np.zeros(2))} if earlier else {}
        )
        return found | {name: known[name] for name in recent}
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


def shares(groups: Mapping[str, np.ndarray], whole: np.ndarray) -> list[dict[str, Any]]:
    before, after = (max(1.0, float(whole[place])) for place in (BEFORE, AFTER))
    return [
        {"name": name, "before": one[BEFORE] / before, "after": one[AFTER] / after}
        for name, one in groups.items()
    ]


def mixture(groups: Groups, shown: int) -> list[str]:
    """Planned: the lock's shares, or epochs times the tokens that are there. Realised: what ships, whole documents only."""
    rule, found = groups.rule, groups.realised
    epochs = {one.group: rule.epochs.get(one.group or "", 1.0) * one.there for one in found}
    wishes = {one.group: one.planned or 0.0 for one in found} if rule.mixture else epochs
    whole = sum(wishes.values()) or 1.0
    largest = sorted(found, key=lambda one: -one.shipped)[:shown]
    drawn = [
        {"name": str(one.group), "before": wishes[one.group] / whole, "after": one.share} for one in largest
    ]
    cells = [
        [str(one.group), page.count(one.there), page.count(one.shipped), page.percent(wishes[one.group], whole),
         page.percent(one.share, 1), page.Cell(f"{one.shipped / (one.there or 1):.2f}", one.shipped / (one.there or 1))]
        for one in largest
    ]  # fmt: skip
    picture = charts.bars(drawn, "Mixture, planned and realised", "share of tokens", True, ("planned", "realised"))  # fmt: skip
    return [
        page.heading("Mixture", "composition-mixture"),
        page.text(
            groups.said()
            or "Planned and realised, in tokens: only whole documents can ship, so both differ a little."
        ),
        page.figure(picture),
        page.table((rule.by, "tokens there", "shipped", "planned", "realised", "epochs"), cells),
    ]
