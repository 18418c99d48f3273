"""The README says what is so: its tables are the code's, its recipe is valid, its example stage runs."""

import re
from pathlib import Path

from pipeline.cli import COMMANDS
from pipeline.recipe import parse
from pipeline.run.driver import run
from tests import world
from tests.readme import README, written

TEXT = README.read_text(encoding="utf-8")


def test_the_table_of_stages_is_the_code():
    assert written(TEXT) == TEXT, "run: python -m tests.readme"


def test_its_recipe_is_a_recipe():
    yaml = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert yaml
    assert [stage.name for stage in parse(yaml[1]).stages][-1] == "sample"


def test_every_command_that_it_names_is_there():
    named = set(re.findall(r"`?winnow ([a-z]+)", TEXT))
    assert named <= {*COMMANDS, "demo"}
    assert {"run", "why", "account", "manifest", "clean", "recipe"} <= named


def test_its_own_stage_takes_part_in_a_run(tmp_path: Path, monkeypatch):
    code = re.search(r"<!-- own stage -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    assert code
    assert len([line for line in code[1].split("\n") if line and "import" not in line]) <= 15
    (tmp_path / "mine_of_readme.py").write_text(code[1])
    monkeypatch.syspath_prepend(tmp_path)
    world.write_jsonl(
        tmp_path / "raw/a.jsonl", [{"text": "LOUD NOISES ARE HEARD"}, {"text": "quiet words are read"}]
    )
    world.train_tokenizer(tmp_path / "tokenizer.json")
    recipe = f"""
inputs: [{{source: a, path: {tmp_path}/raw/}}]
stages: [{{use: "mine_of_readme:Quiet"}}]
output: {{path: {tmp_path}/out, tokenizer: {tmp_path}/tokenizer.json, pack_tokens: 64}}
"""
    run(parse(recipe))
    rows = world.digests(tmp_path / "out")["decisions"]
    assert [row["reason"] for row in rows] == ["shouting", None]
