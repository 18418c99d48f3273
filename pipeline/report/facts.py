"""The run itself: recipe as resolved, versions, time and throughput per step, and what was reused.

Receipts hold nothing of time, so that equal work leaves equal receipts: time is read from the files' own dates. What was
published before the last run began was reused by it.
"""

import html
from dataclasses import dataclass
from typing import Any

from pipeline import charts, page
from pipeline.data import receipts
from pipeline.ledger import Run
from pipeline.ledger.clean import needed_steps
from pipeline.recipe import show
from pipeline.run.folder import began

STEPS = {  # in the order of the flow: receipts' folder → what the step does
    "ingest": "read and split",
    "columns": "measure",
    "marks": "compare",
    "statistics": "sum up",
    "tokens": "tokenise",
    "decisions": "decide",
    "shards": "pack",
}
LETTERS = 60_000  # of the recipe, at most


@dataclass
class Step:
    """The receipts of one kind of step: how many this run made or found, and from when to when it made them."""

    made: int = 0
    reused: int = 0
    first: float = 0.0
    last: float = 0.0

    def add(self, published: float, start: float) -> None:
        if published < start:
            self.reused += 1
            return
        self.made += 1
        self.first = min(self.first or published, published)
        self.last = max(self.last, published)

    @property
    def seconds(self) -> float:
        return self.last - self.first


def gather(run: Run) -> dict[str, Step]:
    """By kind of step. A folder that no run of this version began has no start: everything counts as made."""
    start, steps = began(run.store), {folder: Step() for folder in STEPS}
    for of in needed_steps(run):
        folder, name = of.partition("/")[0], receipts.receipt_name(of)
        if folder in steps and run.store.exists(name):  # what is damaged is `winnow account`'s to say
            steps[folder].add(run.store.changed(name), start)
    return steps


def section(run: Run, steps: dict[str, Step]) -> page.Section:
    size = sum(piece.bytes for piece in run.pieces)
    rows, drawn = [], []
    for folder, step in steps.items():
        if not step.made + step.reused:
            continue
        drawn.append({"name": STEPS[folder], "after": step.seconds})
        rate = size / 1e6 / step.seconds if step.seconds > 1 and not step.reused else None
        rows.append([STEPS[folder], page.count(step.made), page.count(step.reused), page.Cell(f"{step.seconds:,.1f} s", step.seconds),
                     page.Cell(f"{rate:,.1f}", rate) if rate else "–"])  # fmt: skip
    resolved = show(run.recipe).replace("# set in Python", "# recipe")
    cut = resolved if len(resolved) <= LETTERS else f"{resolved[:LETTERS]}\n… cut here"
    return page.Section("The run", [
        page.figure(charts.bars(drawn, "Seconds from the first to the last result of each step", "seconds")),
        page.text("From the first to the last result of each step, by the dates of files; steps overlap. Text read: "
                  f"{charts.brief(size)}B.", "note"),
        page.table(("step", "made", "reused", "time", "MB/s of text"), rows),
        page.heading("Versions", "run-versions"),
        page.table(("what", "which"), [[name, str(value)] for name, value in versions(run).items()]),
        page.heading("Recipe, as resolved", "run-recipe"),
        f'<pre tabindex="0"><code>{html.escape(cut)}</code></pre>',
    ], anchor="run")  # fmt: skip


def versions(run: Run) -> dict[str, Any]:
    tokens = run.manifest["tokens"]
    stages = {f"stage {stage.name}": stage.rule.version for stage in run.work.placed.stages}
    return {
        "winnow": run.manifest["code"],
        "schema": run.manifest["schema"],
        "manifest": run.manifest["key"],
        "corpus": run.corpus.digest,
        "tokenizer": tokens["tokenizer"],
        "vocabulary": f"{tokens['vocabulary']:,} ids, {tokens['dtype']}",
        **stages,
    }
