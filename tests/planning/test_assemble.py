"""What the solver's arrays become: pools, what they serve, and the totals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Plan, SolveReport, Termination
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Part, RequestClass, Role
from heteroplan.optimize.incumbent import incumbent
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Solution
from heteroplan.optimize.solve import Outcome
from heteroplan.planning import make_plan
from heteroplan.planning.assemble import assemble
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.plans import stay

PREFILL = engine("prefill", role=Role.PREFILL, capacity_rps=30.0)
DECODE = engine("decode")


def planned(of: Scenario, by_class: Mapping[tuple[str, str], float] | None = None) -> Plan:
    return make_plan(
        of, candidates(of, by_class=by_class), gap=0.0, time_limit_s=10.0, compare=False
    )


def test_pools_in_the_order_of_workload_role_engine_and_domain() -> None:
    """Engines are given decode first; prefill is shown first. Unused candidates are not shown."""
    unused = engine("dear-decode", gpus=8)
    plan = planned(
        scenario(
            [
                workload("b", rps=[25.0], engines=(DECODE, unused, PREFILL)),
                workload("a", rps=[5.0], engines=(DECODE, PREFILL), affinity=Affinity.LEAF),
            ]
        )
    )
    assert [
        (pool.workload, pool.role, pool.engine, pool.domain, pool.replicas) for pool in plan.pools
    ] == [
        ("b", Role.PREFILL, "prefill", "l1-spine", (1,)),
        ("b", Role.DECODE, "decode", "l1-spine", (3,)),
        ("a", Role.PREFILL, "prefill", "l1", (1,)),
        ("a", Role.DECODE, "decode", "l1", (1,)),
    ]
    assert len(plan.candidates) == 5


def test_flow_is_what_each_pool_handles() -> None:
    plan = planned(scenario([workload(rps=[25.0, 10.0], engines=(PREFILL, DECODE))]))
    assert [pool.flow_rps for pool in plan.pools] == [
        (pytest.approx((25.0, 10.0)),),
        (pytest.approx((25.0, 10.0)),),
    ]


def test_capacity_is_the_smaller_half_and_ratio_is_of_replicas() -> None:
    """1 prefill replica serves 30, 3 decode replicas 30; at 10 requests/s 1 and 1: 10."""
    (load,) = planned(
        scenario([workload(rps=[25.0, 10.0, 0.0], engines=(PREFILL, DECODE))])
    ).workloads
    assert load.demand_rps == (25.0, 10.0, 0.0)
    assert load.served_rps == pytest.approx((25.0, 10.0, 0.0))
    assert load.capacity_rps == pytest.approx((30.0, 10.0, 0.0))
    assert load.pd_ratio == (pytest.approx(1 / 3), 1.0, None)


def test_capacity_with_classes_is_that_of_their_mix() -> None:
    """Half of the requests take 1/20, half 1/5 replica-seconds: 1/(0.025 + 0.1) = 8 a replica."""
    kinds = (RequestClass("short", 0.5, 500.0, 100.0), RequestClass("long", 0.5, 4000.0, 400.0))
    both = engine("both", role=Role.AGGREGATED)
    plan = planned(
        scenario([workload(rps=[10.0], engines=(both,), classes=kinds)]),
        {("both", "short"): 20.0, ("both", "long"): 5.0},
    )
    assert plan.workloads[0].capacity_rps == pytest.approx((16.0,))
    assert plan.pools[0].flow_rps == ((pytest.approx(5.0),), (pytest.approx(5.0),))


def test_capacity_is_no_less_than_what_classes_on_engines_of_their_own_are_served() -> None:
    """Neither engine serves the mix, together they serve all 10."""
    kinds = (RequestClass("one", 0.5, 500.0, 100.0), RequestClass("two", 0.5, 4000.0, 400.0))
    engines = (engine("a", role=Role.AGGREGATED), engine("b", role=Role.AGGREGATED))
    plan = planned(
        scenario([workload(rps=[10.0], engines=engines, classes=kinds)]),
        {("a", "one"): 5.0, ("a", "two"): 0.0, ("b", "one"): 0.0, ("b", "two"): 5.0},
    )
    assert plan.workloads[0].capacity_rps == pytest.approx((10.0,))


@pytest.mark.parametrize("by_class", [True, False])
def test_every_pool_takes_the_same_mix_where_the_router_knows_no_classes(by_class: bool) -> None:
    """20 requests/s of each class; an engine serves 10 or 2 of one, 2 or 10 of the other.

    Apart 2 of each engine do. In the mix one serves 1/(0.5/10 + 0.5/2) = 10/3 a replica: 40 need 12
    of them.
    """
    kinds = (RequestClass("one", 0.5, 500.0, 100.0), RequestClass("two", 0.5, 4000.0, 400.0))
    engines = (engine("a", role=Role.AGGREGATED), engine("b", role=Role.AGGREGATED))
    load = workload(rps=[40.0], engines=engines, classes=kinds, route_by_class=by_class)
    plan = planned(
        scenario([load], in_fleet=fleet({"l1": {"h100x8": 10}})),
        {("a", "one"): 10.0, ("a", "two"): 2.0, ("b", "one"): 2.0, ("b", "two"): 10.0},
    )
    assert plan.report.unserved_requests == 0
    assert sum(sum(pool.replicas) for pool in plan.pools) == (4 if by_class else 12)
    for pool in plan.pools:
        one, two = (rates[0] for rates in pool.flow_rps)
        assert (one == pytest.approx(two)) is not by_class
    assert sum(map(sum, (pool.flow_rps[0] for pool in plan.pools))) == pytest.approx(20.0)


def test_cost_and_gpu_hours_of_running_starting_and_draining() -> None:
    """Demand 20, 10 on aggregated replicas of 4 GPUs at 2 USD; start 30 minutes, drain 15.

    Let go and start again: 4·(3 + 0.5 + 0.25) = 15 GPU-hours, 30 USD. 2 and 2 GPUs starting:
    8 held at 0, 4 + 4 starting at 1.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)
    plan = planned(scenario([workload(rps=[20.0, 10.0], engines=(both,))]))
    assert plan.totals.gpu_hours == pytest.approx(15.0)
    assert plan.totals.cost_usd == pytest.approx(30.0)
    assert plan.totals.starts == 1
    assert plan.totals.peak_gpus == 8
    assert plan.supply[0].held == (8, 8)


