"""Shown by 2: the real corpora beside the project through one recipe; the books balance; `why` answers for every kind."""

import os
import shutil
from pathlib import Path

import pytest
import zstandard

from pipeline import ledger, lock
from pipeline.ledger.account import account
from pipeline.ledger.why import Life, Quarantined, by_id
from pipeline.lock import Group, Lock
from pipeline.recipe import parse
from pipeline.run.driver import Settings, run
from tests import world

RECIPE = """
inputs:
  - {{source: en, path: '{corpus}/en_*.jsonl.zst', columns: {{lang: string}}}}
  - {{source: zh, path: '{corpus}/zh_*.jsonl.zst', columns: {{lang: string}}}}
  - {{source: docs, path: '{corpus}/docs_*.jsonl.zst', columns: {{lang: string, licence: string}}}}
  - {{source: other, path: '{corpus}/[qtu]*.jsonl.zst', columns: {{lang: string}}}}
  - {{source: cut, path: '{folder}/cut.jsonl.zst'}}
stages:
  - refinedweb_lines: {{where: {{source: [en, docs]}}}}
  - gopher_quality: {{where: {{lang: en}}}}
  - chinese_quality: {{where: {{source: zh}}}}
  - exact_duplicates
  - sample: {{epochs: {{zh: 1.5, other: 0.25}}}}
output: {{path: '{folder}/out', tokenizer: '{folder}/tokenizer.json', pool_tokens: 8M}}
"""


@pytest.fixture(scope="module")
def opened(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> ledger.Run:
    folder = tmp_path_factory.mktemp("real")
    world.train_tokenizer(folder / "tokenizer.json")
    whole = (shared / "corpus/zh_law.jsonl.zst").read_bytes()
    (folder / "cut.jsonl.zst").write_bytes(whole[: len(whole) // 4])  # an archive that ends in the middle
    run(parse(RECIPE.format(corpus=shared / "corpus", folder=folder)), Settings())
    yield ledger.open_run(str(folder / "out"))
    shutil.rmtree(folder)


@pytest.mark.shared
def test_the_books_balance(opened: ledger.Run, shared: Path):
    lines = list(account(opened))
    assert [line for line in lines if line.wrong or line.missing] == []
    raw = 0
    for path in (shared / "corpus").glob("*.jsonl.zst"):
        with path.open("rb") as file:
            raw += zstandard.ZstdDecompressor().stream_reader(file).readall().count(b"\n")
    one = ledger.funnel(opened)
    cut = ledger.total([count for count in one.counts if count.source == "cut"]).documents
    assert ledger.total(list(one.counts)).documents == raw + cut
    assert one.quarantined == {("cut", "truncated_archive"): 1}


@pytest.mark.shared
@pytest.mark.parametrize(
    "wanted",
    [{"reason": None}, {"stage": "gopher_quality"}, {"stage": "exact_duplicates"}, {"stage": "sample"}],
    ids=str,
)
def test_why_answers_for_documents(opened: ledger.Run, wanted: dict[str, str | None]):
    rows = (row for piece in opened.pieces for row in opened.decisions(piece).to_pylist())
    row = next(row for row in rows if all(row[name] == value for name, value in wanted.items()))
    life = by_id(opened, row["id"])
    assert isinstance(life, Life)
    assert (life.stage, life.reason) == (row["stage"], row["reason"])
    assert bool(life.places) == (row["copies"] > 0)
    spoken = [said.stage for said in life.said if said.reason]
    assert (spoken[:1] or [None]) == [row["stage"]]


@pytest.mark.shared
def test_why_answers_for_the_archive_that_ends_in_the_middle(opened: ledger.Run):
    _, table = next(opened.quarantine())
    record = by_id(opened, table["id"][0].as_py())
    assert isinstance(record, Quarantined)
    assert (record.file, record.reason) == ("cut.jsonl.zst", "truncated_archive")


@pytest.mark.shared
def test_the_same_law_in_the_cut_archive_is_a_duplicate_of_the_whole_one(opened: ledger.Run):
    """Across sources: every law of the cut archive is in zh too, and one of each pair goes."""
    one = ledger.funnel(opened)
    cut = ledger.total([count for count in one.counts if count.source == "cut"])
    taken = ledger.total(one.dropped("exact_duplicates"))
    assert taken.documents >= cut.documents > 50


SHARES = {"en": 0.45, "zh": 0.2, "lzh": 0.2, "ko": 0.1, "es": 0.05}


@pytest.mark.shared
@pytest.mark.parametrize(("budget", "binds"), [(10_000_000, ()), (10**9, ("es",))])
def test_a_lock_of_five_groups_is_realised_or_what_binds_is_said(
    opened: ledger.Run, shared: Path, tmp_path: Path, budget: int, binds: tuple[str, ...]
):
    folder = Path(opened.store.root).parent
    shutil.copytree(opened.store.root, tmp_path / "out", copy_function=os.link)
    groups = {name: Group(share, round(share * budget), 1.0) for name, share in SHARES.items()}
    lock.write(str(tmp_path / "mixture.lock.json"), Lock(groups, by="lang"))
    recipe = RECIPE.replace(
        "{{epochs: {{zh: 1.5, other: 0.25}}}}", f"{{{{mixture: '{tmp_path}/mixture.lock.json', by: lang}}}}"
    )
    recipe = recipe.format(corpus=shared / "corpus", folder=folder).replace(
        f"{folder}/out", f"{tmp_path}/out"
    )
    run(parse(recipe), Settings())
    mixed = ledger.open_run(str(tmp_path / "out"))
    said = ledger.groups(mixed)
    assert said
    assert said.mixed
    assert said.mixed.binds == binds
    assert ("there is no more of es at max_epochs 4" in said.said()) == bool(binds)
    total = mixed.manifest["totals"]["tokens"]
    assert total <= budget * 1.001
    largest = max(row["tokens"] or 0 for piece in mixed.pieces for row in mixed.decisions(piece).to_pylist())
    for one in said.realised:
        assert abs(one.share - SHARES.get(one.group or "", 0)) <= max(0.005, largest / 2 / total)
    assert [line.wrong for line in account(mixed) if line.wrong] == []
