"""Two runs compared: every flip is counted, and the value that decided stands beside it."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline import ledger
from pipeline.cli import main
from pipeline.ledger.takedown import state, take_down
from pipeline.report import report
from pipeline.report.diff import ABSENT, KEPT, NOBODY, Diff, changes, diff, packs
from pipeline.report.diff_page import diff_page
from pipeline.rules.gopher import GopherQuality
from pipeline.rules.sample import Sample
from pipeline.run.folder import locked
from tests import plain, world

STRICTER = GopherQuality(min_words=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, out and out2: a limit moved, other epochs, a file gone, a new one, a text changed, one file of two as it was."""
    folder = world.make(tmp_path_factory.mktemp("world"), files=2, rows=40)
    plain.run(world.recipe(folder))
    (folder / "raw/books/0.txt").unlink()
    (folder / "raw/books/1.txt").write_text("Another text of the sea and that of it.\n" * 40)
    (folder / "raw/books/new.txt").write_text("This is a new book to be read with joy and that of it.\n" * 40)
    recipe = world.with_stage(world.recipe(folder, "out2"), "gopher_quality", STRICTER)
    plain.run(world.with_stage(recipe, "sample", Sample(epochs={"books": 3.0, "zh": 0.5})))
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> tuple[ledger.Run, ledger.Run]:
    return ledger.open_run(str(folder / "out")), ledger.open_run(str(folder / "out2"))


@pytest.fixture(scope="module")
def found(runs: tuple[ledger.Run, ledger.Run]) -> Diff:
    return diff(*runs)


def rows(run: ledger.Run) -> dict[tuple[bytes, bytes], dict[str, Any]]:
    """(id, digest) → decision."""
    made = {}
    for piece in run.pieces:
        documents = ledger.tables.read(run.store, piece.documents, ["id", "digest"]).to_pylist()
        for document, decision in zip(documents, run.decisions(piece).to_pylist(), strict=True):
            made[document["id"], document["digest"]] = decision
    return made


def fate(row: dict[str, Any] | None) -> str:
    if row is None:
        return ABSENT
    return KEPT if row["stage"] is None else f"{row['stage']}{NOBODY}{row['reason']}"


def test_every_document_is_counted_once_with_both_fates(found: Diff, runs):
    one, two = map(rows, runs)
    pairs = Counter((fate(one.get(key)), fate(two.get(key))) for key in {*one, *two})
    same = sum(count for (before, after), count in pairs.items() if before == after)
    assert {fates: flip.documents for fates, flip in found.flips.items()} == {
        fates: count for fates, count in pairs.items() if fates[0] != fates[1]
    }
    assert found.same == same
    assert found.documents == (len(one), len(two))
    assert found.copies == sum(
        fate(one[key]) == fate(two[key]) and one[key]["copies"] != two[key]["copies"]
        for key in one.keys() & two.keys()
    )
    assert {
        (KEPT, f"gopher_quality{NOBODY}too_few_words"),
        (KEPT, ABSENT),
        (ABSENT, KEPT),
    } <= found.flips.keys()


def test_tokens_are_those_that_shipped(found: Diff, runs):
    for side, run in enumerate(runs):
        shipped = run.manifest["totals"]["tokens_by_source"]
        assert {name: one[side] for name, one in found.tokens["source"].items() if one[side]} == shipped
    difference = sum(run.manifest["totals"]["tokens"] * sign for run, sign in zip(runs, (-1, 1), strict=True))
    assert sum(one[1] - one[0] for one in found.tokens["domain"].values()) == difference
    assert "en.example" in found.tokens["domain"]


def test_the_value_that_decided_stands_on_either_side(found: Diff):
    flip = found.flips[KEPT, f"gopher_quality{NOBODY}too_few_words"]
    assert flip.after == 0 < flip.before
    for sample in flip.samples:
        before, after = sample.values
        words = float(before.split()[1])
        assert 50 <= words < 100
        assert before == f"too_few_words {words:g} (limit 50)"
        assert after == f"too_few_words {words:g} (limit 100)"


def test_what_changed_in_the_recipe_is_named(runs):
    said = changes(runs)
    assert ("gopher_quality", "min_words", "50", "100") in said
    assert [row[:2] for row in said] == [("gopher_quality", "min_words"), ("sample", "epochs")]


def test_a_run_does_not_differ_from_itself(runs):
    found = diff(runs[0], runs[0])
    assert found.equal
    assert found.same == found.documents[0] > 100
    assert packs((runs[0], runs[0]))[1:] == (0, 0)


def test_how_pieces_were_cut_changes_nothing(found: Diff, folder: Path, runs):
    """The same two runs, one of them in many small pieces."""
    recipe = world.with_stage(world.recipe(folder, "out3"), "gopher_quality", STRICTER)
    recipe = world.with_stage(recipe, "sample", Sample(epochs={"books": 3.0, "zh": 0.5}))
    plain.run(recipe, replace(plain.DEFAULT, piece_bytes=4_000))
    third = ledger.open_run(str(folder / "out3"))
    assert len(third.pieces) > len(runs[1].pieces)
    again = diff(runs[0], third)
    counted = [
        {fates: (flip.documents, flip.before, flip.after) for fates, flip in one.flips.items()}
        for one in (found, again)
    ]
    assert counted[0] == counted[1]
    assert again.tokens["domain"].keys() == found.tokens["domain"].keys()
    assert diff(runs[1], third).equal


def test_the_command_says_it_and_ends_as_diff_does(folder: Path, tmp_path: Path):
    page = tmp_path / "diff.html"
    out, out2 = str(folder / "out"), str(folder / "out2")
    said = CliRunner().invoke(
        main, ["diff", out, out2, "-o", str(page)], env={"COLUMNS": "240"}, catch_exceptions=False
    )
    assert said.exit_code == 1, said.output
    assert "gopher_quality: too_few_words" in said.output
    assert "(limit 50) → too_few_words" in said.output
    assert "min_words" in said.output
    assert "<svg" in page.read_text()
    same = CliRunner().invoke(main, ["diff", out, out])
    assert same.exit_code == 0, same.output
    assert "no difference" in same.output


def test_the_page_has_its_pictures(found: Diff):
    made = diff_page(found)
    assert made.count("<svg") == 4  # fates, tokens by source and by domain, shards
    assert "gopher_quality: too_few_words" in made


def test_a_takedown_is_a_fate_like_any_other(folder: Path, runs):
    """One document goes after everything else: told by the funnel of the page, and by the difference."""
    copied = folder / "taken"
    shutil.copytree(folder / "out", copied)
    gone = next(key[0] for key, row in rows(runs[0]).items() if row["stage"] is None)
    one = ledger.open_run(str(copied))
    with locked(one.store):
        take_down(one, *state(one, [("id", gone.hex())]), f"{folder}/tokenizer.json")
    after = ledger.open_run(str(copied))
    found = diff(runs[0], after)
    assert {fates: flip.documents for fates, flip in found.flips.items()} == {
        (KEPT, f"takedown{NOBODY}taken_down"): 1
    }
    assert changes(found.runs) == []
    assert ">takedown</td>" in report(after)
