"""`winnow duplicates`: groups and matrix are the marks', every removal recomputes, a wrong one is named, new documents are found."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from pipeline import ledger
from pipeline.cli import main
from pipeline.comparisons.exact import ExactDuplicates
from pipeline.comparisons.near import NearDuplicates, signature_rows
from pipeline.data import tables
from pipeline.kernels.minhash import band_keys
from pipeline.ledger.duplicates import groups, matrix, recompute, removals, stood
from pipeline.ledger.find import find, nominated
from pipeline.ledger.why import Life, by_id
from pipeline.recipe import Input, Output, Recipe, Stage
from pipeline.rules.refinedweb import RefinedWebLines
from pipeline.rules.sample import Sample
from pipeline.steps.judge import piece_view
from pipeline.steps.measure import Measuring
from pipeline.steps.placed import place
from tests import own_stages, plain, world
from tests.oracles import shingles as oracle

COMMON = ["the", "sea", "of", "and"]


def english(family: int, words: int = 120) -> str:
    return " ".join(f"f{family}w{number}" for number in range(words))


def chinese(family: int, characters: int = 120) -> str:
    return "".join(chr(0x4E00 + family * 200 + number) for number in range(characters))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ledger.Run:
    """Copies and near copies within and across two sources, zh and en, in small pieces; one source is dropped at the end."""
    folder, chance = tmp_path_factory.mktemp("duplicates"), random.Random(1)
    web = [english(n, 110 + n % 3 * 10) for n in range(12)] + [chinese(n) for n in range(12)]
    books = [english(n) + " more" for n in range(6)] + [f" {chinese(n)}\n" for n in range(6)]
    web += [f"{english(0)}\n3 likes", english(0), chinese(1), "3 likes"]
    chance.shuffle(web)
    for source, texts in (("web", web), ("books", books)):
        for part in range(2):
            world.write_jsonl(
                folder / f"raw/{source}/{part}.jsonl", ({"content": one} for one in texts[part::2])
            )
    world.train_tokenizer(folder / "tokenizer.json")
    inputs = [Input(source=one, path=f"{folder}/raw/{one}/", text="content") for one in ("web", "books")]
    stages = [RefinedWebLines(), ExactDuplicates(), NearDuplicates(), Stage(Sample(epochs={"books": 0}))]
    output = Output(
        path=f"{folder}/out", tokenizer=f"{folder}/tokenizer.json", pack_tokens=256, pool_tokens=20_000
    )
    plain.run(Recipe(inputs=inputs, stages=stages, output=output))
    return ledger.open_run(f"{folder}/out")


def decided(run: ledger.Run) -> list[dict[str, Any]]:
    return [row for piece in run.pieces for row in run.decisions(piece).to_pylist()]


def call(run: ledger.Run, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["duplicates", run.store.root, *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_groups_and_matrix_are_what_the_stages_removed(run: ledger.Run):
    for stage in run.work.placed.comparisons:
        marks = removals(run, stage)
        gone = [row["id"] for row in decided(run) if row["stage"] == stage.name]
        assert sorted(gone) == marks["id"].to_pylist() != []
        assert sum(matrix(marks).values()) == len(gone)
        every = groups(run, stage, marks, 1000, shown=1000)
        assert sum(one.documents - 1 for one in every) == len(gone)
        assert [one.documents for one in every] == sorted((one.documents for one in every), reverse=True)
        assert {member.id for one in every for member in one.members} == {one.hex() for one in gone}
        for one in every:
            assert sum(one.sources.values()) == one.documents
            assert one.survivor.excerpt[:20].strip() in one.members[0].excerpt
        assert groups(run, stage, marks, 1, shown=1)[0] == replace(every[0], members=every[0].members[:1])
    assert matrix(removals(run, run.work.placed.comparisons[1]))["web", "books"] >= 5


def test_a_run_without_documents_has_no_groups(run: ledger.Run):
    stage, nothing = run.work.placed.comparisons[1], replace(run, pieces=())
    marks = removals(nothing, stage)
    assert (matrix(marks), groups(nothing, stage, marks, 5)) == ({}, [])


def test_every_removal_recomputes_from_the_texts(run: ledger.Run):
    gone = [row["id"] for row in decided(run) if row["stage"] in ("exact_duplicates", "near_duplicates")]
    found = list(recompute(run, gone))
    assert {one.id for one in found} == {one.hex() for one in gone}
    assert [one.wrong for one in found if one.wrong] == []
    with pytest.raises(ledger.LedgerError, match=r"^0{32}: no comparison removed this"):
        list(recompute(run, [gone[0], bytes(16)]))


def test_a_mark_that_does_not_hold_is_told_from_one_that_does(
    run: ledger.Run, monkeypatch: pytest.MonkeyPatch
):
    """Marks as a fault would leave them: another similarity, a survivor that is none, one that had gone before."""
    near = run.work.placed.comparisons[1]
    marks = removals(run, near)
    earlier = removals(run, run.work.placed.comparisons[0])["id"][0].as_py()
    rows = marks.slice(0, 4).to_pylist()
    rows[1]["similarity"] = 0.97
    rows[2]["survivor"] = rows[3]["survivor"]
    rows[3]["survivor"] = earlier
    broken = pa.Table.from_pylist(rows, marks.schema)
    none = marks.slice(0, 0)
    monkeypatch.setattr(
        "pipeline.ledger.duplicates.removals", lambda _run, stage: broken if stage is near else none
    )
    found = {one.id: one.wrong for one in recompute(run, [row["id"] for row in rows])}
    wrong = [found[row["id"].hex()] for row in rows]
    assert wrong[0] == ""
    assert "similar" in wrong[1]
    assert "are no near_duplicates" not in wrong[1]
    assert "they are no near_duplicates; the rule does not put the survivor first" in wrong[2]
    assert "the survivor went no later, by exact_duplicates" in wrong[3]


def test_who_fell_later_or_was_taken_down_stood(run: ledger.Run):
    exact = run.work.placed.comparisons[0]
    fates = (None, "sample", "near_duplicates", "takedown", "exact_duplicates", "refinedweb_lines")
    assert [stood(run, exact, fate) for fate in fates] == [True] * 4 + [False] * 2


def test_a_comparison_of_your_own_recomputes_too(tmp_path: Path):
    folder = world.make(tmp_path, files=1, rows=30)
    rows = [{"text": world.documents(1, 1, "en")[0]["text"], "url": "https://a.example"}] * 3
    world.write_jsonl(folder / "raw/web/more.jsonl", rows)
    one = world.recipe(folder)
    plain.run(replace(one, stages=(Stage(own_stages.SameUrlHost()), *one.stages)))
    opened = ledger.open_run(f"{folder}/out")
    gone = [row["id"] for row in decided(opened) if row["reason"] == "same_url"]
    assert len(gone) > 1
    assert [one.wrong for one in recompute(opened, gone)] == [""] * len(gone)


def test_the_command_shows_all_this(run: ledger.Run):
    said = call(run)
    assert "exact_duplicates: " in said
    assert "removed from ↓" in said
    assert "survivor" in said
    rows = [json.loads(line) for line in call(run, "--json", "--groups", "1").splitlines()]
    assert [row["stage"] for row in rows] == ["exact_duplicates", "near_duplicates"]
    assert [len(row["groups"]) for row in rows] == [1, 1]
    gone = next(row["id"].hex() for row in decided(run) if row["stage"] == "near_duplicates")
    assert "near_duplicate: holds" in call(run, "--recompute", gone)
    assert json.loads(call(run, "--recompute", gone, "--json"))["similarity"] > 0.8
    kept = next(row["id"].hex() for row in decided(run) if row["stage"] is None)
    assert "no comparison removed this" in call(run, "--recompute", kept, code=2)
    assert "give one of" in call(run, "--recompute", gone, "--find", "x", code=2)


def test_why_follows_a_survivor_that_fell_later(run: ledger.Run):
    """From the exact copy to its near copy to the book that was sampled out."""
    lives = [life for row in decided(run) if isinstance(life := by_id(run, row["id"]), Life)]
    assert {len(life.survivors) for life in lives} == {0, 1, 2}
    for life in lives:
        assert bool(life.survivors) == (life.stage in ("exact_duplicates", "near_duplicates"))
    longest = next(life for life in lives if len(life.survivors) == 2)
    assert [(one.source, one.stage) for one in longest.survivors] == [
        ("web", "near_duplicates"),
        ("books", "sample"),
    ]
    said = CliRunner().invoke(main, ["why", longest.id, "--in", run.store.root]).output
    assert (
        f"for       {longest.survivors[0].id} (web), which near_duplicates dropped later: near_duplicate"
        in said
    )
    assert f"then for  {longest.survivors[1].id} (books), which sample dropped later: sampled_out" in said


# New documents


def asked(run: ledger.Run, tmp_path: Path, texts: list[str], like: str | None = "web") -> list[Any]:
    path = world.write_jsonl(tmp_path / "new.jsonl", ({"content": one} for one in texts))
    return list(find(run, str(path), like).documents)


def test_new_documents_are_found_whole_and_nearly_and_others_are_new(run: ledger.Run, tmp_path: Path):
    found = asked(
        run,
        tmp_path,
        [english(7), f"{english(7, 115)} end", chinese(3) + "。", english(99), english(7, 60), ""],
    )
    assert [bool(one.matches) for one in found] == [
        True,
        True,
        True,
        False,
        False,
    ]  # an empty text is no document
    assert found[0].matches[0].stage == "exact_duplicates"
    assert found[1].matches[0].similarity == pytest.approx(
        oracle.similarity(english(7), f"{english(7, 115)} end")
    )
    for one in found:
        order = [(match.dropped_by is not None, -match.similarity) for match in one.matches]
        assert order == sorted(order)
        assert len({match.id for match in one.matches}) == len(one.matches)


def test_texts_are_read_and_edited_as_the_input_is(run: ledger.Run, tmp_path: Path):
    text = f"{english(7, 120)}\n3 likes"
    assert asked(run, tmp_path, [text])[0].matches[0].similarity == 1
    with pytest.raises(ledger.LedgerError, match="no input 'wed'; there are web, books"):
        asked(run, tmp_path, [text], "wed")
    path = str(tmp_path / "new.jsonl")
    assert dict(find(run, path).quarantined) == {
        "missing_text": 1
    }  # of two inputs none is meant: the field is `text`
    with pytest.raises(ledger.LedgerError, match="no file matches"):
        find(run, str(tmp_path / "nothing.jsonl"))


def test_of_several_files_each_is_asked_for(run: ledger.Run, tmp_path: Path):
    """One of them holds nothing that the corpus has."""
    for number, text in enumerate([english(99), f"{english(7, 115)} end", "…"]):
        world.write_jsonl(tmp_path / f"new/{number}.jsonl", [{"content": text}] if number < 2 else ["{"])
    answer = find(run, f"{tmp_path}/new", "web")
    assert [(one.file, bool(one.matches)) for one in answer.documents] == [
        ("0.jsonl", False),
        ("1.jsonl", True),
    ]
    assert dict(answer.quarantined) == {"broken_json": 1}


def test_plain_text_is_found_in_a_corpus_of_json(run: ledger.Run, tmp_path: Path):
    (tmp_path / "page.txt").write_text(chinese(2), encoding="utf-8")
    said = call(run, "--find", str(tmp_path / "page.txt"))
    assert "page.txt at 0: " in said
    assert "1 of 1 are in the corpus" in said
    row = json.loads(call(run, "--find", str(tmp_path / "page.txt"), "--json").splitlines()[0])
    assert row["matches"][0]["similarity"] == 1


def test_the_index_nominates_who_shares_a_band(run: ledger.Run):
    """Datasketch's index over stored signatures against the band keys that the run itself nominated by."""
    stage = run.work.placed.comparisons[1]
    piece = max(run.pieces, key=lambda one: one.rows)
    view = piece_view(run.work, piece, run.corpus)
    documents = tables.as_batch(tables.read(run.store, piece.documents))
    found = set(nominated(view, stage, [Measuring(documents)]))
    seen = view.seen(stage)
    keys = band_keys(signature_rows(seen["signature"]), 8)
    says = np.flatnonzero(np.asarray(seen["shingles"]) > 0).tolist()
    assert found == {(0, a, b) for a in says for b in says if (keys[a] == keys[b]).any()}
    assert len(found) > len(says)


def test_what_cannot_be_asked_is_said(run: ledger.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = str(world.write_jsonl(tmp_path / "new.jsonl", [{"text": "a"}]))
    narrow = replace(run, work=replace(run.work, placed=place([Stage(NearDuplicates(bands=1, rows=8))])))
    with pytest.raises(ledger.LedgerError, match="bands 1; datasketch's index takes 2 or more"):
        find(narrow, path)
    nothing = replace(run, work=replace(run.work, placed=place([])))
    with pytest.raises(ledger.LedgerError, match="its recipe compares nothing; add exact_duplicates"):
        find(nothing, path)
    monkeypatch.setattr("pipeline.ledger.find.find_spec", lambda _name: None)
    with pytest.raises(ledger.LedgerError, match=r"pip install 'winnow\[find\]'"):
        find(run, path)
