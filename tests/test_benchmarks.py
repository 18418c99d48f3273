"""The benchmark's own promises: it counts whole processes, states misses, sees what fell, and its table names what is there."""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.recipe import parse, shipped
from tests.benchmarks import ours, table
from tests.benchmarks.inputs import Input
from tests.benchmarks.process import Cost, FailedError, measure
from tests.benchmarks.side_by_side import PEERS, figures
from tests.benchmarks.works import ENVIRONMENTS, WORKS

BENCH = Path(table.__file__).with_name("bench.yaml")
BUSY = "import time\nwhile time.process_time() < 0.5: pass"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}], check=True)\nprint('noise'); print('{{\"documents\": 3}}')"


def row(rate: float, peer: dict[str, Any], **fields: Any) -> dict[str, Any]:
    cost = {"rate": rate, "cpu": 2.0, "start": 0.5, "wall": 3.0, "memory": 90, "megabytes": 16.0}
    made = {
        "work": "sort",
        "language": "zh",
        "unit": "MB/s",
        "goal": 10,
        "times": False,
        "facts": {"kept": 3},
    }
    return {**made, "ours": cost, "peers": [{**cost, "name": "theirs", **peer}], **fields}


def test_the_cpu_of_children_counts():
    cost = measure([sys.executable, "-c", PARENT])
    assert 0.4 < cost.cpu < 30
    assert cost.memory > 3
    assert cost.facts == {"documents": 3}


def test_a_program_that_fails_says_why():
    with pytest.raises(FailedError, match="no such work"):
        measure([sys.executable, "-c", "raise SystemExit('no such work')"])


def test_a_rate_is_that_of_the_text_beyond_what_starting_costs():
    costs = [Cost(cpu, 9, memory, {"apart": 1}) for cpu, memory in ((6.0, 10), (4.0, 30), (99.0, 20))]
    found = figures(costs, Input((), 5, 41_000_000), Input((), 1, 1_000_000), 1)
    assert (found["cpu"], found["rate"], found["memory"]) == (5, 10, 30)


@pytest.mark.parametrize(("cpu", "start"), [(0.29, 0.2), (11.4, 10), (1.0, 1.2)])
def test_what_cannot_be_told_from_starting_has_no_rate_and_is_not_compared(cpu: float, start: float):
    costs = [Cost(cpu, 9, 30, {})]
    assert figures(costs, Input((), 5, 41_000_000), Input((), 1, 1_000_000), start)["rate"] is None
    assert table.ratio(row(20, {"rate": None})) is None
    lost = row(20, {}, times=True)
    lost["ours"] = {**lost["ours"], "rate": None}
    assert table.goal(lost) == "≥ 10 ×: not compared"
    assert "**no more than starting**" in "".join(table.rows({"rows": [lost]}))


def test_a_ratio_that_fell_by_more_than_15_percent_is_told():
    before = row(20, {"rate": 2})
    assert table.fallen(row(20 * 0.84, {"rate": 2}), before) == ["theirs: 8.4 times, logged 10.0"]
    assert not table.fallen(row(20 * 0.86, {"rate": 2}), before)
    assert not table.fallen(row(10, {"rate": 1}), before)  # a slower machine is slower for both
    assert not table.fallen(row(1, {"rate": 2}), None)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (row(10, {}), "≥ 10"),
        (row(9.9, {}), "**≥ 10: missed**"),
        (row(90, {"rate": 10}, times=True), "**≥ 10 ×: missed**"),
        (row(90, {"rate": 9}, times=True), "≥ 10 ×"),
        (row(90, {"rate": 0, "not_run": "no wheel"}, times=True), "≥ 10 ×: not compared"),
        (row(1, {}, goal=0), ""),
    ],
)
def test_a_miss_is_stated_as_a_miss(one: dict[str, Any], said: str):
    assert table.goal(one) == said


def test_the_tables_name_every_work_and_who_was_not_run():
    run = {"mode": "bench", "date": "2026-01-02", "minutes": 2, "versions": {"numba": "1"}, "figures": [{"what": "linear", "value": "+30 %", "goal": "≤ 10 %", "met": False}]}  # fmt: skip
    run["machine"] = {"cores": 2, "cpu": "X", "memory": 24.0, "python": "3.11", "load": 0.1}
    run["rows"] = [row(20, {"rate": 2, "larger": {"rate": 2.5, "megabytes": 16}}), row(20, {"rate": 0, "not_run": "no wheel"})]  # fmt: skip
    found = table.section(run)
    assert "theirs 2.0, on 16 MB 2.5: 10 ×" in found
    assert "theirs: not run" in found
    assert "no wheel" in found
    assert "| linear | +30 % | **≤ 10 %: missed** |" in found
    assert "Cut short after 2 minutes" in found
    assert "Cut short" not in table.section({**run, "done": True})
    assert "whole runs" not in table.section({**run, "figures": []})
    log = table.insert("# Log\n\nNewest first.\n\n## old\n", found)
    assert log.index("Newest") < log.index("## 2026-01-02") < log.index("## old")


def test_each_work_is_there_on_both_sides_and_peers_are_pinned():
    for work in WORKS:
        assert callable(getattr(ours, work.work))
        for peer in work.peers:
            program = ast.parse((PEERS / peer.program).read_text(encoding="utf-8"))
            assert peer.work in {one.name for one in program.body if isinstance(one, ast.FunctionDef)}
            assert all("==" in one for one in ENVIRONMENTS[peer.name]), peer.name


def test_the_frozen_recipe_has_every_stage_of_web_zh_en():
    names = [[stage.name for stage in parse(text).stages] for text in (BENCH.read_text(encoding="utf-8"), shipped()["web-zh-en"])]  # fmt: skip
    assert names[0] == names[1]


def test_figures_of_whole_runs_are_put_into_the_last_run_which_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table, "RESULTS", tmp_path / "results.json")
    table.log({"mode": "bench", "done": True, "minutes": 20, "rows": [1], "figures": [2]})
    table.replace_figures({"mode": "bench", "date": "2026-01-03", "rows": [], "figures": [3]})
    (kept,) = table.runs()
    assert (kept["rows"], kept["figures"]) == ([1], [3])
    assert table.took(kept) == "Took 20 minutes. Whole runs were measured anew on 2026-01-03."
