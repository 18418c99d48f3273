"""Shown by 6, whole: kill -9 of the driver, and of the process that publishes, at each kind of publish, all by the command line.

A `sitecustomize` on the path of these processes alone stands in for the killer: the product has no fail points.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import world
from tests.cli.command import ENVIRONMENT, WINNOW, make
from tests.faults.test_kills import KINDS

KILLER = """
import os, signal

def install():
    from pipeline.data.store import LocalStore
    kind, victim, marker = (os.environ[f"KILLER_{name}"] for name in ("KIND", "VICTIM", "MARKER"))

    def strike(name):
        if not name.startswith(kind):
            return
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        pid = os.getpid()
        if victim == "driver":
            import psutil
            above = [one for one in psutil.Process().parents() if "winnow" in " ".join(one.cmdline())]
            pid = above[-1].pid if above else pid
        os.kill(pid, signal.SIGKILL)

    for verb in ("publish", "replace"):
        def wrapped(self, data, name, original=getattr(LocalStore, verb)):
            result = original(self, data, name)
            strike(name)
            return result
        setattr(LocalStore, verb, wrapped)

install()
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = make(tmp_path_factory.mktemp("undisturbed"))
    result = subprocess.run(
        [*WINNOW, *RUN], cwd=folder, env=ENVIRONMENT, check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return {"digests": world.digests(folder / "out"), "names": outcome(folder)}


RUN = ("run", "recipe.yaml", "--workers", "2")


def outcome(folder: Path) -> set[str]:
    """The names that hold neither the paths nor the times of this folder's inputs."""
    return {
        name for name in world.listing(folder / "out") if not name.startswith(("plan/", "receipts/ingest/"))
    }


@pytest.mark.soak
@pytest.mark.parametrize("victim", ["driver", "publisher"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("exchange/lists")])
def test_a_kill_loses_nothing(tmp_path: Path, undisturbed: dict[str, Any], kind: str, victim: str):
    folder = make(tmp_path / "world")
    (tmp_path / "killer").mkdir()
    (tmp_path / "killer/sitecustomize.py").write_text(KILLER)
    path = os.pathsep.join([str(tmp_path / "killer"), ENVIRONMENT["PYTHONPATH"]])
    marks = {"KILLER_KIND": kind, "KILLER_VICTIM": victim, "KILLER_MARKER": str(tmp_path / "struck")}
    command = [*WINNOW, *RUN]
    first = subprocess.run(
        command, cwd=folder, env={**ENVIRONMENT, "PYTHONPATH": path, **marks}, check=False, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert (tmp_path / "struck").exists(), "nothing of this kind was published"
    if victim == "publisher" and kind not in ("plan/", "winnow.sql", "shards.parquet", "manifest.json"):
        assert first.returncode == 0, first.stderr  # the supervisor went on by itself
    else:
        assert first.returncode != 0
        again = subprocess.run(
            command, cwd=folder, env=ENVIRONMENT, check=False, capture_output=True, text=True, timeout=300
        )
        assert again.returncode == 0, again.stderr
    assert world.digests(folder / "out") == undisturbed["digests"]
    assert outcome(folder) == undisturbed["names"]
