"""A takedown: what holds the documents goes, nothing else moves, and they stay out of every later run of the folder."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import ledger
from pipeline.ledger import takedown
from pipeline.ledger.account import account
from pipeline.ledger.clean import clean
from pipeline.ledger.takedown import Asked, Statement, state
from pipeline.ledger.why import Life, by_id
from pipeline.recipe import Input, Recipe
from pipeline.run.driver import Settings, finish, prepare
from pipeline.run.folder import FolderError, locked
from pipeline.steps.taken import TAKEDOWN, in_force
from tests import plain, world
from tests.cli.command import winnow

POOL = 250  # tokens: hundreds of shards


def made(folder: Path, out: str = "out") -> Recipe:
    return world.recipe(folder, out, pack_tokens=64, pool_tokens=POOL)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with hundreds of shards, to be copied."""
    folder = world.make(tmp_path_factory.mktemp("world"), files=3, rows=100)
    plain.run(made(folder))
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "world"))


def opened(folder: Path, out: str = "out") -> ledger.Run:
    return ledger.open_run(str(folder / out))


def shipped(one: ledger.Run, source: str) -> list[str]:
    """The ids of a source's documents that ship."""
    rows = [row for piece in one.pieces if piece.input == source for row in one.decisions(piece).to_pylist()]
    return sorted(row["id"].hex() for row in rows if row["copies"])


def take(folder: Path, asked: list[Asked], out: str = "out") -> Statement:
    one = opened(folder, out)
    with locked(one.store):
        statement, listed = state(one, asked)
        return takedown.take_down(one, statement, listed, f"{folder}/tokenizer.json")


def shards(folder: Path, out: str = "out") -> dict[str, bytes]:
    return {
        name: (folder / out / "shards" / name).read_bytes() for name in os.listdir(folder / out / "shards")
    }


def balanced(folder: Path, out: str = "out") -> bool:
    return not [line.wrong for line in account(opened(folder, out)) if line.wrong]


def test_twenty_documents_change_at_most_as_many_shards_as_they_have_copies(folder: Path):
    before, one = shards(folder), opened(folder)
    assert len(before) >= 256
    asked: list[Asked] = [
        ("id", identifier) for identifier in [*shipped(one, "web")[:18], *shipped(one, "books")[:2]]
    ]
    planned, _ = state(one, asked)
    assert shards(folder) == before
    done = take(folder, asked)
    after = shards(folder)
    assert (done.taken, [at.shard for at in done.touched]) == (
        planned.taken,
        [at.shard for at in planned.touched],
    )
    assert {f"shards/{name}" for name in before.keys() - after.keys()} == {at.shard for at in done.touched}
    assert len(done.touched) <= sum(one.copies for one in done.taken)
    assert len(before.keys() & after.keys()) == done.untouched
    assert {name: after[name] for name in before.keys() & after.keys()} == {
        name: before[name] for name in before.keys() & after.keys()
    }
    assert balanced(folder)
    gone = bytes.fromhex(asked[0][1])
    assert not [name for name, data in after.items() if gone in data]
    life = by_id(opened(folder), gone)
    assert isinstance(life, Life)
    assert (life.stage, life.reason, life.places) == ("takedown", "taken_down", ())
    assert ledger.funnel(opened(folder)).stages[-1] == "takedown"


def test_a_whole_source_changes_exactly_the_shards_that_the_plan_names(folder: Path):
    before, one = shards(folder), opened(folder)
    asked: list[Asked] = [("id", identifier) for identifier in shipped(one, "zh")]
    planned, _ = state(one, asked)
    take(folder, asked)
    assert {f"shards/{name}" for name in before.keys() - shards(folder).keys()} == {
        at.shard for at in planned.touched
    }
    assert "zh" not in opened(folder).manifest["totals"]["tokens_by_source"]
    assert balanced(folder)


def test_equal_takedowns_of_equal_runs_are_equal(folder: Path):
    asked: list[Asked] = [("url", "https://en.example/3"), ("url", "https://zh.example/5")]
    for out, piece_bytes in (("one", 1 << 26), ("other", 200_000)):
        plain.run(world.recipe(folder, out), Settings(piece_bytes=piece_bytes))
        take(folder, asked, out)
    assert world.digests(folder / "one") == world.digests(folder / "other")


