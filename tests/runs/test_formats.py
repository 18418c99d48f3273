"""One recipe over every format: guessed from the files' names, read, judged by what readers know, and the books balance."""

import gzip
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import ledger
from pipeline.data import receipts
from pipeline.ledger.account import account
from pipeline.recipe import Input, Output, Recipe, Stage
from pipeline.rules.gopher import GopherQuality
from pipeline.run.driver import Settings, SetupError, prepare
from pipeline.steps.ingest import receipt_of
from pipeline.steps.plan import PlanError, guess_format
from tests import plain, world
from tests.readers.made import arc, arc_record, http, page, record, response, warc

PIECE = 20_000  # bytes: so small that files are cut


def make(folder: Path) -> dict[str, str]:
    """A folder a format, each with something broken, and where each lies."""
    chance = random.Random(4)
    texts = [world.english(chance, 200) for _ in range(40)] + [world.chinese(chance, 300) for _ in range(40)]
    files: dict[str, bytes | str] = {
        "warc/a.warc.gz": gzip.compress(warc(*(response(page(text)) for text in texts[:30]), record("request", b"GET"))),
        "warc/b.arc": arc(arc_record(http(page(texts[31]))), arc_record(http(b"no", status=404))),
        "warc/c.warc": warc(response(page(texts[32])), response(b"lie", length=99), response(b"<b>" * 3000)),
        "html/a.html": page(texts[33]),
        "html/deep/b.htm": b"<div>" * 100_000,
        "html/deep/notes.txt": "another kind",
        "markdown/a.md": f"---\ntitle: a\n---\n{texts[34]}",
        "code/src/a.py": "# MIT\n" + "print('the sea')\n" * 30,
        "code/src/a_pb2.py": "x = 1\n" * 90,
        "code/node_modules/b.js": "let sea = 1;\n" * 50,
        "code/README.md": "# Sea\n",
        "code/a.png": b"\x89PNG",
        "jsonl/a.jsonl": '{"text": "one"}\n',
        "jsonl/README.md": "# About",
    }  # fmt: skip
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    (folder / "parquet").mkdir()
    for name in ("a", "b"):
        table = pa.table({"content": [*texts, None], "stars": list(range(81))})
        pq.write_table(
            table,
            folder / f"parquet/{name}.parquet",
            row_group_size=7,
            compression="none",
            use_dictionary=False,
        )
    return {name: str(folder / name) for name in ("warc", "html", "markdown", "code", "parquet", "jsonl")}


FIELDS: Mapping[str, dict[str, Any]] = {
    "parquet": {"text": "content", "columns": {"stars": "int32"}},
    "code": {"format": "code"},
    "html": {"format": "html"},
}


def recipe(folder: Path, paths: Mapping[str, str], out: str = "out") -> Recipe:
    inputs = [Input(source=name, path=path, **FIELDS.get(name, {})) for name, path in paths.items()]
    stages = [Stage(GopherQuality(min_words=99_999), where={"generated": True}, name="no_generated"),
              Stage(GopherQuality(min_words=99_999), where={"code_language": ["JavaScript", "Markdown"]}, name="no_scripts"),
              Stage(GopherQuality(min_words=99_999), where={"stars": {"max": 1}}, name="few_stars")]  # fmt: skip
    output = Output(
        path=f"{folder}/{out}", tokenizer=f"{folder}/tokenizer.json", pack_tokens=256, pool_tokens=20_000
    )
    return Recipe(inputs=inputs, stages=stages, output=output)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("formats")
    world.train_tokenizer(made / "tokenizer.json")
    make(made)
    return made


@pytest.fixture(scope="module")
def paths(folder: Path) -> dict[str, str]:
    return {name: f"{folder}/{name}" for name in ("warc", "html", "markdown", "code", "parquet", "jsonl")}


@pytest.fixture(scope="module")
def opened(folder: Path, paths: dict[str, str]) -> ledger.Run:
    plain.run(recipe(folder, paths))
    return ledger.open_run(f"{folder}/out")


