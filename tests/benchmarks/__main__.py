"""`make bench`: this project and the tools one would pick instead, on the same input, side by side.

`python -m tests.benchmarks quick|bench|full [WORK …]`, a WORK by the first words of its name, or `whole` for the figures of
whole runs. `bench` takes under 30 minutes on two quiet cores, `full` measures the peers three times, `quick` ends in 3 minutes
and writes nothing. What was measured goes to results.json beside this file, LOG.md and the README; of chosen works nothing does,
but figures of whole runs take the place of those of the last run. CPU seconds are of whole processes with all their children.
"""

import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.console import Console

from tests import readme
from tests.benchmarks import inputs, table, whole_runs
from tests.benchmarks.process import FailedError
from tests.benchmarks.side_by_side import MODES, rows_of
from tests.benchmarks.works import ENVIRONMENTS, WORKS

LOG = Path(__file__).with_name("LOG.md")
WHOLE = "whole"
OWN = ("apache-beam", "fastokens", "numba", "numpy", "pyarrow", "resiliparse", "rjieba")


def machine() -> dict[str, object]:
    """What the figures are of."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total / 2**30,
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    pinned = [requirements[0].split("==") for requirements in ENVIRONMENTS.values() if requirements]
    return {name: version(name) for name in OWN} | dict(pinned)


class Screen:
    """Lines with the minutes since the start; red for what fell or failed."""

    def __init__(self) -> None:
        self.console, self.begin = Console(highlight=False, soft_wrap=True), time.monotonic()

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self.begin) / 60

    def say(self, text: str, style: str = "") -> None:
        self.console.print(f"{self.minutes:4.1f} min  {text}", style=style, markup=False)

    def row(self, row: table.Row, before: table.Row | None) -> None:
        self.say(table.line(row))
        for fell in table.fallen(row, before):
            self.say(f"fell by more than 15 %: {table.key_of(row)}, {fell}", "bold red")
        for peer in row["peers"]:
            if "not_run" in peer:
                self.say(f"{peer['name']} was not run: {peer['not_run']}", "yellow")

    def figure(self, one: table.Row) -> None:
        self.say(
            f"{one['what']}: {one['value']} {one.get('goal', '')}", "" if one.get("met", True) else "yellow"
        )


def main(mode: str, chosen: list[str]) -> int:
    """The exit status: 1 when a program of ours failed. The other works are measured all the same."""
    screen, known, status = Screen(), table.known(), 0
    kept = mode in ("bench", "full") and not chosen
    run: table.Run = {"mode": mode, "date": datetime.now(UTC).date().isoformat(), "rows": [], "figures": []}
    run |= {"machine": machine(), "versions": versions()}
    screen.say(f"{mode}: {table.machine(run)}; inputs below {inputs.folder()}")
    for work in WORKS:
        if not any(map(work.name.startswith, chosen or [""])) or (mode == "quick" and not work.quick):
            continue
        try:
            for row in rows_of(work, MODES[mode], known):
                screen.row(row, known.get(table.key_of(row)))
                run["rows"].append(row)
        except FailedError as error:
            screen.say(f"{work.name}: {error}", "bold red")
            status = 1
        if kept:
            log(run, screen)  # what is measured stays when the rest is cut short
    for figure in whole_runs.all_of(mode) if WHOLE in (chosen or [WHOLE]) else ():
        screen.figure(figure)
        run["figures"].append(figure)
    run["done"] = True
    if kept:
        log(run, screen)
        tell(run)
    elif chosen == [WHOLE] and mode != "quick":
        table.replace_figures(run)
        readme.write()
    screen.say("done")
    return status


def log(run: table.Run, screen: Screen) -> None:
    run["minutes"] = screen.minutes
    table.log(run)


def tell(run: table.Run) -> None:
    """Write LOG.md and the README's table."""
    LOG.write_text(table.insert(LOG.read_text(encoding="utf-8"), table.section(run)), encoding="utf-8")
    readme.write()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "bench", sys.argv[2:]))
