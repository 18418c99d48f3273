"""The laws of every stage that ships, found in the table of stages: no list is kept by hand.

And for the user's own stages of tests/own_stages.py, which are to be no guests.
"""

import dataclasses
import inspect
import pickle
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.data.ids import file_digest, make_ids
from pipeline.data.keys import describe, digest
from pipeline.data.schemas import CUTS
from pipeline.kernels.cuts import apply
from pipeline.recipe import STAGES, Stage
from pipeline.recipe.objects import stage_class
from pipeline.steps.measure import Measuring
from pipeline.steps.placed import COMPARISON, SAMPLE, PlacedStage, kind_of, place
from tests import alone, own_stages, world
from tests.golden.stages import BENCHMARK

LISTS = Path(__file__).parents[1] / "lists"
EXAMPLES: dict[str, dict[str, Any]] = {
    "url_rules": {"lists": str(LISTS / "urls.txt")},
    "word_lists": {"lists": str(LISTS / "words.txt")},
    "contamination": {"benchmarks": BENCHMARK},
    "repeated_text": {"more_than": 1},
    "sample": {"epochs": {"web": 0.5, "zh": 2.25}},
}  # where defaults do nothing
OWN = [own_stages.FewLetters(0.05), own_stages.SameUrlHost()]
SHIPPED = [stage_class(where)(**EXAMPLES.get(name, {})) for name, where in STAGES.items()]
ALL = [*SHIPPED, *OWN]


CUT = "cut"  # what a comparison that cuts says, where it gives no reason


def cuts_by_comparing(rule: Any) -> bool:
    return kind_of(rule) == COMPARISON and hasattr(rule, "cuts")


def name_of(rule: Any) -> str:
    return type(rule).__name__


def texts() -> Iterator[tuple[str, str, str | None]]:
    """(source, text, url): real-looking, repeated, short, odd and empty ones, in both languages."""
    chance = random.Random(3)
    for source, language in (("web", "en"), ("zh", "zh")):
        yield from ((source, row["text"], row["url"]) for row in world.documents(5, 60, language))
        yield from ((source, row["text"], row["url"]) for row in world.documents(5, 9, language))
    odd = [
        "",
        " \n\t ",
        "a",
        "字",
        "👩‍👩‍👧‍👦",
        "e\u0301",
        "\u2028\x85",
        "…",
        "- a\n* b\n• c",
        "MENU\nHOME\n12\n3 likes\nsign-in",
        "x" * 5000,
        "dÃ©jÃ\xa0 vu",
        "a.b@example.com 13800138000\n" * 3,
    ]
    yield from (("web", text, None) for text in odd)
    yield from (("zh", world.chinese(chance, 300) * 3, None) for _ in range(3))


@pytest.fixture(scope="module")
def documents() -> pa.RecordBatch:
    rows = list(texts())
    ids = make_ids(file_digest("laws", "file"), np.arange(len(rows)) * 10)
    source, text, url = (pa.array(column, pa.string()) for column in zip(*rows, strict=True))
    return pa.RecordBatch.from_pydict({"id": ids, "source": source, "url": url, "text": text})


def placed(rule: Any) -> PlacedStage:
    return place([Stage(rule)]).stages[0]


def seen_by(rule: Any, documents: pa.RecordBatch) -> pa.RecordBatch:
    seen = Measuring(documents).view.seen(placed(rule))
    tokens = pc.add(pc.cast(pc.utf8_length(documents["text"]), pa.int32()), 1)
    return seen.append_column("tokens", pc.cast(tokens, pa.int32())) if kind_of(rule) == SAMPLE else seen


def statistics(rule: Any, seen: pa.RecordBatch) -> list[pa.Table]:
    return [one.merge([one.partial(seen)]) for one in getattr(rule, "statistics", ())]


def verdicts(rule: Any, documents: pa.RecordBatch) -> list[Any]:
    """What any stage says of each document, whatever its shape."""
    seen = seen_by(rule, documents)
    if kind_of(rule) == COMPARISON:
        marks = alone.compare(rule, seen, documents["text"]).marks
        said = {one: mark["reason"] or (CUT if mark.get("cuts") else None) for one, mark in marks.items()}
        return [said.get(one) for one in seen["id"].to_pylist()]
    if kind_of(rule) == SAMPLE:
        return rule.copies(seen, *statistics(rule, seen)).to_pylist()
    return pc.cast(rule(seen, *statistics(rule, seen)), pa.string()).to_pylist()