def test_day_that_is_not_cyclic_pays_only_the_changes_inside_it() -> None:
    """The same demand, not cyclic: no start, one drain: 4·(3 + 0.25) = 13 GPU-hours."""
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)
    plan = planned(scenario([workload(rps=[20.0, 10.0], engines=(both,))], cyclic=False))
    assert plan.totals.gpu_hours == pytest.approx(13.0)
    assert plan.totals.starts == 0


def test_utilization_is_busy_gpus_over_gpus() -> None:
    """25 requests/s: prefill 25/30 of 4 GPUs, decode 2.5 of 3 replicas of 4: 13.33/16."""
    plan = planned(scenario([workload(rps=[25.0], engines=(PREFILL, DECODE))]))
    assert plan.utilization == pytest.approx((25 / 30 + 2.5) / 4)


def test_supply_counts_every_node_type_fleet_wide() -> None:
    types = (node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=1.0))
    nodes = {"l1": {"h100x8": 2, "l40sx8": 1}, "l2": {"h100x8": 1}}
    plan = planned(scenario([workload(rps=[5.0])], in_fleet=fleet(nodes, node_types=types)))
    assert [(row.node_type, row.supply, row.held) for row in plan.supply] == [
        ("h100x8", (24,), (8,)),
        ("l40sx8", (8,), (0,)),
    ]


def test_shortage_counts_requests() -> None:
    """8 GPUs hold one pair, 10 of 25 requests/s for an hour: 15·3600 unserved, 0.4 served."""
    plan = planned(
        scenario(
            [workload(rps=[25.0], engines=(PREFILL, DECODE))],
            in_fleet=fleet({"l1": {"h100x8": 1}}),
        )
    )
    (short,) = plan.shortages
    assert (short.workload, short.interval) == ("w", 0)
    assert short.unserved_rps == pytest.approx(15.0)
    assert plan.report.unserved_requests == pytest.approx(54000.0)
    assert plan.totals.served_fraction == pytest.approx(0.4)
    assert not plan.covered


def assembled(
    of: Scenario,
    running: Mapping[tuple[str, str], Sequence[int]],
    *,
    least_unserved: float = 0.0,
    on_leaf: Mapping[tuple[str, str], str] | None = None,
) -> Plan:
    """The plan of replicas [T] by (engine, domain), all in the mix; a stay of each of `on_leaf`."""
    considered = candidates(of)
    problem = build_problem(of, considered)
    names = [(considered[pool.candidate].engine.name, pool.domain) for pool in problem.pools]
    replicas = np.array([running.get(name, (0,) * problem.intervals) for name in names])
    best = incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))
    outcome = Outcome(
        solution=best.solution,
        objective=77.0,
        bound=66.0,
        unserved=best.unserved,
        unserved_bound=best.unserved,
        least_unserved=least_unserved,
        termination=Termination.INTERRUPTED,
        seconds=5.0,
    )
    stays = [stay(pool=names.index(name), leaf=leaf) for name, leaf in (on_leaf or {}).items()]
    return assemble(of, considered, problem, outcome, stays)


