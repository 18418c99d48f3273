"""What the page draws is what the run did, counted here again, document by document."""

import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import ledger
from pipeline.comparisons.exact import ExactDuplicates
from pipeline.ledger.why import by_id
from pipeline.recipe import Input, Output, Recipe
from pipeline.report import MOST_BYTES, composition, duplicates, funnel, packs, report, rules, seen
from pipeline.report.seen import Sources, Walk
from pipeline.rules.contamination import Contamination
from pipeline.rules.gopher import GopherQuality
from pipeline.rules.shapes import above, at_most, below
from tests import plain, world


@pytest.fixture(scope="module")
def walk(opened: ledger.Run) -> Walk:
    return Walk(opened)


@pytest.fixture(scope="module")
def rows(opened: ledger.Run) -> list[dict[str, Any]]:
    """Every document with its decision and the values that gopher_quality saw."""
    found = []
    for number in range(len(opened.pieces)):
        one = seen.Seen(Walk(opened), [number])
        values = one.view.seen(opened.work.placed.stages[2]).to_pylist()
        found += [value | decision for value, decision in zip(values, one.decisions.to_pylist(), strict=True)]
    return found


@pytest.fixture(scope="module")
def limits(walk: Walk) -> rules.Rules:
    found = rules.Rules.over(walk)
    for one in walk.pieces():
        found.add(one)
    return found


def test_a_histogram_holds_every_document_of_its_scope_on_its_side(limits: rules.Rules, rows, walk: Walk):
    limit = limits.limits["gopher_quality", "too_few_words"]
    within = [row for row in rows if row["source"] in ("web", "books")]
    assert limit.counts.sum() == len(within)
    assert limit.counts[:, rules.GONE].sum() == sum(row["words"] < 50 for row in within) == limit.broken
    assert limit.counts[:, rules.KEPT].sum() == sum(
        row["words"] >= 50 and row["stage"] is None for row in within
    )
    assert not limit.counts[:, rules.GONE, limit.edge :].any()
    assert not limit.counts[:, :2, : limit.edge].any()
    by_source = limit.counts.sum(axis=(1, 2))
    for name, count in zip(walk.sources.names, by_source, strict=True):
        assert count == sum(row["source"] == name for row in within)


def test_the_nearest_are_the_nearest_on_either_side(limits: rules.Rules, rows, opened: ledger.Run):
    kept, gone = limits.limits["gopher_quality", "too_few_words"].sides
    within = [row for row in rows if row["source"] in ("web", "books")]
    least = sorted(row["words"] for row in within if row["stage"] is None)[:5]
    most = sorted((row["words"] for row in within if row["words"] < 50), reverse=True)[:5]
    assert [place.value for place in kept] == least
    assert [place.value for place in gone] == most
    ids = opened.decisions(opened.pieces[kept[0].piece])["id"]
    life = by_id(opened, ids[kept[0].row].as_py())
    assert isinstance(life, ledger.why.Life)
    assert {said.stage: said.values for said in life.said}["gopher_quality"]["words"] == least[0]


def test_overlap_counts_what_two_stages_say_of_one_document(limits: rules.Rules, walk: Walk):
    given: list[np.ndarray] = [
        np.vstack([answer.given for _, answer in one.answers()]) for one in walk.pieces()
    ]
    together = np.hstack(given)
    for a in range(len(limits.names)):
        for b in range(len(limits.names)):
            assert limits.both[a, b] == (together[a] & together[b]).sum()
        others = np.delete(together, a, axis=0).any(axis=0)
        assert limits.only[a] == (together[a] & ~others).sum()
    assert limits.both.any()


def test_asked_alone_is_what_the_books_say(limits: rules.Rules, walk: Walk):
    """The funnel counts the same from the receipts of the decisions."""
    for place, name in enumerate(limits.names):
        if name in walk.funnel.alone:
            assert limits.both[place, place] == walk.funnel.alone[name][0]


@given(
    values=st.lists(st.floats(0, 1000), min_size=1, max_size=30),
    limit=st.sampled_from([0, 0.1, 5, 50.0, 1e5]),
)
@pytest.mark.parametrize("compare", [above, below, at_most])
def test_no_value_is_drawn_beyond_a_limit_that_it_keeps(compare, values, limit):
    """Equal ones included: `above` keeps them, `at_most` does not."""
    one = compare(pa.array([*values, limit], pa.float64()), limit)
    ends = np.quantile(np.array(values), (0.002, 0.5, 0.998))[None, :]
    scale, edge = rules.axis(ends, limit)
    held = rules.Limit(scale, limit, edge, np.zeros((1, 3, rules.BINS), np.int64), "")
    assert (np.diff(held.edges) >= 0).all()
    rows = len(values) + 1
    seen = SimpleNamespace(kept=np.ones(rows, bool), source=np.zeros(rows, int), place=lambda row: (0, row))
    held.add(seen, one, np.ones(rows, bool))
    assert held.counts.sum() == rows
    if 0 < edge < rules.BINS:
        assert scale.at(limit) == pytest.approx(edge / rules.BINS)
        gone, kept = held.counts[0, rules.GONE], held.counts[0, rules.KEPT]
        assert not (gone[:edge] if one.over else gone[edge:]).any()
        assert not (kept[edge:] if one.over else kept[:edge]).any()


