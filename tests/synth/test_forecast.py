"""What the forecast promises: it covers what it has not seen, knows the week, and never mistakes an outage for a night."""

import dataclasses

import numpy as np
import pytest

from synth.forecast import HORIZONS, WEEK, learn
from tests.synth import weeks


def covered(past: np.ndarray, coming: np.ndarray, ahead: int, likely: bool = False) -> float:
    """Share of minutes whose next `ahead` minutes stayed under the forecast."""
    forecast, at = learn(past), range(120, len(coming) - 60, 7)
    under = [
        coming[now : now + ahead].max()
        <= forecast.highest(now, coming[now - 60 : now].tolist(), ahead, likely)
        for now in at
    ]
    return float(np.mean(under))


@pytest.mark.parametrize("ahead", [2, 8, 30])
def test_a_week_like_the_last_stays_under_it(ahead: int):
    assert covered(weeks.office(), weeks.office(seed=1), ahead) > 0.95


def test_a_week_twice_as_busy_stays_under_it_too():
    """The level is that of the last minutes, not of the week that was learnt."""
    assert covered(weeks.office(), 2 * weeks.office(seed=1), 2) > 0.93


def test_the_likely_margin_is_a_coin_toss():
    assert 0.3 < covered(weeks.office(), weeks.office(seed=1), 2, likely=True) < 0.85


def test_a_slow_yield_asks_for_a_surer_forecast():
    loads, slow = weeks.office(), dataclasses.replace(weeks.LIMITS, yield_seconds=120)
    assert weeks.LIMITS.quantile == 0.98
    assert slow.quantile == pytest.approx(0.9967, abs=1e-4)
    assert (
        learn(loads, quantile=slow.quantile).careful > learn(loads, quantile=weeks.LIMITS.quantile).careful
    ).all()


def test_it_knows_the_week():
    """At 09:00 a weekday's load climbs; on Sunday less so."""
    forecast, hour = learn(weeks.office(noise=0)), [120.0] * 60
    workday, sunday = (forecast.highest(weeks.minute(at), hour, 60) for at in ("Tue 09:00", "Sun 09:00"))
    assert workday > 1.05 * sunday


def test_further_ahead_is_never_lower():
    forecast, hour = learn(weeks.office()), [300.0] * 60
    highest = [forecast.highest(600, hour, ahead) for ahead in HORIZONS]
    assert highest == sorted(highest)


def test_silence_is_no_idleness():
    """A load of nothing at noon is taken for the noon of the profile, and so are the minutes after it."""
    forecast, noon = learn(weeks.office()), weeks.minute("Tue 14:00")
    usual = forecast.highest(noon, [900.0] * 60, 2)
    for loads in (
        [0.0] * 60,
        [900.0] * 30 + [0.0] * 30,
        [900.0] * 50 + [0.0] * 5 + [50.0] * 5,
        [float("nan")] * 60,
    ):
        assert forecast.highest(noon, loads, 2) > 0.85 * usual


def test_silence_that_has_lasted_for_long_will_last():
    """Switched off, not broken: after as many minutes as make its end in the next two unlikely enough. Its end ends that too."""
    forecast, noon = learn(weeks.office()), weeks.minute("Tue 14:00")
    usual = forecast.highest(noon, [900.0] * 60, 2)
    sure = round(2 * forecast.quantile / (1 - forecast.quantile))  # 98 minutes
    for quiet, low in ((sure - 2, False), (sure + 2, True), (240, True)):
        assert (forecast.highest(noon, [900.0] * (240 - quiet) + [0.0] * quiet, 2) < 0.05 * usual) == low
        assert forecast.highest(noon, [0.0] * quiet + [100.0], 2) > 0.85 * usual
    assert forecast.highest(noon, [0.0] * 239 + [float("nan")], 2) > 0.85 * usual


def test_a_history_that_does_not_begin_on_monday():
    loads = weeks.office(weeks=2)
    later = learn(loads[1000 : 1000 + WEEK], first=1000)
    same = learn(loads[:WEEK])
    assert np.abs(later.profile / same.profile - 1).max() < 0.1


def test_outages_in_the_history_are_left_out():
    loads = weeks.office()
    broken = loads.copy()
    broken[3000:3200] = 0
    assert np.abs(learn(broken).careful - learn(loads).careful).max() < 0.02


@pytest.mark.parametrize(
    ("loads", "said"), [(np.ones(100), "0.1 days of load"), (np.zeros(WEEK), "no load at all")]
)
def test_too_little_history_is_said(loads: np.ndarray, said: str):
    with pytest.raises(ValueError, match=said):
        learn(loads)
