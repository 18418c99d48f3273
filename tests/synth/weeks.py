"""Made-up weeks of serving's load, in requests/s a minute, and small fleets for them."""

from pathlib import Path

import numpy as np

from synth.decide import Limits, Seen
from synth.forecast import WEEK, Forecast, learn

LIMITS = Limits(requests_per_gpu=10, reserve_gpus=4)


def office(weeks: int = 1, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    """100 at night, 900 at 14:00 of a weekday, 300 at 14:00 of a weekend, by a cosine."""
    minute = np.arange(weeks * WEEK)
    height = np.where(minute // 1440 % 7 < 5, 800, 200)
    day = np.maximum(0, -np.cos((minute % 1440 - 120) / 1440 * 2 * np.pi))
    return (100 + height * day) * np.exp(np.random.default_rng(seed).normal(0, noise, len(minute)))


def forecast() -> Forecast:
    return learn(office())


def seen(at: str = "Tue 02:00", load: float = 100.0, **other: object) -> Seen:
    """A look at 128 GPUs, of which serving holds what the load needs, and an hour of that load behind it."""
    facts: dict[str, object] = {
        "gpus": 128,
        "serving": LIMITS.serving_gpus(load),
        "workers": 0,
        "backlog": 1_000_000,
    }
    return Seen(minute=minute(at), loads=(load,) * 60, **facts | other)  # type: ignore[arg-type]


def minute(at: str) -> int:
    """'Tue 14:30' → minute of the week."""
    day, time = at.split()
    hours, minutes = time.split(":")
    return (
        ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun").index(day) * 1440 + 60 * int(hours) + int(minutes)
    )


def write_trace(path: Path, rates: np.ndarray) -> None:
    lines = [f"{600 * at},{rate:.4f}" for at, rate in enumerate(rates)]
    path.write_text("\n".join(["t_seconds,chat", *lines, ""]))
