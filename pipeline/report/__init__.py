"""The report of a run: one HTML page of pictures and tables, from the columns, marks and decisions that it wrote.

One file a section; each gathers sums while the run is walked piece by piece, then renders them. Texts are read only for the
samples shown. The page stays below 3 MB: where it would not, it is drawn again with fewer sources.
"""

import os
from typing import Protocol

from pipeline import page
from pipeline.charts import brief, share
from pipeline.ledger import Run, total
from pipeline.report import composition, contamination, duplicates, facts, funnel, packs, quarantine, rules
from pipeline.report.samples import Samples
from pipeline.report.seen import LARGEST, Seen, Walk

MOST_BYTES = 3_000_000
DETAIL = (LARGEST, 8, 3, 0)  # sources shown, tried in turn until the page is small enough


class Gatherer(Protocol):
    """What a section keeps of a run."""

    def add(self, seen: Seen) -> None:
        """Take in one piece."""


def report(run: Run) -> str:
    """The page. Memory is that of one piece, whatever the run's size."""
    walk = Walk(run)
    languages, limits = funnel.Languages(len(walk.funnel.stages)), rules.Rules.over(walk)
    alike, touched = duplicates.Duplicates.over(walk), contamination.over(walk)
    made_of = composition.Composition()
    gatherers: list[Gatherer] = [languages, limits, *alike, *touched, made_of]
    for seen in walk.pieces():
        for one in gatherers:
            one.add(seen)
    samples = Samples(run, limits.wanted())
    packed, strange, steps = packs.gather(run), quarantine.gather(run), facts.gather(run)
    for shown in DETAIL:
        sections = [
            funnel.section(walk, languages, shown),
            rules.section(walk, limits, samples, shown),
            duplicates.section(walk, alike),
            contamination.section(touched),
            composition.section(walk, made_of, shown),
            packs.section(run, packed, shown),
            quarantine.section(walk.funnel, strange, shown),
            facts.section(run, steps),
        ]
        made = page.page(
            f"Report of {os.path.basename(os.path.abspath(run.store.root))}", sections, lead(walk)
        )
        if len(made.encode()) <= MOST_BYTES:
            break
    return made


def lead(walk: Walk) -> str:
    """The run in five numbers."""
    everything, kept = total(list(walk.funnel.counts)), total(walk.funnel.kept)
    quarantined = sum(walk.funnel.quarantined.values())
    return page.facts(
        [
            (brief(everything.documents), "documents read"),
            (share(kept.documents, everything.documents), f"kept: {brief(kept.documents)}"),
            (brief(kept.shipped), "tokens shipped"),
            (
                f"{len({one.source for one in walk.funnel.counts}):,}",
                f"sources, {len(walk.run.pieces):,} pieces",
            ),
            (brief(quarantined), "records quarantined"),
        ]
    )