def test_small_pieces_are_looked_at_together_and_every_row_knows_its_own(walk: Walk, opened: ledger.Run):
    [together] = walk.pieces()
    rows = [(number, row) for number, piece in enumerate(opened.pieces) for row in range(piece.rows)]
    assert [together.place(row) for row in range(len(together.kept))] == rows
    apart = [seen.Seen(walk, [number]) for number in range(len(opened.pieces))]
    for place, (_, answer) in enumerate(together.answers()):
        each = [list(one.answers())[place][1].given for one in apart]
        assert answer.given.tolist() == np.concatenate(each).tolist()


def test_the_funnel_by_language_is_the_funnel(walk: Walk):
    languages = funnel.Languages(len(walk.funnel.stages))
    for one in walk.pieces():
        languages.add(one)
    sources = funnel.by_source(walk.funnel)
    assert {"en", "zh"} <= languages.groups.keys()
    np.testing.assert_allclose(sum(languages.groups.values()), sum(sources.values()))
    left = funnel.left(sources["web"])
    assert left[0][0] == sum(one.documents for one in walk.funnel.counts if one.source == "web")
    assert left[-1][0] == sum(one.documents for one in walk.funnel.kept if one.source == "web")


def test_what_is_composed_is_what_ships(walk: Walk, opened: ledger.Run):
    made_of = composition.Composition()
    for one in walk.pieces():
        made_of.add(one)
    shipped = opened.manifest["totals"]["tokens_by_source"]
    assert {name: one[1] for name, one in made_of.groups["source"].items()} == shipped
    for groups in made_of.groups.values():
        assert sum(one[1] for one in groups.values()) == sum(shipped.values())
    assert 2003 in made_of.groups["date"]


def test_duplicates_are_the_marks(walk: Walk, rows):
    found, lines = duplicates.Duplicates.over(walk)
    for one in walk.pieces():
        found.add(one)
        lines.add(one)
    assert lines.stretches == {"books": 8}
    assert not lines.similar.any()
    fell = [row for row in rows if row["stage"] == "exact_duplicates"]
    assert found.similar.sum() == found.between.sum() == len(fell) > 5
    by_source = Counter(row["source"] for row in fell)
    assert dict(zip(walk.sources.names, found.between.sum(axis=1).tolist(), strict=True)) == {
        name: by_source[name] for name in walk.sources.names
    }
    assert sum(count * (size - 1) for size, count in found.groups().items()) == len(fell)
    assert [size for size, _ in found.largest] == sorted((size for size, _ in found.largest), reverse=True)


def test_packs_are_counted_from_their_spans(opened: ledger.Run):
    found, totals = packs.gather(opened), opened.manifest["totals"]
    assert found.fill.sum() == sum(found.documents.values()) == totals["packs"]
    assert found.fill[-1] > 0


def test_beyond_twenty_sources_the_rest_is_one():
    names = [f"s{number:02}" for number in range(30)]
    counts = tuple(ledger.Count(name, "", "", documents=100 - place) for place, name in enumerate(names))
    sources = Sources.of(ledger.Funnel((), counts, {}, {}, {}))
    assert sources.names == (*names[:20], "10 others")
    assert sources.codes(pa.array(["s00", "s19", "s20", "s29"])).tolist() == [0, 19, 20, 20]


def test_a_page_that_would_be_too_large_shows_less(opened: ledger.Run, page: str, monkeypatch):
    assert len(page.encode()) < MOST_BYTES
    monkeypatch.setattr("pipeline.report.MOST_BYTES", len(page.encode()) - 1)
    assert len(report(opened)) < len(page)


def test_every_section_is_there_and_no_text_is_markup(page: str):
    for title in (
        "Funnel",
        "Rules",
        "Duplicates",
        "Contamination",
        "Composition",
        "Packs",
        "Quarantine",
        "The run",
    ):
        assert f">{title}</a></h2>" in page
    assert "<script>document" not in page
    assert "&lt;script&gt;document.title = &#x27;owned&#x27;" in page
    assert "broken_json" in page
    assert page.count("<svg") > 30


def test_a_run_of_nothing_and_one_without_a_hit_have_their_pages(tmp_path: Path):
    world.train_tokenizer(tmp_path / "tokenizer.json")
    world.write_jsonl(
        tmp_path / "bench/b.jsonl", [{"question": "What is the capital of the country beside the sea?"}]
    )
    output = Output(path=f"{tmp_path}/out", tokenizer=f"{tmp_path}/tokenizer.json", pack_tokens=64)
    stages = [GopherQuality(), Contamination(f"{tmp_path}/bench"), ExactDuplicates()]
    for rows in ([{"text": world.english(random.Random(1), 200)}], ["broken"]):
        path = world.write_jsonl(tmp_path / "raw.jsonl", rows)
        plain.run(Recipe(inputs=[Input(source="a", path=str(path))], stages=stages, output=output))
        assert "No item was found in any document." in report(ledger.open_run(f"{tmp_path}/out"))
