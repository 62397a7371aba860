"""Latency as a guard: TTFT should stay at 500 of 1000 ms, TBT at 57 of 60 ms."""

import pytest

from heteroplan.simulation.policies.negative_feedback import (
    NegativeFeedback,
    NegativeFeedbackOptions,
)
from tests.autoscaling import later, run, setting, signals, sizes, state


def feedback(**options: float | str) -> NegativeFeedback:
    return NegativeFeedback(setting(), NegativeFeedbackOptions(**options))  # type: ignore[arg-type]


def load(wanted: float) -> float:
    """Decode tokens/s of so many replicas at their target."""
    return wanted * 0.85 * 5.0 * 200.0


class TestGuard:
    @pytest.mark.parametrize(
        ("ttft_ms", "itl_ms", "decode"),
        [(500, 57, 20), (510, 50, 22), (400, 60, 22), (760, 50, 24), (400, 90, 24)],
    )
    def test_a_tenth_more_where_moderate_and_a_fifth_where_severe(
        self, ttft_ms: float, itl_ms: float, decode: float
    ) -> None:
        seen = signals(ttft_ms=ttft_ms, itl_ms=itl_ms, decode_tokens_per_s=load(20))
        assert sizes(feedback(), seen, state(10, 20)) == (decode / 2, decode, 0)

    def test_it_overrules_thresholds_and_cooldown_of_the_proportional_part(self) -> None:
        policy, at = feedback(guard_cooldown_s=30.0, cooldown_out_s=1e6), state(10, 20)
        late = signals(ttft_ms=510.0, decode_tokens_per_s=load(20))
        assert sizes(policy, late, at)[1] == 22
        assert sizes(policy, late, later(at, 15.0, (11, 22, 0)))[1] == 22
        assert sizes(policy, late, later(at, 30.0, (11, 22, 0)))[1] == 25

    def test_nothing_goes_while_latency_is_too_high(self) -> None:
        policy, at = feedback(), state(10, 20)
        late = signals(ttft_ms=510.0, decode_tokens_per_s=load(10))
        assert sizes(policy, late, at)[1] == 22
        assert sizes(policy, late, later(at, 30.0, (11, 22, 0)))[1] == 22

    def test_with_low_latency_the_proportional_part_decides(self) -> None:
        seen = signals(ttft_ms=100.0, itl_ms=20.0, decode_tokens_per_s=load(15))
        assert sizes(feedback(), seen, state(10, 20)) == (8, 15, 0)

    def test_without_a_measurement_the_size_stays(self) -> None:
        assert sizes(feedback(), signals(), state(10, 20)) == (10, 20, 0)


class TestWayInByLatency:
    def test_replicas_go_where_latency_is_low(self) -> None:
        seen = signals(ttft_ms=240.0, itl_ms=20.0)
        assert sizes(feedback(way_in="latency"), seen, state(10, 20)) == (9, 18, 0)

    def test_one_always_goes_but_the_last(self) -> None:
        seen = signals(ttft_ms=240.0, itl_ms=20.0)
        assert sizes(feedback(way_in="latency"), seen, state(2, 3)) == (1, 2, 0)
        assert sizes(feedback(way_in="latency"), seen, state(1, 1)) == (1, 1, 0)

    def test_flat_latency_cycles_around_the_cliff(self) -> None:
        # 50 requests/s want 10 decode replicas: fewer are too slow, with more latency is low
        seen = run(feedback(way_in="latency", calm_at=0.95), [50.0] * 1000)
        decode = [size for _, size in seen[200:]]
        assert min(decode) < 10 < max(decode)


def test_constant_load_settles() -> None:
    seen = run(feedback(), [50.0] * 400)
    assert len(set(seen[-200:])) == 1
    assert seen[-1][1] >= 10
