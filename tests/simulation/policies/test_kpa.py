"""Knative's autoscaler on metrics of a workload; its algorithm is in shared/test_kpa_rules.py."""

import math

import pytest

from heteroplan.simulation.policies.kpa import KnativePodAutoscaler, KpaOptions
from tests.autoscaling import later, run, setting, signals, sizes, state


def kpa(**options: float | str) -> KnativePodAutoscaler:
    return KnativePodAutoscaler(setting(), KpaOptions(**options))  # type: ignore[arg-type]


def test_concurrency_a_replica_follows_from_its_rate_and_the_slo() -> None:
    # a decode replica: 5 requests/s x 200 tokens x 60 ms = 60 requests, 70 % of that: 42
    # a prefill one: 10 requests/s x 1 s / ln(20) = 3.34, 70 % of that: 2.34
    seen = signals(concurrency=[9.0, 420.0, 0.0])
    mean_s = 1.0 / math.log(20.0)
    expected = (math.ceil(9.0 / (0.7 * 10.0 * mean_s)), 10.0, 0.0)
    assert sizes(kpa(), seen, state(1, 1)) == expected == (4, 10, 0)


def test_a_mean_counts_as_so_many_full_replicas() -> None:
    policy = kpa(metric="kv_used", target_share=0.5)
    assert sizes(policy, signals(kv_used=[0.5, 0.75, 0.0]), state(1, 1)) == (1, 2, 0)


def test_a_burst_is_met_within_the_panic_window_and_left_after_the_stable_one() -> None:
    loads = [20.0] * 60 + [100.0] * 30 + [20.0] * 120
    policy = kpa(metric="requests_per_s", target_share=1.0)
    decode = [size for _, size in run(policy, loads, start=(2.0, 4.0), startup_s=4.0)]
    # panic begins when 6 s of it double what is there, and then the 6 s count
    assert decode[59] == 4.0
    assert decode[63] == 20.0
    # the burst ends at 180 s, panic 60 s after its last renewal; then down by half a tick
    assert min(decode[63:90]) == 20.0
    assert decode[-1] == 4.0


@pytest.mark.parametrize("metric", ["concurrency", "requests_per_s", "decode_tokens_per_s"])
def test_constant_load_settles(metric: str) -> None:
    seen = run(kpa(metric=metric), [50.0] * 600)
    assert len(set(seen[-300:])) == 1


def test_without_a_measurement_the_size_stays() -> None:
    policy, at = kpa(), state(4, 8)
    assert sizes(policy, signals(), at) == (4, 8, 0)
    assert sizes(policy, signals(), later(at, 2.0, (4, 8, 0))) == (4, 8, 0)
