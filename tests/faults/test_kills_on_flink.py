"""kill -9 on a Flink cluster: of a Python worker and of a TaskManager with a spare one the job ends, same digests; without a spare it
fails in a stated time, and a later run resumes.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.data.store import LocalStore
from pipeline.engines import cluster
from pipeline.engines.cluster import Cluster
from pipeline.run.driver import Settings, run
from tests import plain, world

pytestmark = [pytest.mark.engine("Flink"), pytest.mark.soak]
WORKER = "pipeline.engines.worker"
SLOT_TIMEOUT = 15_000  # milliseconds that a task waits for a slot; five tries
FAILS_WITHIN = (
    5 * (SLOT_TIMEOUT / 1000 + cluster.CACHE_SECONDS + 2) + 120
)  # seconds: the tries, the pauses between them, and a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world"), files=4, rows=200)


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    plain.run(world.recipe(folder, "undisturbed"))
    return world.digests(folder / "undisturbed")


@contextmanager
def flink(folder: Path, taskmanagers: int) -> Iterator[Cluster]:
    started = cluster.up(str(folder), taskmanagers, slot_timeout=SLOT_TIMEOUT)
    try:
        yield started
    finally:
        cluster.down(str(folder))


def settings(on: Cluster, parallelism: int) -> Settings:
    options = [one for one in on.options["PortableRunner"] if not one.startswith("--parallelism")]
    return Settings(piece_bytes=1 << 14, exchange="engine", beam=(*options, f"--parallelism={parallelism}"))


def strike(out: Path, victim: Callable[[], int]) -> threading.Thread:
    """Kill when a few pieces were read."""

    def wait() -> None:
        while len(list(LocalStore(str(out)).list("receipts/ingest"))) < 3:
            time.sleep(0.1)
        os.kill(victim(), signal.SIGKILL)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def a_worker(on: Cluster) -> int:
    for one in on.processes:
        if one.name.startswith("taskmanager"):
            for below in psutil.Process(one.pid).children(recursive=True):
                if WORKER in below.cmdline() or "sdk_worker" in " ".join(below.cmdline()):
                    return below.pid
    raise AssertionError("no worker runs")


def a_taskmanager(on: Cluster) -> int:
    """One that has a worker: a spare one would not be missed."""
    worker = psutil.Process(a_worker(on))
    pids = {one.pid for one in on.processes}
    return next(above.pid for above in worker.parents() if above.pid in pids)


@pytest.mark.parametrize(
    ("taskmanagers", "victim"), [(2, a_worker), (3, a_taskmanager)], ids=["worker", "taskmanager"]
)
def test_a_kill_costs_only_time(
    folder: Path,
    undisturbed: dict[str, Any],
    tmp_path: Path,
    taskmanagers: int,
    victim: Callable[[Cluster], int],
):
    with flink(tmp_path / "flink", taskmanagers) as on:
        killing = strike(tmp_path / "out", lambda: victim(on))
        run(world.recipe(folder, path=str(tmp_path / "out")), settings(on, 2))
        killing.join(1)
        assert not killing.is_alive(), "the run was over before the kill"
    assert world.digests(tmp_path / "out") == undisturbed


def test_without_a_spare_it_fails_in_time_and_a_later_run_resumes(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path
):
    one = world.recipe(folder, path=str(tmp_path / "out"))
    with flink(tmp_path / "flink", 2) as on:
        strike(tmp_path / "out", lambda: a_taskmanager(on))
        begin = time.monotonic()
        with pytest.raises(RuntimeError, match="FAILED"):
            run(one, settings(on, 2))
        print(f"\nfailed after {time.monotonic() - begin:.0f} s")
        assert time.monotonic() - begin < FAILS_WITHIN
        stood = set(LocalStore(one.output.path).list("receipts"))
        assert stood
        run(one, settings(on, 1))
    assert world.digests(tmp_path / "out") == undisturbed
    assert stood <= set(LocalStore(one.output.path).list("receipts"))
