"""The recipes that ship, each as it stands, on small made data in both languages: what is planted falls, and the books balance."""

import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline import ledger
from pipeline.cli import main
from pipeline.data import tables
from pipeline.ledger.account import account
from pipeline.ledger.why import Life, by_id
from pipeline.recipe import parse, shipped
from pipeline.run.driver import Settings
from tests import plain, prose, world

ITEMS = {
    "en": "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?",
    "zh": "小明的爷爷在村口种了一片果园，每年秋天都要请邻居来帮忙采摘，今年一共来了十二个人，请问一共摘了多少筐苹果？",
}
FOOT = {
    "en": "All rights of these pages are reserved by the harbour company, and no part of them may be copied without its consent.",
    "zh": "版权所有，未经本站书面许可，任何单位和个人不得以任何方式转载或者复制本页的内容。",
}
WRITE = {"en": prose.english, "zh": prose.chinese}
FRENCH = "Le vieux gardien avait vu la rue étroite avant la fin de la guerre. " * 12


class Made:
    """Documents with, where something is to befall one, a mark in its URL: the stage that drops it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def add(self, source: str, text: str, mark: str = "kept") -> str:
        rows = self.rows.setdefault(source, [])
        rows.append({"text": text, "url": f"https://{source}.example/{mark}/{len(rows)}"})
        return text

    def prose(self, language: str, sentences: int = 16) -> str:
        return WRITE[language](self.chance, sentences)

    def plant(self, source: str, language: str, foot: str = FOOT["en"]) -> None:
        """Sound texts, some under one foot, and one of what the stages that all recipes share are for."""
        for _ in range(22):
            self.add(source, f"{self.prose(language)}\n\n{foot}\n\n{self.prose(language, 5)}")
        first = self.add(source, self.prose(language, 40))
        self.add(source, f" {first}\n", "exact_duplicates")
        self.add(source, first[: -len(first) // 25], "near_duplicates")
        self.add(source, f"{self.prose(language)}\n{ITEMS[language]}", "contamination")
        self.add(source, "".join(f"\ufffd{character}" for character in self.prose(language)), "garbled")
        self.add(source, FRENCH, "language")


def web() -> Made:
    made = Made(1)
    for language in ("en", "zh"):
        source = f"web-{language}"
        made.plant(source, language, FOOT[language])
        made.add(source, f"{made.prose(language)}\n写信到 a.b@harbour.example 。", "redacted")
        made.add(source, f"3 likes\n{made.prose(language)}", "lines")
        feet = [made.prose(language, 2) for _ in range(3)]
        for _ in range(7):
            made.add(source, "\n".join([made.prose(language), *feet]))
        made.add(source, "\n".join([made.prose(language, 1), *feet]), f"what_is_left_{language}")
    made.add("web-en", made.prose("en", 2), "gopher_quality")
    made.add(
        "web-en",
        made.prose("en", 6) + "\nThe sea is wide and the wind that moves it is old." * 9,
        "gopher_repetition",
    )
    made.add("web-zh", made.prose("zh", 1), "fineweb2_chinese")
    made.rows["web-en"][0]["url"] = "https://www.example.invalid/url_rules/0"
    return made


def books() -> Made:
    made = Made(2)
    for source, language in (("books", "en"), ("papers", "zh")):
        made.plant(source, language, FOOT[language])
        made.add(source, made.prose(language, 1), {"en": "gopher_quality", "zh": "chinese_quality"}[language])
    made.add("papers", made.rows["books"][0]["text"], "exact_duplicates")
    return made


def code() -> Made:
    made = Made(3)
    for language in ("en", "zh"):
        made.plant("docs", language, FOOT["en"])
    return made


def python_file(number: int) -> str:
    body = "\n\n".join(
        f"def step_{number}_{at}(value):\n    return value * {number} + {at}" for at in range(20)
    )
    return f"# SPDX-License-Identifier: MIT\nKEY = 'AKIAIOSFODNN7REALKEY'\n{body}\n"


def write_code(folder: Path) -> None:
    files = {f"src/{number}.py": python_file(number) for number in range(5)}
    files |= {"fork/0.py": python_file(0), "src/sea_pb2.py": "sea = 1\n", "third_party/x.py": python_file(99)}
    for name, text in files.items():
        path = folder / "raw/code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


MADE = {"web-zh-en": web, "books-and-papers": books, "code-and-docs": code}


def test_every_recipe_that_ships_is_tried_here():
    assert set(shipped()) == set(MADE)


def run_shipped(name: str, folder: Path, made: Made) -> ledger.Run:
    """The recipe as it stands, in a folder that is laid out as it says."""
    for source, rows in made.rows.items():
        world.write_jsonl(folder / f"raw/{source}/a.jsonl", rows)
    for language, item in ITEMS.items():
        world.write_jsonl(folder / f"benchmarks/{language}.jsonl", [{"question": item, "answer": "3"}])
    world.train_tokenizer(folder / "tokenizer.json")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        plain.run(parse(shipped()[name], str(folder / "recipe.yaml")), Settings(beside=str(folder)))
    return ledger.open_run(str(folder / "out"))


@pytest.fixture(scope="module", params=["web-zh-en", "books-and-papers"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ledger.Run, Made]:
    made = MADE[request.param]()
    return run_shipped(request.param, tmp_path_factory.mktemp(request.param), made), made


def documents(run: ledger.Run) -> list[dict[str, Any]]:
    """Every document with its decision beside it."""
    return [
        {**document, **row}
        for piece in run.pieces
        for document, row in zip(
            tables.read(run.store, piece.documents, ["id", "url", "source"]).to_pylist(),
            run.decisions(piece).to_pylist(),
            strict=True,
        )
    ]


def strays(run: ledger.Run, made: Made) -> dict[str, str | None]:
    """The planted documents, by URL, that fell to another stage than the one they are for, with that stage."""
    stages = {stage.name for stage in run.work.placed.stages}
    fell = {row["url"]: row["stage"] for row in documents(run) if row["url"]}
    assert len(fell) == sum(map(len, made.rows.values()))
    assert {stage for stage in fell.values() if stage} >= {"garbled", "contamination", "near_duplicates"}
    wanted = {url: mark if (mark := url.split("/")[3]) in stages else None for url in fell}
    return {url: stage for url, stage in fell.items() if stage != wanted[url]}


def test_what_is_planted_falls_to_its_stage_and_the_rest_is_kept(opened: tuple[ledger.Run, Made]):
    assert strays(*opened) == {}


def test_the_books_balance_and_every_stage_speaks(
    opened: tuple[ledger.Run, Made], monkeypatch: pytest.MonkeyPatch
):
    run, _ = opened
    monkeypatch.chdir(Path(run.store.root).parent)  # where the recipe's paths begin
    assert [line for line in account(run) if line.wrong or line.missing] == []
    cut = [row["id"] for row in documents(run) if not row["stage"] and row["characters_cut"]]
    assert len(cut) > 20
    life = by_id(run, cut[0])
    assert isinstance(life, Life)
    assert life.places
    assert [said.stage for said in life.said] == [stage.name for stage in run.work.placed.stages]
    assert any("which stays in" in str(said.values) for said in life.said)


def test_code_keeps_its_licence_and_loses_its_keys_its_forks_and_what_nobody_wrote(tmp_path: Path):
    write_code(tmp_path)
    made = code()
    run = run_shipped("code-and-docs", tmp_path, made)
    assert strays(run, made) == {}
    assert [line for line in account(run) if line.wrong] == []
    found = {
        life.origin.file: life
        for row in documents(run)
        if row["source"] == "code" and isinstance(life := by_id(run, row["id"]), Life)
    }
    assert {name: life.stage for name, life in found.items() if life.stage} == {
        max("fork/0.py", "src/0.py", key=lambda name: found[name].id): "exact_duplicates",
        "src/sea_pb2.py": "generated",
        "third_party/x.py": "vendored",
    }
    assert found["src/1.py"].characters_put == len("|||SECRET_KEY|||")


def test_recipe_print_gives_them(tmp_path: Path):
    listed = CliRunner().invoke(main, ["recipe", "print"]).output
    assert [line.split()[0] for line in listed.splitlines()] == sorted(MADE)
    text = CliRunner().invoke(main, ["recipe", "print", "web-zh-en"]).output
    assert text == shipped()["web-zh-en"]
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    assert "default" in CliRunner().invoke(main, ["recipe", "show", str(tmp_path / "recipe.yaml")]).output
    wrong = CliRunner().invoke(main, ["recipe", "print", "web"])
    assert wrong.exit_code == 2
    assert "no recipe 'web'; " in wrong.output
