"""What is exported is what ships, and comes back in as it was."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline import ledger
from pipeline.ledger.export import Choice, export
from pipeline.recipe import Input, Recipe, Stage
from pipeline.rules.refinedweb import RefinedWebLines
from tests import plain, world

RICH = [
    {
        "content": "First part. Second part.",
        "url": "https://a.example/1",
        "date": "2024-02-29T12:00:00+00:00",
        "parts": [{"kind": "question", "start": 0, "stop": 11}, {"kind": "answer", "start": 12, "stop": 24}],
        "parents": ["0f" * 16],
        "stars": 5,
        "more": {"nested": [1, 2.5, None, "深"]},
        "text": "a field that is not the text",
    },
    {
        "content": "With a picture \ufffc here.",
        "media": [{"kind": "image", "uri": "a.png", "digest": "ab" * 16, "width": 3}],
    },
    {"content": "只有文字。", "source": "its own source", "id": 7, "stars": None},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = world.make(tmp_path_factory.mktemp("world"), files=2, rows=40)
    plain.run(world.recipe(made))
    return made


def lines(target: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(target.glob("*.jsonl.zst")):
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            found += [json.loads(line) for line in file]
    return found


def rich(folder: Path, path: str, out: str, text: str) -> Recipe:
    columns = {"stars": "int32"}
    world.train_tokenizer(folder / "tokenizer.json")
    base = world.recipe(folder, out)
    one = Input(source="rich", path=f"{folder}/{path}", format="jsonl", text=text, columns=columns)
    return replace(base, inputs=(one,), stages=())


def test_export_and_import_lose_nothing_but_id_and_digest(tmp_path: Path):
    world.write_jsonl(tmp_path / "raw/a.jsonl", RICH)
    plain.run(rich(tmp_path, "raw/", "out", "content"))
    export(ledger.open_run(f"{tmp_path}/out"), f"{tmp_path}/first", "jsonl", "content", Choice())
    plain.run(rich(tmp_path, "first/", "again", "content"))
    export(ledger.open_run(f"{tmp_path}/again"), f"{tmp_path}/second", "jsonl", "content", Choice())

    def bare(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {k: v for k, v in one.items() if not k.startswith("winnow_") and v is not None} for one in records
        ]

    wanted = [{k: v for k, v in one.items() if v is not None} for one in RICH]
    assert bare(lines(tmp_path / "first")) == wanted
    assert bare(lines(tmp_path / "second")) == wanted


def test_a_field_that_would_be_lost_under_the_text_is_refused(tmp_path: Path):
    world.write_jsonl(tmp_path / "raw/a.jsonl", RICH)
    plain.run(rich(tmp_path, "raw/", "out", "content"))
    opened = ledger.open_run(f"{tmp_path}/out")
    with pytest.raises(
        ledger.LedgerError, match="has a field 'text' of its own; name another by --text-field"
    ):
        export(opened, f"{tmp_path}/first", "jsonl", "text", Choice())
    assert not (tmp_path / "first").exists()


def test_what_ships_is_exported_with_its_cuts_applied(folder: Path, tmp_path: Path):
    opened = ledger.open_run(str(folder / "out"))
    done = export(opened, str(tmp_path / "x"), "jsonl", "text", Choice())
    found = {one["winnow_id"]: one for one in lines(tmp_path / "x")}
    kept = {
        row["id"].hex(): row
        for piece in opened.pieces
        for row in opened.decisions(piece).to_pylist()
        if row["copies"]
    }
    assert found.keys() == kept.keys()
    assert done.documents == len(kept)
    for name, row in kept.items():
        assert found[name]["winnow_copies"] == row["copies"]
        assert len(found[name]["text"]) == row["characters"] - row["characters_cut"] + row["characters_put"]
    assert any(row["characters_cut"] for row in kept.values())
    assert {one["licence"] for one in found.values() if "licence" in one} == {"mit", "cc0"}


def test_what_was_dropped_is_exported_as_it_came_with_its_reason(folder: Path, tmp_path: Path):
    opened = ledger.open_run(str(folder / "out"))
    export(opened, str(tmp_path / "x"), "jsonl", "text", Choice(dropped=True, reason="too_few_words"))
    found = lines(tmp_path / "x")
    rows = [row for piece in opened.pieces for row in opened.decisions(piece).to_pylist()]
    assert {one["winnow_id"] for one in found} == {
        row["id"].hex() for row in rows if row["reason"] == "too_few_words"
    }
    assert {(one["winnow_stage"], one["winnow_reason"]) for one in found} == {
        ("gopher_quality", "too_few_words")
    }


def test_parquet_holds_the_same(folder: Path, tmp_path: Path):
    opened = ledger.open_run(str(folder / "out"))
    export(opened, str(tmp_path / "j"), "jsonl", "text", Choice())
    export(opened, str(tmp_path / "p"), "parquet", "text", Choice())
    rows = [
        row for path in sorted((tmp_path / "p").glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    assert [(row["winnow_id"], row["text"]) for row in rows] == [
        (one["winnow_id"], one["text"]) for one in lines(tmp_path / "j")
    ]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice(True, "gopher"), "no stage 'gopher'; there are refinedweb_lines"),
        (Choice(True, None, "too_few"), "no reason 'too_few'; there are"),
    ],
)
def test_a_stage_or_reason_that_is_not_there_is_named(
    folder: Path, tmp_path: Path, choice: Choice, said: str
):
    with pytest.raises(ledger.LedgerError, match=said):
        export(ledger.open_run(str(folder / "out")), str(tmp_path / "x"), "jsonl", "text", choice)


def test_a_folder_that_holds_something_is_refused(folder: Path, tmp_path: Path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x/thesis.tex").write_text("precious")
    with pytest.raises(FileExistsError, match="is there already; name a new folder"):
        export(ledger.open_run(str(folder / "out")), str(tmp_path / "x"), "jsonl", "text", Choice())


def test_parts_and_media_follow_the_editors(tmp_path: Path):
    """A line is cut between two parts, another with its picture."""
    text = "A first line that is long enough to stay here.\n3 likes\n\ufffc\nAnother line that is long enough to stay.\ufffc"
    size = len(text.encode())
    record = {
        "content": text,
        "parts": [{"kind": "head", "start": 0, "stop": 46}, {"kind": "tail", "start": 59, "stop": size}],
        "media": [{"kind": "image", "uri": "cut.png"}, {"kind": "image", "uri": "kept.png"}],
    }
    world.write_jsonl(tmp_path / "raw/a.jsonl", [record])
    recipe = replace(
        rich(tmp_path, "raw/", "out", "content"), stages=(Stage(RefinedWebLines(max_cut_share=1.0)),)
    )
    plain.run(recipe)
    opened = ledger.open_run(f"{tmp_path}/out")
    export(opened, f"{tmp_path}/x", "jsonl", "content", Choice())
    (one,) = lines(tmp_path / "x")
    pieces = [one["content"].encode()[part["start"] : part["stop"]].decode() for part in one["parts"]]
    assert pieces[0] == "A first line that is long enough to stay here."
    assert pieces[1] == "Another line that is long enough to stay.\ufffc"
    assert one["content"].count("\ufffc") == len(one["media"])


def first_of(path: str) -> dict[str, Any]:
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        return dict(json.loads(next(file)))


@pytest.mark.parametrize(("form", "builder"), [("jsonl", "json"), ("parquet", "parquet")])
def test_datasets_loads_what_was_exported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, builder: str
):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    done = export(ledger.open_run(str(folder / "out")), str(tmp_path / "x"), form, "text", Choice())
    files = sorted(map(str, (tmp_path / "x").iterdir()))
    if form == "jsonl":  # records keep their own fields, and those of text files have none
        files = [path for path in files if "url" in first_of(path)]
    loaded = load_dataset(builder, data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    sources = {"web", "zh"} if form == "jsonl" else {"web", "zh", "books"}
    assert set(loaded["winnow_source"]) == sources
    assert (loaded.num_rows == done.documents) == (form == "parquet")
    assert (sum(len(text.encode()) for text in loaded["text"]) == done.bytes) == (form == "parquet")


def test_a_text_field_that_would_cover_a_column_is_refused(folder: Path, tmp_path: Path):
    opened = ledger.open_run(str(folder / "out"))
    for name in ("licence", "url", "winnow_id"):
        with pytest.raises(ledger.LedgerError, match=f"--text-field {name}: a column of that name"):
            export(opened, str(tmp_path / "x"), "jsonl", name, Choice())
