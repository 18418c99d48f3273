"""The commands around a run: help at once, completion, recipe show and schema, manifest, account, why, inspect, export, clean."""

import json
import shutil
from itertools import islice
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from pipeline.cli import COMMANDS, main
from pipeline.cli.export import PACKS
from pipeline.feed import Feed, Share
from pipeline.run.driver import run
from pipeline.ship.formats import FORMATS
from tests import world
from tests.cli.command import loaded, write_recipe

HEAVY = ("apache_beam", "numba", "numpy", "pyarrow", "pydantic", "rich", "tokenizers", "yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = world.make(tmp_path_factory.mktemp("world"))
    run(world.recipe(made))
    write_recipe(made, world.recipe(made))
    return made


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


def test_help_imports_nothing_heavy():
    """So `winnow --help` answers in a tenth of a second."""
    assert loaded("--help", among=HEAVY) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name: str):
    assert len(call(name, "--help").splitlines()) > 5


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_program(shell: str):
    assert "_WINNOW_COMPLETE" in call("completion", shell)


def test_a_misspelt_command_is_answered_with_a_near_one():
    assert "no command 'acount'; did you mean 'account'?" in call("acount", code=2)


def test_the_schema_takes_the_recipe_that_runs(folder: Path):
    schema = json.loads(call("recipe", "schema"))
    jsonschema.validate(yaml.safe_load((folder / "recipe.yaml").read_text()), schema)


def test_show_says_where_every_field_comes_from(folder: Path):
    shown = call("recipe", "show", str(folder / "recipe.yaml"))
    assert yaml.safe_load(shown)
    fields = [line for line in shown.splitlines() if ": " in line and not line.lstrip().startswith("#")]
    assert len(fields) > 30
    assert all("# default" in line or "# recipe.yaml:" in line for line in fields)
    assert "Rae et al. 2021" in shown


def test_verify_and_account_end_with_1_when_something_is_wrong(folder: Path, tmp_path: Path):
    out = tmp_path / "out"
    shutil.copytree(folder / "out", out)
    assert "every shard is the one" in call("manifest", "verify", str(out))
    assert "the books balance" in call("account", str(out))
    victim = min((out / "shards").iterdir())
    victim.unlink()
    assert f"shards/{victim.name}: missing" in call("manifest", "verify", str(out), code=1)
    assert f"shards/{victim.name}: missing" in call("account", str(out), code=1)


def test_lists_of_files_are_made_split_compared_and_verified(folder: Path, tmp_path: Path):
    name = str(tmp_path / "raw.json")
    assert "3 files" in call("manifest", "create", str(folder / "raw"), "web/*", "-o", name)
    assert "web/0.jsonl" in call("manifest", "list", name)
    assert json.loads(call("manifest", "list", name, "*/0.jsonl", "--json"))["path"] == "web/0.jsonl"
    assert "every file is the one" in call("manifest", "verify", name)
    assert "raw.1-of-2.json" in call("manifest", "split", name, "-n", "2", "-o", name)
    assert "- web/" in call("manifest", "diff", name, str(tmp_path / "raw.1-of-2.json"), code=1)
    assert "equal" in call("manifest", "diff", name, name)
    assert "shards/" in call("manifest", "list", str(folder / "out"))
    assert "no manifest.json" in call("manifest", "list", str(folder / "raw"), code=2)


def test_inspect_shows_what_was_dropped_and_what_nearly_was(folder: Path):
    out = str(folder / "out")
    assert "dropped by gopher_quality: too_few_words" in call("inspect", out, "--stage", "gopher_quality")
    assert "falls at min_words" in call(
        "inspect", out, "--stage", "gopher_quality", "--reason", "too_few_words", "--near"
    )
    assert json.loads(call("inspect", out, "--kept", "--sample", "1", "--json"))["reason"] is None
    assert "no stage 'gopher'; there are" in call("inspect", out, "--stage", "gopher", code=2)


def test_where_names_the_documents_of_a_pack(folder: Path):
    assert "tokens 0–" in call("where", "0:0", "--in", str(folder / "out"))
    assert (
        json.loads(call("where", "0:0", "--in", str(folder / "out"), "--json").splitlines()[0])["start"] == 0
    )
    assert "is no place of a pack; write SHARD:PACK" in call(
        "where", "12", "--in", str(folder / "out"), code=2
    )


