"""A mixture lock in a recipe: shares kept of the tokens really there, what bounds them said, mistakes named before a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import ledger, lock, recipe
from pipeline.ledger.account import account
from pipeline.lock import Group, Lock
from pipeline.recipe import Recipe, Stage
from pipeline.rules.sample import Sample
from pipeline.run.driver import SetupError
from tests import plain, world
from tests.cli.command import winnow


def locked(path: Path, budget: int, by: str = "source", **shares: float) -> None:
    lock.write(
        str(path), Lock({name: Group(one, round(one * budget), 1.0) for name, one in shares.items()}, by)
    )


def mixing(folder: Path, out: str, **fields: object) -> Recipe:
    return world.with_stage(
        world.recipe(folder, out), "sample", Sample(mixture=f"{folder}/mixture.lock.json", **fields)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world"))


def test_the_lock_is_realised_and_a_changed_lock_packs_again(folder: Path):
    shares = {"web": 0.5, "zh": 0.2, "books": 0.3}
    locked(folder / "mixture.lock.json", 30_000, **shares)
    plain.run(mixing(folder, "out"))
    opened = ledger.open_run(str(folder / "out"))
    assert [line for line in account(opened) if line.wrong] == []
    groups = ledger.groups(opened)
    assert groups
    by_source = opened.manifest["totals"]["tokens_by_source"]
    assert by_source == {one.group: one.shipped for one in groups.realised}
    total = sum(by_source.values())
    for source, share in shares.items():
        largest = max(
            row["tokens"]
            for piece in opened.pieces
            if piece.input == source
            for row in opened.decisions(piece).to_pylist()
            if row["tokens"]
        )
        assert abs(by_source[source] - share * 30_000) <= largest / 2
        assert abs(by_source[source] / total - share) <= max(0.005, largest / total)
    assert groups.said().startswith(f"{total:,} of 30,000 tokens ship; shares within ")

    locked(folder / "mixture.lock.json", 30_000, web=0.2, zh=0.5, books=0.3)
    plain.run(mixing(folder, "out"))
    again = ledger.open_run(str(folder / "out")).manifest["totals"]["tokens_by_source"]
    assert again["zh"] > by_source["zh"]
    assert again["web"] < by_source["web"]


def test_too_little_of_a_group_bounds_all_and_is_named(folder: Path):
    locked(folder / "mixture.lock.json", 10**9, web=0.1, zh=0.1, books=0.8)
    plain.run(mixing(folder, "bounded", max_epochs=1.5))
    said = ledger.groups(ledger.open_run(str(folder / "bounded")))
    assert said
    assert said.mixed
    assert said.mixed.binds == ("books",)
    assert "there is no more of books at max_epochs 1.5; bring more of it, or raise max_epochs" in said.said()
    assert max(abs(one.share - (one.planned or 0)) for one in said.realised) < 0.02


def test_by_a_measured_column(folder: Path):
    from pipeline.rules.language import KeepLanguages

    locked(folder / "mixture.lock.json", 20_000, by="language", en=0.75, zh=0.25)
    before = mixing(folder, "by-language", by="language")
    language = Stage(KeepLanguages(("en", "zh"), min_score=0.0))
    plain.run(replace(before, stages=(language, *before.stages)))
    opened = ledger.open_run(str(folder / "by-language"))
    assert [line for line in account(opened) if line.wrong] == []
    groups = ledger.groups(opened)
    assert groups
    shares = {one.group: one.share for one in groups.realised if one.planned}
    assert shares == pytest.approx({"en": 0.75, "zh": 0.25}, abs=0.03)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"web": 0.5, "wiki": 0.5}, "no input has source 'wiki'"),
        ({"web": 0.5, "zh": 0.2}, "sum to 0.7"),
    ],
)
def test_a_lock_that_cannot_be_is_named_with_its_line(folder: Path, shares: dict[str, float], said: str):
    path = folder / "mixture.lock.json"
    if sum(shares.values()) == 1:
        locked(path, 1000, **shares)
    else:
        groups = ", ".join(
            f'"{name}": {{"share": {one}, "tokens": 1, "epochs": 1}}' for name, one in shares.items()
        )
        path.write_text(
            f'{{"groups": {{{groups}}}, "by": "source", "digests": {{}}, "seed": 0, "versions": {{}}}}'
        )
    with pytest.raises(SetupError, match=said) as raised:
        plain.run(mixing(folder, "never"))
    assert raised.value.place == ("stages", 4)
    assert not (folder / "never").exists()


def test_the_command_says_what_ships_of_each_group(folder: Path):
    locked(folder / "mixture.lock.json", 30_000, web=0.5, zh=0.2, books=0.3)
    (folder / "mixed.yaml").write_text(recipe.dumps(mixing(folder, "told")), encoding="utf-8")
    said = " ".join(winnow("run", "mixed.yaml", "--workers", "1", cwd=folder).stdout.split())
    assert "Sample by source" in said
    assert "planned" in said
    assert "of 30,000 tokens ship; shares within" in said


def test_too_few_tokens_of_long_documents_are_told(folder: Path):
    one = mixing(folder, "long")
    locked(folder / "mixture.lock.json", 30_000, web=0.5, zh=0.2, books=0.3)
    one = replace(one, output=replace(one.output, pack_tokens=4096, min_long_share=0.9))
    (folder / "long.yaml").write_text(recipe.dumps(one), encoding="utf-8")
    said = " ".join(winnow("run", "long.yaml", "--workers", "1", cwd=folder).stdout.split())
    share = ledger.long_share(ledger.open_run(str(folder / "long")))
    assert 0 < share < 0.9
    assert f"! long documents hold {100 * share:.1f} % of the tokens, min_long_share asks for 90.0 %" in said
    assert f"{100 * share:.1f} % of the tokens in documents of half a pack or more" in said
