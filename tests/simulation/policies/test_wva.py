"""llm-d's autoscaler by saturation: KV cache 0.80 less 0.1, queue 5 less 3."""

import pytest

from heteroplan.simulation.policies.wva import (
    WorkloadVariantAutoscaler,
    WvaOptions,
    wva_step,
)
from tests.autoscaling import run, setting, signals, sizes, state


@pytest.mark.parametrize(
    ("used", "queued", "replicas", "step"),
    [
        (0.85, 0.0, 4, 1),  # saturated by the KV cache
        (0.3, 5.0, 4, 1),  # saturated by the queue
        (0.71, 0.0, 4, 1),  # 0.09 is left of 0.80
        (0.3, 2.5, 4, 1),  # 2.5 are left of 5
        (0.6, 0.0, 4, 0),  # 0.6 x 4 / 3 = 0.8 would leave nothing
        (0.5, 0.0, 4, -1),  # 0.67 leaves 0.13
        (0.5, 1.6, 4, 0),  # 2.13 would leave 2.87
        (0.01, 0.0, 1, 0),  # the last one stays
    ],
)
def test_one_replica_at_a_time(used: float, queued: float, replicas: float, step: float) -> None:
    assert wva_step(used, queued, replicas, WvaOptions()) == step


def wva(**options: float | str) -> WorkloadVariantAutoscaler:
    return WorkloadVariantAutoscaler(setting(), WvaOptions(**options))  # type: ignore[arg-type]


def test_roles_know_nothing_of_each_other() -> None:
    seen = signals(kv_used=[0.1, 0.9, 0.0], waiting=[0.0, 0.0, 0.0])
    assert sizes(wva(), seen, state(4, 8)) == (3, 9, 0)


def test_waiting_requests_are_those_of_a_replica() -> None:
    seen = signals(kv_used=[0.6, 0.6, 0.0], waiting=[20.0, 20.0, 0.0])
    assert sizes(wva(), seen, state(4, 8)) == (5, 9, 0)


def test_replicas_that_start_block_the_next_ones() -> None:
    seen = signals(kv_used=[0.1, 0.9, 0.0], waiting=[0.0, 0.0, 0.0])
    assert sizes(wva(), seen, state(4, 9, ready=(4, 8, 0))) == (3, 9, 0)


def test_decode_tokens_in_the_place_of_the_kv_cache() -> None:
    # 45 requests/s: 4 x 10 can less than that, 8 x 5 as well, over 0.8 of it
    seen = signals(decode_tokens_per_s=9000.0)
    assert sizes(wva(metric="decode_tokens_per_s"), seen, state(4, 20)) == (5, 19, 0)


def test_without_a_measurement_the_size_stays() -> None:
    assert sizes(wva(), signals(), state(4, 8)) == (4, 8, 0)


def test_constant_load_settles_where_one_less_would_be_too_few() -> None:
    seen = run(wva(), [50.0] * 400)
    assert len(set(seen[-200:])) == 1
    decode = seen[-1][1]
    assert 0.8 - 50.0 / (5.0 * decode) >= 0.1
    assert 0.8 - 50.0 / (5.0 * (decode - 1)) < 0.1
