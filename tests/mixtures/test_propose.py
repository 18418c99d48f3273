"""Proposed mixtures obey RegMix's rules and the domains' own bounds; the optimal design teaches more than chance."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from mixtures.domains import Domain, Domains
from mixtures.laws import Process
from mixtures.propose import MOST, UNITS, TooFewMixturesError, optimal, rounded, sample, write
from mixtures.space import InfeasibleError
from tests.mixtures import worlds

SKEWED = Domains(
    tuple(Domain(f"d{place}", 10**9, prior=prior) for place, prior in enumerate((0.6, 0.3, 0.09, 0.01)))
)


def test_samples_are_different_on_the_grid_within_bounds_and_sum_to_one():
    found = sample(SKEWED, 200, 42)
    assert found.shape == (200, 4)
    assert len(np.unique(found, axis=0)) == 200
    assert found.sum(axis=1) == pytest.approx(np.ones(200), abs=1e-12)
    assert found * UNITS == pytest.approx((found * UNITS).round(), abs=1e-9)
    assert (found[:, 3] <= MOST * 0.01 + 1 / UNITS).all()


def test_the_seed_alone_decides():
    assert np.array_equal(sample(SKEWED, 20, 1), sample(SKEWED, 20, 1))
    assert not np.array_equal(sample(SKEWED, 20, 1), sample(SKEWED, 20, 2))


def test_minimum_and_maximum_of_a_domain_hold():
    found = sample(
        Domains((Domain("a", 10**9, min=0.2), Domain("b", 10**9, max=0.3), Domain("c", 10**9))), 100, 0
    )
    assert found[:, 0].min() >= 0.2 - 1 / UNITS
    assert found[:, 1].max() <= 0.3 + 1 / UNITS


@pytest.mark.parametrize(
    ("bounds", "named"),
    [
        (({"min": 0.6}, {"min": 0.6}), "a: min 0.6; b: min 0.6"),
        (({"max": 0.3}, {"max": 0.3}), "a: max 0.3; b: max 0.3"),
        (({"min": 0.0001}, {}), "a: min 0.0001: shares below 0.0002 are not proposed"),
    ],
)
def test_bounds_that_cannot_hold_are_named(bounds: tuple[dict[str, float], ...], named: str):
    made = Domains(tuple(Domain(name, 10**9, **one) for name, one in zip("ab", bounds, strict=True)))
    for design in (sample, optimal):
        with pytest.raises(InfeasibleError) as error:
            design(made, 5, 0)
        assert named in str(error.value)


@pytest.mark.parametrize("design", [sample, optimal])
def test_kept_ratios_stay_in_every_mixture_while_the_groups_sum_varies(design: Callable[..., np.ndarray]):
    names = (("web", "text"), ("books", "text"), ("pairs", "image"), ("ocr", "image"))
    made = Domains(tuple(Domain(name, 10**9, group, 0.25) for name, group in names))
    found = design(made, 40, 0, keep={"text": {"web": 0.8, "books": 0.2}})
    text = found[:, :2].sum(axis=1)
    assert found[:, 0] == pytest.approx(0.8 * text)
    assert found.sum(axis=1) == pytest.approx(np.ones(40))
    assert text * UNITS == pytest.approx((text * UNITS).round(), abs=1e-9)
    assert len(set(text.round(4))) > 20


def test_more_mixtures_than_there_are_is_an_error():
    with pytest.raises(TooFewMixturesError, match="only 1 different mixtures"):
        sample(Domains((Domain("a", 10**9),)), 2, 0)


def test_rounding_keeps_the_sum():
    found = rounded(np.array([[1 / 3, 1 / 3, 1 / 3], [0.9999, 0.0001, 0.0]]))
    assert found.sum(axis=1) == pytest.approx([1, 1], abs=1e-12)
    assert found[1].tolist() == [1, 0, 0]


@pytest.mark.parametrize("known", [False, True])
def test_the_optimal_design_teaches_more_about_good_mixtures_than_as_many_random_runs(known: bool):
    """From nothing and from twelve runs: the error among the best quarter of mixtures after twelve more, six times."""
    law = worlds.LAWS["代码"]
    everything = sample(worlds.domains(), 400, 77)
    good = everything[np.argsort(law.predict(everything))[:100]]
    errors: dict[str, list[float]] = {"design": [], "random": []}
    for seed in range(6):
        before = worlds.runs(12, seed=seed).only(["代码"])
        chance = np.random.default_rng(seed)
        sets = {
            "design": optimal(worlds.domains(), 12, seed, before if known else None),
            "random": sample(worlds.domains(), 12, seed + 100),
        }
        for name, more in sets.items():
            shares = np.vstack([before.shares, more]) if known else more
            losses = law.predict(shares) + 0.01 * chance.standard_normal(len(shares))
            missed = Process().fit(shares, losses).predict(good) - law.predict(good)
            errors[name].append(float(np.sqrt(np.mean(missed**2))))
    assert np.median(errors["design"]) < np.median(errors["random"])


@pytest.mark.parametrize("name", ["proxies.csv", "proxies.parquet"])
def test_the_table_and_the_training_list_say_the_same(tmp_path: Path, name: str):
    shares = sample(worlds.domains(), 5, 0)
    listed = write(str(tmp_path / name), worlds.NAMES, shares, 41, 7)
    lines = [json.loads(line) for line in Path(listed).read_text(encoding="utf-8").splitlines()]
    assert [line["run"] for line in lines] == ["41", "42", "43", "44", "45"]
    told = [[line["shares"].get(domain, 0) for domain in worlds.NAMES] for line in lines]
    assert np.array(told) == pytest.approx(shares)
    if name.endswith("parquet"):
        table = pyarrow.parquet.read_table(tmp_path / name)
        assert np.stack([table[domain] for domain in worlds.NAMES], axis=1) == pytest.approx(shares)
