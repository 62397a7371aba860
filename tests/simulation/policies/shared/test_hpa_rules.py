"""The HPA's algorithm, against the examples of its documentation and the code that defines it.

"Documentation" is kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale.
"""

import math
from itertools import pairwise

import pytest

from heteroplan.simulation.policies.shared.hpa_rules import (
    DOWN,
    SYNC_S,
    UP,
    Behavior,
    Direction,
    Hpa,
    Rate,
    Select,
    for_average,
    for_total,
)

DEFAULTS = Behavior()
AT_ONCE = Behavior(down=Direction(0.0, DOWN.rates))
"""Without stabilisation."""


class TestDesiredReplicas:
    @pytest.mark.parametrize(("value", "replicas"), [(200.0, 8.0), (50.0, 2.0)])
    def test_documentation_200m_over_100m_doubles_and_50m_halves(
        self, value: float, replicas: float
    ) -> None:
        assert for_average(value, 100.0, 4.0, 4.0, DEFAULTS) == replicas

    @pytest.mark.parametrize(
        ("current", "total", "replicas"),
        [
            (20.0, 22.0, 20.0),
            (23.0, 21.0, 23.0),
            (20.0, 22.1, 23.0),
            (20.0, 17.9, 18.0),
            (20.0, 18.0, 20.0),
        ],
    )
    def test_within_the_tolerance_of_a_tenth_nothing_changes(
        self, current: float, total: float, replicas: float
    ) -> None:
        assert for_total(total, 1.0, current, DEFAULTS) == replicas

    def test_documentation_missing_pods_count_nothing_on_the_way_up(self) -> None:
        # 4 of 6 pods are at twice the target: 8 / 6 = 1.33 of it, so 8 and not 12
        assert for_average(2.0, 1.0, 6.0, 4.0, DEFAULTS) == 8.0

    def test_documentation_missing_pods_count_as_at_the_target_on_the_way_down(self) -> None:
        # 4 of 6 pods at a quarter: (1 + 2) / 6 = 0.5 of the target, so 3 and not 1
        assert for_average(0.25, 1.0, 6.0, 4.0, DEFAULTS) == 3.0

    def test_documentation_where_missing_pods_turn_the_direction_nothing_changes(self) -> None:
        # 2 of 6 pods at twice the target: 4 / 6 < 1 although the pods that report are over it
        assert for_average(2.0, 1.0, 6.0, 2.0, DEFAULTS) == 6.0

    def test_without_a_ready_pod_nothing_is_known(self) -> None:
        assert for_average(2.0, 1.0, 6.0, 0.0, DEFAULTS) == 6.0

    def test_from_zero_the_total_alone_decides(self) -> None:
        assert for_total(3.2, 1.0, 0.0, DEFAULTS) == 4.0


class TestRates:
    def test_documentation_80_replicas_go_to_10_by_10_percent_or_4_pods_a_minute(self) -> None:
        rates = (Rate(4.0, 60.0, percent=False), Rate(10.0, 60.0, percent=True))
        hpa = Hpa(1.0, 100.0, Behavior(down=Direction(0.0, rates)))
        seen, size = [], 80.0
        for minute in range(12):
            size = hpa.decide(minute * 60.0, size, 10.0)
            seen.append(size)
        # "during the first step 8 replicas will be reduced. In the next iteration when the number
        # of replicas is 72, 10% of the pods is 7.2 but the number is rounded up to 8"
        assert seen[:2] == [72.0, 64.0]
        # "When the number of replicas falls below 40 the first policy is applied": 4 at a time
        below = [size for size in seen if size < 40.0]
        assert all(a - b == 4.0 for a, b in pairwise(below))

    def test_within_one_period_no_more_than_the_rate_goes(self) -> None:
        rates = (Rate(10.0, 60.0, percent=True),)
        hpa = Hpa(1.0, 100.0, Behavior(down=Direction(0.0, rates)))
        sizes, size = [], 100.0
        for step in range(5):
            size = hpa.decide(step * SYNC_S, size, 1.0)
            sizes.append(size)
        assert sizes == [90.0, 90.0, 90.0, 90.0, 81.0]

    def test_documentation_min_selects_the_smaller_change(self) -> None:
        rates = (Rate(10.0, 60.0, percent=True), Rate(5.0, 60.0, percent=False))
        hpa = Hpa(1.0, 100.0, Behavior(down=Direction(0.0, rates, Select.MIN)))
        assert hpa.decide(0.0, 80.0, 1.0) == 75.0

    def test_documentation_disabled_scales_no_further(self) -> None:
        behavior = Behavior(down=Direction(0.0, DOWN.rates, Select.DISABLED))
        assert Hpa(1.0, 100.0, behavior).decide(0.0, 80.0, 1.0) == 80.0

    def test_documentation_by_default_4_pods_or_double_are_added_in_15_seconds(self) -> None:
        hpa, size, seen = Hpa(1.0, 100.0), 1.0, []
        for step in range(6):
            size = hpa.decide(step * SYNC_S, size, 100.0)
            seen.append(size)
        assert seen == [5.0, 10.0, 20.0, 40.0, 80.0, 100.0]


class TestStabilisation:
    def test_the_greatest_recommendation_of_300_seconds_holds(self) -> None:
        hpa = Hpa(1.0, 100.0)
        assert hpa.decide(0.0, 10.0, 10.0) == 10.0
        assert [hpa.decide(at, 10.0, 4.0) for at in (15.0, 150.0, 285.0)] == [10.0] * 3
        assert hpa.decide(300.0, 10.0, 4.0) == 4.0

    def test_the_size_at_the_beginning_counts_as_recommended(self) -> None:
        assert Hpa(1.0, 100.0).decide(0.0, 10.0, 4.0) == 10.0

    def test_up_is_not_stabilised(self) -> None:
        hpa = Hpa(1.0, 100.0)
        hpa.decide(0.0, 10.0, 4.0)
        assert hpa.decide(15.0, 10.0, 12.0) == 12.0

    def test_up_with_a_window_takes_the_least_of_it(self) -> None:
        hpa = Hpa(1.0, 100.0, Behavior(up=Direction(60.0, UP.rates)))
        hpa.decide(0.0, 10.0, 10.0)
        assert hpa.decide(15.0, 10.0, 14.0) == 10.0
        assert hpa.decide(60.0, 10.0, 13.0) == 13.0


class TestBounds:
    def test_a_size_out_of_range_is_brought_back_at_once(self) -> None:
        assert Hpa(3.0, 100.0).decide(0.0, 1.0, 1.0) == 3.0
        assert Hpa(1.0, 5.0).decide(0.0, 50.0, 50.0) == 5.0

    def test_an_infinite_wish_is_the_most_that_the_rates_allow(self) -> None:
        assert Hpa(1.0, 15.0, AT_ONCE).decide(0.0, 10.0, math.inf) == 15.0
