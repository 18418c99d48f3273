"""Requests at serving's own engines: in while nothing waits, out on the first that does."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from synth.colocated import Engine, Manners, read

ENGINES = some.builds(
    Engine, waiting=some.integers(0, 5), cache_use=some.floats(0, 1), asleep=some.booleans()
)
METRICS = """\
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 0.0
vllm:num_requests_waiting{engine="1",model_name="m"} 3.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
# TYPE vllm:engine_sleep_state gauge
vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="awake"} 1.0
vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="weights_offloaded"} 0.0
"""


def test_a_few_more_at_each_calm_look():
    ours, seen = 0, []
    for _ in range(10):
        ours = Manners(most=7, step=2).admitted(Engine(0, 0.1), ours)
        seen.append(ours)
    assert seen[:5] == [2, 4, 6, 7, 7]


def test_all_leave_on_the_first_request_that_waits():
    assert Manners().admitted(Engine(1, 0.1), 16) == 0


def test_a_fuller_cache_lets_no_more_in():
    assert Manners().admitted(Engine(0, 0.59), 4) == 6
    assert Manners().admitted(Engine(0, 0.6), 4) == 4


@given(ENGINES, some.integers(0, 100))
def test_never_more_than_the_most_nor_a_jump(seen: Engine, ours: int):
    manners = Manners()
    admitted = manners.admitted(seen, ours)
    assert 0 <= admitted <= min(manners.most, ours + manners.step)
    assert not (admitted and (seen.waiting or seen.asleep))


def test_an_engines_metrics_are_read():
    assert read(METRICS) == Engine(3, 0.25, asleep=False)
    assert read(METRICS.replace('"awake"} 1.0', '"awake"} 0.0')).asleep
    with pytest.raises(ValueError, match="no vllm:kv_cache_usage_perc"):
        read(METRICS.replace("kv_cache_usage_perc", "other"))