def test_the_books_balance(opened: ledger.Run):
    lines = list(account(opened))
    assert [line for line in lines if line.wrong or line.missing] == []
    one = ledger.funnel(opened)
    records = sum(line.found for line in lines if line.what == "records")
    passed = sum(count for (_, kind), count in one.passed_over.items() if kind != "file of another kind")
    assert records == ledger.total(list(one.counts)).documents + sum(one.quarantined.values()) + passed


def test_what_was_no_document_is_told_by_reason_or_type(opened: ledger.Run):
    one = ledger.funnel(opened)
    assert one.quarantined == {
        ("warc", "wrong_length"): 1,
        ("warc", "nested_too_deep"): 1,
        ("html", "nested_too_deep"): 1,
        ("parquet", "text_not_string"): 2,
    }
    assert one.passed_over == {
        ("warc", "warcinfo"): 2,
        ("warc", "request"): 1,
        ("warc", "filedesc"): 1,
        ("warc", "response 4xx"): 1,
        ("html", "file of another kind"): 1,
        ("code", "file of another kind"): 1,
        ("jsonl", "file of another kind"): 1,
    }
    counts = Counter({count.source: 0 for count in one.counts})
    for count in one.counts:
        counts[count.source] += count.documents
    assert counts == {"warc": 32, "html": 1, "markdown": 1, "code": 4, "parquet": 160, "jsonl": 1}


def test_what_readers_and_inputs_bring_can_be_judged_by(opened: ledger.Run):
    one = ledger.funnel(opened)
    dropped = {stage: ledger.total(one.dropped(stage)).documents for stage in one.stages}
    assert dropped == {"no_generated": 1, "no_scripts": 2, "few_stars": 4}


def test_however_files_are_cut_the_documents_are_the_same(
    folder: Path, paths: dict[str, str], opened: ledger.Run
):
    plain.run(recipe(folder, paths, "cut"), Settings(piece_bytes=PIECE))
    cut = ledger.open_run(f"{folder}/cut")
    assert len([split for split in cut.planned.splits if split.input == "parquet"]) > 2
    assert cut.corpus.fold == opened.corpus.fold
    assert world.digests(f"{folder}/cut") == world.digests(f"{folder}/out")
    assert [line for line in account(cut) if line.wrong or line.missing] == []


def test_receipts_tell_what_was_passed_over_file_by_file(opened: ledger.Run):
    rows = [
        row
        for split in opened.planned.splits
        for row in receipts.get(opened.store, receipt_of(split)).facts["extents"]
    ]
    told = {row["file"]: row["passed_over"] for row in rows if row["passed_over"]}
    assert told["a.warc.gz"] == {"request": 1, "warcinfo": 1}
    assert told["b.arc"] == {"filedesc": 1, "response 4xx": 1}


def test_formats_are_guessed_by_the_names_and_a_readme_is_no_data(paths: dict[str, str]):
    names = ("warc", "markdown", "parquet", "jsonl")
    assert [guess_format(name, paths[name]) for name in names] == list(names)
    with pytest.raises(PlanError, match=r"several formats \(html, text\); say which with format:"):
        guess_format("a", paths["html"])


def test_a_missing_library_is_named_with_its_cure(
    folder: Path, paths: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.readers.shape.EXTRAS", {"warc": ("web", ("no_such_library",))})
    with pytest.raises(
        SetupError, match=r"warc: format warc needs no_such_library; pip install 'winnow\[web\]'"
    ):
        prepare(recipe(folder, paths), Settings())


def test_a_column_of_a_reader_has_its_own_type(folder: Path, paths: dict[str, str]):
    wrong = Input(source="code", path=paths["code"], format="code", columns={"generated": "string"})
    with pytest.raises(SetupError, match="generated"):
        prepare(Recipe(inputs=[wrong], stages=[], output=recipe(folder, paths).output), Settings())
