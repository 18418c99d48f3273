"""`winnow run` as a user runs it: progress and funnel, resumption after kills, refusals with the line and the cure."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from pipeline.run.supervisor import worker_pids
from tests import world
from tests.cli.command import make, running, winnow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def finished(folder: Path) -> subprocess.CompletedProcess[str]:
    return winnow("run", "recipe.yaml", "--workers", "2", cwd=folder)


@pytest.fixture(scope="module")
def undisturbed(folder: Path, finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return world.digests(folder / "out")


def test_a_run_says_what_it_will_do_and_shows_the_funnel(finished: subprocess.CompletedProcess[str]):
    assert finished.returncode == 0, finished.stderr
    assert "+ read" in finished.stderr
    for word in (
        "Funnel",
        "exact_duplicates",
        "too_few_words",
        "Quarantine",
        "broken_json",
        "Shipped",
        "packs of 256 tokens",
    ):
        assert word in finished.stdout


def test_a_second_run_imports_no_beam_and_says_so(folder: Path, finished: subprocess.CompletedProcess[str]):
    code = "import sys; from pipeline.cli import main; main(['run', 'recipe.yaml'], standalone_mode=False); "
    code += "assert 'apache_beam' not in sys.modules"
    from tests.cli.command import ENVIRONMENT

    again = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stderr


def test_the_command_line_and_the_library_give_equal_bytes(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path
):
    from pipeline.run.driver import run

    run(world.recipe(folder, path=str(tmp_path / "out")))
    assert world.digests(tmp_path / "out") == undisturbed


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that a run does on its way."""
    deadline = time.monotonic() + 180  # a slow machine is no failure
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "it did not come to that in three minutes"
        time.sleep(0.05)


def something_read(folder: Path) -> bool:
    return (
        any((folder / "out/receipts/ingest").glob("*.json"))
        if (folder / "out/receipts/ingest").is_dir()
        else False
    )


def test_a_killed_driver_takes_its_pipeline_along_and_the_next_run_goes_on(
    tmp_path: Path, undisturbed: dict[str, Any]
):
    folder = make(tmp_path)
    with running("run", "recipe.yaml", "--workers", "2", cwd=folder) as process:
        until(lambda: something_read(folder), process)
        below = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive
    assert not (folder / "out/manifest.json").exists()
    again = winnow("run", "recipe.yaml", "--workers", "2", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert world.digests(folder / "out") == undisturbed
    assert not list((folder / "out").glob("tmp/*"))
    assert not list((folder / "out").glob("exchange/*"))


def test_a_killed_worker_is_replaced_and_the_run_goes_on_by_itself(
    tmp_path: Path, undisturbed: dict[str, Any]
):
    folder = make(tmp_path)
    with running("run", "recipe.yaml", "--workers", "2", cwd=folder) as process:
        until(lambda: something_read(folder) and bool(worker_pids(process.pid)), process)
        with contextlib.suppress(ProcessLookupError):
            os.kill(min(worker_pids(process.pid)), signal.SIGKILL)
        _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert "a worker was lost; starting again" in error
    assert not list((folder / "out").glob("tmp/*"))
    assert world.digests(folder / "out") == undisturbed


# Refusals


def refused(folder: Path, *words: str, code: int = 2, arguments: tuple[str, ...] = ()) -> None:
    result = winnow("run", "recipe.yaml", *arguments, cwd=folder)
    assert result.returncode == code, result.stderr
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


def change(folder: Path, key: str, value: Any) -> None:
    path = folder / "recipe.yaml"
    fields = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**fields, key: value}))


@pytest.fixture
def small(folder: Path, tmp_path: Path) -> Path:
    """The world's recipe in a folder of its own, its inputs where they are."""
    text = (
        (folder / "recipe.yaml")
        .read_text()
        .replace("raw/", f"{folder}/raw/")
        .replace("path: out", "path: mine")
    )
    (tmp_path / "recipe.yaml").write_text(text.replace("tokenizer.json", f"{folder}/tokenizer.json"))
    return tmp_path


def test_an_unknown_field_is_named_with_its_line_and_a_near_one(small: Path):
    change(small, "stages", [{"gopher_quality": {"min_word": 3}}])
    refused(small, "recipe.yaml:", "gopher_quality: unknown field 'min_word'; did you mean 'min_words'?")
    assert not (small / "mine").exists()


def test_a_path_that_matches_nothing_is_refused_with_its_line(small: Path):
    change(small, "inputs", [{"source": "a", "path": "nowhere/*.jsonl"}])
    change(small, "stages", [])
    refused(
        small, "recipe.yaml:2: a: no file matches 'nowhere/*.jsonl' below", "give a file, a folder, or a glob"
    )


def test_a_folder_that_is_not_ours_is_refused_and_left_alone(small: Path):
    (small / "mine").mkdir()
    (small / "mine/thesis.tex").write_text("precious")
    refused(small, "holds 'thesis.tex' and is not of ours; choose an empty folder")
    refused(small, "holds 'thesis.tex' and is not of ours", arguments=("--plan",))
    assert [path.name for path in (small / "mine").iterdir()] == ["thesis.tex"]