def test_they_stay_out_of_later_runs_and_nothing_is_done_when_nothing_changed(folder: Path):
    url: Asked = ("url", "https://en.example/3")
    first = take(folder, [url])
    listing = world.listing(folder / "out")
    plain.run(made(folder))
    assert world.listing(folder / "out") == listing
    world.write_jsonl(
        folder / "raw/web/9.jsonl", world.documents(0, 8, "en")
    )  # the same texts and URLs again
    plain.run(made(folder))
    for one in first.taken:
        life = by_id(opened(folder), bytes.fromhex(one.id))
        assert isinstance(life, Life)
        assert life.copies == 0
    rows = state(opened(folder), [url])[0].taken
    assert len(rows) > len(first.taken)
    assert not [one for one in rows if one.copies]
    assert balanced(folder)


def test_what_was_made_from_them_goes_too_at_any_remove(folder: Path):
    parent = next(one for one in shipped(opened(folder), "web"))
    rows = [
        {"text": world.documents(77, 1, "en")[0]["text"] + " first", "parents": [parent]},
        {
            "text": world.documents(78, 1, "en")[0]["text"] + " untouched",
            "parents": [shipped(opened(folder), "zh")[0]],
        },
    ]
    world.write_jsonl(folder / "synth/0.jsonl", rows)
    plain.run(with_synth(folder))
    child = next(one for one in state(opened(folder), [("id", parent)])[0].taken if one.source == "synth")
    assert child.why == f"made from {parent}"
    world.write_jsonl(
        folder / "synth/1.jsonl", [{"text": "a third " + rows[0]["text"], "parents": [child.id]}]
    )
    plain.run(with_synth(folder))
    found = [one.why for one in take(folder, [("id", parent)]).taken if one.source == "synth"]
    assert sorted(found) == sorted([f"made from {parent}", f"made from {child.id}"])


def with_synth(folder: Path) -> Recipe:
    whole = made(folder)
    return replace(whole, inputs=(*whole.inputs, Input(source="synth", path=f"{folder}/synth/")))


def test_a_takedown_that_died_is_finished_by_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[Asked] = [("id", identifier) for identifier in shipped(opened(folder), "web")[:5]]
    before = shards(folder)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(takedown, "sweep", die)
    with pytest.raises(KeyboardInterrupt):
        take(folder, asked)
    assert before.items() <= shards(folder).items()
    monkeypatch.undo()
    take(folder, asked)
    names = {os.path.basename(one["path"]) for one in opened(folder).manifest["shards"]}
    assert set(shards(folder)) == names
    clean(opened(folder))
    assert set(shards(folder)) == names
    assert balanced(folder)


def test_the_command_plans_states_and_names_what_is_not_there(folder: Path):
    (folder / "urls.txt").write_text("https://en.example/3\nhttps://nowhere.example/\n", encoding="utf-8")
    planned = winnow("takedown", "out", "--url", "urls.txt", "--plan", cwd=folder)
    assert "would be packed again" in planned.stdout
    assert "! not in this run: url https://nowhere.example/" in planned.stdout
    done = winnow("takedown", "out", "--url", "urls.txt", "--json", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["done"]
    assert said["untouched"] + len(said["touched"]) == said["shards"]
    wrong = winnow("takedown", "out", "--id", "urls", cwd=folder)
    assert (wrong.returncode, "no id of 32 hex digits" in wrong.stderr) == (2, True)


def test_another_tokenizer_is_refused(folder: Path):
    one = opened(folder)
    world.train_tokenizer(folder / "other.json")
    text = (folder / "other.json").read_text(encoding="utf-8")
    (folder / "other.json").write_text(text.replace('"single_word": false', '"single_word": true', 1))
    statement, listed = state(one, [("url", "https://en.example/3")])
    with pytest.raises(ledger.LedgerError, match="is not the tokenizer of this run"):
        takedown.take_down(one, statement, listed, f"{folder}/other.json")


def test_a_run_that_a_takedown_overtakes_ends_without_a_manifest(folder: Path):
    """On a bucket nothing locks: what was taken down must not come back with the manifest of an older run."""
    job = prepare(made(folder), Settings())
    planned = job.plan()
    job.work.store.replace(json.dumps({"list": "takedowns/other.parquet"}).encode(), TAKEDOWN)
    with pytest.raises(FolderError, match="taken down while this ran; run again"):
        finish(job, planned)


def test_a_takedown_that_died_early_keeps_its_list(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(takedown, "run_planned", die)
    with pytest.raises(KeyboardInterrupt):
        take(folder, [("id", shipped(opened(folder), "web")[0])])
    clean(opened(folder))
    store = opened(folder).store
    assert store.exists(in_force(store))
