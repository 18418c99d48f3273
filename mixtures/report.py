"""The report: a lock and its fit as one HTML page that needs nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

from mixtures.choice import EFFECT
from pipeline import charts, page
from pipeline.lock import Lock, LockError


def report(lock: Lock, fit: Mapping[str, Any] | None) -> str:
    """`fit`: what `winnow mix fit` wrote; without it the page has the mixture alone."""
    return page.page("A mixture and how far it can be trusted", sections(lock, fit))


def check(lock: Lock, file: str) -> None:
    """Raise LockError when the lock lacks what is drawn: those of others may hold shares alone."""
    drawn = (
        "spread",
        "near_optimal",
        "prior",
        "group",
        "forced",
        "targets",
        "methods",
        "method",
        "binding",
        "more_data",
        "notes",
    )
    if missing := [key for key in drawn if key not in lock.more]:
        raise LockError(
            f"{file}: has no '{missing[0]}', which the report draws; solve it anew (`winnow mix solve`)"
        )


def sections(lock: Lock, fit: Mapping[str, Any] | None) -> Iterator[page.Section]:
    yield shares(lock)
    yield losses(lock)
    yield ways(lock)
    yield limits(lock)
    if fit is not None:
        yield trust(fit)
        yield held_out(fit)
        yield effects(fit)
        yield curves(fit)
    yield provenance(lock)


def shares(lock: Lock) -> page.Section:
    more, names = lock.more, sorted(lock.groups, key=lambda name: -lock.groups[name].share)
    spread, near = more["spread"]["shares"], more["near_optimal"]["shares"]

    def rows(both: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "value": lock.groups[name].share,
                "low": both[name][0],
                "high": both[name][1],
                "mark": more["prior"][name],
            }
            for name in names
        ]

    head = ("domain", "group", "share", "90 % spread", "near-optimal", "prior", "tokens", "epochs")
    lines = [
        (name, more["group"][name], percent(one.share), span(spread[name]), span(near[name]), percent(more["prior"][name]),
         f"{one.tokens:,}", f"{one.epochs:.2f}")
        for name in names
        for one in [lock.groups[name]]
    ]  # fmt: skip
    forced = (
        [page.text("Solved by --force: the runs say nothing about at least one target.", "warning")]
        if more["forced"]
        else []
    )
    said = "The 90 % spreads know noise and no error of a law's form: where a process or trees were chosen, go by the near-optimal region."
    narrow = [page.text(said, "note")] if more["method"] == "simulated" else []
    return page.Section("Shares", [
        *forced,
        page.text(f"Dots: the mixture. Ticks: the prior. Bars: the middle 90 % of its optima over {more['spread']['refits']} refits on noisy losses."),
        page.figure(charts.spreads(rows(spread), "Shares with spread against the prior", "share", percent=True)),
        page.text(
            f"The near-optimal region: how far each share goes among {more['near_optimal']['mixtures']:,} mixtures that one refit "
            "in twenty finds no worse. Where a bar is wide, the runs do not decide; choose by other reasons."
        ),
        *narrow,
        page.figure(charts.spreads(rows(near), "Shares over near-optimal mixtures", "share", percent=True)),
        page.table(head, lines),
    ])  # fmt: skip


def losses(lock: Lock) -> page.Section:
    head = ("target", "weight", "law", "predicted loss", "90 % spread")
    lines = [
        (
            name,
            f"{one['weight']:.3f}",
            one["law"],
            f"{one['predicted']:.4f}",
            f"{one['low']:.4f} … {one['high']:.4f}",
        )
        for name, one in lock.more["targets"].items()
    ]
    return page.Section("Predicted losses", [
        page.table(head, lines),
        page.text("The spread counts that the mixture was chosen because it looked best.", "note"),
    ])  # fmt: skip


def ways(lock: Lock) -> page.Section:
    methods = lock.more["methods"]
    head = ("domain", *methods)
    first = ("objective, by the chosen laws", *(f"{one['objective']:.5f}" for one in methods.values()))
    lines = [(name, *(percent(one["shares"][name]) for one in methods.values())) for name in lock.groups]
    return page.Section("Exact and simulated", [
        page.text(f"Standing: {lock.more['method']}. The exact way minimises the exponential laws, the simulated way the chosen ones."),
        page.table(head, [first, *lines]),
    ])  # fmt: skip


def limits(lock: Lock) -> page.Section:
    binding = sorted(lock.more["binding"].items(), key=lambda one: -one[1])
    data = sorted(
        ((name, one) for name, one in lock.more["more_data"].items() if one), key=lambda one: -one[1]
    )
    parts = [
        page.table(
            ("limit that binds", "0.01 looser lowers the objective by"), [(a, f"{b:.5f}") for a, b in binding]
        )
    ]
    if not binding:
        parts = [page.text("No limit binds.")]
    if data:
        parts.append(
            page.table(("domain", "10^9 further tokens lower it by"), [(a, f"{b:.5f}") for a, b in data])
        )
    return page.Section("What limits cost, and what more data is worth", parts)


def trust(fit: Mapping[str, Any]) -> page.Section:
    level = f"{fit['level']:.0%}"
    head = ("target", "law", "rank correlation", level, "error", level, "runs that were enough")
    lines = []
    for name, one in fit["targets"].items():
        ranks, errors = (one["scores"][one["law"]][key] for key in ("rank_correlation", "error"))
        lines.append((name, one["law"], f"{ranks[0]:.4f}", f"{ranks[1]:.4f} … {ranks[2]:.4f}", f"{errors[0]:.4f}",
                      f"{errors[1]:.4f} … {errors[2]:.4f}", one["enough"]))  # fmt: skip
    blind = [name for name, one in fit["targets"].items() if not one["knows"]]
    warned = [page.text(f"The runs say nothing about {', '.join(blind)}.", "warning")] if blind else []
    return page.Section("How well runs not seen were predicted", [*warned, page.table(head, lines)])


def held_out(fit: Mapping[str, Any]) -> page.Section:
    rows = [
        {"name": name, "x": round(true, 4), "y": round(said, 4)}
        for name, one in fit["targets"].items()
        for true, said in zip(one["losses"], one["held_out"], strict=True)
    ]
    return page.Section("Predicted against true losses", [
        page.text("Each dot is a run, predicted by a fit that had not seen it."),
        page.figure(charts.points(rows, "Predicted against true losses", "true", "predicted")),
    ])  # fmt: skip


def effects(fit: Mapping[str, Any]) -> page.Section:
    rows = [
        {"row": domain, "column": name, "value": effect}
        for name, one in fit["targets"].items()
        for domain, effect in zip(fit["domains"], one["effects"], strict=True)
    ]
    return page.Section("What each domain does to each target", [
        page.text(f"Change of the loss when a domain gains {EFFECT:.0%} of the tokens of the runs' mean mixture. Blue is better."),
        page.figure(charts.heat(rows, "Effect of each domain on each target", "Δ loss")),
    ])  # fmt: skip


def curves(fit: Mapping[str, Any]) -> page.Section:
    rows = [
        {"name": name, "x": runs, "y": rank}
        for name, one in fit["targets"].items()
        for runs, rank, _ in one["curve"]
    ]
    return page.Section("How many runs would have been enough", [
        page.text("Rank correlation on runs not seen, by the runs learnt from. Enough are the fewest whose value lies in the interval of all."),
        page.figure(charts.lines(rows, "Learning curves", "runs", "rank correlation", log=True))
    ])  # fmt: skip


def provenance(lock: Lock) -> page.Section:
    facts = [*lock.digests.items(), ("seed", lock.seed), *lock.versions.items()]
    notes = [page.text(note, "note") for note in lock.more["notes"]]
    return page.Section("From what", [page.table(("what", "which"), facts), *notes])


def percent(share: float) -> str:
    return f"{share:.2%}"


def span(both: list[float]) -> str:
    return f"{both[0]:.2%} … {both[1]:.2%}"
