"""`make bench`: this project and the tools one would pick instead, on the same input, side by side.

`python -m tests.benchmarks quick|bench|full [WORK …]`, a WORK by the first words of its name. `bench` takes under 30 minutes on two quiet cores,
`full` measures the peers three times, `quick` ends in 3 minutes and writes nothing. What was measured goes to results.json
beside this file, LOG.md and the README. CPU seconds are of whole processes with all their children.
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

from tests.benchmarks import inputs, table, whole_runs
from tests.benchmarks.side_by_side import MODES, rows_of
from tests.benchmarks.works import ENVIRONMENTS, WORKS

LOG = Path(__file__).with_name("LOG.md")
OWN = ("apache-beam", "fastokens", "numba", "numpy", "pyarrow", "resiliparse", "rjieba")
SAY = Console(highlight=False, soft_wrap=True)


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


def main(mode: str, chosen: list[str]) -> None:
    begin, known = time.monotonic(), table.known()
    run: table.Run = {
        "mode": mode,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
    }
    run |= {"rows": [], "figures": []}

    def say(text: str, style: str = "") -> None:
        SAY.print(f"{(time.monotonic() - begin) / 60:4.1f} min  {text}", style=style, markup=False)

    say(f"{mode}: {table.machine(run)}; inputs below {inputs.folder()}")
    for work in WORKS:
        if not any(map(work.name.startswith, chosen or [""])) or (mode == "quick" and not work.quick):
            continue
        for row in rows_of(work, MODES[mode], known):
            say(table.line(row))
            for fell in table.fallen(row, known.get(table.key_of(row))):
                say(f"fell by more than 15 %: {row['work']} · {row['language']}, {fell}", "bold red")
            for peer in row["peers"]:
                if "not_run" in peer:
                    say(f"{peer['name']} was not run: {peer['not_run']}", "yellow")
            run["rows"].append(row)
    for figure in whole_runs.all_of(mode) if not chosen else ():
        say(
            f"{figure['what']}: {figure['value']} {figure.get('goal', '')}",
            "" if figure.get("met", True) else "yellow",
        )
        run["figures"].append(figure)
    run["minutes"] = (time.monotonic() - begin) / 60
    if mode in ("bench", "full") and not chosen:
        keep(run)
    say("done")


def keep(run: table.Run) -> None:
    """Log the run, and write LOG.md and the README's table."""
    from tests import readme

    table.log(run)
    LOG.write_text(table.insert(LOG.read_text(encoding="utf-8"), table.section(run)), encoding="utf-8")
    readme.write()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "bench", sys.argv[2:])
