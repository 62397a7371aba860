"""Two node types of one GPU: what is the same hardware under two names, and its prices.

Pools of n replicas of 8 GPUs serve 2, 2.5, 2.75 and 3 requests/s a replica (4 - 2 / sqrt(n), in
eighths): 2, 5, 8.25 and 12 together.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.capacity import Candidate, queues
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Loss, Resilience, Role
from heteroplan.errors import PlanViolationError
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.mix import safe_share
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.pipelines.replay_policies import pool_sizes
from heteroplan.planning import make_plan
from heteroplan.verify import verify
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.sized_cases import sized

OWN, RENTED = "own", "rented"


def on(nodes: dict[str, int], rps: Sequence[float], usd: Sequence[float] = (2.0, 2.0)) -> Scenario:
    """One engine for whole requests on nodes of one GPU, of which it fills one."""
    shapes = [
        node_type(name, usd_per_gpu_hour=price)
        for name, price in zip((OWN, RENTED), usd, strict=True)
    ]
    made = engine("both", role=Role.AGGREGATED, gpus=8, capacity_rps=4.0)
    return scenario(
        [workload(rps=rps, engines=[made])],
        in_fleet=fleet(
            {"l1": {name: nodes.get(name, 0) for name in (OWN, RENTED)}}, node_types=shapes
        ),
    )


def rated(of: Scenario) -> tuple[Candidate, ...]:
    return sized(of, candidates(of), loss=0.5)


def planned(of: Scenario) -> Plan:
    """`verify` has accepted it."""
    return make_plan(of, rated(of), gap=0.0, compare=False)


def program(of: Scenario) -> Problem:
    return build_problem(of, rated(of))


@pytest.mark.parametrize("own", range(5))
def test_nodes_under_two_names_serve_for_what_they_would_under_one(own: int) -> None:
    """12 requests/s take four replicas, 8 three (8.25), 5 two: 9 x 8 GPU-hours of 2 USD. In pools
    of their own two and two would serve 10 of 12."""
    plan = planned(on({OWN: own, RENTED: 4 - own}, [12.0, 8.0, 5.0]))
    assert plan.covered
    assert plan.totals.cost_usd == pytest.approx(9 * 8 * 2.0)
    assert plan.report.bound == pytest.approx(plan.totals.cost_usd)


def test_the_cheaper_nodes_are_filled_first() -> None:
    """Two nodes at 1 USD a GPU-hour, and two at 3 of which one is needed for 8 requests/s."""
    plan = planned(on({OWN: 2, RENTED: 2}, [8.0], (1.0, 3.0)))
    assert plan.covered
    assert plan.totals.cost_usd == pytest.approx(2 * 8 * 1.0 + 8 * 3.0)


def test_no_bound_is_above_what_replicas_on_both_types_serve() -> None:
    """Two nodes of each type are all there is, and all four are needed for 12 requests/s: 128 USD
    in two hours. GPUs of the one type are priced in the first hour, of the other in the second."""
    problem = program(on({OWN: 2, RENTED: 2}, [12.0, 12.0]))
    prices = supply_prices(problem)
    free = priced_bound(problem, prices)
    assert 128.0 * (1 - 1e-4) <= free.value <= 128.0
    dear = replace(prices, supply=prices.supply + np.eye(*prices.supply.shape))
    assert 0.0 < priced_bound(problem, dear).value <= 128.0


def test_a_plan_that_counts_on_one_queue_is_refused_where_there_are_two() -> None:
    """Where replicas on the rented nodes serve a little less, they are not alike: two of each serve
    5 requests/s, and 12 are too much."""
    plan = planned(on({OWN: 2, RENTED: 2}, [12.0]))
    verify(plan)
    unlike = tuple(
        replace(
            each,
            points=tuple(
                tuple(replace(point, capacity_rps=point.capacity_rps - 1e-6) for point in row)
                for row in each.points
            ),
        )
        if each.node_type == RENTED
        else each
        for each in plan.candidates
    )
    with pytest.raises(PlanViolationError, match="capacity: pool both on own"):
        verify(replace(plan, candidates=unlike))


def test_after_the_loss_of_a_node_all_that_is_left_is_the_queue() -> None:
    """A node holds one replica: of two and two three are left, that serve 8.25 of 12 requests/s."""
    of = on({OWN: 2, RENTED: 2}, [12.0])
    of = replace(
        of, workloads=tuple(replace(w, resilience=Resilience(Loss.NODE, 1.0)) for w in of.workloads)
    )
    share = safe_share(program(of), 0, np.full((2, 1), 2))
    assert share == pytest.approx(8.25 / 12.0)
    plan = planned(of)
    assert plan.workloads[0].served_rps[0] == pytest.approx(8.25)


def test_candidates_that_serve_the_same_are_alike_and_others_are_not() -> None:
    found = rated(on({OWN: 1, RENTED: 1}, [5.0]))
    assert queues(found) == (0, 0)
    slower = replace(found[1], engine=replace(found[1].engine, startup_s=60.0))
    assert queues([found[0], slower, found[1], slower]) == (0, 1, 0, 1)


def test_a_replay_counts_them_as_one_pool_as_well() -> None:
    """Of four replicas, two on each type."""
    of = on({OWN: 2, RENTED: 2}, [5.0, 12.0])
    plan = planned(of)
    found = pool_sizes(document_of(plan), of, rated(of), 0)
    assert found == {("w", "both", OWN): 4, ("w", "both", RENTED): 4}


def test_where_no_replica_finds_room_nothing_is_served_and_nothing_fails() -> None:
    """A replica takes two nodes of 4 GPUs, and there is one of each type; one may be lost."""
    of = on({OWN: 1, RENTED: 1}, [5.0])
    small = tuple(replace(shape, gpus=4) for shape in of.fleet.node_types)
    loads = tuple(replace(w, resilience=Resilience(Loss.NODE, 0.5)) for w in of.workloads)
    plan = planned(replace(of, fleet=replace(of.fleet, node_types=small), workloads=loads))
    assert plan.pools == ()
    assert plan.workloads[0].served_rps == (0.0,)
