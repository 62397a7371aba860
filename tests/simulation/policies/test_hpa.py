"""The HPA on metrics of a workload; its algorithm is tested in shared/test_hpa_rules.py."""

import pytest

from heteroplan.simulation.policies.hpa import HorizontalPodAutoscaler, HpaOptions
from tests.autoscaling import later, run, setting, signals, sizes, state


def hpa(**options: float | str) -> HorizontalPodAutoscaler:
    return HorizontalPodAutoscaler(setting(), HpaOptions(**options))  # type: ignore[arg-type]


class TestMetrics:
    def test_each_role_follows_its_own_utilization(self) -> None:
        # 4 x 1.0 / 0.8 = 5; 8 x 0.82 / 0.8 is within the tolerance
        assert sizes(hpa(), signals(busy=[1.0, 0.82, 0.0]), state(4, 8)) == (5, 8, 0)

    def test_decode_tokens_size_both_roles_by_what_a_replica_of_each_serves(self) -> None:
        policy = hpa(metric="decode_tokens_per_s", target_share=1.0)
        # 60 requests/s: 6 prefill replicas of 10, 12 decode replicas of 5
        assert sizes(policy, signals(decode_tokens_per_s=12_000.0), state(4, 8)) == (6, 12, 0)

    def test_the_prefill_share_is_apart(self) -> None:
        policy = hpa(metric="decode_tokens_per_s", target_share=1.0, prefill_share_factor=0.5)
        assert sizes(policy, signals(decode_tokens_per_s=12_000.0), state(8, 8)) == (12, 12, 0)

    def test_without_a_measurement_the_size_stays(self) -> None:
        assert sizes(hpa(), signals(), state(4, 8)) == (4, 8, 0)

    def test_replicas_that_start_dampen_a_mean(self) -> None:
        # 8 of 12 decode replicas at full load: 12 x (8 / 12) / 0.8 = 10, less than there are
        seen = signals(busy=[0.8, 1.0, 0.0])
        assert sizes(hpa(), seen, state(4, 12, ready=(4, 8, 0))) == (4, 12, 0)


class TestInTime:
    def test_scale_in_waits_for_the_stabilisation_window(self) -> None:
        policy, at = hpa(), state(4, 8)
        low = signals(busy=[0.8, 0.4, 0.0])
        seen = [sizes(policy, low, later(at, 15.0 * step, (4, 8, 0)))[1] for step in range(21)]
        assert seen == [8.0] * 20 + [4.0]

    @pytest.mark.parametrize("metric", ["gpu_utilization", "decode_tokens_per_s", "concurrency"])
    def test_constant_load_settles(self, metric: str) -> None:
        seen = run(hpa(metric=metric), [50.0] * 400)
        assert len(set(seen[-300:])) == 1

    def test_it_settles_within_the_tolerance_or_where_one_less_is_too_few(self) -> None:
        prefill, decode = run(hpa(), [50.0] * 400)[-1]
        # 8 are full, so 10; these are full, so 12.5, which is rounded up and within a tenth
        assert decode == 13.0
        # over 0.8 x 10: 6.25 replicas; 7 are more than a tenth too many, but 6.25 is rounded up
        assert prefill == 7.0