def test_a_folder_of_another_schema_is_refused(small: Path):
    (small / "mine").mkdir()
    (small / "mine/winnow.json").write_text(json.dumps({"schema": 99}))
    refused(small, "has schema 99, this version writes 1")


def test_a_file_in_the_place_of_the_output_is_refused(small: Path):
    (small / "mine").write_text("")
    refused(small, "cannot be written to")
    assert (small / "mine").read_text() == ""


def test_two_runs_at_once_are_refused_at_once(small: Path):
    (small / "mine").mkdir()
    (small / "mine/winnow.json").write_text(json.dumps({"schema": 1}))
    with open(small / "mine/.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(small, "another run is using this folder")


def test_a_full_disk_stops_the_run_with_the_cure_and_damages_nothing(
    small: Path, undisturbed: dict[str, Any]
):
    """A disk of 400 kB, where the machine lets us mount one."""
    (small / "mine").mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small / "mine")],
        check=False,
        capture_output=True,
    )
    if mount.returncode:
        pytest.skip("not run: needs the right to mount a tmpfs (run as root)")
    try:
        refused(small, "the disk is full: free some and run again", code=1)
        subprocess.run(["mount", "-o", "remount,size=64m", str(small / "mine")], check=True)
        again = winnow("run", "recipe.yaml", "--workers", "1", cwd=small)
        assert again.returncode == 0, again.stderr
        assert world.digests(small / "mine") == undisturbed
        subprocess.run(["mount", "-o", "remount,ro", str(small / "mine")], check=True)
        change(small, "stages", ["exact_duplicates"])
        refused(small, "mine: ", "choose another output: path")
    finally:
        subprocess.run(["umount", "-l", str(small / "mine")], check=True)


def test_a_plan_writes_nothing(small: Path):
    result = winnow("run", "recipe.yaml", "--plan", cwd=small)
    assert result.returncode == 0, result.stderr
    assert "+ read" in result.stderr
    assert not (small / "mine").exists()


def test_an_order_that_wastes_work_is_warned_of(small: Path):
    change(small, "stages", ["exact_duplicates", "gopher_quality"])
    result = winnow("run", "recipe.yaml", "--plan", cwd=small)
    assert "! gopher_quality stands after exact_duplicates" in result.stderr


def test_a_limit_tries_the_recipe_beside_the_real_output(small: Path):
    result = winnow("run", "recipe.yaml", "--workers", "1", "--limit", "7", cwd=small)
    assert result.returncode == 0, result.stderr
    assert not (small / "mine").exists()
    rows = world.digests(small / "mine.first-7")["decisions"]
    assert len(rows) == 7 + 7 + 5


def test_a_failing_stage_ends_the_run_with_its_own_words(small: Path):
    (small / "bad_stage.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class Fails:\n"
        "    version = 1\n    needs = ()\n    reasons = ('never',)\n"
        "    def __call__(self, seen):\n        raise ZeroDivisionError('the stage is wrong')\n"
    )
    change(small, "stages", [{"use": "bad_stage:Fails"}])
    result = winnow("run", "recipe.yaml", cwd=small)
    assert result.returncode == 1
    *before, last = result.stderr.splitlines()
    assert (
        last
        == "recipe.yaml: stage fails failed in bad_stage.py, line 8: ZeroDivisionError: the stage is wrong"
    )
    assert before[-1] == "ZeroDivisionError: the stage is wrong"
    assert "apache_beam" not in result.stderr
    assert "starting again" not in result.stderr


def test_a_stage_whose_module_cannot_be_imported_is_told_with_its_line(small: Path):
    (small / "half_done.py").write_text("import os\n@dataclass\nclass Fails:\n    pass\n")
    change(small, "stages", [{"use": "half_done:Fails"}])
    refused(small, "recipe.yaml:", "half_done cannot be imported (half_done.py, line 2: NameError")


def test_an_input_that_gave_nothing_is_said_at_the_end(small: Path, folder: Path):
    change(small, "inputs", [{"source": "a", "path": f"{folder}/raw/zh/0.jsonl", "text": "content"}])
    change(small, "stages", [])
    result = winnow("run", "recipe.yaml", "--workers", "1", cwd=small)
    assert result.returncode == 0, result.stderr
    said = (
        "! a: none of its 61 records became a document, most of them missing_text; is its `text:` the field"
    )
    assert said in " ".join(result.stdout.split())


def test_two_inputs_that_read_one_file_are_warned_of(small: Path, folder: Path):
    path = f"{folder}/raw/zh/0.jsonl"
    change(small, "inputs", [{"source": "a", "path": path}, {"source": "b", "path": path}])
    change(small, "stages", [])
    result = winnow("run", "recipe.yaml", "--plan", cwd=small)
    assert "! a and b read the same 1 file" in result.stderr