@pytest.mark.parametrize("rule", ALL, ids=name_of)
def test_a_stage_has_a_shape_a_version_and_plain_fields(rule: Any):
    assert isinstance(rule.version, int)
    assert isinstance(rule.reasons, tuple)
    assert dataclasses.is_dataclass(rule)
    assert digest(describe(rule)) == digest(describe(pickle.loads(pickle.dumps(rule))))


@pytest.mark.parametrize("rule", SHIPPED, ids=name_of)
def test_a_shipped_stage_is_documented(rule: Any):
    assert len(inspect.getdoc(type(rule)) or "") > 40


@pytest.mark.parametrize("rule", ALL, ids=name_of)
def test_it_says_only_what_it_declares_and_something(rule: Any, documents: pa.RecordBatch):
    said = set(verdicts(rule, documents))
    if kind_of(rule) == SAMPLE:
        assert said <= set(range(10))
        assert len(said) > 1
    else:
        assert said <= {None, *rule.reasons, *([CUT] if cuts_by_comparing(rule) else [])}
        assert said - {None}


@pytest.mark.parametrize("rule", ALL, ids=name_of)
def test_it_is_a_function_of_the_documents_and_survives_the_journey_to_a_worker(
    rule: Any, documents: pa.RecordBatch
):
    assert verdicts(rule, documents) == verdicts(pickle.loads(pickle.dumps(rule)), documents)


@pytest.mark.parametrize("rule", ALL, ids=name_of)
def test_the_order_of_documents_changes_no_verdict(rule: Any, documents: pa.RecordBatch):
    order = np.random.default_rng(0).permutation(documents.num_rows)
    moved = verdicts(rule, documents.take(pa.array(order)))
    straight = verdicts(rule, documents)
    assert moved == [straight[row] for row in order]


@pytest.mark.parametrize("rule", ALL, ids=name_of)
def test_every_measure_gives_a_row_a_document_however_the_batch_is_cut(rule: Any, documents: pa.RecordBatch):
    for measure in placed(rule).measures:
        whole = Measuring(documents).columns(measure)
        assert whole.schema == measure.measure.columns
        cuts = [0, 1, 7, 50, documents.num_rows]
        parts = [documents.slice(start, stop - start) for start, stop in pairwise(cuts)]
        pieces = [Measuring(part).columns(measure) for part in parts]
        assert pa.Table.from_batches(pieces).equals(pa.Table.from_batches([whole]))
        assert Measuring(documents.slice(0, 0)).columns(measure).num_rows == 0


@pytest.mark.parametrize("rule", [one for one in ALL if kind_of(one) == COMPARISON], ids=name_of)
def test_a_comparison_settles_alike_in_any_arrival_order_and_names_survivors_that_stand(
    rule: Any, documents: pa.RecordBatch
):
    seen = seen_by(rule, documents)
    order = pa.array(np.random.default_rng(1).permutation(seen.num_rows))
    one = alone.compare(rule, seen, documents["text"]).marks
    assert one == alone.compare(rule, seen.take(order), documents["text"].take(order)).marks
    assert all(mark["survivor"] not in one for mark in one.values())
    assert alone.compare(rule, seen.slice(0, 0), documents["text"].slice(0, 0)).marks == {}


@pytest.mark.parametrize("rule", [one for one in ALL if cuts_by_comparing(one)], ids=name_of)
def test_what_a_comparison_cuts_stays_in_the_document_that_it_names(rule: Any, documents: pa.RecordBatch):
    marks = alone.compare(rule, seen_by(rule, documents), documents["text"]).marks
    texts = dict(zip(documents["id"].to_pylist(), documents["text"].to_pylist(), strict=True))
    left = {
        one: apply(pa.array([text]), pa.array([marks[one]["cuts"] if one in marks else []], CUTS))[0].as_py()
        for one, text in texts.items()
    }
    for one, mark in marks.items():
        assert len(mark["cuts"]) == len(mark["stays"]) > 0
        for cut, other in zip(mark["cuts"], mark["stays"], strict=True):
            assert texts[one].encode()[cut["start"] : cut["stop"]].decode().strip() in left[other]


@pytest.mark.parametrize("rule", [one for one in ALL if getattr(one, "statistics", ())], ids=name_of)
def test_a_statistic_is_the_same_however_its_parts_come(rule: Any, documents: pa.RecordBatch):
    seen = seen_by(rule, documents)
    for statistic in rule.statistics:
        whole = statistic.merge([statistic.partial(seen)])
        parts = [statistic.partial(seen.slice(start, 20)) for start in range(0, seen.num_rows, 20)]
        grouped = statistic.merge([statistic.merge(parts[3:][::-1]), *parts[:3]])
        assert grouped.equals(whole)
