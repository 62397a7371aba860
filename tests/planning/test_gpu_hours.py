"""GPU-hours are one thing wherever they stand: GPUs held by time, starts and drains included.

schedule.csv lists serving replicas alone; with the starts and the drains they are the total.
"""

import csv
import io
from dataclasses import replace
from itertools import pairwise

import pytest

from heteroplan.baselines.usage import hours_by_priority
from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.placement import node_name
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import Role
from heteroplan.errors import PlanViolationError
from heteroplan.optimize.program.build import build_problem
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.explanation import explain
from heteroplan.outputs.plan.schedule_csv import schedule_csv
from heteroplan.planning import make_plan
from heteroplan.verify import verify
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.random_cases import random_case
from tests.plans import stay

LOW, MEDIUM, HIGH = (
    SubgroupPriority.LOW,
    SubgroupPriority.MEDIUM,
    SubgroupPriority.HIGH,
)
TYPES = (node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=1.0))
BOTH = engine("both", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)


def planned(of: Scenario) -> Plan:
    return make_plan(of, candidates(of), gap=0.0)


def serving_gpu_hours(plan: Plan) -> float:
    """Of schedule.csv: GPUs of all rows times the length of an interval."""
    rows = csv.DictReader(io.StringIO(schedule_csv(document_of(plan))))
    return sum(int(row["gpus"]) for row in rows) * plan.scenario.horizon.interval_hours


def changing_gpu_hours(plan: Plan) -> float:
    """Of starts and drains: one of each a move, one of either a change of size."""
    of = {(each.workload, each.engine.name): each.engine for each in plan.candidates}
    seconds = 0.0
    for p, pool in enumerate(plan.pools):
        made = of[pool.workload, pool.engine]
        sizes = list(pool.replicas)
        if plan.scenario.horizon.cyclic:
            sizes = [sizes[-1], *sizes]
        elif plan.scenario.current is not None:
            sizes = [len(ran_in(plan, p)), *sizes]
        steps = [now - before for before, now in pairwise(sizes)]
        moves = sum(stay.moved for stay in plan.stays if stay.pool == p)
        up, down = sum(max(0, n) for n in steps) + moves, sum(max(0, -n) for n in steps) + moves
        seconds += made.gpus * (up * made.startup_s + down * made.drain_s)
    kept = [each for p in range(len(plan.pools)) for each in ran_in(plan, p)]
    for each in plan.scenario.current or ():
        if each not in kept:
            made = of[each.workload, each.engine]
            seconds += made.gpus * made.drain_s
    return seconds / 3600.0


def ran_in(plan: Plan, p: int) -> list[Running]:
    """What ran before in the place of a pool."""
    pool, leaves = plan.pools[p], {leaf.name: leaf for leaf in plan.scenario.fleet.network.leaves}
    return [
        each
        for each in plan.scenario.current or ()
        if (each.workload, each.engine, each.node_type)
        == (pool.workload, pool.engine, pool.node_type)
        and leaves[each.leaf].domain(pool.level) == pool.domain
    ]


def test_serving_starting_and_draining_are_all_of_it() -> None:
    """Demand 20, 10 on aggregated replicas of 4 GPUs; start 30 minutes, drain 15.

    schedule.csv: 8 and 4 GPUs, 12 GPU-hours; a start is 2, a drain 1, together 15. A start holds
    its GPUs for the whole interval before it, which the supply table shows: 8 and 8.
    """
    plan = planned(scenario([workload(rps=[20.0, 10.0], engines=(BOTH,))]))
    assert serving_gpu_hours(plan) == pytest.approx(12.0)
    assert plan.totals.gpu_hours == pytest.approx(15.0)
    assert plan.totals.gpu_hours_by_priority == {
        HIGH: 0.0,
        MEDIUM: 0.0,
        LOW: pytest.approx(15.0),
    }
    assert explain(document_of(plan)).gpu_hours_by_priority["plan"][LOW] == pytest.approx(15.0)
    assert plan.supply[0].held == (8, 8)


