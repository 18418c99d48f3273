"""A comparison that cuts, through whole runs: books, later stages, tokens, exports, and what is done again."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline import ledger
from pipeline.cli import main
from pipeline.comparisons.exact import ExactDuplicates
from pipeline.comparisons.near import NearDuplicates
from pipeline.comparisons.repeated import RepeatedText
from pipeline.data import tables
from pipeline.ledger.account import account
from pipeline.ledger.clean import clean
from pipeline.ledger.duplicates import recompute
from pipeline.ledger.export import Choice, chosen
from pipeline.ledger.find import find
from pipeline.ledger.why import Life, by_id
from pipeline.recipe import Input, Output, Recipe, Stage
from pipeline.rules.gopher import GopherQuality
from pipeline.rules.personal import RedactPersonalData
from pipeline.rules.refinedweb import RefinedWebLines
from pipeline.run.driver import Settings, prepare, run
from pipeline.run.outlook import outlook
from tests import plain, world
from tests.comparisons.test_repeated import left

FOOT = "All rights of this page are reserved by the harbour company, write to me@harbour.example for the salt water."
ZH = "版权所有，未经本站书面许可不得以任何方式转载本页内容。"
SMALL = Settings(piece_bytes=1 << 14)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of two sources under the same feet, some of nothing else, and pairs that are alike once their feet are gone."""
    folder, chance = tmp_path_factory.mktemp("repeated"), random.Random(3)
    feet = [f"{FOOT} {number}" for number in range(3)]
    web = [
        f"{world.english(chance, 150)}\n3 likes\n{chance.choice(feet)}\n{world.english(chance, 30)}"
        for _ in range(40)
    ]
    web += [FOOT + " 0", f"{FOOT} 1\n\n{FOOT} 1"]
    web += [f"{web[at]}\n" + "\n".join(feet * 4) for at in range(4)]
    zh = [f"{world.chinese(chance, 200)}\n　{ZH}\n" for _ in range(30)]
    for source, texts in (("web", web), ("zh", zh)):
        chance.shuffle(texts)
        for part in range(3):
            world.write_jsonl(
                folder / f"raw/{source}/{part}.jsonl", ({"text": one} for one in texts[part::3])
            )
    world.train_tokenizer(folder / "tokenizer.json")
    return folder


def recipe(folder: Path, path: str, rule: RepeatedText | None = None) -> Recipe:
    """An editor and a comparison before it; an editor, a rule with a `where` on a late column, and a comparison behind it."""
    inputs = [Input(source=source, path=f"{folder}/raw/{source}/") for source in ("web", "zh")]
    output = Output(path=path, tokenizer=f"{folder}/tokenizer.json", pack_tokens=128, pool_tokens=8_000)
    stages = [
        *(RefinedWebLines(), ExactDuplicates(), rule or RepeatedText()),
        RedactPersonalData(),
        Stage(GopherQuality(min_words=20, max_word_length=12), where={"han": {"max": 0}}),
        NearDuplicates(),
    ]
    stages.insert(
        4, Stage(GopherQuality(min_words=1, max_word_length=100, min_stop_words=0), name="measured")
    )
    return Recipe(inputs=inputs, stages=stages, output=output)


@pytest.fixture(scope="module")
def opened(folder: Path) -> ledger.Run:
    plain.run(recipe(folder, f"{folder}/out"), SMALL)
    return ledger.open_run(f"{folder}/out")


def decided(run: ledger.Run) -> dict[bytes, dict[str, Any]]:
    return {row["id"]: row for piece in run.pieces for row in run.decisions(piece).to_pylist()}


def read(run: ledger.Run) -> dict[bytes, str]:
    rows = [row for piece in run.pieces for row in tables.read(run.store, piece.documents).to_pylist()]
    return {row["id"]: row["text"] for row in sorted(rows, key=lambda row: row["id"])}


def naive(run: ledger.Run) -> dict[bytes, str]:
    """The texts that are left of those who were alive, by a set of lines."""
    earlier = ("refinedweb_lines", "exact_duplicates")
    fates, seen, left = decided(run), set(), {}
    for identifier, text in read(run).items():
        if fates[identifier]["stage"] in earlier:
            continue
        kept = []
        for line in text.replace("3 likes\n", "").splitlines(keepends=True):
            repeated = line.strip().startswith((FOOT, ZH))
            kept += [] if repeated and line.strip() in seen else [line]
            seen.add(line.strip())
        left[identifier] = "".join(kept)
    return left


def test_what_ships_is_what_a_naive_count_leaves_and_the_books_balance(opened: ledger.Run):
    assert [line for line in account(opened) if line.wrong or line.missing] == []
    left, fates = naive(opened), decided(opened)
    shipped = {
        identifier: text
        for _, batch in chosen(opened, Choice())
        for identifier, text in zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True)
    }
    assert len(shipped) > 50
    for identifier, text in shipped.items():
        assert text == left[identifier].replace("me@harbour.example", "|||EMAIL_ADDRESS|||")
        fate = fates[identifier]
        assert fate["characters"] - fate["characters_cut"] + fate["characters_put"] == len(text)
    assert sum(FOOT[:30] in text for text in shipped.values()) <= 3
    assert sum(ZH in text for text in shipped.values()) == 1


def test_later_stages_see_the_text_that_is_left(opened: ledger.Run):
    """Nothing left is `empty`; a few words are too few; and what differed by its feet alone is a near duplicate."""
    left, fates = naive(opened), decided(opened)
    by_reason = {
        reason: [one for one, row in fates.items() if row["reason"] == reason]
        for reason in ("empty", "near_duplicate")
    }
    assert len(by_reason["empty"]) > 0
    assert all(fates[one]["stage"] == "repeated_text" and not left[one].strip() for one in by_reason["empty"])
    assert len(by_reason["near_duplicate"]) == 4
    assert [one.wrong for one in recompute(opened, by_reason["near_duplicate"])] == [""] * 4


