"""Shown by 10: a stage that a user wrote, in Python and by `use:`, takes part in everything."""

from dataclasses import replace
from pathlib import Path

from pipeline import ledger
from pipeline.ledger.account import account
from pipeline.ledger.why import Life, by_id
from pipeline.recipe import Stage, dumps, load, parse
from pipeline.run.driver import Settings, prepare, run
from pipeline.run.outlook import outlook
from tests import own_stages, plain, world
from tests.cli.command import ROOT, make, winnow, write_recipe

README = ROOT / "README.md"


def test_in_python_it_drops_compares_and_is_asked_why(tmp_path: Path):
    folder = world.make(tmp_path)
    one = world.recipe(folder)
    own = Stage(own_stages.FewLetters(0.07), where={"source": "web"}, name="letters")
    one = replace(one, stages=(own, own_stages.SameUrlHost(), *one.stages))
    run(one, Settings(piece_bytes=1 << 15))
    opened = ledger.open_run(str(folder / "out"))
    assert [line for line in account(opened) if line.wrong] == []
    rows = [row for piece in opened.pieces for row in opened.decisions(piece).to_pylist()]
    taken = {stage: [row for row in rows if row["stage"] == stage] for stage in ("letters", "same_url_host")}
    assert len(taken["letters"]) > 3
    assert len(taken["same_url_host"]) > 100  # the three files of a source name equal URLs
    life = by_id(opened, taken["letters"][0]["id"])
    assert isinstance(life, Life)
    said = life.said[0]
    assert said.values["letters"] / said.values["all"] < said.limits["min_share"] == 0.07

    looser = replace(one, stages=(replace(own, rule=own_stages.FewLetters(0.01)), *one.stages[1:]))
    job = prepare(looser, Settings(piece_bytes=1 << 15))
    kinds = outlook(job, job.plan()).kinds()
    assert "columns" not in kinds  # the limit moved; nothing is measured again
    assert kinds["marks"]
    plain.run(looser, Settings(piece_bytes=1 << 15))
    plain.run(replace(looser, output=replace(looser.output, path=str(folder / "fresh"))))
    assert world.digests(folder / "out") == world.digests(folder / "fresh")


def test_the_two_forms_are_one_recipe(tmp_path: Path):
    one = replace(
        world.recipe(tmp_path),
        stages=(Stage(own_stages.FewLetters(0.03), name="x"), own_stages.SameUrlHost()),
    )
    assert "tests.own_stages:FewLetters" in dumps(one)
    assert parse(dumps(one)) == one


def test_by_use_on_the_command_line_from_a_file_beside_the_recipe(tmp_path: Path):
    """The module is found where the recipe lies, by every worker too."""
    folder = make(tmp_path)
    (folder / "mine.py").write_text((ROOT / "tests/own_stages.py").read_text())
    write_recipe(
        folder,
        world.recipe(folder),
        stages=[{"use": "mine:FewLetters", "min_share": 0.05}, {"use": "mine:SameUrlHost"}],
    )
    result = winnow("run", "recipe.yaml", "--workers", "2", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "few_letters" in result.stdout
    assert "same_url" in result.stdout
    for command in (("account", "out"), ("clean", "out")):  # they find the module beside the recipe, too
        again = winnow(*command, cwd=folder)
        assert again.returncode == 0, again.stderr
    assert load(str(folder / "recipe.yaml")).stages[0].rule.min_share == 0.05
