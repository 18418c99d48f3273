"""The laws of rules: only declared reasons, and a looser limit never drops more."""

import pickle
from dataclasses import fields, replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden.stages import RULES
from tests.oracles import generated

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)


def seen(rule, rows: list[list[int]]) -> pa.RecordBatch:
    """Columns of the rule's needs with these numbers; lists are empty."""
    needed = [field for need in rule.needs for field in need.columns]
    columns = [
        pa.array([row[place] if pa.types.is_integer(field.type) else [] for row in rows], field.type)
        for place, field in enumerate(needed)
    ]
    return pa.RecordBatch.from_arrays(columns, names=[field.name for field in needed])


counts = st.lists(st.lists(st.integers(0, 300), min_size=20, max_size=20), max_size=8)


@every_rule
@given(rows=counts)
def test_a_rule_gives_one_declared_reason_or_none_a_row(rule, rows):
    reasons = rule(seen(rule, rows))
    assert len(reasons) == len(rows)
    assert set(reasons.to_pylist()) <= {None, *rule.reasons}


@every_rule
@given(rows=counts, by=st.floats(1, 3), data=st.data())
def test_loosening_a_limit_never_drops_more(rule, rows, by, data):
    names = [one.name for one in fields(rule) if isinstance(getattr(rule, one.name), int | float)]
    limit = data.draw(st.sampled_from(names))
    value = getattr(rule, limit)
    looser = replace(rule, **{limit: value / by if limit.startswith("min_") else value * by})
    before, after = rule(seen(rule, rows)), looser(seen(rule, rows))
    assert all(old.is_valid for old, new in zip(before, after, strict=True) if new.is_valid)


@every_rule
@given(texts=generated.batches)
def test_rules_read_what_their_measures_give(rule, texts):
    documents = pa.record_batch({"text": pa.array(texts, pa.string())})
    outputs = [need(documents) for need in rule.needs]
    names = [name for need in rule.needs for name in need.columns.names]
    batch = pa.RecordBatch.from_arrays(
        [column for output in outputs for column in output.columns], names=names
    )
    assert len(rule(batch)) == len(texts)


@every_rule
def test_pickling_changes_nothing(rule):
    assert pickle.loads(pickle.dumps(rule)) == rule
