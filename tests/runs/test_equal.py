"""Shown by 3: one digest of decisions and shards, whatever the pieces, workers, listing and exchange."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.driver import Settings, run
from pipeline.steps import plan as planning
from tests import plain, world


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, Any]:
    run(world.recipe(folder, "undisturbed"))
    return world.digests(folder / "undisturbed")


def test_the_world_has_something_of_everything(undisturbed: dict[str, Any]):
    """Else the equalities below would prove little."""
    reasons = {row["reason"] for row in undisturbed["decisions"]}
    assert {None, "exact_duplicate", "too_few_words", "too_few_characters", "sampled_out"} <= reasons
    assert len(undisturbed["shards"]) > 4
    assert any(row["characters_cut"] for row in undisturbed["decisions"])
    assert {row["copies"] for row in undisturbed["decisions"]} == {0, 1, 2, 3}


def test_beam_does_what_a_plain_loop_over_the_steps_does(folder: Path, tmp_path: Path):
    """Every file and every byte; the order of steps is the only thing that a graph adds."""
    one, settings = world.recipe(folder, path=str(tmp_path / "out")), Settings(piece_bytes=1 << 15)
    run(one, settings)
    (tmp_path / "out").rename(tmp_path / "beam")
    plain.run(one, settings)
    assert world.listing(tmp_path / "out") == world.listing(tmp_path / "beam")


@pytest.mark.parametrize(
    ("runner", "settings"),
    [
        (plain.run, Settings(piece_bytes=1 << 14)),
        (plain.run, Settings(piece_bytes=1 << 13, buckets=1)),
        (plain.run, Settings(buckets=64)),
        (run, Settings(exchange="engine")),
        (run, Settings(workers=2, piece_bytes=1 << 15)),
        (run, Settings(workers=2, piece_bytes=1 << 14, exchange="engine", buckets=32)),
    ],
    ids=lambda one: getattr(one, "__module__", None) if callable(one) else str(one),
)
def test_settings_change_no_byte(
    folder: Path,
    undisturbed: dict[str, Any],
    tmp_path: Path,
    runner: Callable[..., Any],
    settings: Settings,
):
    one = world.recipe(folder, path=str(tmp_path / "out"))
    runner(one, settings)
    assert world.digests(tmp_path / "out") == undisturbed


def test_files_listed_in_another_order_change_no_byte(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = planning.list_files
    monkeypatch.setattr(planning, "list_files", lambda path: (found(path)[0], found(path)[1][::-1]))
    plain.run(world.recipe(folder, path=str(tmp_path / "out")))
    assert world.digests(tmp_path / "out") == undisturbed


def test_the_place_of_the_inputs_changes_no_byte(folder: Path, undisturbed: dict[str, Any], tmp_path: Path):
    """Addresses are relative: another disk, the same documents."""
    moved = tmp_path / "elsewhere"
    world.make(moved)
    plain.run(world.recipe(moved))
    assert world.digests(moved / "out") == undisturbed


def test_another_seed_changes_the_packs_and_no_verdict_of_a_rule(
    folder: Path, undisturbed: dict[str, Any], tmp_path: Path
):
    """So the equalities above compare something that can differ."""
    one = world.recipe(folder, path=str(tmp_path / "out"), seed=1)
    plain.run(one)
    other = world.digests(tmp_path / "out")
    assert other["shards"].keys() != undisturbed["shards"].keys()
    assert [row["stage"] for row in other["decisions"]] == [row["stage"] for row in undisturbed["decisions"]]


def test_stages_have_names_of_their_own(folder: Path, tmp_path: Path):
    """A renamed stage is renamed in the decisions, and nothing else changes."""
    one = world.recipe(folder, path=str(tmp_path / "out"))
    plain.run(one)
    before = world.digests(tmp_path / "out")
    stages = tuple(replace(stage, name=f"my_{stage.name}") for stage in one.stages)
    plain.run(replace(one, stages=stages))
    after = world.digests(tmp_path / "out")
    assert after["shards"] == before["shards"]
    assert {row["stage"] for row in after["decisions"]} == {
        row["stage"] and f"my_{row['stage']}" for row in before["decisions"]
    }
