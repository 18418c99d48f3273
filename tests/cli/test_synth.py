"""`winnow synth …` as a user types it: the demo to its documents, and those through `winnow run`."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline import ledger, recipe
from pipeline.cli import main
from synth.farm import Farm
from tests import plain
from tests.cli.command import loaded, winnow
from tests.synth import farms


def test_the_demo_makes_documents_that_a_run_takes_as_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No broker, no GPU: 200 requests, books that balance, and packs of what the farm wrote."""
    result = winnow("synth", "demo", "demo", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    books = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)", result.stdout, re.MULTILINE)}
    assert books["submitted"] == 200
    assert books["accepted"] + books["rejected"] == 200
    assert (books["dead"], books["pending"]) == (0, 0)
    assert books["rejected"] > 0
    assert "the books balance" in result.stdout
    monkeypatch.chdir(tmp_path)
    plain.run(recipe.load("demo/recipe.yaml"))
    finished = ledger.open_run("demo/out")
    assert sum(finished.decisions(piece).num_rows for piece in finished.pieces) == books["accepted"]
    again = winnow("synth", "submit", "demo/job.yaml", cwd=tmp_path)
    assert "100 rows: 0 new requests, 200 known; 0 letters sent" in again.stdout
    assert "demo" in winnow("synth", "status", "demo/farm.yaml", cwd=tmp_path).stdout


def test_submit_work_collect_by_command(tmp_path: Path):
    """One worker beside a running engine, as on a node; OpenAI batch lines come out beside the documents."""
    farms.task(tmp_path, Farm(str(tmp_path / "farm")), farms.texts(20))
    with farms.double() as url:
        for arguments in (
            ["submit", "job.yaml"],
            ["work", "farm.yaml", "-v", "double", "--engine", url, "--until-empty"],
        ):
            done = winnow("synth", *arguments, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
    collected = winnow("synth", "collect", "job.yaml", "--batch", "out.jsonl", cwd=tmp_path)
    assert collected.returncode == 0, collected.stderr
    assert "submitted            20" in collected.stdout
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8").count('"status_code":200') == 20


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("precious")
    said = CliRunner().invoke(main, ["synth", "demo", str(tmp_path)])
    assert said.exit_code == 2
    assert "name an empty folder or a new one" in said.output


@pytest.mark.parametrize("name", ["submit", "work", "status", "collect", "dead", "trial", "variants", "demo"])
def test_every_command_teaches(name: str):
    said = CliRunner().invoke(main, ["synth", name, "--help"])
    assert said.exit_code == 0
    assert f"winnow synth {name}" in said.output


def test_mistakes_end_with_2_and_their_place(tmp_path: Path):
    (tmp_path / "job.yaml").write_text("job: j\nfram: x\n")
    said = CliRunner().invoke(main, ["synth", "submit", str(tmp_path / "job.yaml")])
    assert said.exit_code == 2
    assert "job.yaml:2: job: unknown field 'fram'; did you mean 'form'?" in said.output


def test_help_loads_nothing_heavy():
    heavy = ("synth", "aiohttp", "pulsar", "jinja2", "pyarrow", "yaml")
    assert loaded("synth", "--help", among=heavy) == []


def test_the_demo_says_what_to_install_for_vllm(tmp_path: Path):
    said = CliRunner().invoke(main, ["synth", "demo", str(tmp_path / "demo"), "--engine", "vllm"])
    assert said.exit_code == 2
    assert "has no vLLM" in said.output
    assert "vllm/bin/pip install vllm" in said.output
