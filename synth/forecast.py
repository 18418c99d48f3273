"""How high serving's load may climb in the next minutes, learnt from past load only.

A forecast is three things, all from history: the week's profile (per weekday and time of day), how much the profile
itself climbs from each time on, and margins for each horizon: the quantiles of what the past exceeded
`level x climb + trend` by. The level and the trend are those of the last minutes, so that a busier week than the one
learnt from corrects itself. The careful margin is for what must not go wrong, the likely one (the median) for what may.

Margins are kept in units of the square root of the load, like counting noise: between "a rise is as large whatever
the level" and "a rise is in proportion to the level", neither of which holds from one week to the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

import numpy as np

WEEK = 7 * 1440
SLOT = 10  # minutes; the profile's resolution
HORIZONS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60)  # minutes ahead; between them margins are interpolated
RECENT = 240  # minutes of load that a forecast is given
HOUR = 60  # whose highest load counts while silence has not outlasted itself
LEVEL_MINUTES, TREND_MINUTES = 5, 3
SLOPE = (-0.2, -0.1, 0.0, 0.1, 0.2)  # least squares through five minutes
SILENT = 0.05  # a load below this share of the profile is an outage or a broken meter, never idleness
RECOVERY_MINUTES = 15  # so long after silence the level is still what the profile says at least


@dataclass(frozen=True)
class Forecast:
    """float64 arrays: `profile`[slots of the week], `climbs`[horizons, slots], `careful`, `likely`[horizons].

    `quantile`: how sure the careful forecast is.
    """

    profile: np.ndarray
    climbs: np.ndarray
    careful: np.ndarray
    likely: np.ndarray
    scale: float
    quantile: float

    def highest(self, minute: int, loads: Sequence[float], ahead: float, likely: bool = False) -> float:
        """The load that the next `ahead` minutes stay under, from the last minutes' loads (newest last, NaN: unknown)."""
        slot = minute // SLOT % len(self.profile)
        level, slope = level_and_slope(loads[-LEVEL_MINUTES:])
        usual = float(self.profile[slot])
        silent = SILENT * usual
        if not all(load >= silent for load in loads[-RECOVERY_MINUTES:]):
            sure = 0.5 if likely else self.quantile
            if ends_within(quiet_minutes(loads, silent), ahead) > 1 - sure:
                level = max(level, usual, *(load for load in loads[-HOUR:] if load >= 0))
        climb = float(np.interp(ahead, HORIZONS, self.climbs[:, slot]))
        margin = float(np.interp(ahead, HORIZONS, self.likely if likely else self.careful))
        expected = level * climb + slope * min(ahead, TREND_MINUTES)
        return expected + margin * sqrt(expected * self.scale)


def quiet_minutes(loads: Sequence[float], silent: float) -> int:
    """For how long the load has been known to be below `silent`; 0 where it is not, or not known."""
    return next((back for back, load in enumerate(reversed(loads)) if not load < silent), len(loads))


def ends_within(quiet: float, ahead: float) -> float:
    """The chance that a silence of so many minutes ends in the next `ahead`, of which nothing but its age is known (J. R. Gott,
    Nature 363, 1993): what has lasted for long will last. Of no silence: 1.
    """
    return ahead / (quiet + ahead)


def level_and_slope(loads: Sequence[float]) -> tuple[float, float]:
    """(load, load per minute): the higher of the last minute and the last five; how fast these five rose, or 0."""
    known = [load for load in loads if load >= 0]  # NaN is not
    if not known:
        return 0.0, 0.0
    level = max(known[-1], fmean(known))
    if len(known) < LEVEL_MINUTES:
        return level, 0.0
    return level, max(0.0, sum(weight * load for weight, load in zip(SLOPE, known, strict=True)))


def learn(loads: np.ndarray, first: int = 0, quantile: float = 0.98) -> Forecast:
    """A forecast from at least one week of load, a value a minute (NaN: unknown); `first` is its minute of the week.

    Raises ValueError for less than a week, or a week without load.
    """
    start = (
        int(np.argmin(np.isnan(loads))) if len(loads) else 0
    )  # a young Prometheus knows nothing of the first days
    loads, first = loads[start:], first + start
    if len(loads) < WEEK:
        raise ValueError(f"{len(loads) / 1440:.1f} days of load; a forecast is learnt from at least 7")
    if not np.nanmax(loads, initial=0.0) > 0:
        raise ValueError("no load at all in the history; a forecast needs the weeks that serving worked")
    known = np.where(loads < SILENT * np.nanmedian(loads[loads > 0]), np.nan, loads)
    known = np.roll(known[-(len(known) // WEEK) * WEEK :], (first + len(loads)) % WEEK)
    days = known.reshape(-1, 7, 1440)
    profile = week_profile(days)
    climbs = climbs_of(profile)
    scale = float(np.nanmean(known))
    careful, likely = margins(known, climbs, scale, (quantile, 0.5))
    return Forecast(profile, climbs, careful, likely, scale, quantile)


def week_profile(days: np.ndarray) -> np.ndarray:
    """float64[slots of a week]: half the weekday's own hour around each slot, half that hour on all days."""
    slots = np.nan_to_num(_mean(days.reshape(-1, 7, 1440 // SLOT, SLOT), (0, 3)), nan=float(_mean(days)))
    kernel = np.ones(7) / 7
    own = slots.ravel()
    own = np.convolve(np.concatenate([own[-3:], own, own[:3]]), kernel, "valid")
    every = slots.mean(0)
    every = np.convolve(np.concatenate([every[-3:], every, every[:3]]), kernel, "valid")
    return (own + np.tile(every, 7)) / 2


def _mean(values: np.ndarray, axis: tuple[int, ...] | None = None) -> np.ndarray:
    counts = (~np.isnan(values)).sum(axis=axis)
    return np.divide(
        np.nansum(values, axis=axis), counts, out=np.full(np.shape(counts), np.nan), where=counts > 0
    )


def climbs_of(profile: np.ndarray) -> np.ndarray:
    """float64[horizons, slots], 1 to 2: the profile's highest within the horizon over the profile now."""
    most = [
        np.max([np.roll(profile, -back) for back in range(-(-ahead // SLOT) + 1)], axis=0)
        for ahead in HORIZONS
    ]
    return np.clip(np.array(most) / profile, 1.0, 2.0)


def margins(known: np.ndarray, climbs: np.ndarray, scale: float, quantiles: tuple[float, ...]) -> np.ndarray:
    """float64[quantiles, horizons] of (highest load within the horizon - expected) / sqrt(expected x scale), at least 0."""
    at = np.arange(LEVEL_MINUTES, len(known) - max(HORIZONS))
    window = np.lib.stride_tricks.sliding_window_view(known, LEVEL_MINUTES)[at - LEVEL_MINUTES + 1]
    at, window = at[~np.isnan(window).any(1)], window[~np.isnan(window).any(1)]
    level = np.maximum(window[:, -1], window.mean(1))
    slope = np.maximum(0.0, window @ SLOPE)
    found = []
    for ahead, climb in zip(HORIZONS, climbs, strict=True):
        coming = np.lib.stride_tricks.sliding_window_view(known, ahead)[at + 1].max(1)
        expected = level * climb[at // SLOT % climbs.shape[1]] + slope * min(ahead, TREND_MINUTES)
        found.append(np.nanquantile((coming - expected) / np.sqrt(expected * scale), quantiles))
    return np.maximum.accumulate(np.maximum(0.0, found)).T
