"""Quarantine: what never became a document, by input and reason, with excerpts."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from pipeline import charts, page
from pipeline.charts import OTHER
from pipeline.ledger import Funnel, Run
from pipeline.report.seen import LARGEST

SHOWN = 5  # records of a reason
LETTERS = 300


@dataclass
class Quarantine:
    """Some records of each reason, the first in the order of inputs."""

    shown: dict[str, list[tuple[str, dict[str, Any]]]] = field(
        default_factory=dict
    )  # (input, QUARANTINE row)


def gather(run: Run) -> Quarantine:
    found = Quarantine()
    for name, table in run.quarantine():
        for reason in pc.unique(table["reason"]).to_pylist():
            held = found.shown.setdefault(reason, [])
            rows = table.filter(pc.equal(table["reason"], reason)).slice(0, SHOWN - len(held))
            held += [(name, row) for row in rows.to_pylist()]
    return found


def section(funnel: Funnel, found: Quarantine, shown: int = LARGEST) -> page.Section:
    if not funnel.quarantined and not funnel.passed_over:
        return page.Section("Quarantine", [page.text("Every record became a document.")])
    parts = [*quarantined(funnel, shown)] if funnel.quarantined else [page.text("Nothing was quarantined.")]
    parts += [examples(reason, rows) for reason, rows in sorted(found.shown.items())]
    if funnel.passed_over:
        rows = [[name, kind, page.count(count)] for (name, kind), count in largest(funnel.passed_over, 100)]
        parts += [page.heading("Passed over", "quarantine-passed-over"), page.text("What is no document by its type."),
                  page.table(("input", "type", "records"), rows)]  # fmt: skip
    return page.Section("Quarantine", parts)


def quarantined(funnel: Funnel, shown: int) -> list[str]:
    """Inputs × reasons; beyond the largest inputs, their sum."""
    sizes: dict[str, int] = {}
    for (name, _), count in funnel.quarantined.items():
        sizes[name] = sizes.get(name, 0) + count
    named = {name for name, _ in largest(sizes, shown)}
    rest = f"{len(sizes) - len(named):,} {OTHER}"
    cells: dict[tuple[str, str], int] = {}
    for (name, reason), count in funnel.quarantined.items():
        key = (name if name in named else rest, reason)
        cells[key] = cells.get(key, 0) + count
    ordered = largest(cells, len(cells))
    drawn = [
        {"row": name, "column": reason, "value": count, "told": f"{count:,} records"}
        for (name, reason), count in ordered
    ]
    rows = [[name, reason, page.count(count)] for (name, reason), count in ordered]
    return [
        page.figure(charts.heat(drawn, "Quarantine by input and reason", "records")),
        page.table(("input", "reason", "records"), rows),
    ]


def largest(counts: Any, shown: int) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:shown]


def examples(reason: str, rows: list[tuple[str, dict[str, Any]]]) -> str:
    shown = [
        page.excerpt(
            f"{name}: {row['file']} at {row['position']:,}: {row['detail'] or reason}",
            [("", (row["excerpt"] or "")[:LETTERS])],
            "gone",
        )
        for name, row in rows
    ]
    return page.folded(f"{reason}: {charts.counted(len(rows), 'record')} of them", shown)
