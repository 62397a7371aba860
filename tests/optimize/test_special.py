"""Days out of the ordinary: no way to serve, nothing to serve, no supply for a while, long days.

Unless said otherwise a pair of replicas of 4 GPUs serves 10 requests/s for 2 x 8 = 16 USD an hour
and fills one node.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import ceil

import numpy as np
import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Plan, Termination
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine, Role
from heteroplan.optimize.solve import solve
from heteroplan.planning import make_plan
from tests.builders import candidates, engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_prices import bound_at_random_prices

HOURS = 24
TOLERANCE = 1e-6
CURVE = (10, 9, 4, 3, 8, 12, 20, 31, 38, 40, 36, 33, 35, 40, 37, 30, 28, 25, 27, 22, 19, 15, 11, 10)
"""Requests/s hour by hour."""


def planned(made: Scenario, gap: float = TOLERANCE) -> Plan:
    """Packed and verified on the way."""
    return make_plan(made, candidates(made), gap=gap, time_limit_s=10.0, compare=False)


def pair(startup_s: float = 0.0) -> tuple[Engine, ...]:
    return (
        engine("prefill", role=Role.PREFILL, startup_s=startup_s),
        engine("decode", startup_s=startup_s),
    )


def tracking_cost(rps: Sequence[float], hours: float, startup_s: float) -> float:
    """USD of running ceil(rps / 10) pairs on a cyclic day; a start is `startup_s` of running."""
    pairs = [ceil(each / 10) for each in rps]
    started = sum(max(0, now - then) for then, now in pairwise([pairs[-1], *pairs]))
    return 16.0 * (sum(pairs) * hours + started * startup_s / 3600)


def test_no_schedule_covers_the_busy_hours() -> None:
    """4 nodes serve 40. From 9 to 18 h 50 are asked for, else 10: 9 x 10 x 3600 stay unserved.

    4 pairs for 9 h and one for 15 h are 51 x 16 = 816 USD.
    """
    busy = [50.0 if 9 <= hour < 18 else 10.0 for hour in range(HOURS)]
    plan = planned(scenario([workload(rps=busy)]))
    assert plan.report.unserved_requests == pytest.approx(324_000.0)
    assert plan.report.unserved_requests_bound == pytest.approx(324_000.0, rel=1e-4)
    assert [each.interval for each in plan.shortages] == list(range(9, 18))
    assert plan.report.objective == pytest.approx(816.0)
    assert plan.report.termination is Termination.OPTIMAL


def test_who_is_served_last_goes_short() -> None:
    """25 each on 4 nodes: 3 pairs for the first, one for the second, 15 of whose 25 are lost."""
    loads = [
        workload("last", rps=[25.0] * HOURS, priority=2),
        workload("first", rps=[25.0] * HOURS, priority=1),
    ]
    plan = planned(scenario(loads))
    assert {each.workload for each in plan.shortages} == {"last"}
    assert plan.report.unserved_requests == pytest.approx(15.0 * 3600 * HOURS)
    assert plan.report.objective == pytest.approx(4 * 16.0 * HOURS)


def test_no_engine_runs_on_the_hardware() -> None:
    """Everything stays unserved, for nothing."""
    elsewhere = workload(rps=[10.0] * HOURS, engines=[engine("x", role=Role.AGGREGATED, gpu="X")])
    plan = planned(scenario([elsewhere]))
    assert plan.report.unserved_requests == pytest.approx(36_000.0 * HOURS)
    assert plan.report.objective == 0.0
    assert plan.report.bound == 0.0


@pytest.mark.parametrize("cyclic", [True, False])
def test_no_demand_costs_nothing(cyclic: bool) -> None:
    loads = [workload(name, rps=[0.0] * HOURS, engines=pair(900)) for name in ("a", "b")]
    plan = planned(scenario(loads, cyclic=cyclic))
    assert plan.covered
    assert plan.report.objective == plan.report.bound == 0.0
    assert plan.report.termination is Termination.OPTIMAL
    assert not plan.pools


def test_no_demand_and_replicas_wanted_all_the_same() -> None:
    """One prefill and two decode replicas at least: 3 x 8 x 24 USD."""
    least = {Role.PREFILL: 1, Role.DECODE: 2}
    plan = planned(scenario([workload(rps=[0.0] * HOURS, min_replicas=least)]))
    assert plan.report.objective == pytest.approx(576.0)
    assert plan.report.termination is Termination.OPTIMAL


def test_a_workload_without_demand_beside_one_with_some() -> None:
    loads = [workload("idle", rps=[0.0] * HOURS), workload("busy", rps=CURVE)]
    plan = planned(scenario(loads))
    assert {pool.workload for pool in plan.pools} == {"busy"}
    assert plan.report.objective == pytest.approx(tracking_cost(CURVE, 1.0, 0.0))


@pytest.mark.parametrize("affinity", [Affinity.LEAF, Affinity.SPINE])
def test_a_workload_larger_than_any_domain(affinity: Affinity) -> None:
    """35 are 4 pairs; domains of 1, 1 and 2 nodes hold 4 in all: 64 USD an hour."""
    on = fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}, "l3": {"h100x8": 2}})
    large = workload(rps=[35.0] * HOURS, affinity=affinity)
    plan = planned(scenario([large], in_fleet=on))
    assert plan.covered
    assert len({pool.group for pool in plan.pools}) == 3
    assert plan.report.objective == pytest.approx(64.0 * HOURS)
    assert plan.report.termination is Termination.OPTIMAL


def test_a_workload_larger_than_any_domain_may_use_only_one() -> None:
    """The largest has 2 nodes: 20 of 35 are served for 32 USD an hour."""
    on = fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}, "l3": {"h100x8": 2}})
    plan = planned(scenario([workload(rps=[35.0] * HOURS, max_groups=1)], in_fleet=on))
    assert plan.report.unserved_requests == pytest.approx(15.0 * 3600 * HOURS)
    assert plan.report.objective == pytest.approx(32.0 * HOURS)


def away(made: Scenario, leaf: str, hour: int) -> Scenario:
    """The scenario with all nodes of a leaf away for an hour."""
    start = made.horizon.start + timedelta(hours=hour)
    outage = Outage(leaf, "h100x8", 4, start, start + timedelta(hours=1))
    return replace(made, fleet=replace(made.fleet, outages=(outage,)))


@pytest.mark.parametrize("per_hour", [1, 4])
def test_all_supply_is_away_for_an_hour(per_hour: int) -> None:
    """That hour's 36,000 requests are lost, the other 23 h cost 16 USD each."""
    made = scenario([workload(rps=[10.0] * HOURS * per_hour)], interval_s=3600 // per_hour)
    plan = planned(away(made, "l1", 5))
    assert plan.report.unserved_requests == pytest.approx(36_000.0)
    assert plan.report.unserved_requests_bound == pytest.approx(36_000.0, rel=1e-4)
    assert {each.interval // per_hour for each in plan.shortages} == {5}
    assert plan.report.objective == pytest.approx(16.0 * 23)


def test_replicas_cannot_start_while_all_supply_is_away() -> None:
    """Starting takes an hour and its GPUs: without supply at 5 h none serves before 7 h.

    Two hours are lost; 22 h run for 16 USD each, and starting both replicas costs 16 USD.
    """
    plan = planned(away(scenario([workload(rps=[10.0] * HOURS, engines=pair(3600))]), "l1", 5))
    assert [each.interval for each in plan.shortages] == [5, 6]
    assert plan.report.unserved_requests == pytest.approx(72_000.0)
    assert plan.report.objective == pytest.approx(16.0 * 22 + 16.0)


def test_supply_of_one_domain_is_away_and_another_takes_over() -> None:
    """Nothing is lost and nothing costs more: starts are free here."""
    on = fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 4}})
    made = away(scenario([workload(rps=[20.0] * HOURS)], in_fleet=on), "l1", 5)
    plan = planned(made)
    assert plan.covered
    assert plan.report.objective == pytest.approx(32.0 * HOURS)
    assert not [pool for pool in plan.pools if pool.domain == "l1-spine" and pool.replicas[5]]


