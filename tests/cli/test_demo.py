"""`winnow demo`: a newcomer's first minute, on text of this machine."""

import re
from pathlib import Path

from pipeline.cli.demo import harvest
from tests.cli.command import winnow


def test_the_demo_ends_with_the_funnel_and_three_commands_that_work(tmp_path: Path):
    result = winnow("demo", "demo", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for word in (
        "Funnel",
        "Quarantine",
        "sample-zh",
        "licences",
        "exact_duplicate",
        "too_few_words",
        "nul_bytes",
    ):
        assert word in result.stdout
    commands = re.findall(r"^  winnow (.*)$", result.stdout, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        again = winnow(*command.split(), cwd=tmp_path)
        assert again.returncode == 0, again.stderr
    assert "exact_duplicates" in winnow(*commands[0].split(), cwd=tmp_path).stdout
    assert "nothing to do" in winnow("run", "demo/recipe.yaml", cwd=tmp_path).stderr


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("precious")
    result = winnow("demo", str(tmp_path), cwd=tmp_path)
    assert result.returncode == 2
    assert "name an empty folder or a new one" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_harvest_is_the_same_every_time(tmp_path: Path):
    for name in ("one", "two"):
        harvest(tmp_path / name)
    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    )
    assert one == two
    assert sum(map(len, one.values())) > 1_000_000