def test_where_names_the_documents_of_a_step(folder: Path):
    out = str(folder / "out")
    said = call(
        "where",
        "--step",
        "2",
        "--rank",
        "1",
        "--world",
        "2",
        "--batch",
        "3",
        "--seed",
        "4",
        "--in",
        out,
        "--json",
    )
    rows = [json.loads(line) for line in said.splitlines()]
    fed = next(islice(Feed(out, 3, seed=4, share=Share(1, 2)), 2, None))
    spans = [span for pack in fed.spans.to_pylist() for span in pack]
    assert [(row["id"], row["start"], row["stop"]) for row in rows] == [
        (span["id"].hex(), span["start"], span["stop"]) for span in spans
    ]
    assert "--step needs --batch" in call("where", "--step", "2", "--in", out, code=2)
    assert "give a place, SHARD:PACK, or --step" in call("where", "--in", out, code=2)


def test_every_format_of_packs_is_offered():
    assert tuple(FORMATS) == PACKS


@pytest.mark.parametrize("form", PACKS)
def test_packs_are_exported_for_other_trainers(folder: Path, tmp_path: Path, form: str):
    out = str(folder / "out")
    packs = json.loads((folder / "out/manifest.json").read_text())["totals"]["packs"]
    assert f"{packs:,} packs" in call("export", out, str(tmp_path / "x"), "--as", form)
    assert any((tmp_path / "x").iterdir())
    assert "is there already" in call("export", out, str(tmp_path / "x"), "--as", form, code=2)
    assert "--dropped is for documents" in call(
        "export", out, str(tmp_path / "y"), "--as", form, "--dropped", code=2
    )


def test_export_says_what_it_wrote(folder: Path, tmp_path: Path):
    said = call("export", str(folder / "out"), str(tmp_path / "x"), "--as", "parquet")
    assert "documents, " in said
    assert "is there already; name a new folder" in call(
        "export", str(folder / "out"), str(tmp_path / "x"), code=2
    )


def test_why_answers_in_words_and_in_json(folder: Path):
    rows = world.digests(folder / "out")["decisions"]
    duplicate = next(row["id"].hex() for row in rows if row["reason"] == "exact_duplicate")
    words = call("why", duplicate, "--in", str(folder / "out"))
    assert f"{duplicate}  dropped by exact_duplicates: exact_duplicate" in words
    assert "survivor" in words
    assert "limits  min_words 50" in words
    life = json.loads(call("why", duplicate, "--in", str(folder / "out"), "--json"))
    assert life["origin"]["source"] in ("web", "zh")


def test_why_by_url_and_by_text(folder: Path, tmp_path: Path):
    assert "https://zh.example/3" in call("why", "--url", "https://zh.example/3", "--in", str(folder / "out"))
    (tmp_path / "text").write_text(world.documents(100, 4, "zh")[3]["text"], encoding="utf-8")
    assert "from      zh: 0.jsonl" in call(
        "why", "--text", str(tmp_path / "text"), "--in", str(folder / "out")
    )


def test_a_text_that_is_not_utf8_was_never_a_document(folder: Path, tmp_path: Path):
    (tmp_path / "text").write_bytes("中文".encode("gb18030"))
    said = call("why", "--text", str(tmp_path / "text"), "--in", str(folder / "out"), code=2)
    assert "not UTF-8 at byte 0" in said


@pytest.mark.parametrize("arguments", [(), ("00" * 16, "--url", "x"), ("nonsense",)])
def test_why_says_what_it_wants(folder: Path, arguments: tuple[str, ...]):
    assert "Error" in call("why", *arguments, "--in", str(folder / "out"), code=2)


def test_an_unknown_record_ends_with_1(folder: Path):
    assert "no record with this id" in call("why", "00" * 16, "--in", str(folder / "out"), code=1)


def test_an_unfinished_folder_is_named_as_such(tmp_path: Path):
    for command in (
        ["account", str(tmp_path)],
        ["clean", str(tmp_path)],
        ["why", "00" * 16, "--in", str(tmp_path)],
    ):
        assert "was not finished; run it again" in call(*command, code=2)


def test_clean_deletes_nothing_of_a_fresh_run(folder: Path):
    before = world.listing(folder / "out")
    assert "0 files deleted" in call("clean", str(folder / "out"))
    assert world.listing(folder / "out") == before