@pytest.mark.parametrize(
    "intervals", [24, *(pytest.param(n, marks=pytest.mark.slow) for n in (96, 288))]
)
@pytest.mark.parametrize("startup_s", [0, 300])
def test_the_day_costs_the_same_in_finer_intervals(intervals: int, startup_s: int) -> None:
    """Demand is constant in each hour and a start costs less than an hour of running.

    So pairs follow the demand hour by hour, whatever the intervals; no prices prove more.
    """
    per_hour = intervals // HOURS
    rps = [float(each) for each in CURVE for _ in range(per_hour)]
    made = scenario(
        [workload(rps=rps, engines=pair(startup_s))],
        in_fleet=fleet({"l1": {"h100x8": 3}, "l2": {"h100x8": 3}}),
        interval_s=3600 // per_hour,
    )
    problem = problem_of(made)
    cost = tracking_cost(CURVE, 1.0, startup_s)
    best = solve(problem, gap=TOLERANCE, time_limit_s=10.0)
    assert best.objective == pytest.approx(cost)
    assert best.bound == pytest.approx(cost, rel=1e-5)
    draw = np.random.default_rng(intervals)
    assert max(bound_at_random_prices(problem, draw) for _ in range(5)) <= cost * (1 + TOLERANCE)


@pytest.mark.parametrize("cyclic", [True, False])
def test_two_days_cost_what_each_of_them_costs(cyclic: bool) -> None:
    """The second asks for twice as much; between 10 and 20 requests/s one more pair starts.

    The horizon ends with two pairs and begins with one, so that its ends start nothing.
    """
    rps = [*CURVE, *(2 * each for each in CURVE)]
    made = scenario(
        [workload(rps=rps, engines=pair(300))],
        in_fleet=fleet({"l1": {"h100x8": 5}, "l2": {"h100x8": 5}}),
        cyclic=cyclic,
    )
    plan = planned(made)
    assert len(plan.workloads[0].served_rps) == 2 * HOURS
    assert plan.covered
    assert plan.report.objective == pytest.approx(tracking_cost(rps, 1.0, 300))


def test_maintenance_on_the_second_day_leaves_the_first_alone() -> None:
    """5 h of the second day is hour 29; 20 requests/s are asked for all the time."""
    plan = planned(away(scenario([workload(rps=[20.0] * 2 * HOURS)]), "l1", HOURS + 5))
    assert [each.interval for each in plan.shortages] == [29]
    assert plan.report.unserved_requests == pytest.approx(72_000.0)
    assert plan.report.objective == pytest.approx(32.0 * 47)
