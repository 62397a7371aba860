"""HeteroScale's joint control by hand arithmetic.

The ratio of equal capacity is 0.5, the target 850 tokens/s.
"""

import numpy as np
import pytest

from heteroplan.entities.workload import RatioBand
from heteroplan.simulation.policies.proportional import Proportional, ProportionalOptions
from heteroplan.simulation.policies.shared.metrics import EIGHT_SIGNALS
from tests import builders
from tests.autoscaling import later, run, setting, signals, sizes, state

PER_REPLICA = 0.85 * 5.0 * 200.0
"""Decode tokens/s at the target: share x requests/s x output tokens."""


def proportional(**options: float | str) -> Proportional:
    return Proportional(setting(), ProportionalOptions(**options))  # type: ignore[arg-type]


def decoding(replicas: float) -> dict[str, float]:
    """Decode tokens/s that so many replicas give at their target."""
    return {"decode_tokens_per_s": replicas * PER_REPLICA}


class TestJointForm:
    def test_decode_tokens_set_decode_and_the_ratio_sets_prefill(self) -> None:
        assert sizes(proportional(), signals(**decoding(10.0)), state(4, 8)) == (5, 10, 0)

    def test_prefill_is_rounded_up(self) -> None:
        assert sizes(proportional(), signals(**decoding(8.9)), state(4, 8)) == (5, 9, 0)

    def test_the_users_band_bounds_the_ratio(self) -> None:
        banded = builders.scenario([builders.workload(pd_ratio=RatioBand(1.0, 4.0))])
        policy = Proportional(setting(scenario=banded), ProportionalOptions())
        assert sizes(policy, signals(**decoding(10.0)), state(8, 8)) == (10, 10, 0)

    def test_a_prefill_signal_sets_prefill_and_the_ratio_sets_decode(self) -> None:
        policy = proportional(metric="prefill_tokens_per_s", target_share=1.0)
        # 10 requests/s a replica of 700 missed tokens each
        assert sizes(policy, signals(prefill_tokens_per_s=35_000.0), state(4, 8)) == (5, 10, 0)

    def test_an_aggregated_workload_has_one_role(self) -> None:
        policy = Proportional(setting(aggregated=True), ProportionalOptions())
        seen = signals(**decoding(6.0))
        assert sizes(policy, seen, state(0, 0, aggregated=5)) == (0, 0, 6)

    @pytest.mark.parametrize("metric", EIGHT_SIGNALS)
    def test_every_signal_moves_both_roles_up(self, metric: str) -> None:
        policy = proportional(metric=metric, target_share=0.5)
        seen = signals(
            decode_tokens_per_s=9000.0,
            prefill_tokens_per_s=60_000.0,
            busy=1.0,
            sm_activity=1.0,
            ttft_ms=1500.0,
            itl_ms=90.0,
        )
        prefill, decode, _ = sizes(policy, seen, state(4, 8))
        assert prefill > 4
        assert decode > 8


class TestHysteresis:
    @pytest.mark.parametrize(
        ("wanted", "size"), [(8.8, 8), (8.81, 9), (6.4, 8), (6.39, 7), (8.0, 8)]
    )
    def test_thresholds_out_and_in_differ(self, wanted: float, size: float) -> None:
        assert sizes(proportional(), signals(**decoding(wanted)), state(4, 8))[1] == size

    def test_without_a_measurement_the_size_stays(self) -> None:
        assert sizes(proportional(), signals(), state(4, 8)) == (4, 8, 0)

    def test_without_traffic_it_goes_to_the_least(self) -> None:
        policy = proportional(most_change_share=1.0)
        assert sizes(policy, signals(decode_tokens_per_s=0.0), state(4, 8)) == (1, 1, 0)


class TestCooldown:
    def test_out_waits_since_the_last_change(self) -> None:
        policy = proportional(cooldown_out_s=60.0)
        at = state(4, 8)
        assert sizes(policy, signals(**decoding(10.0)), at) == (5, 10, 0)
        much = signals(**decoding(12.0))
        assert sizes(policy, much, later(at, 45.0, (5, 10, 0)))[1] == 10
        assert sizes(policy, much, later(at, 60.0, (5, 10, 0)))[1] == 12

    def test_in_waits_longer(self) -> None:
        policy = proportional(cooldown_in_s=300.0)
        at = state(4, 8)
        sizes(policy, signals(**decoding(10.0)), at)
        little = signals(**decoding(7.5))
        assert sizes(policy, little, later(at, 285.0, (5, 10, 0)))[1] == 10
        assert sizes(policy, little, later(at, 300.0, (5, 10, 0)))[1] == 8