def test_what_is_given_up_drains_where_it_stood() -> None:
    """On l2, which mixes GPU types, 4·0.25 GPU-hours; on l1 one replica goes on for two hours."""
    of = scenario(
        [workload(rps=[10.0, 10.0], engines=(BOTH,))],
        in_fleet=fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1, "l40sx8": 1}}, node_types=TYPES),
        cyclic=False,
    )
    before = tuple(Running("w", "both", "h100x8", leaf, ()) for leaf in ("l1", "l2"))
    plan = planned(replace(of, current=before))
    assert plan.totals.gpu_hours_by_priority == {HIGH: 1.0, MEDIUM: 0.0, LOW: 8.0}
    nowhere = replace(of, workloads=(replace(of.workloads[0], exclude=("l2-spine",)),))
    plan = planned(replace(nowhere, current=before))
    assert plan.totals.gpu_hours_by_priority == {HIGH: 1.0, MEDIUM: 0.0, LOW: 8.0}


def test_what_starts_at_once_starts_where_it_stands() -> None:
    """One of two replicas ran on l1: 4·2·2 GPU-hours of serving and 4·0.5 of the other's start."""
    of = scenario(
        [workload(rps=[20.0, 20.0], engines=(replace(BOTH, gpus=8),))],
        in_fleet=fleet(
            {"l1": {"h100x8": 1}, "l2": {"h100x8": 1, "l40sx8": 1}},
            node_types=TYPES,
            spines={"l1": "s", "l2": "s"},
        ),
        cyclic=False,
    )
    before = (Running("w", "both", "h100x8", "l1", ()),)
    plan = planned(replace(of, current=before))
    assert plan.totals.gpu_hours_by_priority == {HIGH: 16.0 + 4.0, MEDIUM: 16.0, LOW: 0.0}


def test_a_start_at_once_is_shared_by_the_leaves_that_its_pool_came_to() -> None:
    """One replica of 8 GPUs ran on l1; two run on l2 and l3 of the same spine: one start.

    It takes half an hour, 4 GPU-hours, 2 on each leaf beside the 8 of serving. l2 mixes GPU types.
    """
    leaves = ("l1", "l2", "l3")
    of = scenario(
        [workload(rps=[20.0], engines=(replace(BOTH, gpus=8),))],
        in_fleet=fleet(
            {leaf: {"h100x8": 1} | ({"l40sx8": 1} if leaf == "l2" else {}) for leaf in leaves},
            node_types=TYPES,
            spines=dict.fromkeys(leaves, "s"),
        ),
        cyclic=False,
    )
    of = replace(of, current=(Running("w", "both", "h100x8", "l1", ()),))
    found = candidates(of)
    placed = [stay(leaf, leaf=leaf, nodes=(node_name(leaf, "h100x8", 0),)) for leaf in leaves[1:]]
    hours = hours_by_priority(of, found, build_problem(of, found), placed)
    assert sorted(hours.values()) == [0.0, 10.0, 10.0]


def test_verify_tells_hours_by_priority_that_are_not_all_hours() -> None:
    plan = planned(scenario([workload(rps=[20.0, 10.0], engines=(BOTH,))]))
    wrong = replace(plan.totals, gpu_hours_by_priority={LOW: 16.0})
    with pytest.raises(PlanViolationError, match=r"by priority are 16\.0 together, of 15\.0"):
        verify(replace(plan, totals=wrong))


@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize("feature", [None, "leads", "maintenance", "already_running"])
def test_sums_agree_in_any_plan(feature: str | None, seed: int) -> None:
    of, found = random_case(seed, feature)
    plan = make_plan(of, found, gap=0.05, time_limit_s=5.0)
    parts = serving_gpu_hours(plan) + changing_gpu_hours(plan)
    assert plan.totals.gpu_hours == pytest.approx(parts)
    assert sum(plan.totals.gpu_hours_by_priority.values()) == pytest.approx(parts)
    for each in plan.savings:
        if each.gpu_hours_by_priority is not None:
            assert sum(each.gpu_hours_by_priority.values()) == pytest.approx(each.gpu_hours)
