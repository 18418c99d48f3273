"""Shown by 6: kill -9 at each kind of publish and receipt; run again: equal digests, nothing committed done twice, no stray file.

The step functions run in a process that a clean server forks; its store kills it (a store is passed in: nothing is patched).
"""

import multiprocessing
import os
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.store import LocalStore
from pipeline.run.driver import Settings, prepare, run, run_locked
from tests import world

KINDS = (  # every kind of name that a run publishes
    "plan/",
    "documents/",
    "quarantine/",
    "columns/",
    "exchange/marks/",
    "exchange/lists/",
    "exchange/statistics/",
    "exchange/pools/",
    "marks/",
    "tokens/",
    "statistics/",
    "decisions/",
    "shards/",
    "receipts/ingest/",
    "receipts/columns/",
    "receipts/marks/",
    "receipts/tokens/",
    "receipts/statistics/",
    "receipts/decisions/",
    "receipts/shards/",
    "receipts/packs/",
    "shards.parquet",
    "manifest.json",
)


@dataclass(frozen=True)
class DyingStore(LocalStore):
    """Kills its process when the `nth` name of a kind is about to be published, or just was."""

    kind: str = ""
    after: bool = False
    nth: int = 2
    seen: list[str] = field(default_factory=list, compare=False)

    def publish(self, temporary: str, name: str) -> bool:
        self.die(name, after=False)
        won = super().publish(temporary, name)
        self.die(name, after=True)
        return won

    def replace(self, data: bytes, name: str) -> None:
        self.die(name, after=False)
        super().replace(data, name)
        self.die(name, after=True)

    def die(self, name: str, *, after: bool) -> None:
        if after == self.after and name.startswith(self.kind):
            self.seen.append(name)
            if len(self.seen) == (1 if "/" not in self.kind or self.kind in ONCE else self.nth):
                os.kill(os.getpid(), signal.SIGKILL)


ONCE = (
    "plan/",
    "exchange/lists/",
    "receipts/marks/",
    "receipts/packs/",
    "statistics/",
    "receipts/statistics/",
    "quarantine/",
)


@dataclass(frozen=True)
class WatchingStore(LocalStore):
    """Notes every name that is published, won or lost."""

    published: list[tuple[str, bool]] = field(default_factory=list, compare=False)

    def publish(self, temporary: str, name: str) -> bool:
        won = super().publish(temporary, name)
        self.published.append((name, won))
        return won


def run_and_die(folder: Path, out: str, kind: str, after: bool) -> None:
    job = prepare(world.recipe(folder, path=out), SETTINGS)
    run_locked(replace(job, work=replace(job.work, store=DyingStore(out, kind, after))))


SETTINGS = Settings(piece_bytes=1 << 15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    run(world.recipe(folder, "undisturbed"), SETTINGS)
    return {
        "digests": world.digests(folder / "undisturbed"),
        "names": set(world.listing(folder / "undisturbed")),
    }


@pytest.fixture(scope="module")
def server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.test_kills", "pipeline.flow"])
    return context


def test_the_kinds_are_all_that_a_run_publishes(folder: Path, tmp_path: Path):
    """A new kind of file must come into the list above, or it would go untested."""
    out = str(tmp_path / "out")
    job = prepare(world.recipe(folder, path=out), SETTINGS)
    store = WatchingStore(out)
    run_locked(replace(job, work=replace(job.work, store=store)))
    names = {name for name, _ in store.published} | {"manifest.json"}
    assert {name for name in names if not name.startswith(KINDS)} == set()
    assert [kind for kind in KINDS if not any(name.startswith(kind) for name in names)] == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_loses_nothing(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, server: Any, kind: str, after: bool
):
    out = str(tmp_path / "out")
    process = server.Process(target=run_and_die, args=(folder, out, kind, after))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    receipts = set(LocalStore(out).list("receipts"))
    job, store = prepare(world.recipe(folder, path=out), SETTINGS), WatchingStore(out)
    run_locked(replace(job, work=replace(job.work, store=store)))
    assert world.digests(out) == undisturbed["digests"]
    assert set(world.listing(out)) == undisturbed["names"]
    assert [name for name, _ in store.published if name in receipts] == []
