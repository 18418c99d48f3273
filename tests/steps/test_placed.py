"""Keys of placed stages: what can change a result changes its key, and nothing else does."""

from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pytest

from pipeline.data.schemas import CUTS
from pipeline.steps.placed import COMPARISON, EDITOR, RULE, SAMPLE, PlaceError, place


@dataclass(frozen=True)
class Length:
    unit: int = 1
    reads = ("text",)
    columns = pa.schema([("length", pa.int64())])
    version = 1

    def __call__(self, documents):
        return documents


@dataclass(frozen=True)
class Cuts:
    reads = ("text",)
    columns = pa.schema([("cuts", CUTS)])
    version = 1

    def __call__(self, documents):
        return documents


@dataclass(frozen=True)
class Short:
    limit: int = 10
    needs = (Length(),)
    reasons = ("short",)
    version = 1

    def __call__(self, seen):
        return seen


@dataclass(frozen=True)
class Trim:
    needs = (Cuts(),)
    cuts = "cuts"
    reasons = ()
    version = 1

    def __call__(self, seen):
        return seen


@dataclass(frozen=True)
class Same:
    needs = (Length(),)
    reasons = ("same",)
    version = 1

    def nominate(self, seen):
        return seen

    def settle(self, rows):
        return rows


@dataclass(frozen=True)
class Copies:
    needs = ()
    statistics = ()
    reasons = ("sampled_out",)
    version = 1

    def copies(self, seen):
        return seen


@dataclass(frozen=True)
class At:
    rule: Any
    where: dict = field(default_factory=dict)
    name: str = ""


def stages(*rules: Any) -> list[At]:
    return [
        replace(one if isinstance(one, At) else At(one), name=f"s{index}") for index, one in enumerate(rules)
    ]


def test_each_shape_is_told_by_what_it_has():
    assert [one.kind for one in place(stages(Short(), Trim(), Same(), Copies())).stages] == [
        RULE,
        EDITOR,
        COMPARISON,
        SAMPLE,
    ]


def test_what_has_no_shape_is_refused():
    with pytest.raises(PlaceError, match="is no stage"):
        place(stages(object()))


def test_a_moved_limit_moves_the_chain_and_no_measure():
    one, other = place(stages(Short(10), Same())), place(stages(Short(11), Same()))
    assert one.measures == other.measures
    assert one.chain != other.chain
    assert one.stages[1].before != other.stages[1].before


def test_a_stage_after_a_comparison_is_nothing_to_it():
    one, other = place(stages(Same(), Short(10))), place(stages(Same(), Short(11)))
    assert (one.stages[0].key, one.stages[0].before) == (other.stages[0].key, other.stages[0].before)


def test_names_decide_nothing():
    assert place([At(Short(), {}, "a")]).chain == place([At(Short(), {}, "b")]).chain


def test_an_editor_changes_the_measures_after_it_and_none_before():
    plain, edited = place(stages(Short(), Short(5))), place(stages(Short(), Trim(), Short(5)))
    assert plain.stages[0].measures == edited.stages[0].measures
    assert plain.stages[1].measures[0].key != edited.stages[2].measures[0].key
    assert edited.stages[2].measures[0].edits == edited.edits


def test_the_scope_of_an_editor_is_part_of_what_later_measures_see():
    one, other = (place(stages(At(Trim(), {"source": source}), Short())) for source in ("a", "b"))
    assert one.stages[1].measures[0].key != other.stages[1].measures[0].key


def test_equal_measures_are_computed_once():
    assert len(place(stages(Short(1), Short(2), Same())).measures) == 1


def test_a_scope_may_name_columns_of_documents_inputs_and_earlier_measures():
    placed = place(
        stages(Short(), At(Short(3), {"length": {"min": 5}, "licence": "mit", "source": ["a"]})),
        {"licence": pa.string()},
    )
    homes = placed.stages[1].where.homes
    assert homes["length"] == placed.stages[0].measures[0]
    assert homes["licence"] is None is homes["source"]


@pytest.mark.parametrize("column", ["length", "lang", "text"])
def test_a_scope_names_what_is_known_at_its_place(column: str):
    with pytest.raises(
        ValueError, match=rf"s0: where: unknown column '{column}'; known at this place: .*source"
    ):
        place(stages(At(Short(), {column: 1})))


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"licence": 3}, "licence is string, so 3 can be no limit of it"),
        ({"stars": 1.5}, "stars is int32, so 1.5 can be no limit of it"),
        ({"stars": [1, True]}, "stars is int32, so True can be no limit of it"),
        ({"stars": {"min": 1 << 40}}, "stars is int32, so 1099511627776 can be no limit of it"),
        ({"date": {"min": "yesterday"}}, "so 'yesterday' can be no limit of it"),
        ({"id": "xyz"}, "so 'xyz' can be no limit of it"),
    ],
)
def test_a_limit_has_the_type_of_its_column(limit: dict, words: str):
    with pytest.raises(PlaceError, match=words):
        place(stages(At(Short(), limit)), {"licence": pa.string(), "stars": pa.int32()})


def test_dates_and_ids_may_be_limits():
    limits = {"date": {"min": "2019-01-01"}, "id": "00" * 16}
    assert place(stages(At(Short(), limits))).stages[0].where.limits == limits


def test_a_statistic_with_a_new_version_makes_a_new_stage(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Copies, "statistics", (Length(1),))
    before = place(stages(Copies())).stages[0].key
    monkeypatch.setattr(Length, "version", 2)
    assert place(stages(Copies())).stages[0].key != before


def test_a_sample_by_a_column_that_nobody_brings_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Copies, "by", "licence", raising=False)
    assert place(stages(Copies()), {"licence": pa.string()})
    with pytest.raises(PlaceError, match=r"by: unknown column 'licence'; known at this place: .*source"):
        place(stages(Copies()))


def test_a_column_that_is_brought_and_measured_is_refused():
    with pytest.raises(PlaceError, match="column 'length' is measured here and brought by an input"):
        place(stages(Short()), {"length": pa.int64()})
