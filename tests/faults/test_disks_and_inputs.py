"""Disks that stop taking, and inputs that change under a run: it ends with the place and the cure, and the next one goes on."""

import errno
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli.run import cure
from pipeline.data.store import LocalStore
from pipeline.run.driver import begin, prepare
from pipeline.run.folder import FolderError, check_folder, locked
from tests import plain, world
from tests.faults.test_kills import SETTINGS, run_with

LEFT = [0]  # names that the disk still takes


@dataclass(frozen=True)
class Failing(LocalStore):
    """A disk that after a while takes no more."""

    code: int = 0

    def publish(self, temporary: str, name: str) -> bool:
        LEFT[0] -= 1
        if LEFT[0] < 0:
            os.unlink(temporary)
            raise OSError(self.code, os.strerror(self.code), self.path(name))
        return super().publish(temporary, name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world"), files=1, rows=20)


@pytest.mark.parametrize("code", [errno.EDQUOT, pytest.param(errno.EROFS, marks=pytest.mark.soak)])
def test_a_quota_and_a_disk_that_turns_read_only_stop_the_run_and_the_next_goes_on(
    folder: Path, tmp_path: Path, code: int
):
    one = world.recipe(folder, path=str(tmp_path / "out"))
    for taken in (3, 9):
        LEFT[0] = taken
        with pytest.raises(OSError, match=os.strerror(code)) as stopped:
            run_with(one, Failing(one.output.path, code))
        assert stopped.value.filename.startswith(one.output.path)
    plain.run(one, SETTINGS)
    plain.run(world.recipe(folder, "undisturbed"), SETTINGS)
    assert world.digests(tmp_path / "out") == world.digests(folder / "undisturbed")
    assert set(world.listing(tmp_path / "out")) == set(world.listing(folder / "undisturbed"))


def test_a_quota_that_is_used_up_is_told_with_its_cure():
    message = "OSError: [Errno 122] Disk quota exceeded: 'out/documents/a.parquet'"
    assert cure(message, "a.yaml").startswith("a.yaml: the quota is used up: free some and run again")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk that cannot be written, where the machine lets us mount one."""
    place = tmp_path / "shut"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(place)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("not run: needs the right to mount a tmpfs (run as root)")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_read_only_disk_is_refused_before_anything_is_read(read_only: Path):
    store = LocalStore(f"{read_only}/out")
    with pytest.raises(FolderError, match="cannot be written to; choose another output: path"):
        check_folder(store)
    with pytest.raises(FolderError, match="Read-only file system"), locked(store):
        pass


@pytest.mark.parametrize("when", ["before it is read", "while it is read"])
def test_an_input_that_changes_after_the_plan_is_refused_by_its_name(
    folder: Path, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
):
    from pipeline.steps import ingest

    own = world.make(tmp_path, files=1, rows=5)
    path, one = own / "raw/web/0.jsonl", world.recipe(own)

    def change() -> None:
        with path.open("a") as file:
            file.write('{"text": "one more"}\n')

    job = prepare(one, SETTINGS)
    with locked(job.work.store):
        planned = job.plan()
        begin(job, planned)
        if when == "before it is read":
            change()
        else:
            real = ingest.read
            monkeypatch.setattr(ingest, "read", lambda *given: (change(), real(*given))[1])
        with pytest.raises(RuntimeError, match=rf"{path}: changed since the run was planned .*; run again"):
            plain.walk(job, planned)
    monkeypatch.undo()
    assert plain.run(one, SETTINGS)["totals"]["documents"]
