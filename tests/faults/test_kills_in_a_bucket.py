"""The kill points of `test_kills`, with the output in a bucket; and two runs that write it at once: equal digests, no stray object."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.objects import ObjectStore
from pipeline.recipe import Recipe
from pipeline.run.folder import MARKER, locked
from tests import plain, world
from tests.buckets import Bucket
from tests.faults.test_kills import KINDS, SETTINGS, Dying, die, run_with

FEW = ("receipts/ingest/", "shards/")


@dataclass(frozen=True)
class DyingObjects(Dying, ObjectStore):
    def create(self, data: bytes | Path, name: str) -> bool:
        die(self, name, after=False)
        won = super().create(data, name)
        die(self, name, after=True)
        return won


def there(environment: dict[str, str], one: Recipe, store: ObjectStore) -> None:
    """A run in a process that was forked before the bucket was known."""
    os.environ.update(environment)
    run_with(one, store)


@pytest.fixture(scope="module")
def server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.warm"])
    return context


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world"), files=1, rows=40)


@pytest.fixture(scope="module")
def undisturbed(folder: Path, bucket: Bucket) -> dict[str, Any]:
    plain.run(world.recipe(folder, "undisturbed"), SETTINGS)
    names = set(world.listing(folder / "undisturbed"))
    return {
        "digests": world.digests(folder / "undisturbed"),
        "names": {one.removeprefix("./") for one in names},
    }


def points() -> list[Any]:
    """A few of the kinds with every bucket, all of them with the real one."""
    few = [pytest.param("gs", kind, id=f"gs-{kind}") for kind in FEW]
    return [
        *few,
        *(pytest.param("s3", kind, id=f"s3-{kind}", marks=pytest.mark.real("S3")) for kind in KINDS),
    ]


@pytest.mark.parametrize(("bucket", "kind"), points(), indirect=["bucket"])
def test_a_kill_loses_nothing(
    bucket: Bucket, kind: str, folder: Path, undisturbed: dict[str, Any], server: Any
):
    """Killed just before an object is there, and the run that goes on just after."""
    out = f"{bucket.url}/kill/{KINDS.index(kind)}"
    one = world.recipe(folder, path=out)
    for after in (False, True):
        process = server.Process(target=there, args=(bucket.environment, one, DyingObjects(out, kind, after)))
        process.start()
        process.join(300)
        assert process.exitcode == -signal.SIGKILL
    run_with(one, ObjectStore(out))
    assert world.digests(out) == undisturbed["digests"]
    assert set(world.listing(out)) == undisturbed["names"]


@dataclass(frozen=True)
class Overtaken(ObjectStore):
    """When it is about to write the second of a kind, another run of the same goes from its begin to its end."""

    kind: str = ""

    def create(self, data: bytes | Path, name: str) -> bool:
        if name.startswith(self.kind):
            SEEN.append(name)
            if len(SEEN) == 2:
                OTHER[0]()
        return super().create(data, name)


SEEN: list[str] = []
OTHER: list[Callable[[], None]] = []


@pytest.mark.parametrize(
    "kind",
    [
        "exchange/pools/",
        *(
            pytest.param(one, marks=pytest.mark.soak)
            for one in ("exchange/marks/", "exchange/lists/", "decisions/")
        ),
    ],
)
def test_a_run_that_is_overtaken_by_another_of_the_same_ends_as_it_does(
    bucket: Bucket, kind: str, folder: Path, undisturbed: dict[str, Any]
):
    """The other sweeps the slices of both."""
    one = world.recipe(folder, path=f"{bucket.url}/overtaken/{KINDS.index(kind)}")
    SEEN.clear()
    OTHER[:] = [lambda: run_with(one, ObjectStore(one.output.path))]
    run_with(one, Overtaken(one.output.path, kind))
    assert len(SEEN) >= 2
    assert world.digests(one.output.path) == undisturbed["digests"]
    assert set(world.listing(one.output.path)) == undisturbed["names"]


@dataclass(frozen=True)
class Beaten(ObjectStore):
    """Just before it looks whether the folder is empty, another run makes the folder its own."""

    def top(self) -> set[str]:
        with locked(ObjectStore(self.root)):
            return super().top()


def test_a_run_that_is_beaten_to_an_empty_folder_takes_it_for_ours(bucket: Bucket):
    with locked(Beaten(f"{bucket.url}/beaten")):
        assert set(world.listing(f"{bucket.url}/beaten")) == {MARKER}


@pytest.mark.real("S3")
@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_two_runs_at_once_do_no_damage(
    bucket: Bucket, folder: Path, undisturbed: dict[str, Any], server: Any
):
    one = world.recipe(folder, path=f"{bucket.url}/two")
    both = [
        server.Process(target=there, args=(bucket.environment, one, ObjectStore(one.output.path)))
        for _ in "ab"
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(300)
    assert [process.exitcode for process in both] == [0, 0]
    assert world.digests(one.output.path) == undisturbed["digests"]
    assert set(world.listing(one.output.path)) == undisturbed["names"]
