"""The three laws: each learns what it can express, refits as it fits, and the process's gradient is its slope."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal

from mixtures.choice import folds, spearman
from mixtures.laws import (
    LAWS,
    Exponential,
    FittedExponential,
    Process,
    matern,
    predict_all,
    refit,
    surprise,
    unpack,
)
from tests.mixtures import worlds


def test_the_exponential_law_finds_the_numbers_that_made_the_losses():
    shares = worlds.runs(60).shares
    law = FittedExponential(2.0, np.array([-0.2, -1.5, 0.6, 0.1]))
    found = Exponential(ridge=1e-6).fit(shares, law.predict(shares))
    assert isinstance(found, FittedExponential)
    assert found.floor == pytest.approx(2.0, abs=1e-3)
    assert found.slopes == pytest.approx(law.slopes, abs=2e-3)


def test_the_process_is_as_surprised_as_the_density_of_its_losses():
    """The written-out marginal likelihood against SciPy's multivariate normal."""
    roots, losses = np.sqrt(worlds.runs(12).shares), np.random.default_rng(0).standard_normal(12)
    settings = np.log([0.5, 1.0, 2.0, 0.7, 1.3, 0.05])
    lengths, height, noise = unpack(settings)
    covariance = height * matern(roots, roots, lengths)[0] + noise * np.eye(12)
    density = multivariate_normal(np.zeros(12), covariance).logpdf(losses)
    assert surprise(settings, roots, losses)[0] + 6 * np.log(2 * np.pi) == pytest.approx(-density)


def test_the_process_climbs_along_its_slope():
    roots, losses = np.sqrt(worlds.runs(15).shares), np.random.default_rng(1).standard_normal(15)
    settings = np.log([0.5, 1.0, 2.0, 0.7, 1.3, 0.05])
    error = check_grad(
        lambda x: surprise(x, roots, losses)[0], lambda x: surprise(x, roots, losses)[1], settings
    )
    assert error < 1e-4


@pytest.mark.parametrize("name", LAWS)
def test_a_law_predicts_better_than_the_mean_and_the_same_again(name: str):
    runs, other = worlds.runs(80), worlds.runs(60, noise=0.0, seed=9)
    losses = runs.losses[:, 1]
    one, two = (LAWS[name].fit(runs.shares, losses).predict(other.shares) for _ in range(2))
    assert np.array_equal(one, two)
    assert np.std(one - other.losses[:, 1]) < 0.5 * np.std(other.losses[:, 1])


@pytest.mark.parametrize("name", LAWS)
def test_a_refit_on_the_same_losses_is_the_fit(name: str):
    runs = worlds.runs(40)
    losses = runs.losses[:, 0]
    fitted = LAWS[name].fit(runs.shares, losses)
    again = refit(LAWS[name], fitted, runs.shares, np.stack([losses, losses[::-1]]))
    expected = fitted.predict(runs.shares)
    both = predict_all(again, runs.shares)
    assert both[0] == pytest.approx(expected, abs=1e-4)
    assert both[1] == pytest.approx(again[1].predict(runs.shares))
    assert np.abs(both[1] - expected).max() > 0.01


def test_equal_losses_are_predicted_as_they_are():
    shares = worlds.runs(20).shares
    for law in LAWS.values():
        assert law.fit(shares, np.full(20, 3.0)).predict(shares) == pytest.approx(np.full(20, 3.0), abs=1e-3)


def test_a_process_of_no_mixtures_predicts_nothing():
    runs = worlds.runs(12)
    assert Process().fit(runs.shares, runs.losses[:, 0]).predict(np.zeros((0, 4))).shape == (0,)


def test_rank_correlation_is_scipys():
    from scipy.stats import spearmanr

    chance = np.random.default_rng(0)
    left, right = chance.integers(0, 5, (20, 12)).astype(float), chance.standard_normal((20, 12))
    assert spearman(left, right) == pytest.approx(
        [spearmanr(a, b)[0] for a, b in zip(left, right, strict=True)]
    )
    assert spearman(np.ones((1, 5)), right[:1, :5]).tolist() == [0.0]


def test_runs_of_one_mixture_share_a_fold():
    shares = np.repeat(worlds.runs(20).shares, 2, axis=0)
    parts = folds(shares, 0)
    assert (parts[::2] == parts[1::2]).all()
    assert np.bincount(parts).tolist() == [8] * 5
