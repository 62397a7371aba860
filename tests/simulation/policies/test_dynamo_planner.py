"""Dynamo's planner: 10 and 5 requests/s a replica at 700 missed and 200 output tokens."""

import numpy as np
import pytest

from heteroplan.simulation.policies.dynamo_planner import DynamoOptions, DynamoPlanner, Kalman
from tests.autoscaling import later, run, setting, signals, sizes, state


def planner(**options: float | str) -> DynamoPlanner:
    return DynamoPlanner(setting(), DynamoOptions(**options))  # type: ignore[arg-type]


class TestThroughput:
    def test_predicted_requests_over_what_a_replica_serves(self) -> None:
        seen = signals(arrived_rps=41.0, isl=1000.0, cached=300.0, osl=200.0)
        assert sizes(planner(), seen, state(1, 1)) == (5, 9, 0)

    def test_longer_requests_need_more(self) -> None:
        # 1400 missed tokens: 5 requests/s a prefill replica; 400 output tokens: 2.5 a decode one
        seen = signals(arrived_rps=41.0, isl=1700.0, cached=300.0, osl=400.0)
        assert sizes(planner(), seen, state(1, 1)) == (9, 17, 0)

    def test_lengths_that_were_not_measured_are_the_expected_ones(self) -> None:
        assert sizes(planner(), signals(arrived_rps=41.0), state(1, 1)) == (5, 9, 0)

    def test_decode_tokens_in_the_place_of_requests(self) -> None:
        policy = planner(metric="decode_tokens_per_s")
        seen = signals(decode_tokens_per_s=8200.0, osl=400.0)
        assert sizes(policy, seen, state(1, 1)) == (5, 9, 0)

    def test_without_a_measurement_the_last_prediction_holds(self) -> None:
        policy, at = planner(), state(1, 1)
        sizes(policy, signals(arrived_rps=41.0), at)
        assert sizes(policy, signals(), later(at, 180.0, (5, 9, 0))) == (5, 9, 0)

    def test_every_180_seconds(self) -> None:
        assert planner().period_s == planner().window_s == 180.0

    @pytest.mark.parametrize("predictor", ["constant", "kalman"])
    def test_constant_load_settles(self, predictor: str) -> None:
        seen = run(planner(predictor=predictor), [41.0] * 60)
        assert set(seen[-30:]) == {(5.0, 9.0)}


class TestLoad:
    @pytest.mark.parametrize(
        ("ttft_ms", "itl_ms", "wanted"),
        [
            (1100, 55, (5, 8, 0)),
            (900, 61, (4, 9, 0)),
            (700, 55, (3, 8, 0)),
            (900, 40, (4, 7, 0)),
            (900, 55, (4, 8, 0)),
        ],
    )
    def test_one_step_against_the_slo_and_four_fifths_of_it(
        self, ttft_ms: float, itl_ms: float, wanted: tuple[float, float, float]
    ) -> None:
        seen = signals(ttft_ms=ttft_ms, itl_ms=itl_ms)
        assert sizes(planner(mode="load"), seen, state(4, 8)) == wanted

    def test_while_a_replica_starts_both_roles_wait(self) -> None:
        seen = signals(ttft_ms=2000.0, itl_ms=90.0)
        of = state(4, 9, ready=(4, 8, 0))
        assert sizes(planner(mode="load"), seen, of) == (4, 9, 0)

    @pytest.mark.parametrize(
        ("waiting", "kv_used", "wanted"),
        [
            ([4.0, 0.0, 0.0], 0.8, (5, 8, 0)),  # a prompt waits at each of 4
            ([0.3, 0.0, 0.0], 0.8, (3, 8, 0)),  # less than a tenth of one
            ([2.0, 30.0, 0.0], 0.9, (4, 9, 0)),  # 10 run and 30 wait: 3.6 of the KV cache
            ([2.0, 0.0, 0.0], 0.5, (4, 7, 0)),
        ],
    )
    def test_by_queues_and_the_kv_cache(
        self, waiting: list[float], kv_used: float, wanted: tuple[float, float, float]
    ) -> None:
        seen = signals(waiting=waiting, running=10.0, kv_used=kv_used)
        policy = planner(mode="load", load_rule="throughput")
        assert sizes(policy, seen, state(4, 8)) == wanted

    def test_an_aggregated_workload_answers_for_both_latencies(self) -> None:
        policy = DynamoPlanner(setting(aggregated=True), DynamoOptions(mode="load"))
        of = state(0, 0, aggregated=4)
        assert sizes(policy, signals(ttft_ms=100.0, itl_ms=61.0), of) == (0, 0, 5)
        assert sizes(policy, signals(ttft_ms=100.0, itl_ms=20.0), of) == (0, 0, 3)


class TestBoth:
    def test_throughput_is_the_least_that_load_may_choose(self) -> None:
        policy, at = planner(mode="both"), state(4, 8)
        low = signals(arrived_rps=40.0, ttft_ms=10.0, itl_ms=5.0)
        assert sizes(policy, low, at) == (4, 8, 0)
        high = signals(arrived_rps=40.0, ttft_ms=1100.0, itl_ms=5.0)
        assert sizes(policy, high, later(at, 5.0, (4, 8, 0))) == (5, 8, 0)

    def test_throughput_goes_by_the_mean_of_its_time(self) -> None:
        policy, at = planner(mode="both", throughput_period_s=10.0), state(1, 1)
        calm = {"ttft_ms": 900.0, "itl_ms": 55.0}
        sizes(policy, signals(arrived_rps=10.0, **calm), at)
        sizes(policy, signals(arrived_rps=30.0, **calm), later(at, 5.0, (1, 2, 0)))
        seen = signals(arrived_rps=50.0, **calm)
        # 40 requests/s on average of the two since the first decision
        assert sizes(policy, seen, later(at, 10.0, (1, 2, 0))) == (4, 8, 0)


class TestKalman:
    def test_a_straight_line_is_continued(self) -> None:
        series = Kalman(1)
        for value in range(60):
            predicted = series.next(np.array([10.0 + 2.0 * value]))
        assert predicted[0] == pytest.approx(10.0 + 2.0 * 60, rel=0.02)

    def test_few_points_predict_the_last_one(self) -> None:
        series = Kalman(1)
        assert [series.next(np.array([v]))[0] for v in (5.0, 9.0, 1.0, 7.0)] == [5, 9, 1, 7]

    def test_what_was_not_measured_teaches_nothing(self) -> None:
        series, other = Kalman(1), Kalman(1)
        for value in (5.0, 6.0, 7.0, 8.0, 9.0):
            series.next(np.array([value]))
            other.next(np.array([value]))
            assert np.isnan(other.next(np.array([np.nan]))[0])
        assert series.next(np.array([10.0]))[0] == other.next(np.array([10.0]))[0]