def test_why_shows_each_cut_and_where_the_same_stays(opened: ledger.Run):
    left, checked = naive(opened), 0
    for identifier in left:
        life = by_id(opened, identifier)
        assert isinstance(life, Life)
        said = next(one for one in life.said if one.stage == "repeated_text").values
        for name, value in said.items():
            if name.startswith("cut "):
                cut, _, other = str(value).rpartition(", which stays in ")
                assert bytes.fromhex(other) <= identifier
                assert cut.strip("'") in left[bytes.fromhex(other)]
                checked += 1
    assert checked > 60
    one = next(one for one, row in decided(opened).items() if row["reason"] == "empty")
    shown = CliRunner().invoke(main, ["why", one.hex(), "--in", opened.store.root]).output
    assert "repeated_text: empty" in shown
    assert "which stays in " in shown


@pytest.mark.parametrize("settings", [Settings(), Settings(piece_bytes=1 << 12, buckets=1)], ids=str)
def test_pieces_and_buckets_change_no_byte(
    folder: Path, opened: ledger.Run, tmp_path: Path, settings: Settings
):
    plain.run(recipe(folder, f"{tmp_path}/out"), settings)
    assert world.digests(tmp_path / "out") == world.digests(opened.store.root)


def test_beam_and_the_shuffle_of_an_engine_do_what_a_plain_loop_over_the_steps_does(
    folder: Path, tmp_path: Path
):
    """Every file and every byte."""
    one = recipe(folder, f"{tmp_path}/out")
    run(one, replace(SMALL, exchange="engine"))
    (tmp_path / "out").rename(tmp_path / "beam")
    plain.run(one, SMALL)
    assert world.listing(tmp_path / "out") == world.listing(tmp_path / "beam")


def test_a_moved_limit_ends_like_a_fresh_run_and_tokenises_only_where_cuts_changed(
    folder: Path, tmp_path: Path
):
    one, other = (recipe(folder, f"{tmp_path}/out", rule) for rule in (None, RepeatedText(more_than=29)))
    plain.run(one, SMALL)
    before = world.listing(tmp_path / "out")
    assert outlook(prepare(one, SMALL), prepare(one, SMALL).plan()).finished
    job = prepare(other, SMALL)
    ahead = outlook(job, job.plan())
    assert {step.name: step.todo for step in ahead.steps}["repeated_text"] == 1
    assert ahead.warnings == ()  # rules that look at what is left stand rightly behind it
    plain.run(other, SMALL)
    made = world.listing(tmp_path / "out").keys() - before.keys()
    plain.run(recipe(folder, f"{tmp_path}/fresh", RepeatedText(more_than=29)), SMALL)
    assert world.digests(tmp_path / "out") == world.digests(tmp_path / "fresh")
    run_ = ledger.open_run(f"{tmp_path}/out")
    changed = {name.split("/")[-2].split("-")[0] for name in made if name.startswith("tokens/")}
    assert changed == {
        piece.name for piece in run_.pieces if piece.input == "web"
    }  # the Chinese foot is cut as before
    assert clean(run_)
    assert world.digests(tmp_path / "out") == world.digests(tmp_path / "fresh")
    assert [line for line in account(run_) if line.wrong] == []


def test_two_comparisons_cut_one_after_the_other(folder: Path, tmp_path: Path):
    """Lines, then the paragraphs of what is left, with an editor between them: as the rules alone do it in turn."""
    block = f"{world.ZH}\n{FOOT}"
    end = "The end of the page, dear reader.\n再见，各位读者，欢迎再来。"
    texts = [f"{number}\n\n{block}\n\n{end}" for number in range(9)]
    world.write_jsonl(tmp_path / "raw/a.jsonl", ({"text": one} for one in texts))
    rules = RepeatedText(more_than=8, min_tokens=18), RepeatedText("paragraph", more_than=7)
    output = Output(path=f"{tmp_path}/out", tokenizer=f"{folder}/tokenizer.json", pack_tokens=64)
    stages = [rules[0], RedactPersonalData(), Stage(rules[1], name="paragraphs")]
    plain.run(
        Recipe([Input(source="web", path=f"{tmp_path}/raw/")], stages, output), Settings(piece_bytes=600)
    )
    opened = ledger.open_run(f"{tmp_path}/out")
    wanted = [one.replace("me@harbour.example", "|||EMAIL_ADDRESS|||") for one in left(texts, rules[0])]
    wanted = left(wanted, rules[1])
    assert wanted == [wanted[0], *(f"{number}\n\n\n" for number in range(1, 9))]
    shipped = [one for _, batch in chosen(opened, Choice()) for one in batch["text"].to_pylist()]
    assert shipped == wanted != texts
    assert len(opened.pieces) > 1
    assert [line for line in account(opened) if line.wrong] == []


def test_new_documents_are_looked_up_by_the_text_that_is_left(opened: ledger.Run, tmp_path: Path):
    """Near duplicates are compared after the cuts, so the corpus's feet are gone and the new document's are not."""
    identifier, text = next(
        (one, text) for one, text in naive(opened).items() if decided(opened)[one]["stage"] is None
    )
    path = world.write_jsonl(tmp_path / "new.jsonl", [{"text": text}])
    (found,) = find(opened, str(path), "web").documents
    assert identifier.hex() in [match.id for match in found.matches]
