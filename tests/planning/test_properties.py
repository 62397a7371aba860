"""Properties that every plan has, on random small scenarios solved to the end."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.fleet import Fleet, NodeType
from heteroplan.entities.plan import BaselineKind, Plan
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import IntervalDemand, Role, Workload
from heteroplan.planning import make_plan
from heteroplan.verify.plan import verify
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload

EXACT = 1e-6
EXAMPLES = 10
"""Of small programs rather than few of larger ones: `tests.optimize.test_random` has those."""
TYPES = ("t0", "t1")


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """One or two workloads, two node types below two spines, one or two hours."""
    loads = []
    hours = draw(st.integers(1, 2))
    for name in draw(st.sampled_from(["a", "a", "a", "ab"])):
        engines = [
            engine(
                f"{role}-{i}",
                role=role,
                gpu=f"G{i}",
                gpus=draw(st.sampled_from([2, 4, 8])),
                capacity_rps=draw(st.sampled_from([2.0, 3.0, 5.0])),
                startup_s=draw(st.sampled_from([0, 600])),
            )
            for i in (0, 1)
            for role in (Role.PREFILL, Role.DECODE)
        ]
        rps = draw(st.lists(st.sampled_from([0.0, 1.0, 4.0, 7.5]), min_size=hours, max_size=hours))
        loads.append(
            workload(name, rps=rps, engines=engines, priority=draw(st.sampled_from([1, 2])))
        )
    return scenario(
        loads,
        in_fleet=with_nodes(draw(st.sampled_from([1, 2, 6]))),
        cyclic=draw(st.booleans()),
    )


def with_nodes(nodes: int, *, price: float = 1.0) -> Fleet:
    """Two spines with `nodes` nodes of each type."""
    types: list[NodeType] = [
        node_type(name, gpu=f"G{i}", usd_per_gpu_hour=price * (i + 1))
        for i, name in enumerate(TYPES)
    ]
    return fleet({leaf: dict.fromkeys(TYPES, nodes) for leaf in ("l1", "l2")}, node_types=types)


def solved(made: Scenario, *, compare: bool = False) -> Plan:
    """Planned to the last cent; every plan goes through `verify` on the way."""
    return make_plan(made, candidates(made), gap=EXACT, time_limit_s=20.0, compare=compare)


def with_demand(made: Scenario, factor: float) -> Scenario:
    def scaled(load: Workload) -> Workload:
        demand = tuple(IntervalDemand(d.rps * factor, (SHAPE,)) for d in load.demand)
        return replace(load, demand=demand)

    return replace(made, workloads=tuple(scaled(load) for load in made.workloads))


def unserved(plan: Plan) -> list[float]:
    """Requests left unserved by priority class."""
    lost: dict[int, float] = {}
    for load in plan.workloads:
        missing = zip(load.demand_rps, load.served_rps, strict=True)
        short = sum(max(0.0, asked - served) for asked, served in missing) * 3600
        lost[load.priority] = lost.get(load.priority, 0.0) + short
    return [lost[priority] for priority in sorted(lost)]


@given(scenarios())
@settings(max_examples=EXAMPLES, deadline=None)
def test_more_demand_never_costs_less(made: Scenario) -> None:
    """10 % more of everything: as much left unserved or more; at no shortage no cheaper."""
    few, more = solved(made), solved(with_demand(made, 1.1))
    assert few.report.unserved_requests <= more.report.unserved_requests + 1.0
    if more.covered:
        assert few.report.objective <= more.report.objective * (1 + 2 * EXACT) + 1e-9


@given(scenarios())
@settings(max_examples=EXAMPLES, deadline=None)
def test_more_supply_never_costs_more(made: Scenario) -> None:
    tight, ample = solved(made), solved(replace(made, fleet=with_nodes(8)))
    assert ample.report.unserved_requests <= tight.report.unserved_requests + 1.0
    if tight.covered:
        assert ample.report.objective <= tight.report.objective * (1 + 2 * EXACT) + 1e-9


@given(scenarios())
@settings(max_examples=EXAMPLES, deadline=None)
def test_order_of_inputs_changes_nothing(made: Scenario) -> None:
    """Workloads, node types and leaves the other way round: same shortage, same cost."""
    turned = replace(
        made,
        workloads=made.workloads[::-1],
        fleet=replace(
            made.fleet,
            node_types=made.fleet.node_types[::-1],
            network=replace(made.fleet.network, leaves=made.fleet.network.leaves[::-1]),
        ),
    )
    one, other = solved(made), solved(turned)
    assert unserved(one) == pytest.approx(unserved(other), abs=1.0)
    assert one.report.objective == pytest.approx(other.report.objective, rel=2 * EXACT)


@given(scenarios(), st.sampled_from([0.01, 3.0, 1000.0]))
@settings(max_examples=EXAMPLES, deadline=None)
def test_prices_scale_the_cost(made: Scenario, factor: float) -> None:
    nodes = next(iter(made.fleet.network.leaves[0].nodes.values()))
    dear = replace(made, fleet=with_nodes(nodes, price=factor))
    cheap_cost = solved(made).report.objective
    assert solved(dear).report.objective == pytest.approx(factor * cheap_cost, rel=1e-5)


@given(scenarios())
@settings(max_examples=EXAMPLES, deadline=None)
def test_never_dearer_than_whole_pairs_placed_greedily(made: Scenario) -> None:
    """Where that serves everything; moves between nodes cost the plan what greedy does not pay."""
    plan = solved(made, compare=True)
    (greedy,) = (each for each in plan.savings if each.name == "greedy_topology_paired")
    assert greedy.cost_usd is not None
    if greedy.unserved_requests == 0.0:
        assert plan.report.bound <= greedy.cost_usd * (1 + EXACT) + 1e-9
        if plan.totals.moves == 0:
            assert plan.covered
            assert plan.totals.cost_usd <= greedy.cost_usd * (1 + 2 * EXACT) + 1e-9


@given(st.integers(1, 6), st.floats(0.5, 30.0))
@settings(max_examples=15, deadline=None)
def test_covered_exactly_when_whole_replicas_fit(nodes: int, rps: float) -> None:
    """One type, one spine: covered when ceil(rps/5) prefill and ceil(rps/3) decode replicas fit.

    A replica of either role takes 4 of the 8 GPUs of a node, so 2 x nodes of them fit.
    """
    engines = [
        engine("prefill", role=Role.PREFILL, capacity_rps=5.0),
        engine("decode", role=Role.DECODE, capacity_rps=3.0),
    ]
    made = scenario(
        [workload(rps=[rps], engines=engines)], in_fleet=fleet({"l1": {"h100x8": nodes}})
    )
    plan = solved(made)
    verify(plan)
    wanted = -int(-rps // 5.0) + -int(-rps // 3.0)
    assert plan.covered == (wanted <= 2 * nodes)


@pytest.mark.slow
@given(scenarios())
@settings(max_examples=EXAMPLES, deadline=None)
def test_no_baseline_that_serves_as_much_is_cheaper(made: Scenario) -> None:
    """However early the search ends: here with its first plan, and starts that cost much."""
    slow = replace(
        made,
        workloads=tuple(
            replace(
                load,
                profile=replace(
                    load.profile,
                    engines=tuple(
                        replace(each, startup_s=1800.0, drain_s=3000.0)
                        for each in load.profile.engines
                    ),
                ),
            )
            for load in made.workloads
        ),
    )
    plan = make_plan(slow, candidates(slow), gap=1.0, time_limit_s=20.0)
    for each in plan.savings:
        as_much = each.unserved_requests <= plan.report.unserved_requests + 1.0
        if each.name is not BaselineKind.LOWER_BOUND and each.saved_cost_usd is not None:
            assert not as_much or each.saved_cost_usd >= -1e-6
