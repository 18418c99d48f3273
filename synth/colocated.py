"""How many requests may run at low priority on serving's own engines, from what an engine says of itself. Pure.

The engine runs with `--scheduling-policy priority`, ours with the lowest priority. They go in while nothing waits and its
cache is far from full, a few more each look, and all leave on the first request that waits: that one may be serving's.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Engine:
    """Of vLLM's /metrics (vllm:num_requests_waiting, kv_cache_usage_perc, engine_sleep_state)."""

    waiting: int
    cache_use: float  # 0 to 1
    asleep: bool = False


@dataclass(frozen=True)
class Manners:
    """Off-peak rule: nothing waits, the cache is used to less than 0.6 (infra notes 5.2; 0.6 leaves room for a burst)."""

    most: int = 16  # requests of ours at one engine
    step: int = 2  # more at each look
    cache_limit: float = 0.6

    def admitted(self, seen: Engine, ours: int) -> int:
        """Requests of ours that may be at the engine until the next look; fewer than `ours`: abort the newest."""
        if seen.asleep or seen.waiting:
            return 0
        if seen.cache_use >= self.cache_limit:
            return min(ours, self.most)
        return min(ours + self.step, self.most)


def read(metrics: str) -> Engine:
    """An engine's /metrics; of several engine cores the worst. Raises ValueError where a metric is missing."""
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            found.setdefault(sample.name + sample.labels.get("sleep_state", ""), []).append(sample.value)
    names = ("vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"no {missing[0]} among the engine's metrics; is it vLLM?")
    waiting, cache = (max(found[name]) for name in names)
    return Engine(int(waiting), cache, asleep=0 in found.get("vllm:engine_sleep_stateawake", ()))