class TestDampening:
    def test_a_step_is_a_share_of_the_size_at_most(self) -> None:
        policy = proportional(most_change_share=0.25)
        assert sizes(policy, signals(**decoding(30.0)), state(4, 8)) == (5, 10, 0)
        policy = proportional(most_change_share=0.25)
        assert sizes(policy, signals(**decoding(1.0)), state(4, 8)) == (3, 6, 0)

    def test_one_replica_always_may_change(self) -> None:
        policy = proportional(most_change_share=0.01)
        assert sizes(policy, signals(**decoding(30.0)), state(4, 8))[1] == 9


class TestHoldBack:
    """Wanted 5 prefill and 10 decode; ready ratio 0.5 within a quarter, so from 0.4 to 0.625."""

    def test_too_many_ready_prefill_replicas_hold_prefill_back(self) -> None:
        # 4 / 6 = 0.67: prefill stays until decode is there
        of = state(4, 8, ready=(4, 6, 0))
        assert sizes(proportional(), signals(**decoding(10.0)), of) == (4, 10, 0)

    def test_too_many_ready_decode_replicas_hold_decode_back(self) -> None:
        # 3 / 8 = 0.375
        of = state(4, 8, ready=(3, 8, 0))
        assert sizes(proportional(), signals(**decoding(10.0)), of) == (5, 8, 0)

    def test_within_the_drift_both_grow(self) -> None:
        # 4 / 7 = 0.57
        of = state(4, 8, ready=(4, 7, 0))
        assert sizes(proportional(), signals(**decoding(10.0)), of) == (5, 10, 0)

    def test_scale_in_is_not_held_back(self) -> None:
        of = state(4, 8, ready=(4, 6, 0))
        assert sizes(proportional(), signals(**decoding(6.0)), of) == (3, 6, 0)


class TestMeans:
    """Utilization of decode replicas with a target of 0.85; 4 of the 8 are ready."""

    @pytest.mark.parametrize(
        ("busy", "decode"),
        [
            (0.9, 8),  # 4.2 are needed by what is seen, and 8 are on their way
            (0.4, 6),  # 1.9 and the 4 that start are 5.9
            (0.85, 8),
        ],
    )
    def test_replicas_that_start_are_not_taken_for_idle(self, busy: float, decode: float) -> None:
        policy = proportional(metric="decode_gpu_utilization", most_change_share=1.0)
        of = state(4, 8, ready=(2, 4, 0))
        assert sizes(policy, signals(busy=[0.5, busy, 0.0]), of)[1] == decode

    def test_with_all_of_them_ready_the_mean_decides(self) -> None:
        policy = proportional(metric="decode_gpu_utilization", most_change_share=1.0)
        assert sizes(policy, signals(busy=[0.5, 0.4, 0.0]), state(4, 8))[1] == 4


class TestInTime:
    def test_constant_load_settles(self) -> None:
        seen = run(proportional(), [50.0] * 400)
        # 50 / (0.85 x 5) = 11.8 decode replicas, less a tenth that the threshold leaves
        assert len(set(seen[-200:])) == 1
        assert seen[-1] in {(6.0, 11.0), (6.0, 12.0)}

    def test_gpu_utilization_that_does_not_fall_never_scales_in(self) -> None:
        policy = proportional(metric="decode_gpu_utilization", target_share=0.9)
        at = state(8, 16)
        for step in range(100):
            halved = signals(busy=[0.5, 0.95, 0.0])
            assert sizes(policy, halved, later(at, step * 15.0, (8, 16, 0))) == (8, 16, 0)

    def test_a_replica_that_bears_nothing_within_the_slo_means_the_most(self) -> None:
        policy = Proportional(
            setting(capacity_rps=(10.0, 0.0, 0.0), most=12.0),
            ProportionalOptions(most_change_share=10.0),
        )
        prefill, decode, _ = sizes(policy, signals(decode_tokens_per_s=5.0), state(8, 8))
        assert decode == 12.0
        assert np.isfinite(prefill)
