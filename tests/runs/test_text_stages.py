"""Whole runs with language, URL lists, garbled text, model output, word lists and redaction in one recipe."""

import random
from pathlib import Path

import pytest

from pipeline import ledger
from pipeline.feed import packs
from pipeline.ledger.account import account
from pipeline.ledger.why import Life, by_url
from pipeline.recipe import Recipe, parse
from tests import plain, world

EN = "The ship came slowly into the port in the evening while the people of the town stood at the quay and waved to her. "
ZH = "傍晚时分，那条船慢慢驶进港口，镇上的人们站在码头边向她挥手，孩子们跟着海鸥一路奔跑。"
LETTER = "来信请寄zhang.san@example.com，或致电13800138000。" + ZH
CORPUS = {  # by the last part of their URLs: text and the stage and reason that are to be found
    "en": (EN, None),
    "zh": (ZH, None),
    "letter": (LETTER, None),
    "fr": (
        "La mer est calme ce soir et le bateau rentre lentement au port, sous les yeux des habitants du village.",
        "language",
    ),
    "casino": (EN, "url_rules"),
    "mojibake": (ZH.encode().decode("latin-1"), "garbled"),
    "loop": (ZH + "所以我再想一想。" * 40, "model_output"),
    "words": ("harbour, stone, salt water: 明月清风水落石出", "word_lists"),
    "addresses": (
        " ".join(f"a{number}@example.com" for number in range(9)) + " all the people of the town",
        "personal_data",
    ),
}
RECIPE = """
inputs: [{{source: web, path: '{folder}/raw/'}}]
stages:
  - url_rules: {{lists: '{folder}/urls.txt'}}
  - garbled
  - word_lists: {{lists: '{folder}/words/*.txt'}}
  - personal_data
  - language
  - model_output: {{where: {{language: [zh, en]}}}}
output: {{path: '{folder}/out', tokenizer: '{folder}/tokenizer.json', pack_tokens: 64}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        {"url": f"https://www.{name}.example.net/{name}", "text": text} for name, (text, _) in CORPUS.items()
    ]
    world.write_jsonl(tmp_path / "raw/a.jsonl", random.Random(2).sample(rows, len(rows)))
    world.train_tokenizer(tmp_path / "tokenizer.json")
    (tmp_path / "urls.txt").write_text("casino.example.net\n")
    (tmp_path / "words").mkdir()
    (tmp_path / "words/zh.txt").write_text("明月\n清风\n水落石出\n", encoding="utf-8")
    (tmp_path / "words/en.txt").write_text("harbour\nstone\nsalt water\n", encoding="utf-8")
    return tmp_path


def recipe(folder: Path) -> Recipe:
    return parse(RECIPE.format(folder=folder))


def life(run: ledger.Run, name: str) -> Life:
    (found,) = by_url(run, f"https://www.{name}.example.net/{name}")
    return found


def test_every_stage_drops_what_it_is_for_and_the_books_balance(folder: Path):
    plain.run(recipe(folder))
    run = ledger.open_run(str(folder / "out"))
    assert {name: life(run, name).stage for name in CORPUS} == {
        name: stage for name, (_, stage) in CORPUS.items()
    }
    assert [line for line in account(run) if line.wrong or line.missing] == []


def test_placeholders_ship_and_what_they_stand_for_does_not(folder: Path):
    from tokenizers import Tokenizer

    plain.run(recipe(folder))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    shipped = "".join(tokenizer.decode(pack.tokens.tolist()) for pack in packs(str(folder / "out")))
    assert "|||EMAIL_ADDRESS|||，或致电|||PHONE_NUMBER|||。" in shipped
    assert "zhang.san" not in shipped
    assert "13800138000" not in shipped


def test_another_list_decides_anew_and_the_same_list_elsewhere_does_not(folder: Path):
    plain.run(recipe(folder))
    before = world.listing(folder / "out")
    (folder / "words/zh.txt").rename(folder / "words/chinese.txt")
    plain.run(recipe(folder))
    assert world.listing(folder / "out") == before
    (folder / "words/chinese.txt").write_text("船\n港口\n码头\n人们\n", encoding="utf-8")
    plain.run(recipe(folder))
    run = ledger.open_run(str(folder / "out"))
    assert [life(run, name).stage for name in ("zh", "words", "en")] == ["word_lists", "word_lists", None]
