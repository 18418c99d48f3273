"""Shown by 4 and 5: a second run opens and changes nothing; a changed recipe does what the plan named, and ends like a fresh run."""

import builtins
import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import ledger
from pipeline.comparisons.exact import ExactDuplicates
from pipeline.data import receipts
from pipeline.ledger.account import account
from pipeline.ledger.clean import clean
from pipeline.recipe import Input, Output, Recipe, Stage
from pipeline.rules.gopher import GopherQuality
from pipeline.run.driver import Settings, prepare, run, workers_for
from pipeline.run.outlook import outlook
from pipeline.steps.ingest import ingest
from tests import plain, world
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


@pytest.mark.parametrize(("settings", "workers"), [({}, 1), ({"piece_bytes": 4 << 10}, 2)])
def test_only_what_becomes_one_piece_is_left_to_one_worker(
    tmp_path: Path, settings: dict[str, int], workers: int
):
    made = world.recipe(world.make(tmp_path, files=1))
    one = Recipe(made.inputs[:1], [ExactDuplicates()], made.output)
    job = prepare(one, Settings(workers=2, **settings))
    assert workers_for(job, job.plan()) == workers


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


def source_renamed(folder: Path, one: Recipe) -> Recipe:
    """The same documents, weighed under another name: the input keeps its own, so every id stays."""
    web = replace(one.inputs[0], source="crawl")
    stages = (
        replace(one.stages[0], where={"source": "books"}),
        replace(one.stages[1], where={"source": "books"}),
    )
    return replace(one, inputs=(web, *one.inputs[1:]), stages=(*stages, *one.stages[2:]))


def column_changed(folder: Path, one: Recipe) -> Recipe:
    """Another licence in each record of one file, of equal length: no text changes, the scope of an editor does."""
    path = folder / "raw/web/0.jsonl"
    path.write_text(path.read_text().replace('"licence": "cc0"', '"licence": "xxx"'))
    return one


