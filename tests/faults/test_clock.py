"""No clock decides anything: the wall's is asked where this list says, and a run goes on the same after it was set back by decades."""

import ast
import os
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.store import LocalStore
from tests import world
from tests.faults.patterns import ROOT
from tests.faults.test_kills import folder, kill, run_with, server, undisturbed  # noqa: F401  # fixtures

WALL = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}  # fmt: skip
ALLOWED = {"pipeline.data.objects": "how old a dead process's temporary file is"}
FAR = 4_000_000_000  # the year 2096


def asked(path: Path) -> set[str]:
    """The clocks of the wall that a module asks."""
    names = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    return {name for name in names if name.removeprefix("datetime.") in WALL or name in WALL}


def test_the_pipeline_asks_no_clock_of_the_wall():
    """`winnow synth` talks to clusters, whose clock is theirs."""
    found = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): asked(path)
        for path in (ROOT / "pipeline").rglob("*.py")
        if not path.name.startswith("synth")
    }
    assert {module for module, clocks in found.items() if clocks} == set(ALLOWED)


@pytest.mark.parametrize(
    "kind", ["exchange/marks/", pytest.param("receipts/decisions/", marks=pytest.mark.soak)]
)
def test_a_run_that_is_resumed_after_the_clock_was_set_back_ends_the_same(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, server: Any, kind: str, monkeypatch: pytest.MonkeyPatch  # noqa: F811
):  # fmt: skip
    out = str(tmp_path / "out")
    kill(server, folder, out, kind, after=True)
    for path in Path(out).rglob("*"):
        os.utime(path, (FAR, FAR))  # all that stands comes from the future
    monkeypatch.setattr(time, "time", lambda: 0.0)
    run_with(world.recipe(folder, path=out), LocalStore(out))
    assert world.digests(out) == undisturbed["digests"]
    assert set(world.listing(out)) == undisturbed["names"]
