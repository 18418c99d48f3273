"""The difference of two runs as a page: what changed in the recipe, who flipped and why, whose tokens, which shards."""

import os
from collections import Counter

import numpy as np

from pipeline import charts, page
from pipeline.charts import OTHER, brief, counted
from pipeline.report.diff import ABSENT, KEPT, NOBODY, WHAT, Diff, Flip, changes, packs
from pipeline.report.seen import LARGEST

FLIPS = 60  # kinds shown, the largest
FATES = 14  # on either side of the picture


def diff_page(found: Diff) -> str:
    """One HTML page that needs nothing else."""
    names = [os.path.basename(os.path.abspath(name)) for name in found.names]
    if names[0] == names[1]:
        names = list(found.names)
    sections = [recipe(found, names), flips(found, names), tokens(found, names), shards(found, names)]
    return page.page(f"From {names[0]} to {names[1]}", sections, lead(found))


def lead(found: Diff) -> str:
    changed = sum(flip.documents for flip in found.flips.values())
    before, after = shipped(found)
    return page.facts(
        [
            (brief(changed), "documents with another fate"),
            (brief(found.same), "with the same"),
            (f"{brief(before)} → {brief(after)}", "tokens shipped"),
            (signed(after - before), "tokens"),
        ]
    )


def shipped(found: Diff) -> tuple[int, int]:
    """Tokens of all documents, before and after."""
    sums = sum(found.tokens["source"].values(), np.zeros(2, np.int64))
    return int(sums[0]), int(sums[1])


def signed(value: int) -> str:
    return f"+{value:,}" if value > 0 else charts.number(value)


def recipe(found: Diff, names: list[str]) -> page.Section:
    rows = changes(found.runs)
    if not rows:
        return page.Section(
            "Recipe", [page.text("Both runs have the same stages, limits, inputs and packs.")]
        )
    return page.Section("Recipe", [page.table(("where", "field", *names), rows)])


def shown_fate(fate: str) -> str:
    """A fate for people."""
    return ": ".join(fate.split(NOBODY)) if fate != ABSENT else fate


def flips(found: Diff, names: list[str]) -> page.Section:
    ordered = largest(found)
    if not ordered:
        return page.Section("Flips", [page.text("Every document has the same fate in both.")])
    rows = [
        [shown_fate(one), shown_fate(two), page.count(flip.documents), page.count(flip.before), page.count(flip.after),
         page.Cell(signed(flip.after - flip.before), flip.after - flip.before)]
        for (one, two), flip in ordered[:FLIPS]
    ]  # fmt: skip
    head = (f"in {names[0]}", f"in {names[1]}", "documents", "tokens before", "tokens after", "change")
    rest = len(ordered) - FLIPS
    return page.Section("Flips", [
        page.figure(charts.heat(field(ordered), "From fate to fate", f"documents; left: in {names[0]}, above: in {names[1]}")),
        page.table(head, rows),
        page.text(f"{counted(rest, 'smaller kind')} left out.", "note") if rest > 0 else "",
        page.text(f"Of those with the same fate {counted(found.copies, 'document')} shipped more or less often.") if found.copies else "",
        *(examples(one, two, flip) for (one, two), flip in ordered[:FLIPS]),
    ])  # fmt: skip


def largest(found: Diff) -> list[tuple[tuple[str, str], Flip]]:
    """Kinds of flips, those of most documents first."""
    return sorted(found.flips.items(), key=lambda one: (-one[1].documents, one[0]))


def short_fates(fates: list[str]) -> dict[str, str]:
    """The reason alone, where no other stage gives it."""
    reasons = {fate: fate.partition(NOBODY)[2] for fate in fates if fate not in (KEPT, ABSENT)}
    times = Counter(reasons.values())
    return {fate: reasons[fate] if times[reasons.get(fate, "")] == 1 else shown_fate(fate) for fate in fates}


