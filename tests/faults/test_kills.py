"""Shown by 6: kill -9 at each kind of publish and receipt; run again: equal digests, nothing committed done twice, no stray file.

The step functions run in a process that a clean server forks; its store kills it (a store is passed in: nothing is patched).
"""

import multiprocessing
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.store import LocalStore, Store
from pipeline.recipe import Recipe
from pipeline.run.driver import Settings, prepare, run_planned
from pipeline.run.folder import locked
from tests import plain, world

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
    "winnow.sql",
    "shards.parquet",
    "manifest.json",
)


ONCE = (  # those of which a run of this world publishes one
    "plan/",
    "exchange/lists/",
    "receipts/marks/",
    "receipts/packs/",
    "statistics/",
    "receipts/statistics/",
    "quarantine/",
    "winnow.sql",
    "shards.parquet",
    "manifest.json",
)
SEEN: list[str] = []  # of the kind that kills; a store has no fields of its own to count in
PUBLISHED: list[str] = []
SETTINGS = Settings(piece_bytes=1 << 15)


@dataclass(frozen=True)
class Dying:
    """Of a store: it kills its process when the second name of a kind (the first of those in ONCE) is about to be published, or
    just was.
    """

    kind: str = ""
    after: bool = False

    def replace(self, data: bytes, name: str) -> None:
        die(self, name, after=False)
        super().replace(data, name)  # type: ignore[misc]  # the store's
        die(self, name, after=True)


@dataclass(frozen=True)
class DyingStore(Dying, LocalStore):
    def publish(self, temporary: str, name: str) -> bool:
        die(self, name, after=False)
        won = super().publish(temporary, name)
        die(self, name, after=True)
        return won


def die(store: Any, name: str, *, after: bool) -> None:
    if after == store.after and name.startswith(store.kind):
        SEEN.append(name)
        if len(SEEN) == (1 if store.kind in ONCE else 2):
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class WatchingStore(LocalStore):
    """Notes every name that is published or replaced, won or lost."""

    def publish(self, temporary: str, name: str) -> bool:
        PUBLISHED.append(name)
        return super().publish(temporary, name)

    def replace(self, data: bytes, name: str) -> None:
        PUBLISHED.append(name)
        super().replace(data, name)


def run_with(one: Recipe, store: Store, settings: Settings = SETTINGS) -> None:
    """The step functions of a whole run, in this process, on a store of ours."""
    job = prepare(one, settings)
    with locked(store):
        job = replace(job, work=replace(job.work, store=store))
        run_planned(job, job.plan(), plain.walk)


def run_and_die(folder: Path, out: str, kind: str, after: bool) -> None:
    run_with(world.recipe(folder, path=out), DyingStore(out, kind, after))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world"), files=1, rows=40)


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    plain.run(world.recipe(folder, "undisturbed"), SETTINGS)
    return {
        "digests": world.digests(folder / "undisturbed"),
        "names": set(world.listing(folder / "undisturbed")),
    }


@pytest.fixture(scope="module")
def server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.warm"])
    return context


def test_the_kinds_are_all_that_a_run_publishes(folder: Path, tmp_path: Path):
    """A new kind of file must come into the list above, or it would go untested."""
    PUBLISHED.clear()
    out = str(tmp_path / "out")
    run_with(world.recipe(folder, path=out), WatchingStore(out))
    names = set(PUBLISHED) - {"winnow.json"}
    assert {name for name in names if not name.startswith(KINDS)} == set()
    assert [kind for kind in KINDS if not any(name.startswith(kind) for name in names)] == []


def kill(server: Any, folder: Path, out: str, kind: str, after: bool) -> None:
    process = server.Process(target=run_and_die, args=(folder, out, kind, after))
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_loses_nothing(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, server: Any, kind: str
):
    """Killed just before a name is there, and the run that goes on just after."""
    out = str(tmp_path / "out")
    kill(server, folder, out, kind, after=False)
    kill(server, folder, out, kind, after=True)
    receipts = set(LocalStore(out).list("receipts"))
    PUBLISHED.clear()
    run_with(world.recipe(folder, path=out), WatchingStore(out))
    assert world.digests(out) == undisturbed["digests"]
    assert set(world.listing(out)) == undisturbed["names"]
    assert receipts.isdisjoint(PUBLISHED)


@pytest.mark.parametrize("kind", ["receipts/ingest/", "marks/", "receipts/decisions/", "shards/"])
def test_a_run_that_goes_on_with_other_settings_ends_the_same(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, server: Any, kind: str
):
    out = str(tmp_path / "out")
    kill(server, folder, out, kind, after=True)
    run_with(world.recipe(folder, path=out), LocalStore(out), Settings(piece_bytes=1 << 14, buckets=4))
    assert world.digests(out) == undisturbed["digests"]
