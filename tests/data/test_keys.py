"""Keys change with everything that can change a result, and with nothing else."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.keys import describe, digest


@dataclass(frozen=True)
class Inner:
    share: float = 0.5
    version = 1


@dataclass(frozen=True)
class Outer:
    words: tuple[str, ...] = ("a", "b")
    inner: Inner = Inner()
    limits: dict[str, int] | None = None
    version = 3


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), plain, min_size=2, max_size=5))
def test_the_order_of_a_mapping_changes_no_key(value: dict):
    assert digest(value) == digest(dict(reversed(value.items())))


@given(plain, plain)
def test_two_parts_are_not_one(one: object, other: object):
    assert digest(one, other) != digest([one, other])


def test_a_description_tells_class_version_and_every_field_apart():
    base = digest(describe(Outer()))
    assert base == digest(describe(Outer()))
    others = [Outer(words=("b", "a")), Outer(inner=Inner(0.6)), Outer(limits={"a": 1}), Outer(words=())]
    keys = {digest(describe(other)) for other in others}
    assert len(keys) == 4
    assert base not in keys


def test_a_whole_number_is_the_same_key_with_and_without_its_point():
    """A recipe made in Python with 1 is the one that is read back from its manifest with 1.0."""
    assert describe(Inner(1)) == describe(Inner(1.0))
    assert digest(describe(Inner(1))) != digest(describe(Inner(1.5)))


def test_a_new_version_is_a_new_key(monkeypatch: pytest.MonkeyPatch):
    before = digest(describe(Outer()))
    monkeypatch.setattr(Outer, "version", 4)
    assert digest(describe(Outer())) != before


def test_a_field_that_is_no_plain_value_is_refused_by_name():
    with pytest.raises(TypeError, match="object object"):
        describe(Outer(limits={"a": object()}))  # type: ignore[dict-item]


def test_lone_surrogates_of_file_names_have_keys_too():
    assert digest("\udcff") != digest("\udcfe")