def field(ordered: list[tuple[tuple[str, str], Flip]]) -> list[dict[str, object]]:
    """Cells of the picture; of too many fates the rare ones are one."""
    sides: list[list[str]] = []
    for side in (0, 1):
        sizes: dict[str, int] = {}
        for fates, flip in ordered:
            sizes[fates[side]] = sizes.get(fates[side], 0) + flip.documents
        sides.append(sorted(sizes, key=lambda name: (name != KEPT, -sizes[name], name))[:FATES])
    cells: dict[tuple[str, str], int] = {}
    names = short_fates(sorted({*sides[0], *sides[1]}))
    for fates, flip in ordered:
        key = tuple(names[fate] if fate in side else OTHER for fate, side in zip(fates, sides, strict=True))
        cells[key[0], key[1]] = cells.get((key[0], key[1]), 0) + flip.documents
    return [
        {"row": one, "column": two, "value": count, "told": counted(count, "document")}
        for (one, two), count in cells.items()
    ]


def examples(one: str, two: str, flip: Flip) -> str:
    rows = [(sample.id, sample.source, *sample.values, sample.url or "") for sample in flip.samples]
    table = page.table(("document", "source", "decided before", "decides after", "URL"), rows)
    return page.folded(
        f"{shown_fate(one)} → {shown_fate(two)}: {counted(flip.documents, 'document')}", [table]
    )


def tokens(found: Diff, names: list[str]) -> page.Section:
    parts = []
    for what in WHAT:
        groups = found.tokens[what]
        if not groups:
            said = (
                "No domain gained or lost tokens." if what == "domain" else f"No stage measured the {what}."
            )
            parts += [page.heading(f"By {what}", f"tokens-{what}"), page.text(said, "note")]
            continue
        ordered = sorted(groups.items(), key=lambda one: (-abs(int(one[1][1] - one[1][0])), one[0]))
        rows = [(name, int(one[0]), int(one[1])) for name, one in ordered[:LARGEST]]
        if rest := ordered[LARGEST:]:
            whole = sum((one for _, one in rest), np.zeros(2, np.int64))
            rows.append((f"{len(rest):,} {OTHER}", int(whole[0]), int(whole[1])))
        drawn = [{"name": name, "before": before, "after": after} for name, before, after in rows]
        picture = charts.bars(drawn, f"Tokens by {what}", "tokens shipped", names=(names[0], names[1]))
        note = "Of documents that differ alone." if what == "domain" else ""
        cells = [
            [name, page.count(before), page.count(after), page.Cell(signed(after - before), after - before), change(before, after)]
            for name, before, after in rows
        ]  # fmt: skip
        parts += [page.heading(f"By {what}", f"tokens-{what}"), page.text(note, "note") if note else "", page.figure(picture),
                  page.table((what, *names, "change", "in %"), cells)]  # fmt: skip
    return page.Section("Tokens", parts)


def change(before: int, after: int) -> "page.Cell | str":
    if not before:
        return "–"
    part = (after - before) / before
    return page.Cell(f"{100 * part:+.1f} %".replace("-", "−") if part else "0 %", part)


def shards(found: Diff, names: list[str]) -> page.Section:
    same, gone, new = packs(found.runs)
    totals = [run.manifest["totals"] for run in found.runs]
    drawn = [{"name": "of equal bytes", "after": same}, {"name": f"only in {names[0]}", "after": gone}, {"name": f"only in {names[1]}", "after": new}]  # fmt: skip
    fields = ("packs", "tokens", "padding", "documents", "cut_documents", "bytes")
    rows = [[one.replace("_", " "), page.count(totals[0][one]), page.count(totals[1][one]),
             page.Cell(signed(totals[1][one] - totals[0][one]), totals[1][one] - totals[0][one])] for one in fields]  # fmt: skip
    return page.Section("Packs", [
        page.figure(charts.bars(drawn, "Shards", "shards")),
        page.table(("", *names, "change"), rows),
    ])  # fmt: skip
