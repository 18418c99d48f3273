"""What is chosen, what is said of it, and that noise is known as noise."""

import dataclasses

import numpy as np
import pytest

from mixtures.choice import Choice, TooFewRunsError, choose, warning
from mixtures.solve import UnknownError, refuse_unknown
from mixtures.tables import Runs
from tests.mixtures import worlds


@pytest.fixture(scope="module")
def chosen() -> list[Choice]:
    return list(choose(worlds.runs(60)))


def noise(seed: int) -> Runs:
    runs = worlds.runs(40)
    return dataclasses.replace(runs, losses=np.random.default_rng(seed).standard_normal(runs.losses.shape))


def test_the_law_that_made_the_losses_is_chosen(chosen: list[Choice]):
    assert [one.law for one in chosen] == ["exponential", "exponential"]
    assert all(one.score.knows and one.score.correlation[0] > 0.9 for one in chosen)


def test_intervals_hold_the_value_and_errors_are_near_the_noise(chosen: list[Choice]):
    for one in chosen:
        for value, low, high in (one.score.correlation, one.score.error):
            assert low <= value <= high
        assert one.score.error[0] == pytest.approx(0.01, rel=0.5)


def test_the_learning_curve_says_how_many_runs_were_enough(chosen: list[Choice]):
    sizes = [runs for runs, _, _ in chosen[0].curve]
    assert sizes == [12, 24, 48]
    assert chosen[0].enough in sizes


def test_effects_have_the_sign_of_the_law(chosen: list[Choice]):
    """`reading` is helped by books and hurt by code."""
    effects = dict(zip(worlds.NAMES, chosen[0].effects, strict=True))
    assert effects["书籍"] < 0 < effects["code"]


def test_under_noise_the_fit_says_that_it_knows_nothing_and_solve_refuses():
    """Four tables of pure noise, two targets each: at 99 % intervals and three laws, one in twenty may slip."""
    known = 0
    for seed in range(4):
        choices = list(choose(noise(seed), laws=("exponential", "process")))
        known += sum(one.score.knows for one in choices)
        if not any(one.score.knows for one in choices):
            assert all(one.score.correlation[1] <= 0 for one in choices)
            with pytest.raises(UnknownError, match=r"say nothing.*--force"):
                refuse_unknown(choices, dict.fromkeys(worlds.LAWS, 1.0))
    assert known <= 1


def test_trees_know_nothing_of_noise_either():
    (one,) = choose(noise(3).only(["reading"]), laws=("trees",))
    assert one.score.correlation[1] <= 0 <= one.score.correlation[2]


def test_runs_of_fewer_mixtures_than_folds_are_refused():
    runs = worlds.runs(20)
    same = dataclasses.replace(runs, shares=np.repeat(runs.shares[:4], 5, axis=0))
    with pytest.raises(TooFewRunsError, match=r"20 runs are of 4 different mixtures; 5 folds need 5 or more"):
        next(choose(same))


def test_few_runs_are_warned_of_and_enough_are_not():
    assert warning(worlds.runs(14)).startswith("14 runs are few for 4 domains: 15 are advised")
    assert warning(worlds.runs(15)) == ""


def test_the_same_runs_and_seed_give_the_same_choice(chosen: list[Choice]):
    again = list(choose(worlds.runs(60)))
    assert [(one.law, one.scores, one.curve) for one in again] == [
        (one.law, one.scores, one.curve) for one in chosen
    ]
