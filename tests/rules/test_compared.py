"""What a rule says that it compares is what decides, for every shipped rule that says it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.recipe import STAGES
from pipeline.recipe.objects import stage_class
from pipeline.rules.shapes import Compared, above, at_most, below, first_of

RULES = [one for one in map(stage_class, STAGES.values()) if hasattr(one, "compares")]


def some_rows(rule: Any, count: int = 200) -> pa.RecordBatch:
    """Numbers of the measures' own types, small and large, and every twentieth the limits' own."""
    chance, columns = np.random.default_rng(5), {}
    for field in (field for measure in rule.needs for field in measure.columns):
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            values = chance.choice([0, 1, 3, 20, 50, 400, 3000], count) * chance.random(count)
            columns[field.name] = pa.array(values).cast(field.type, safe=False)
        elif pa.types.is_string(field.type):
            columns[field.name] = pa.array(chance.choice(["zh", "en", "fr"], count).tolist())
    return pa.RecordBatch.from_pydict(columns)


@pytest.mark.parametrize("cls", RULES, ids=lambda one: one.__name__)
def test_a_reason_is_given_where_a_limit_is_broken(cls: Any):
    rule = cls()
    seen = some_rows(rule)
    compared = rule.compares(seen)
    assert tuple(compared) == rule.reasons
    for one in compared.values():
        if isinstance(one, Compared):
            beyond = pc.greater(one.values, one.limit) if one.over else pc.less_equal(one.values, one.limit)
            assert not pc.any(pc.and_not(one.broken, beyond)).as_py()
            assert any(one.limit == getattr(rule, name) for name in vars(rule))
    assert rule(seen).to_pylist() == first_of(**compared).to_pylist()


def test_equal_values_break_only_at_most():
    values = pa.array([1.0, 2.0, 3.0, None])
    assert below(values, 2).broken.to_pylist() == [True, False, False, None]
    assert at_most(values, 2).broken.to_pylist() == [True, True, False, None]
    assert above(values, 2).broken.to_pylist() == [False, False, True, None]


def test_a_limit_speaks_of_its_rows_alone_and_has_its_columns_own_type():
    one = below(
        pa.array([0.1, 0.1], pa.float32()), pa.scalar(0.1, pa.float32()), where=pa.array([True, False])
    )
    assert one.broken.to_pylist() == [False, False]
    assert below(pa.array([0.1], pa.float32()), 0.2, where=pa.array([False])).broken.to_pylist() == [False]