@pytest.mark.parametrize(("least", "bound"), [(50_000.0, 50_000.0), (70_000.0, 63_000.0)])
def test_what_serves_in_each_group_and_what_is_left_of_each_workload(
    least: float, bound: float
) -> None:
    """Prefill serves 30, decode 10, both roles together 5; 40 and 20 are asked for, half an hour.

    On l1 min(30, 20) + 5 and min(30, 10), on l2 min(30, 10) and nothing: 35 and 10. Of another
    workload all 10 are left: (5 + 10 + 10 + 10) x 1,800 requests in all.
    """
    both = engine("both", role=Role.AGGREGATED, capacity_rps=5.0)
    of = scenario(
        [
            workload("v", rps=[10.0, 10.0], engines=[engine("other", role=Role.AGGREGATED)]),
            workload("w", rps=[40.0, 20.0], engines=[DECODE, PREFILL, both], priority=3),
        ],
        in_fleet=fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 4}}),
        interval_s=1800,
    )
    one, two = "l1-spine", "l2-spine"
    running = {
        ("prefill", one): (1, 1),
        ("decode", one): (2, 1),
        ("both", one): (1, 0),
        ("prefill", two): (1, 1),
        ("decode", two): (1, 0),
    }
    on_leaf = {("decode", two): "l2", ("both", one): "l1", ("prefill", one): "l1"}
    plan = assembled(of, running, least_unserved=least, on_leaf=on_leaf)
    other, load = plan.workloads
    assert (load.name, load.priority, other.priority) == ("w", 3, 1)
    assert load.capacity_rps == pytest.approx((35.0, 10.0))
    assert load.served_rps == pytest.approx((35.0, 10.0))
    assert load.pd_ratio == (pytest.approx(2 / 3), 2.0)
    assert (other.served_rps, other.pd_ratio) == ((0.0, 0.0), (None, None))
    assert [(each.workload, each.interval, each.unserved_rps) for each in plan.shortages] == [
        ("v", 0, 10.0),
        ("v", 1, 10.0),
        ("w", 0, pytest.approx(5.0)),
        ("w", 1, pytest.approx(10.0)),
    ]
    unserved, bounded = plan.report.unserved_requests, plan.report.unserved_requests_bound
    assert (unserved, bounded) == (pytest.approx(63_000.0), pytest.approx(bound))
    assert plan.report == SolveReport(Termination.INTERRUPTED, 77.0, 66.0, unserved, bounded, 5.0)
    assert plan.totals.served_fraction == pytest.approx(45 / 80)
    assert [(pool.engine, pool.domain) for pool in plan.pools] == [
        ("prefill", one),
        ("prefill", two),
        ("decode", one),
        ("decode", two),
        ("both", one),
    ]
    placed = [plan.pools[each.pool] for each in plan.stays]
    assert {(pool.engine, pool.domain) for pool in placed} == set(on_leaf)
    assert [(pool.engine, each.leaf) for pool, each in zip(placed, plan.stays, strict=True)] == [
        (name, leaf) for (name, _), leaf in on_leaf.items()
    ]


def test_halves_of_an_engine_serve_together_leaf_by_leaf() -> None:
    """On l1 attention of 10 and ffn of 20, on l2 30 and 20: 30; prefill serves 60 with 2 to 4."""
    engines = [
        PREFILL,
        engine("moe/a", part=Part("moe", "a", 0, None)),
        engine("moe/f", capacity_rps=20.0, part=Part("moe", "f", 1, None)),
    ]
    of = scenario(
        [workload(rps=[50.0], engines=engines)],
        in_fleet=fleet(
            {leaf: {"h100x8": 4} for leaf in ("l1", "l2")}, spines={"l1": "s", "l2": "s"}
        ),
    )
    running = {
        ("prefill", "s"): (2,),
        ("moe/a", "l1"): (1,),
        ("moe/f", "l1"): (1,),
        ("moe/a", "l2"): (3,),
        ("moe/f", "l2"): (1,),
    }
    (load,) = assembled(of, running).workloads
    assert load.capacity_rps == pytest.approx((30.0,))
    assert load.served_rps == pytest.approx((30.0,))
    assert load.pd_ratio == (0.5,)
