"""Results → what people read: the README's table, LOG.md's section, a line of the terminal, and the ratio that fell."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")
FELL = 0.85  # of the last logged ratio
Row = Mapping[str, Any]
Run = dict[str, Any]


def runs() -> list[Run]:
    """All that was logged, newest first."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def log(run: Run) -> None:
    """In the place of the last run of that mode."""
    others = [one for one in runs() if one["mode"] != run["mode"]]
    RESULTS.write_text(json.dumps([run, *others], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def replace_figures(run: Run) -> None:
    """Those of whole runs in the last run of that mode, which says so."""
    last = next(one for one in runs() if one["mode"] == run["mode"])
    log({**last, "figures": run["figures"], "whole_runs": run["date"]})


def known() -> dict[str, Row]:
    """The last row of each work and language."""
    rows = [row for run in reversed(runs()) for row in run["rows"]]
    return {key_of(row): row for row in rows}


def key_of(row: Row) -> str:
    return f"{row['work']} · {row['language']}"


def ratio(row: Row, name: str | None = None) -> float | None:
    """Ours to one peer's rate, by default the first's; None where one of them is not known."""
    ours = row["ours"]["rate"]
    for peer in row["peers"]:
        if name in (None, peer["name"]):
            return ours / peer["rate"] if ours and peer.get("rate") else None
    return None


def met(row: Row) -> bool | None:
    """Whether the goal is reached; None where there is none, or nothing to compare with."""
    value = ratio(row) if row["times"] else row["ours"]["rate"]
    return value >= row["goal"] if row["goal"] and value is not None else None


def fallen(row: Row, before: Row | None) -> list[str]:
    """Each peer to which the ratio is 15 % below the last logged one."""
    found = []
    for peer in row["peers"]:
        now, then = ratio(row, peer["name"]), before and ratio(before, peer["name"])
        if now is not None and then and now < FELL * then:
            found.append(f"{peer['name']}: {now:.1f} times, logged {then:.1f}")
    return found


def number(value: float | None) -> str:
    """Two digits or more.

    >>> [number(one) for one in (0.1234, 1.234, 12.34, 1234, None)]
    ['0.12', '1.2', '12', '1,234', 'no more than starting']
    """
    if value is None:
        return "no more than starting"
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def theirs(row: Row) -> str:
    """The peers' rates, and how many times as fast ours is."""
    said = []
    for peer in row["peers"]:
        if "not_run" in peer:
            said.append(f"{peer['name']}: not run")
        else:
            more = (
                f", on {peer['larger']['megabytes']:.0f} MB {number(peer['larger']['rate'])}"
                if "larger" in peer
                else ""
            )
            times = ratio(row, peer["name"])
            said.append(
                f"{peer['name']} {number(peer['rate'])}{more}" + (f": {number(times)} ×" if times else "")
            )
    return "; ".join(said)


def goal(row: Row) -> str:
    if not row["goal"]:
        return ""
    said = f"≥ {row['goal']:g}{' ×' if row['times'] else ''}"
    return {True: said, False: f"**{said}: missed**", None: f"{said}: not compared"}[met(row)]


def rows(run: Run) -> Iterator[str]:
    """The table of works, as Markdown."""
    yield "| work | text | MB a CPU second and core | memory, MB | peers, MB a CPU second: ours is so many times as fast | goal |"
    yield "|---|---|---:|---:|---|---|"
    for row in run["rows"]:
        ours = f"**{number(row['ours']['rate'])}**"
        agreement = f"; {row['agreement']}" if "agreement" in row else ""
        yield f"| {row['work']} | {row['language']} | {ours} | {row['ours']['memory']:,} | {theirs(row)}{agreement} | {goal(row)} |"


def figures(run: Run) -> Iterator[str]:
    """The figures of whole runs, as Markdown; nothing where none was made."""
    if not run["figures"]:
        return
    yield ""
    yield "| whole runs | | goal |"
    yield "|---|---|---|"
    for one in run["figures"]:
        said = one.get("goal", "")
        yield f"| {one['what']} | {one['value']} | {said if one.get('met', True) else f'**{said}: missed**'} |"


def readme() -> str:
    """The tables of the last run of `bench` or `bench-full`."""
    for run in runs():
        if run["mode"] in ("bench", "full"):
            head = f"{run['date']}, {machine(run)}. {took(run)}"
            return "\n".join([head, "", *rows(run), *figures(run)]) + "\n"
    return "Not measured yet: `make bench`.\n"


def took(run: Run) -> str:
    if run.get("done"):
        again = f" Whole runs were measured anew on {run['whole_runs']}." if "whole_runs" in run else ""
        return f"Took {run['minutes']:.0f} minutes.{again}"
    return f"Cut short after {run['minutes']:.0f} minutes: what is missing was not measured."


def machine(run: Run) -> str:
    said = run["machine"]
    return f"{said['cores']} cores of {said['cpu']}, {said['memory']:.0f} GiB, Python {said['python']}, load {said['load']:.1f} before"


def section(run: Run) -> str:
    """For LOG.md: whole processes, their start-up, and what the works found."""
    lines = [
        f"## {run['date']} · side by side (`make {'bench' if run['mode'] == 'bench' else 'bench-full'}`)",
        "",
    ]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    lines += [
        f"{machine(run)}. {versions}. {took(run)}",
        "",
        *rows(run),
        *figures(run),
        "",
    ]
    lines += [
        "| whole processes | MB | CPU s | of these to start | wall s | memory, MB | found |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for row in run["rows"]:
        found = ", ".join(f"{name} {value}" for name, value in row["facts"].items())
        lines.append(process(f"{row['work']}, {row['language']}", row["ours"], found))
        lines += [process(f"– {peer['name']}", peer, "") for peer in row["peers"] if "rate" in peer]
        lines += [
            f"– {peer['name']} was not run: {peer['not_run']}" for peer in row["peers"] if "not_run" in peer
        ]
    return "\n".join(lines) + "\n"


def process(name: str, cost: Row, found: str) -> str:
    numbers = (f"{cost[one]:,}" for one in ("megabytes", "cpu", "start", "wall", "memory"))
    return f"| {name} | {' | '.join(numbers)} | {found} |"


def line(row: Row) -> str:
    """For the terminal, while it runs."""
    agreement = f" · {row['agreement']}" if "agreement" in row else ""
    return f"{row['work']} · {row['language']}: {number(row['ours']['rate'])} {row['unit']} ({row['ours']['cpu']:.1f} CPU s, {row['ours']['memory']:,} MB) · {theirs(row)}{agreement} · {goal(row)}"


def insert(log: str, new: str) -> str:
    """LOG.md with a section before the first one."""
    head, rest = log.split("\n## ", 1)
    return f"{head}\n{new}\n## {rest}"
