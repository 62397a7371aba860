"""Starts, moves and drains counted anew by `verify`, with the arithmetic by hand.

Prefill and decode of 4 GPUs each for two hours; a start takes half an hour, a drain a quarter.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import Role
from heteroplan.errors import PlanViolationError
from heteroplan.planning import make_plan
from heteroplan.verify import verify
from tests.builders import candidates, engine, fleet, scenario, workload

PREFILL, DECODE = "prefill", "decode"


def running(engine_name: str, leaf: str = "l1") -> Running:
    return Running("w", engine_name, "h100x8", leaf, ())


def pair(current: Sequence[Running] | None, *, exclude: Sequence[str] = ()) -> Scenario:
    """10 requests/s on a pair, on the one spine with two nodes; the other has one."""
    of = scenario(
        [
            workload(
                rps=(10.0, 10.0),
                engines=(
                    engine(PREFILL, role=Role.PREFILL, startup_s=1800, drain_s=900),
                    engine(DECODE, startup_s=1800, drain_s=900),
                ),
                exclude=exclude,
            )
        ],
        in_fleet=fleet({"l1": {"h100x8": 2}, "l2": {"h100x8": 1}}),
        cyclic=False,
    )
    return replace(of, current=None if current is None else tuple(current))


def planned(of: Scenario) -> Plan:
    """Whatever it is, `verify` has counted it anew."""
    return make_plan(of, candidates(of), gap=0.0, compare=False)


def caught(plan: Plan) -> str:
    with pytest.raises(PlanViolationError) as raised:
        verify(plan)
    return str(raised.value)


BOTH = (running(PREFILL), running(DECODE))


@pytest.mark.parametrize(
    ("current", "gpu_hours", "starts"),
    [
        (None, 16.0, 0),
        ((), 16.0 + 2 * 4 * 0.5, 2),
        (BOTH, 16.0, 0),
        ((*BOTH, running(DECODE)), 16.0 + 4 * 0.25, 0),
        ((*BOTH, running(DECODE, "l2")), 16.0 + 4 * 0.25, 0),
        ((running(PREFILL),), 16.0 + 4 * 0.5, 1),
    ],
    ids=["unknown", "empty", "the pair", "one more there", "one more elsewhere", "half"],
)
def test_what_runs_before_starts_for_free_and_drains_where_it_is_given_up(
    current: Sequence[Running] | None, gpu_hours: float, starts: int
) -> None:
    plan = planned(pair(current))
    assert plan.totals.gpu_hours == pytest.approx(gpu_hours)
    assert plan.totals.cost_usd == pytest.approx(2 * gpu_hours)
    assert plan.totals.starts == starts


def test_replica_where_none_may_be_any_more_is_drained() -> None:
    """l2's spine is excluded since: 4·0.25 GPU-hours for what runs there."""
    plan = planned(pair((*BOTH, running(DECODE, "l2")), exclude=["l2-spine"]))
    assert plan.totals.gpu_hours == pytest.approx(17.0)


@pytest.mark.parametrize(
    ("current", "wrong"),
    [
        ((), ["gpu_hours is 16.0, should be 20.0", "starts is 0, should be 2"]),
        ((*BOTH, running(PREFILL)), ["gpu_hours is 16.0, should be 17.0"]),
        ((*BOTH, running(DECODE, "l2")), ["gpu_hours is 16.0, should be 17.0"]),
        (
            (running(PREFILL, "l2"), running(DECODE)),
            ["gpu_hours is 16.0, should be 19.0", "starts is 0, should be 1"],
        ),
    ],
)
def test_plan_of_another_current_state(current: Sequence[Running], wrong: list[str]) -> None:
    """The plan goes on from the pair; a prefill replica on l2 drains and one on l1 starts."""
    plan = planned(pair(BOTH))
    (pool,) = {pool.domain for pool in plan.pools}
    assert pool == "l1-spine"
    text = caught(replace(plan, scenario=pair(current)))
    assert all(f"totals: {each}" in text for each in wrong)


def moved(plan: Plan) -> Plan:
    """Prefill goes on on l1's other node from the second hour on."""
    first = next(each for each in plan.stays if plan.pools[each.pool].role is Role.PREFILL)
    (node,) = {"l1-h100x8-001", "l1-h100x8-002"} - set(first.nodes)
    halves = (
        replace(first, intervals=1),
        replace(first, first=1, intervals=1, lead=1, nodes=(node,), moved=True),
    )
    others = tuple(each for each in plan.stays if each is not first)
    return replace(plan, stays=(*others, *halves))


def test_move_is_a_start_and_a_drain_and_holds_both_nodes_meanwhile() -> None:
    """16 GPU-hours and 4·(0.5 + 0.25) = 19; 38 USD; 8 GPUs run and 4 start at 0: 12."""
    plan = moved(planned(pair(BOTH)))
    text = caught(plan)
    for wrong in (
        "totals: gpu_hours is 16.0, should be 19.0",
        "totals: cost_usd is 32.0, should be 38.0",
        "totals: starts is 0, should be 1",
        "totals: moves is 0, should be 1",
        "totals: peak_gpus is 8, should be 12",
        "supply table: h100x8",
        "GPU-hours on low priority are 16.0, should be 19.0",
        "objective is 32.0, should be 38.0",
    ):
        assert wrong in text
    told = replace(
        plan,
        totals=replace(
            plan.totals,
            gpu_hours=19.0,
            cost_usd=38.0,
            starts=1,
            moves=1,
            peak_gpus=12,
            gpu_hours_by_priority={SubgroupPriority.LOW: 19.0},
        ),
        report=replace(plan.report, objective=38.0, bound=38.0),
        supply=(replace(plan.supply[0], held=(12, 8)),),
        workloads=(replace(plan.workloads[0], gpu_hours=19.0, cost_usd=38.0),),
    )
    verify(told)
