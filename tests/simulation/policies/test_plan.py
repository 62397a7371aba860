"""The plan by the clock, alone and as a floor."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.workload import Part
from heteroplan.simulation.policies.plan import (
    Plan,
    PlanFeedback,
    PlanFeedbackOptions,
    PlanOptions,
)
from heteroplan.simulation.policies.policy import PoolTargets, RoleTargets, linger_s
from heteroplan.simulation.policies.shared.planned import PlannedPools
from heteroplan.simulation.policies.soft_scale_in import SoftScaleIn, SoftScaleInOptions
from heteroplan.simulation.policies.static_peak import StaticPeak
from heteroplan.simulation.system import Deployment, EngineOption, ServingGroup, ServingSystem
from tests import builders
from tests.autoscaling import later, planned, setting, signals, state
from tests.cron import planned_sizes


def pools(policy: Plan | StaticPeak, now_s: float) -> list[int]:
    targets = policy.decide(signals(), state(now_s=now_s))
    assert isinstance(targets, PoolTargets)
    return [int(size) for size in targets.replicas]


class TestPlan:
    def test_replicas_are_ordered_a_start_up_before_their_interval(self) -> None:
        plan = Plan(planned([[2, 5], [3, 3]], startup_s=120.0), PlanOptions())
        # the next decision after 3465 s would be at 3480, and that is early enough for 3600
        assert pools(plan, 3450.0) == [2, 3]
        assert pools(plan, 3465.0) == [2, 3]
        assert pools(plan, 3480.0) == [5, 3]

    def test_where_the_start_up_is_no_multiple_of_the_period_it_is_a_little_early(self) -> None:
        plan = Plan(planned([[2, 5]], startup_s=100.0), PlanOptions())
        assert pools(plan, 3480.0) == [2]
        assert pools(plan, 3495.0) == [5]

    def test_replicas_go_when_their_interval_is_over(self) -> None:
        plan = Plan(planned([[5, 2]], startup_s=120.0, cyclic=False), PlanOptions())
        assert pools(plan, 3585.0) == [5]
        assert pools(plan, 3600.0) == [2]

    def test_a_cyclic_day_begins_again_and_another_goes_on(self) -> None:
        assert pools(Plan(planned([[5, 2]]), PlanOptions()), 7200.0) == [5]
        assert pools(Plan(planned([[5, 2]], cyclic=False), PlanOptions()), 7200.0) == [2]

    def test_a_start_up_longer_than_an_interval_looks_over_it(self) -> None:
        plan = Plan(planned([[1, 1, 7, 1]], startup_s=5000.0), PlanOptions())
        assert pools(plan, 2200.0) == [7]
        assert pools(plan, 2100.0) == [1]

    @given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(0, 90), st.booleans())
    def test_agrees_with_plain_look_ahead_minute_by_minute(
        self, sizes: list[int], lead_minutes: int, cyclic: bool
    ) -> None:
        plan = Plan(
            planned([sizes], startup_s=60.0 * lead_minutes, interval_s=900.0, cyclic=cyclic),
            PlanOptions(period_s=60.0),
        )
        expected = planned_sizes(sizes, 15, lead_minutes, cyclic=cyclic)
        length = min(len(expected), 60)
        assert [pools(plan, 60.0 * m)[0] for m in range(length)] == expected[:length]


class TestFromSystem:
    def test_deployments_keep_their_engine(self) -> None:
        scenario = builders.scenario([builders.workload(rps=(1.0, 2.0))])
        engine = builders.engine("decode", startup_s=90.0)
        option = EngineOption(
            workload=0,
            role=1,
            engine=engine,
            node_type="h100x8",
            usd_per_hour=8.0,
            capacity_rps=2.5,
            in_flight=20.0,
            bytes_per_s=1e9,
            reference_replicas=0.5,
        )
        system = ServingSystem(
            scenario=scenario,
            options=(option,),
            groups=(ServingGroup(0, "l1-spine", split=True),),
            deployments=(Deployment(0, 0, 0), Deployment(0, 1, 0)),
            supply=np.zeros((1, 1, 2), dtype=np.int64),
            planned_rps=np.zeros((1, 2)),
        )
        of = PlannedPools.of(system, np.array([[1, 2], [3, 4]]))
        assert of.startup_s.tolist() == [90.0, 90.0]
        assert of.by_role(np.array([1, 3])).tolist() == [[0.0, 2.0, 0.0]]
        assert of.interval_s == 3600.0
        half = replace(option, engine=replace(engine, part=Part("moe", "ffn", 1, None)))
        divided = PlannedPools.of(replace(system, options=(half,)), np.array([[1, 2], [3, 4]]))
        assert divided.by_role(np.array([1, 3])).tolist() == [[0.0, 0.0, 0.0]]
        assert of.cyclic


def beyond(policy: PlanFeedback, now_s: float, wanted: float) -> tuple[float, list[int]]:
    """Decode replicas and the floor, with the load of so many decode replicas at their target."""
    seen = signals(decode_tokens_per_s=wanted * 850.0, ttft_ms=100.0, itl_ms=20.0)
    targets = policy.decide(seen, state(4, 8, now_s=now_s))
    assert isinstance(targets, RoleTargets)
    assert targets.floor is not None
    return float(targets.replicas[0, 1]), targets.floor.replicas.tolist()


class TestPlanFeedback:
    def make(self, sizes: list[list[int]], **options: float | str) -> PlanFeedback:
        given = PlanFeedbackOptions(cooldown_in_s=0.0, **options)  # type: ignore[arg-type]
        return PlanFeedback(setting(), planned(sizes), given)

    def test_the_plan_is_the_least(self) -> None:
        policy = self.make([[4, 4], [8, 8]])
        assert beyond(policy, 0.0, 2.0) == (8.0, [4, 8])

    def test_more_load_than_planned_gets_more(self) -> None:
        policy = self.make([[4, 4], [8, 8]])
        assert beyond(policy, 0.0, 10.0) == (10.0, [4, 8])

    def test_a_smaller_plan_is_followed_at_once(self) -> None:
        policy = self.make([[4, 1], [8, 2]])
        assert beyond(policy, 0.0, 2.0) == (8.0, [4, 8])
        assert beyond(policy, 3600.0, 2.0) == (2.0, [1, 2])

    def test_what_stands_beyond_the_plan_stays_over_its_change(self) -> None:
        policy = self.make([[4, 6], [8, 12]])
        assert beyond(policy, 0.0, 10.0) == (10.0, [4, 8])
        # two more than the plan then, two more than the plan now: the load wants 14
        assert beyond(policy, 3600.0, 14.0) == (14.0, [6, 12])

    @pytest.mark.parametrize("feedback", ["proportional", "negative_feedback"])
    def test_latency_counts_where_the_guard_is_on(self, feedback: str) -> None:
        policy = self.make([[10], [20]], feedback=feedback)
        late = signals(decode_tokens_per_s=20 * 850.0, ttft_ms=900.0)
        targets = policy.decide(late, state(10, 20))
        expected = 24.0 if feedback == "negative_feedback" else 20.0
        assert targets.replicas[0, 1] == expected


class TestStaticPeak:
    def test_one_size_at_all_times(self) -> None:
        policy = StaticPeak(np.array([3, 7]))
        assert pools(policy, 0.0) == pools(policy, 50_000.0) == [3, 7]


class TestLinger:
    def test_only_soft_scale_in_lingers(self) -> None:
        soft = SoftScaleIn(setting(), SoftScaleInOptions(linger_s=240.0))
        assert linger_s(soft) == 240.0
        assert linger_s(Plan(planned([[1]]), PlanOptions())) == 0.0

    def test_it_sizes_as_proportional_does(self) -> None:
        soft = SoftScaleIn(setting(), SoftScaleInOptions())
        targets = soft.decide(signals(decode_tokens_per_s=8500.0), later(state(), 0.0, (4, 8, 0)))
        assert targets.replicas.tolist() == [[5.0, 10.0, 0.0]]
