"""The hostile corpus goes through a run of everything: each record is a document or a row with its reason, memory stays under a cap."""

from collections import Counter
from pathlib import Path

import pytest

from pipeline import ledger
from pipeline.data import receipts
from pipeline.recipe import Input, Output, Recipe
from pipeline.steps.ingest import receipt_of
from tests import world
from tests.cli.command import winnow, write_recipe
from tests.faults import hostile
from tests.laws.test_stages import SHIPPED, name_of
from tests.runs.test_sizes import MB, measured, say

CAP = (
    2_000 * MB
)  # all processes together, two workers and their parsers: as stated in README's table of faults
ASKED = ("Drop", "Sample")  # which need to be told of what
FORMATS = ("jsonl", "text", "parquet", "warc", "html", "markdown", "names")


def recipe(folder: Path) -> Recipe:
    inputs = [
        Input(source=name, path=f"{folder}/raw/{name}", format="jsonl" if name == "names" else name)
        for name in FORMATS
    ]
    output = Output(path=f"{folder}/out", tokenizer=f"{folder}/tokenizer.json", pool_tokens=4_000_000)
    return Recipe(inputs, [one for one in SHIPPED if name_of(one) not in ASKED], output)


def became(run: ledger.Run) -> dict[str, Counter[str]]:
    """Documents and reasons by file: both lie in the books, documents as what is left of the records of an extent."""
    found: dict[str, Counter[str]] = {}
    for name, table in run.quarantine():
        for row in table.select(["file", "reason"]).to_pylist():
            found.setdefault(f"{name}/{row['file']}", Counter())[row["reason"]] += 1
    for split in run.planned.splits:
        for extent in receipts.get(run.store, receipt_of(split)).facts["extents"]:
            rows = found.setdefault(f"{split.input}/{shown(extent['file'])}", Counter())
            rows[hostile.DOCUMENT] += extent["records"] - sum(extent["passed_over"].values())
    for rows in found.values():
        rows[hostile.DOCUMENT] -= sum(count for what, count in rows.items() if what != hostile.DOCUMENT)
    return {file: +rows for file, rows in found.items()}


def shown(file: str) -> str:
    return file.encode("utf-8", "backslashreplace").decode()


def check(folder: Path, large: bool) -> None:
    expected = hostile.corpus(folder / "raw", large)
    world.train_tokenizer(folder / "tokenizer.json")
    write_recipe(folder, recipe(folder))
    seconds, peak = measured(folder)
    say("the hostile corpus", seconds, peak)
    assert peak < CAP
    opened = ledger.open_run(str(folder / "out"))
    assert became(opened) == expected
    counted = winnow("account", "out", cwd=folder, timeout=3600)
    assert counted.returncode == 0, counted.stdout


def test_it_goes_through(tmp_path: Path):
    check(tmp_path, large=False)


@pytest.mark.soak
def test_it_goes_through_in_full_size(tmp_path: Path):
    """Files of 10 GB unpacked, a line of 200 MB, a document of 2 GB, a million of one byte."""
    check(tmp_path, large=True)
