"""A whole run against benchmarks: what falls, what `why` shows, and what is done again when something changes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import ledger
from pipeline.ledger.account import account
from pipeline.ledger.why import Life, by_id
from pipeline.recipe import Recipe, Stage, dumps, parse
from pipeline.rules.contamination import Contamination
from pipeline.run.driver import Settings, SetupError, prepare, run
from pipeline.run.outlook import outlook
from pipeline.steps.judge import read_statistics
from tests import plain, world
from tests.cli.command import winnow

QUESTIONS = {
    "robes": "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?",
    "果园": "小明的爷爷在村口种了一片果园，每年秋天都要请邻居来帮忙采摘，今年一共来了十二个人，请问一共摘了多少筐苹果？",
}


def made(folder: Path) -> Path:
    """The small world, two benchmarks beside the recipe, and an item of each planted in a file of its own."""
    world.make(folder, files=1)
    for name, question in QUESTIONS.items():
        world.write_jsonl(folder / f"benchmarks/{name}.jsonl", [{"question": question, "answer": "3"}])
    texts = [f"Quiz!\n{question.upper()}\nWell?" for question in QUESTIONS.values()]
    world.write_jsonl(folder / "raw/web/leaks.jsonl", [{"text": text, "url": None} for text in texts])
    return folder


def recipe(folder: Path, rule: Contamination, out: str = "out") -> Recipe:
    one = world.recipe(folder, out)
    return replace(one, stages=(Stage(rule, name="benchmarks"), *one.stages))


def files_of(folder: Path) -> set[str]:
    return {name for name in world.listing(folder) if name.startswith("columns/")}


def reasons(run: ledger.Run) -> list[dict[str, Any]]:
    rows = [row for piece in run.pieces for row in run.decisions(piece).to_pylist()]
    return [row for row in rows if row["reason"] == "contaminated"]


def test_leaks_fall_the_books_balance_and_why_shows_the_item(tmp_path: Path):
    folder = made(tmp_path)
    settings = Settings(beside=str(folder))
    one = recipe(folder, Contamination("benchmarks/*.jsonl"))
    plain.run(one, settings)
    opened = ledger.open_run(str(folder / "out"))
    assert [line for line in account(opened) if line.wrong] == []
    fallen = reasons(opened)
    assert len(fallen) == 2
    shown = {}
    for row in fallen:
        life = by_id(opened, row["id"])
        assert isinstance(life, Life)
        shown |= life.said[0].values
    assert shown["robes:1"].startswith("coverage 1.00 (limit ")
    assert QUESTIONS["robes"] in shown["robes:1"]
    assert "A ROBE TAKES" in shown["robes:1"]
    assert QUESTIONS["果园"] in shown["果园:1"]
    said = winnow("why", fallen[0]["id"].hex(), "--in", "out", cwd=folder)
    assert said.returncode == 0, said.stderr
    assert "dropped by benchmarks: contaminated" in said.stdout
    assert "max_coverage 0.5" in said.stdout

    moved = prepare(
        replace(
            one, stages=(Stage(Contamination("benchmarks/*.jsonl", 0.7), name="benchmarks"), *one.stages[1:])
        ),
        settings,
    )
    assert "columns" not in outlook(moved, moved.plan()).kinds()  # the limit moved, no text is read

    before = files_of(folder / "out")
    world.write_jsonl(
        folder / "benchmarks/third.jsonl", [{"prompt": "How wide is the sea that we have with the salt?"}]
    )
    plain.run(one, settings)
    after = files_of(folder / "out")
    assert before < after
    assert (
        len({name.split("/")[1] for name in after - before}) == 1
    )  # one column file a piece: the third benchmark's


def test_the_folder_can_be_anywhere_and_the_manifest_names_no_machine(tmp_path: Path):
    folder = made(tmp_path / "here")
    rule = Contamination(("benchmarks/robes.jsonl", "benchmarks/果园.jsonl"))
    plain.run(recipe(folder, rule), Settings(beside=str(folder)))
    written = json.loads((folder / "out/manifest.json").read_text())["recipe"]
    assert "- benchmarks/robes.jsonl" in written or "[benchmarks/robes.jsonl" in written
    shutil.move(folder, tmp_path / "there")
    assert len(reasons(ledger.open_run(str(tmp_path / "there/out")))) == 2
    shutil.rmtree(tmp_path / "there/benchmarks")
    with pytest.raises(ledger.LedgerError, match=r"no file matches '.*benchmarks/robes.jsonl'"):
        ledger.open_run(str(tmp_path / "there/out"))


def test_a_renamed_folder_measures_nothing_again_and_a_changed_file_does(tmp_path: Path):
    folder = made(tmp_path)
    settings = Settings(beside=str(folder))
    plain.run(recipe(folder, Contamination("benchmarks/*.jsonl")), settings)
    (folder / "benchmarks").rename(folder / "tests")
    job = prepare(recipe(folder, Contamination("tests/*.jsonl")), settings)
    assert outlook(job, job.plan()).finished
    with (folder / "tests/robes.jsonl").open("a") as file:
        file.write('{"question": "How many robes does a tailor sew?"}\n')
    job = prepare(recipe(folder, Contamination("tests/*.jsonl")), settings)
    lacking = [step for step in outlook(job, job.plan()).steps if step.kind == "columns" and step.todo]
    assert [step.name for step in lacking] == ["measure BenchmarkHits"]


def test_a_recipe_whose_benchmarks_are_not_there_is_refused_at_its_line(tmp_path: Path):
    folder = made(tmp_path)
    one = recipe(folder, Contamination("nowhere/*.jsonl"))
    assert parse(dumps(one)) == one
    with pytest.raises(SetupError, match=r"no file matches '.*nowhere/\*\.jsonl'") as error:
        prepare(one, Settings(beside=str(folder)))
    assert error.value.place == ("stages", 0)


def test_beam_takes_the_statistic_and_gives_the_same(tmp_path: Path):
    folder = made(tmp_path)
    world.write_jsonl(
        folder / "raw/web/sayings.jsonl", [{"text": f"{n}: {QUESTIONS['robes']}"[:80]} for n in range(20)]
    )
    rule = Contamination("benchmarks/*.jsonl")
    settings = Settings(beside=str(folder), piece_bytes=1 << 15)
    plain.run(recipe(folder, rule), settings)
    run(recipe(folder, rule, "beam"), settings)
    assert world.digests(folder / "out") == world.digests(folder / "beam")
    opened = ledger.open_run(str(folder / "out"))
    stage = opened.work.placed.stages[0]
    strays = dict(
        zip(
            (one.name for one in rule_of(folder).needs),
            read_statistics(opened.work, stage, opened.corpus),
            strict=True,
        )
    )
    assert strays["robes"]["documents"].to_pylist()[0] == 20
    assert strays["果园"].num_rows == 0


def rule_of(folder: Path) -> Contamination:
    return Contamination(str(folder / "benchmarks/*.jsonl"))