EVERYTHING = {"ingest", "columns", "marks", "statistics", "tokens", "decisions", "packs", "shards"}
CHANGES: dict[Change, set[str]] = {  # the kinds of step that are done again
    tightened: {"marks", "statistics", "decisions", "packs", "shards"},
    loosened: {"marks", "statistics", "tokens", "decisions", "packs", "shards"},
    stage_added: {"columns", "marks", "statistics", "decisions", "packs", "shards"},
    file_added: EVERYTHING,
    source_renamed: EVERYTHING,
    touched: {"ingest"},
    sampled: {"decisions", "packs", "shards"},  # tokens by source are what they were
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_does_what_the_plan_named_and_ends_like_a_fresh_run(tmp_path: Path, change: Change):
    folder = world.make(tmp_path)
    plain.run(world.recipe(folder))
    before = set(world.listing(folder / "out"))
    one = change(folder, world.recipe(folder))
    job = prepare(one, Settings())
    looked = outlook(job, job.plan())
    named = looked.kinds()
    plain.run(one)
    new = set(world.listing(folder / "out")) - before
    if change is not touched:  # its new receipt stands for the old one
        reads = [name for name in new if name.startswith(f"{receipts.FOLDER}/ingest/")]
        assert len(reads) == looked.steps[0].todo
    done = {name.split("/")[1] for name in new if name.startswith(f"{receipts.FOLDER}/")}
    assert done == CHANGES[change]
    steps = done - {"shards", "statistics"}  # parts of packs, and of the stage that needs them
    assert steps <= named.keys() | ({"ingest"} if change is touched else set())
    assert {kind for kind, certain in named.items() if certain} <= steps

    fresh = replace(one, output=replace(one.output, path=str(folder / "fresh")))
    plain.run(fresh)
    assert world.digests(folder / "out") == world.digests(folder / "fresh")
    clean(ledger.open_run(str(folder / "out")))
    clean(ledger.open_run(str(folder / "fresh")))
    assert world.listing(folder / "out").keys() == world.listing(folder / "fresh").keys()


def test_a_scope_that_moves_with_a_column_moves_the_packs(tmp_path: Path):
    folder = world.make(tmp_path)
    one = world.recipe(folder)
    one = replace(one, stages=(replace(one.stages[0], where={"licence": "cc0"}), *one.stages[1:]))
    plain.run(one)
    before = world.digests(folder / "out")
    plain.run(column_changed(folder, one))
    plain.run(replace(one, output=replace(one.output, path=str(folder / "fresh"))))
    assert world.digests(folder / "out") == world.digests(folder / "fresh") != before
    assert [line.wrong for line in account(ledger.open_run(str(folder / "out"))) if line.wrong] == []


@pytest.mark.parametrize(
    ("runner", "exchange"), [(plain.run, "files"), (run, "engine")], ids=["plain", "Beam"]
)
def test_the_same_corpus_cut_otherwise_in_the_same_folder_changes_nothing(
    tmp_path: Path, runner: Callable[..., Any], exchange: str
):
    """Marks and decisions are kept piece by piece: other pieces, other marks."""
    folder = world.make(tmp_path)
    one = world.recipe(folder)
    plain.run(one)
    before = world.digests(folder / "out")
    runner(one, Settings(piece_bytes=1 << 14, exchange=exchange))
    assert world.digests(folder / "out") == before
    assert [line.wrong for line in account(ledger.open_run(str(folder / "out"))) if line.wrong] == []


def test_inputs_that_were_packed_meanwhile_change_nothing(tmp_path: Path):
    folder = world.make(tmp_path)
    whole = world.recipe(folder)
    one = replace(
        whole, inputs=(replace(whole.inputs[0], path=f"{folder}/raw/web/"),), stages=(GopherQuality(),)
    )
    plain.run(one)
    before = world.digests(folder / "out")
    for path in (folder / "raw/web").glob("*.jsonl"):
        path.with_suffix(".jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    plain.run(one)
    assert world.digests(folder / "out") == before


def test_another_tokenizer_under_the_same_name_is_seen(tmp_path: Path):
    """In one process too, where tokenizers are held."""
    folder = world.make(tmp_path)
    one = world.recipe(folder)
    plain.run(one)
    tokens = ledger.open_run(str(folder / "out")).manifest["totals"]["tokens"]
    text = (folder / "tokenizer.json").read_text()
    fields = json.loads(text)
    fields["model"]["merges"] = fields["model"]["merges"][:10]
    (folder / "tokenizer.json").write_text(json.dumps(fields))
    plain.run(one)
    plain.run(replace(one, output=replace(one.output, path=str(folder / "fresh"))))
    assert ledger.open_run(str(folder / "out")).manifest["totals"]["tokens"] > tokens
    assert world.digests(folder / "out") == world.digests(folder / "fresh")


def test_a_split_that_was_planned_for_another_reading_is_refused(tmp_path: Path):
    folder = world.make(tmp_path)
    one = world.recipe(folder)
    planned = prepare(one, Settings()).plan()
    other = replace(one, inputs=tuple(replace(given, max_bytes=1000) for given in one.inputs))
    with pytest.raises(RuntimeError, match="is to be read in another way than was planned; run again"):
        ingest(planned.splits[0], prepare(other, Settings()).work)


def test_records_with_little_text_and_much_else_go_through(tmp_path: Path):
    """Batches are bounded by all that they hold, not by text alone."""
    world.train_tokenizer(tmp_path / "tokenizer.json")
    for number in range(12):
        rows = [{"text": f"text {number} {row}", "html": "x" * 200_000} for row in range(20)]
        world.write_jsonl(tmp_path / f"raw/{number}.jsonl", rows)
    output = Output(path=f"{tmp_path}/out", tokenizer=f"{tmp_path}/tokenizer.json", pack_tokens=64)
    plain.run(
        Recipe(inputs=[Input(source="a", path=f"{tmp_path}/raw/")], stages=[ExactDuplicates()], output=output)
    )
    opened = ledger.open_run(str(tmp_path / "out"))
    groups = [pq.ParquetFile(opened.store.path(piece.documents)).metadata for piece in opened.pieces]
    sizes = [meta.row_group(group).total_byte_size for meta in groups for group in range(meta.num_row_groups)]
    assert sum(piece.rows for piece in opened.pieces) == 240
    assert max(meta.row_group(0).num_rows for meta in groups) <= 84  # 16 MiB of 200 kB each
    assert sizes


def test_a_touched_but_equal_file_is_read_once_by_the_plan_and_by_no_step(tmp_path: Path):
    folder = world.make(tmp_path)
    one = world.recipe(folder)
    plain.run(one)
    touched(folder, one)
    job = prepare(one, Settings())
    planned = job.plan()
    assert len(planned.aliases) == 1
    reading = outlook(job, planned).steps[0]
    assert (reading.todo, reading.note) == (0, "1 touched but equal")


def test_an_edit_in_a_record_that_runs_past_its_range_is_read_again(tmp_path: Path):
    """Its range has the bytes that it had: the edit lies in the next, which passes over the end of that record."""
    world.train_tokenizer(tmp_path / "tokenizer.json")
    long = "a" * 5000
    path = world.write_jsonl(tmp_path / "raw/a.jsonl", [{"text": long}, {"text": f"{long}b"}, {"text": long}])
    output = Output(path=f"{tmp_path}/out", tokenizer=f"{tmp_path}/tokenizer.json", pack_tokens=64)
    one = Recipe(inputs=[Input(source="a", path=str(path))], stages=[], output=output)
    settings = Settings(piece_bytes=6000)
    plain.run(one, settings)
    assert len(prepare(one, settings).plan().splits) == 3
    data = path.read_bytes()
    path.write_bytes(data.replace(b"ab", b"ac"))
    os.utime(path, ns=(1, 1))
    job = prepare(one, settings)
    assert job.plan().aliases == ()
    ingest(job.plan().splits[1], job.work)
    assert job.plan().aliases == ()  # a run that died when it had read the edited range
    plain.run(one, settings)
    opened = ledger.open_run(str(tmp_path / "out"))
    texts = [
        text
        for piece in opened.pieces
        for text in pq.read_table(opened.store.path(piece.documents))["text"].to_pylist()
    ]
    assert sorted(texts) == sorted([long, long, f"{long}c"])


def test_only_new_documents_are_tokenised_when_a_limit_is_loosened(tmp_path: Path):
    folder = world.make(tmp_path)
    plain.run(world.recipe(folder))
    before = set(world.listing(folder / "out"))
    one = loosened(folder, world.recipe(folder))
    plain.run(one)
    opened = ledger.open_run(str(folder / "out"))
    new = [
        name
        for name in world.listing(folder / "out")
        if name.startswith("receipts/tokens") and name not in before
    ]
    rows = sum(receipts.parse(opened.store.read(name), name).facts["rows"] for name in new)
    all_rows = sum(len(opened.decisions(piece)) for piece in opened.pieces)
    assert 0 < rows < all_rows / 4
