"""Numbers as people read them, and the funnel as tables."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from pipeline.ledger import Count, Funnel, Groups


def funnel_table(funnel: "Funnel") -> Iterator[Table]:
    """The funnel by stage, what was quarantined or passed over, and what ships by source."""
    yield by_stage(funnel)
    if funnel.quarantined:
        yield by_input("Quarantine", "reason", funnel.quarantined)
    if funnel.passed_over:
        yield by_input("Passed over", "type", funnel.passed_over)
    yield by_source(funnel)


def by_stage(funnel: "Funnel") -> Table:
    """One row a stage, one a reason below it."""
    from pipeline.ledger import total

    table = Table(
        title="Funnel",
        title_justify="left",
        caption="≈ estimated from the kept documents of the same source; alone: what the stage would drop with no other before it",
    )
    table.add_column("stage", min_width=26)
    for name in ("documents", "characters", "tokens", "share", "alone"):
        table.add_column(name, justify="right")
    everything = total(list(funnel.counts))
    rates = funnel.tokens_a_character()
    tokens = sum(one.tokens or round(one.characters * rates[one.source]) for one in funnel.counts)
    table.add_row(
        "read", number(everything.documents), number(everything.characters), f"≈ {number(tokens)}", "", ""
    )
    for stage in funnel.stages:
        taken = funnel.dropped(stage)
        alone = funnel.alone.get(stage, (0, 0))[0]
        table.add_section()
        table.add_row(
            stage, *drop_row(taken, rates), share(total(taken).documents, everything.documents), number(alone)
        )
        for reason in sorted({one.reason for one in taken}):
            table.add_row(
                f"  {reason}",
                *drop_row([one for one in taken if one.reason == reason], rates),
                "",
                "",
                style="dim",
            )
    kept = total(funnel.kept)
    table.add_section()
    left = share(kept.documents, everything.documents)
    table.add_row(
        "kept", number(kept.documents), number(kept.characters), number(kept.tokens), left, "", style="bold"
    )
    return table


def drop_row(taken: "list[Count]", rates: dict[str, float]) -> tuple[str, str, str]:
    from pipeline.ledger import total

    whole = total(taken)
    tokens = sum(round(one.characters * rates[one.source]) for one in taken)
    return number(-whole.documents), number(-whole.characters), f"≈ {number(-tokens)}" if tokens else "0"


def by_input(title: str, what: str, counts: Mapping[tuple[str, str], int]) -> Table:
    """What never became a document, by input and reason or type."""
    table = Table(title=title, title_justify="left")
    table.add_column("input")
    table.add_column(what)
    table.add_column("records", justify="right")
    for (name, one), count in sorted(counts.items()):
        table.add_row(escape(name), escape(one), number(count))
    return table


def by_source(funnel: "Funnel") -> Table:
    """What ships: copies counted."""
    from pipeline.ledger import total

    table = Table(title="Shipped", title_justify="left")
    table.add_column("source")
    for name in ("read", "kept", "copies", "tokens in packs", "share"):
        table.add_column(name, justify="right")
    shipped = total(funnel.kept).shipped
    for source in sorted({one.source for one in funnel.counts}):
        read = total([one for one in funnel.counts if one.source == source])
        kept = total([one for one in funnel.kept if one.source == source])
        row = (read.documents, kept.documents, kept.spans, kept.shipped)
        table.add_row(escape(source), *map(number, row), share(kept.shipped, shipped))
    return table


def group_table(groups: "Groups") -> Table:
    """A sample stage's groups: tokens there, epochs, tokens shipped, shares."""
    table = Table(title=f"Sample by {groups.rule.by}", title_justify="left")
    table.add_column(groups.rule.by)
    for name in (
        "tokens there",
        "epochs",
        "tokens shipped",
        "share",
        *(("planned",) if groups.mixed else ()),
    ):
        table.add_column(name, justify="right")
    for one in groups.realised:
        planned = (f"{100 * one.planned:.2f} %" if one.planned else "none",) if groups.mixed else ()
        epochs = f"{one.shipped / one.there:.2f}" if one.there else "–"
        cells = (number(one.there), epochs, number(one.shipped), f"{100 * one.share:.2f} %", *planned)
        table.add_row("none" if one.group is None else escape(one.group), *cells)
    return table


def number(value: int) -> str:
    """1234567 → 1,234,567; a true minus sign."""
    return f"{value:,}".replace("-", "−")


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
