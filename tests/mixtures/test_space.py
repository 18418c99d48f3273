"""Allowed mixtures obey every limit; limits that cannot hold together are named, and only those."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.domains import Domain, Domains
from mixtures.space import Group, InfeasibleError, Space, build, within

B = 10**9


def made(
    *domains: Domain, budget: int = 10 * B, keep: dict[str, dict[str, float]] | None = None, **groups: Group
) -> Space:
    one = Domains(domains)
    return build(one, one.names, budget, groups, keep or {})


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_fitted_mixture_obeys_every_limit(data: st.DataObject):
    size = data.draw(st.integers(2, 6))
    low = np.array(data.draw(st.lists(st.floats(0, 1 / size), min_size=size, max_size=size)))
    high = np.array([data.draw(st.floats(float(max(one, 1 / size)), 1)) for one in low])
    raw = np.array(data.draw(st.lists(st.floats(0, 1), min_size=size, max_size=size)))
    found = within(raw[None, :], low, high, np.ones(1))[0]
    assert found.sum() == pytest.approx(1)
    assert (found >= low - 1e-12).all()
    assert (found <= high + 1e-12).all()


def test_groups_bounds_and_caps_hold_in_every_fitted_mixture():
    space = made(
        Domain("web", 100 * B), Domain("books", B, epochs=2), Domain("pairs", 100 * B, group="image", min=0.1),
        Domain("ocr", 100 * B, group="image", max=0.3), text=Group(share=0.4), image=Group(),
    )  # fmt: skip
    found = space.shares(space.fit(np.random.default_rng(0).gamma(0.3, size=(500, 4))))
    assert found.sum(axis=1) == pytest.approx(np.ones(500))
    assert found[:, :2].sum(axis=1) == pytest.approx(np.full(500, 0.4))
    assert found[:, 1].max() <= 0.2 + 1e-9  # 2 epochs of 1B tokens in 10B
    assert found[:, 2].min() >= 0.1 - 1e-9
    assert found[:, 3].max() <= 0.3 + 1e-9


@pytest.mark.parametrize(
    ("domains", "groups", "named"),
    [
        (
            (Domain("a", 1 * B, epochs=2, min=0.3), Domain("b", 90 * B), Domain("c", 90 * B)),
            {},
            ["a: 2 epochs of 1B tokens in 10B (share ≤ 0.2)", "a: min 0.3"],
        ),
        (
            (Domain("a", 90 * B, min=0.6), Domain("b", 90 * B, min=0.6), Domain("c", 90 * B, max=0.5)),
            {},
            ["a: min 0.6", "b: min 0.6"],
        ),
        (
            (Domain("a", 90 * B, min=0.5), Domain("b", 90 * B, group="image"), Domain("c", 90 * B)),
            {"text": Group(share=0.4), "image": Group(min=0.1)},
            ["a: min 0.5", "group text: share 0.4"],
        ),
        (
            (Domain("a", 90 * B), Domain("b", 90 * B, group="image", max=0.1), Domain("c", 90 * B)),
            {"text": Group(share=0.4)},
            ["b: max 0.1", "group text: share 0.4"],
        ),
    ],
)  # fmt: skip
def test_contradicting_limits_are_named_and_no_others(
    domains: tuple[Domain, ...], groups: dict[str, Group], named: list[str]
):
    with pytest.raises(InfeasibleError) as error:
        made(*domains, **groups)
    text = str(error.value)
    limits = text.removeprefix("no mixture obeys all of these, with shares that sum to 1: ").removesuffix(
        "; loosen one of them"
    )
    assert limits.split("; ") == named


def test_a_minimum_of_a_domain_that_kept_ratios_give_nothing_is_named_with_its_group():
    with pytest.raises(
        InfeasibleError, match=r"books: min 0.1; group text: the ratios that are kept give books nothing"
    ):
        made(
            Domain("web", 100 * B), Domain("books", B, min=0.1), Domain("pairs", 100 * B, group="image"),
            keep={"text": {"web": 1.0, "books": 0.0}},
        )  # fmt: skip


def test_kept_ratios_stay_and_their_limits_move_to_the_whole_group():
    space = made(
        Domain("web", 100 * B), Domain("books", B, epochs=1), Domain("pairs", 100 * B, group="image"),
        keep={"text": {"web": 0.75, "books": 0.25}},
    )  # fmt: skip
    assert space.parts == ("text", "pairs")
    found = space.shares(space.fit(np.array([[9.0, 1.0], [1.0, 9.0]])))
    assert found[:, 0] / found[:, 1] == pytest.approx([3.0, 3.0])
    assert found[0, 1] <= 0.1 + 1e-9  # one epoch of 1B tokens in 10B
