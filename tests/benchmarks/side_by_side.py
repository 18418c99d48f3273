"""One work, ours and the peers' in turn: a row of the table, and of `results.json`."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import CalledProcessError
from typing import Any

from tests.benchmarks import inputs
from tests.benchmarks.inputs import Input
from tests.benchmarks.process import Cost, FailedError, job, measure
from tests.benchmarks.table import key_of
from tests.benchmarks.works import ENVIRONMENTS, Peer, Work
from tests.environments import python_with

OURS = (sys.executable, "-m", "tests.benchmarks.ours")
PEERS = Path(__file__).with_name("peers")
Row = dict[str, Any]

LONG_START = 10  # CPU seconds: cold files are little of them
LEAST, UNSURE = (
    0.1,
    0.15,
)  # CPU seconds, and share of what starting costs, that two runs of the same may differ by


@dataclass(frozen=True)
class Mode:
    """How often each is measured; whether peers run a second, larger input. `haste`: on little, starting costs what it did
    the last time; `most`: MB.
    """

    ours: int
    peers: int
    larger: bool = True
    haste: bool = False
    most: float = 1e9


MODES = {
    "quick": Mode(1, 1, larger=False, haste=True),
    "bench": Mode(3, 1),
    "full": Mode(3, 3),
    "try": Mode(1, 1, larger=False, most=1),  # whether everything works; its figures mean nothing
}


@dataclass(frozen=True)
class Program:
    """A command that takes a job, and the job without its input."""

    command: tuple[str, ...]
    work: str
    language: str
    form: str

    def run(self, given: Input) -> Cost:
        fields: dict[str, Any] = {
            "documents": given.documents,
            "benchmarks": inputs.benchmarks(),
            "questions": inputs.questions(),
        }
        fields |= {
            "language": self.language,
            "form": self.form,
            "tokenizer": inputs.tokenizer(),
            "model": inputs.language_model(),
        }
        with job(self.work, given, **fields) as path:
            cost = measure([*self.command, path])
            labels = path.with_name("labels.json")
            if labels.exists():
                cost.facts["labels"] = json.loads(labels.read_text())
        if cost.facts.get("documents", given.documents) != given.documents:
            raise FailedError(
                f"{self.work}: {cost.facts['documents']} of {given.documents} documents came through"
            )
        return cost


def rows_of(work: Work, mode: Mode, known: dict[str, Row]) -> Iterator[Row]:
    """A row a language. `known`: earlier rows; when in haste, what starting costs is taken from them."""
    for language in work.in_haste if mode.haste else work.languages:
        yield row_of(work, language, mode, known.get(key_of({"work": work.name, "language": language})))


def row_of(work: Work, language: str, mode: Mode, known: Row | None) -> Row:
    ours = Program(OURS, work.work, language, work.form)
    row: Row = {
        "work": work.name,
        "language": language,
        "unit": work.unit,
        "goal": work.goal[language],
        "times": work.times,
    }
    nothing = work.source(language, 0, work.form)
    given = work.source(language, min(mode.most, work.quick if mode.haste else work.megabytes), work.form)
    start = known["ours"]["start"] if mode.haste and known else started(ours, nothing)
    theirs: list[Row] = []
    costs = [ours.run(given)]
    for peer in work.peers:
        theirs.append(peer_row(work, peer, language, mode, known))
        if len(costs) < mode.ours:
            costs.append(ours.run(given))
    costs += [ours.run(given) for _ in range(mode.ours - len(costs))]
    row["ours"] = figures(costs, given, nothing, start)
    row["facts"] = {
        name: fact for name, fact in costs[0].facts.items() if name not in ("labels", "digest", "apart")
    }
    row["peers"] = [{name: fact for name, fact in one.items() if name != "facts"} for one in theirs]
    if work.check and "facts" in theirs[0]:
        most = work.peers[0].quick if mode.haste else work.peers[0].megabytes
        same = ours.run(work.source(language, min(mode.most, most), work.form))
        row["agreement"] = work.check(same.facts, theirs[0]["facts"])
    return row


def peer_row(work: Work, peer: Peer, language: str, mode: Mode, known: Row | None) -> Row:
    """The figures of one peer, or why it was not run."""
    before = next(
        (one for one in (known or {}).get("peers", ()) if one["name"] == peer.name and "start" in one), None
    )
    try:
        requirements = ENVIRONMENTS[peer.name]
        python = python_with(f"bench-{peer.name}", list(requirements)) if requirements else sys.executable
        program = Program((python, str(PEERS / peer.program)), peer.work, language, peer.form)
        nothing = work.source(language, 0, peer.form)
        given = work.source(language, min(mode.most, peer.quick if mode.haste else peer.megabytes), peer.form)
        start = before["start"] if mode.haste and before else started(program, nothing)
        costs = [program.run(given) for _ in range(mode.peers)]
        row = {"name": peer.name, **figures(costs, given, nothing, start), "facts": costs[0].facts}
        if peer.larger and mode.larger and language == work.languages[0]:
            more = work.source(language, peer.larger, peer.form)
            row["larger"] = figures([program.run(more)], more, nothing, start)
    except (FailedError, OSError, CalledProcessError) as error:  # the last is what an installation raises
        return {"name": peer.name, "not_run": str(error)[-500:]}
    return row


def started(program: Program, nothing: Input) -> float:
    """CPU seconds of a process that has almost nothing to do. Of a short one the better of two: the first may find its files
    cold.
    """
    first = spent(program.run(nothing))
    return first if first > LONG_START else min(first, spent(program.run(nothing)))


def spent(cost: Cost) -> float:
    """CPU seconds without what is told apart."""
    return cost.cpu - float(cost.facts.get("apart", 0))


def figures(costs: list[Cost], given: Input, nothing: Input, start: float) -> Row:
    """Medians. `rate`: MB a CPU second beyond what starting costs; None where that is too little to be told from it."""
    cpu = median(map(spent, costs))
    beyond = cpu - start
    told = beyond >= max(LEAST, UNSURE * start)
    return {
        "rate": round((given.bytes - nothing.bytes) / 1e6 / beyond, 4) if told else None,
        "cpu": round(cpu, 2),
        "start": round(start, 2),
        "wall": round(median(one.wall for one in costs), 2),
        "memory": round(max(one.memory for one in costs)),
        "megabytes": round(given.bytes / 1e6, 2),
    }
