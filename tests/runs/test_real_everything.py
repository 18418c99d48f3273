"""One recipe over all real data beside the project: every format, decontaminated; books balance and every stage speaks."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from pipeline import ledger
from pipeline.ledger.account import account
from pipeline.ledger.duplicates import recompute
from pipeline.ledger.why import Life, Quarantined, by_id
from pipeline.recipe import parse
from pipeline.run.driver import Settings, run
from pipeline.steps.placed import COMPARISON, EDITOR, RULE, SAMPLE
from tests import world

RECIPE = """
inputs:
  - {{source: en, path: '{data}/corpus/en_*.jsonl.zst'}}
  - {{source: zh, path: '{data}/corpus/zh_*.jsonl.zst'}}
  - {{source: docs, path: '{data}/corpus/docs_*.jsonl.zst', columns: {{licence: string}}}}
  - {{source: qa, path: '{data}/corpus/qa_*.jsonl.zst'}}
  - {{source: short, path: '{data}/corpus/[tu]*.jsonl.zst'}}
  - {{source: html, path: '{data}/html/readability/*/source.html'}}
  - {{source: warc, path: '{data}/warc/*/*arc'}}
  - {{source: warc, name: packed, path: '{data}/warc/*/*.gz', format: warc}}
  - {{source: parquet, path: '{data}/parquet/', text: contents}}
stages:
  - url_rules
  - garbled
  - language: {{where: {{source: [en, zh, html, warc, parquet]}}, min_score: 0.4}}
  - refinedweb_lines: {{where: {{source: [html, warc]}}}}
  - gopher_quality: {{where: {{source: [en, html, warc, parquet]}}}}
  - chinese_quality: {{where: {{source: zh}}, min_characters: 20, min_line_length: 0}}
  - personal_data: {{max_finds: 1000}}
  - contamination: {{benchmarks: '{data}/benchmarks/'}}
  - exact_duplicates: {{prefer: [en, zh]}}
  - near_duplicates
  - repeated_text: {{unit: paragraph}}
  - sample: {{epochs: {{short: 0.25, zh: 1.5}}}}
output: {{path: '{folder}/out', tokenizer: '{folder}/tokenizer.json', pool_tokens: 8M}}
"""


@pytest.fixture(scope="module")
def opened(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> ledger.Run:
    folder = tmp_path_factory.mktemp("everything")
    world.train_tokenizer(folder / "tokenizer.json")
    run(parse(RECIPE.format(data=shared, folder=folder)), Settings(workers=2))
    yield ledger.open_run(str(folder / "out"))
    shutil.rmtree(folder)


@pytest.mark.shared
@pytest.mark.soak
def test_the_books_balance(opened: ledger.Run):
    assert [line for line in account(opened) if line.wrong or line.missing] == []
    one = ledger.funnel(opened)
    assert {count.source for count in one.kept} == {
        "en",
        "zh",
        "docs",
        "qa",
        "short",
        "html",
        "warc",
        "parquet",
    }
    assert {name for name, _ in one.quarantined} >= {"warc", "packed", "parquet"}
    assert {name for name, _ in one.passed_over} >= {"warc", "packed"}


@pytest.mark.shared
@pytest.mark.soak
def test_every_stage_drops_or_cuts_and_why_says_so(opened: ledger.Run):
    """And with that every kind of stage: rules, editors, comparisons, the sample; kept, quarantined."""
    rows = [row for piece in opened.pieces for row in opened.decisions(piece).to_pylist()]
    by_stage = {row["stage"]: row["id"] for row in rows}
    spoke = set()
    for stage, identifier in by_stage.items():
        life = by_id(opened, identifier)
        assert isinstance(life, Life)
        assert life.stage == stage
        assert bool(life.places) == (stage is None)
        spoke |= {said.kind for said in life.said if said.reason and said.stage == stage}
    assert spoke == {RULE, EDITOR, COMPARISON, SAMPLE}
    silent = {stage.name for stage in opened.work.placed.stages} - by_stage.keys()
    assert silent <= {
        "url_rules",
        "personal_data",
        "repeated_text",
    }  # no listed host is in these data; editors cut
    quarantined = [row["id"] for _, table in opened.quarantine() for row in table.to_pylist()]
    assert isinstance(by_id(opened, quarantined[0]), Quarantined)


@pytest.mark.shared
@pytest.mark.soak
def test_of_gsm8k_s_train_set_at_most_five_fall_as_contaminated(opened: ledger.Run):
    counts = Counter({(one.source, one.stage): one.documents for one in ledger.funnel(opened).counts})
    assert counts["qa", "contamination"] <= 5


@pytest.mark.shared
@pytest.mark.soak
def test_every_removal_by_a_comparison_recomputes(opened: ledger.Run):
    names = {stage.name for stage in opened.work.placed.comparisons}
    rows = [row for piece in opened.pieces for row in opened.decisions(piece).to_pylist()]
    gone = [row["id"] for row in rows if row["stage"] in names and row["reason"] != "empty"]
    found = list(recompute(opened, gone))
    assert len(found) == len(gone) > 1000
    assert [one for one in found if one.wrong] == []
