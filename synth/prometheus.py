"""Serving's load, its strain and the farm's backlog, now and in the past, out of Prometheus."""

import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import orjson

MOST_POINTS = 10_000  # a range query may answer at most 11,000


class MeterError(RuntimeError):
    """Prometheus is away, or refused a query."""


@dataclass(frozen=True)
class Prometheus:
    """The queries, in PromQL; the defaults are vLLM's own metrics and the broker's."""

    url: str
    load: str = "sum(rate(vllm:request_success_total[1m]))"
    strained: str = "sum(vllm:num_requests_waiting) > 0"  # anything it answers but 0 is strain
    backlog: str = 'sum(pulsar_subscription_back_log{namespace="farm/synth",topic!~".+-dead"})'  # nobody consumes the dead
    history_days: int = 14
    token_file: str | None = None
    timeout_seconds: float = 10

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"url: {self.url!r} must begin with http:// or https://")
        if self.history_days < 7:
            raise ValueError("history_days: a forecast is learnt from at least 7")

    def now(self, query: str) -> float:
        """The one value that the query has now; NaN where it has none. Raises MeterError if it has several."""
        found = self.get("query", query=query)
        if len(found) > 1:
            raise MeterError(f"{query}: {len(found)} series; sum them up to one")
        return float(found[0]["value"][1]) if found else float("nan")

    def past(self, query: str, end: float, minutes: int) -> np.ndarray:
        """float64[minutes], the newest last and NaN where nothing was known; `end` in seconds since 1970."""
        values = np.full(minutes, np.nan)
        for first in range(0, minutes, MOST_POINTS):
            count = min(MOST_POINTS, minutes - first)
            start = end - 60 * (minutes - 1 - first)
            found = self.get("query_range", query=query, start=start, end=start + 60 * (count - 1), step=60)
            if len(found) > 1:
                raise MeterError(f"{query}: {len(found)} series; sum them up to one")
            for at, value in found[0]["values"] if found else ():
                values[first + round((at - start) / 60)] = float(value)
        return values

    def get(self, what: str, **query: str | float) -> list[dict[str, Any]]:
        url = f"{self.url.rstrip('/')}/api/v1/{what}?{urlencode(query)}"
        request = urllib.request.Request(url)  # noqa: S310 - http or https, checked above
        if self.token_file:
            with open(self.token_file, encoding="utf-8") as file:
                request.add_header("Authorization", f"Bearer {file.read().strip()}")
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_seconds) as answer:  # noqa: S310 - see above
                found = orjson.loads(answer.read())["data"]["result"]
        except (OSError, ValueError, KeyError) as error:
            raise MeterError(f"{url}: {error}") from error
        return list(found)
