"""Shown by 4 and 5: a second run opens and changes nothing; a changed recipe does what the plan named, and ends like a fresh run."""

import builtins
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import ledger
from pipeline.data import receipts
from pipeline.ledger.clean import clean
from pipeline.recipe import Recipe, Stage
from pipeline.rules.gopher import GopherQuality
from pipeline.run.driver import Settings, prepare, run
from pipeline.run.outlook import outlook
from tests import world
from tests.own_stages import FewLetters


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_a_second_run_opens_no_input_and_changes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = world.make(tmp_path)
    one = world.recipe(folder)
    first = run(one)
    before, opened = stamps(folder / "out"), []
    open_ = builtins.open

    def watched(file: Any, *args: Any, **kwargs: Any) -> Any:
        opened.append(os.fspath(file) if not isinstance(file, int) else "")
        return open_(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", watched)
    assert run(one) == first
    assert not [name for name in opened if "/raw/" in name]
    assert stamps(folder / "out") == before


Change = Callable[[Path, Recipe], Recipe]


def tightened(folder: Path, one: Recipe) -> Recipe:
    return world.with_stage(one, "gopher_quality", GopherQuality(min_words=100))


def loosened(folder: Path, one: Recipe) -> Recipe:
    return world.with_stage(one, "gopher_quality", GopherQuality(min_words=10))


def stage_added(folder: Path, one: Recipe) -> Recipe:
    return replace(one, stages=(Stage(FewLetters(0.05), where={"source": "web"}), *one.stages))


def file_added(folder: Path, one: Recipe) -> Recipe:
    world.write_jsonl(folder / "raw/web/new.jsonl", world.documents(77, 50, "en"))
    return one


def touched(folder: Path, one: Recipe) -> Recipe:
    os.utime(folder / "raw/zh/1.jsonl", ns=(1, 1))
    return one


def sampled(folder: Path, one: Recipe) -> Recipe:
    return world.with_stage(one, "sample", replace(one.stages[-1].rule, epochs={"books": 1.5}))


CHANGES: dict[Change, set[str]] = {  # the kinds of step that are done again
    tightened: {"marks", "statistics", "decisions", "packs", "shards"},
    loosened: {"marks", "statistics", "tokens", "decisions", "packs", "shards"},
    stage_added: {"columns", "marks", "statistics", "decisions", "packs", "shards"},
    file_added: {"ingest", "columns", "marks", "statistics", "tokens", "decisions", "packs", "shards"},
    touched: {"ingest"},
    sampled: {"decisions", "packs", "shards"},  # tokens by source are what they were
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_does_what_the_plan_named_and_ends_like_a_fresh_run(tmp_path: Path, change: Change):
    folder = world.make(tmp_path)
    run(world.recipe(folder))
    before = set(world.listing(folder / "out"))
    one = change(folder, world.recipe(folder))
    job = prepare(one, Settings())
    named = outlook(job, job.plan()).kinds()
    run(one)
    new = set(world.listing(folder / "out")) - before
    done = {name.split("/")[1] for name in new if name.startswith(f"{receipts.FOLDER}/")}
    assert done == CHANGES[change]
    steps = done - {"shards", "statistics"}  # parts of packs, and of the stage that needs them
    assert steps <= named.keys() | ({"ingest"} if change is touched else set())
    assert {kind for kind, certain in named.items() if certain} <= steps

    fresh = replace(one, output=replace(one.output, path=str(folder / "fresh")))
    run(fresh)
    assert world.digests(folder / "out") == world.digests(folder / "fresh")
    clean(ledger.open_run(str(folder / "out")))
    clean(ledger.open_run(str(folder / "fresh")))
    assert world.listing(folder / "out").keys() == world.listing(folder / "fresh").keys()


def test_a_touched_but_equal_file_is_read_once_by_the_plan_and_by_no_step(tmp_path: Path):
    folder = world.make(tmp_path)
    one = world.recipe(folder)
    run(one)
    touched(folder, one)
    job = prepare(one, Settings())
    planned = job.plan()
    assert len(planned.aliases) == 1
    reading = outlook(job, planned).steps[0]
    assert (reading.todo, reading.note) == (0, "1 touched but equal")


def test_only_new_documents_are_tokenised_when_a_limit_is_loosened(tmp_path: Path):
    folder = world.make(tmp_path)
    run(world.recipe(folder))
    before = set(world.listing(folder / "out"))
    one = loosened(folder, world.recipe(folder))
    run(one)
    opened = ledger.open_run(str(folder / "out"))
    new = [
        name
        for name in world.listing(folder / "out")
        if name.startswith("receipts/tokens") and name not in before
    ]
    rows = sum(receipts.parse(opened.store.read(name), name).facts["rows"] for name in new)
    all_rows = sum(len(opened.decisions(piece)) for piece in opened.pieces)
    assert 0 < rows < all_rows / 4
