"""The README's questions, asked of a run in SQL, and the answers held against the ledger."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline import ledger
from tests import plain, world

QUERIES = re.findall(
    r"```sql\n(.*?)```", (Path(__file__).parents[2] / "README.md").read_text("utf-8"), re.DOTALL
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = world.make(tmp_path_factory.mktemp("world"), files=2, rows=40)
    plain.run(world.recipe(folder))
    return folder / "out"


@pytest.fixture
def asked(out: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    monkeypatch.chdir(out)
    base = duckdb.connect()
    base.execute((out / "winnow.sql").read_text())
    return base


def rows(out: Path) -> list[dict[str, Any]]:
    opened = ledger.open_run(str(out))
    return [row for piece in opened.pieces for row in opened.decisions(piece).to_pylist()]


def test_documents_and_decisions_are_those_of_the_ledger(out: Path, asked: duckdb.DuckDBPyConnection):
    found = dict(asked.execute("SELECT reason, count(*) FROM decisions GROUP BY 1").fetchall())
    assert found == dict(Counter(row["reason"] for row in rows(out)))
    assert asked.execute("SELECT count(*) FROM documents JOIN decisions USING (id)").fetchone() == (
        len(rows(out)),
    )


def test_a_stage_is_a_view_of_its_columns_by_document(out: Path, asked: duckdb.DuckDBPyConnection):
    """The limit asked again in SQL drops what the rule dropped."""
    query = """SELECT id FROM gopher_quality WHERE words < 50 AND source IN ('web', 'books')"""
    few = {bytes(one) for (one,) in asked.execute(query).fetchall()}
    dropped = {row["id"] for row in rows(out) if row["reason"] == "too_few_words"}
    assert dropped
    assert dropped <= few


def test_a_comparison_is_a_view_of_its_marks(out: Path, asked: duckdb.DuckDBPyConnection):
    found = asked.execute("SELECT id, survivor FROM exact_duplicates").fetchall()
    assert {bytes(one) for one, _ in found} >= {
        row["id"] for row in rows(out) if row["reason"] == "exact_duplicate"
    }


def test_the_spans_of_packs_are_the_shipped_tokens(out: Path, asked: duckdb.DuckDBPyConnection):
    total = asked.execute('SELECT sum("stop" - "start") FROM packs').fetchone()
    assert total == (ledger.open_run(str(out)).manifest["totals"]["tokens"],)


def test_quarantine_is_there(asked: duckdb.DuckDBPyConnection):
    assert asked.execute("SELECT reason, count(*) FROM quarantine GROUP BY 1").fetchall() == [
        ("broken_json", 2)
    ]


def test_the_readme_has_ten_queries():
    assert len([one for text in QUERIES for one in text.split(";") if one.strip()]) == 10


@pytest.mark.parametrize("query", [one.strip() for text in QUERIES for one in text.split(";") if one.strip()])
def test_every_query_of_the_readme_answers(asked: duckdb.DuckDBPyConnection, query: str):
    assert asked.execute(query).fetchall()
