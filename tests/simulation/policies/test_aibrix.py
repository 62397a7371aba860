"""AIBrix's autoscalers, against the cases of algorithm/apa_test.go, named as there."""

import math

import numpy as np
import pytest

from heteroplan.simulation.policies.aibrix import (
    AibrixKnativeAutoscaler,
    AibrixKpaOptions,
    AibrixPodAutoscaler,
    ApaOptions,
    apa_size,
    without_pending,
)
from tests.autoscaling import later, run, setting, signals, sizes, state


@pytest.mark.parametrize(
    ("name", "pods", "value", "up", "down", "wanted"),
    [
        ("basic_scale_up", 2, 45, 2, 2, 3),
        ("scale_up_upto_ceiling", 2, 35, 2, 2, 3),
        ("scale_up_upto_max_scale_up", 2, 90, 2, 2, 4),
        ("scale_up_upto_max_scale_up_ceiling", 2, 90, 2.5, 2, 5),
        ("basic_scale_down", 6, 20, 2, 2, 4),
        ("scale_down_upto_ceiling", 6, 18, 2, 2, 4),
        ("scale_down_upto_max_scale_down", 6, 10, 2, 2, 3),
        ("scale_down_upto_max_scale_down_floor", 6, 5, 2, 2.5, 2),
        ("no_scaling_as_within_up_tolerance", 2, 33, 2, 2, 2),
        ("no_scaling_as_within_down_tolerance", 2, 27, 2, 2, 2),
    ],
)
def test_cases_of_computetargetreplicas(
    name: str, pods: float, value: float, up: float, down: float, wanted: float
) -> None:
    options = ApaOptions(most_up_rate=up, most_down_rate=down)
    assert apa_size(np.array(value / 30.0), np.array(float(pods)), options) == wanted, name


@pytest.mark.parametrize(
    ("ratio", "wanted", "expected"),
    [
        # 4 of 6 ready at 1.2 times the target: 4.8 full ones, so the 6 are enough
        (1.2, 8.0, 6.0),
        # at twice: 8 of the 12 that the mean alone wants
        (2.0, 12.0, 8.0),
        # at a quarter: 1 full one and 2 that start, so 3 and not 2
        (0.25, 2.0, 3.0),
        (math.nan, math.nan, math.nan),
    ],
)
def test_replicas_that_start_are_waited_for(ratio: float, wanted: float, expected: float) -> None:
    found = without_pending(np.array([ratio]), np.array([wanted]), np.array([6.0]), np.array([4.0]))
    assert np.array_equal(found, [expected], equal_nan=True)


def apa(**options: float | str) -> AibrixPodAutoscaler:
    return AibrixPodAutoscaler(setting(), ApaOptions(**options))  # type: ignore[arg-type]


class TestCooldown:
    """Wanted of 8 decode replicas: 8, then 4 by one low value, then 7."""

    SEEN = (0.5, 0.2, 0.43)

    def decode(self, policy: AibrixPodAutoscaler) -> list[float]:
        at = state(4, 8)
        return [
            sizes(policy, signals(kv_used=[0.5, value, 0.0]), later(at, 10.0 * i, (4, 8, 0)))[1]
            for i, value in enumerate(self.SEEN)
        ]

    def test_the_least_of_the_cooldown_holds_as_in_the_controller(self) -> None:
        assert self.decode(apa()) == [8.0, 4.0, 4.0]

    def test_the_greatest_holds_where_asked_for(self) -> None:
        assert self.decode(apa(down_picks="greatest")) == [8.0, 8.0, 8.0]


@pytest.mark.parametrize("metric", ["kv_used", "gpu_utilization", "decode_tokens_per_s"])
@pytest.mark.parametrize("kind", ["apa", "kpa"])
def test_constant_load_settles(kind: str, metric: str) -> None:
    policy = (
        apa(metric=metric)
        if kind == "apa"
        else AibrixKnativeAutoscaler(setting(), AibrixKpaOptions(metric=metric))
    )
    seen = run(policy, [50.0] * 400)
    assert len(set(seen[-200:])) == 1
    # 20 replicas at half their capacity serve 50 requests/s; the tolerance leaves a tenth
    assert 18 <= seen[-1][1] <= 23


def test_without_a_measurement_the_size_stays() -> None:
    policy = AibrixKnativeAutoscaler(setting(), AibrixKpaOptions())
    assert sizes(policy, signals(), state(4, 8)) == (4, 8, 0)
    assert sizes(apa(), signals(), state(4, 8)) == (4, 8, 0)
