"""Blocks whose grid has no room for every engine: fillers against brute force and whole grids."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.scenario import Running
from heteroplan.entities.workload import Role
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.covering.blocks import Path, cheapest_path
from heteroplan.optimize.covering.role_blocks import BlockEngine, Fillers, RoleBlock, role_blocks
from heteroplan.optimize.covering.stages import SLACK, priced
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Floats, Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.block_reference import filled_for
from tests.optimize.case import problem_of

ONE_ENGINE, ALL_ENGINES = 1, 10**6
"""States an interval: room for the engine that serves cheapest, and for all of them."""


def many_engines(seed: int, *, cyclic: bool = False) -> Problem:
    """Four engines on as many GPU types that none of the others beats by copies, two intervals."""
    draw = np.random.default_rng(seed)
    types = [
        node_type(f"t{i}", gpu=f"G{i}", usd_per_gpu_hour=float(draw.uniform(1.0, 3.0)))
        for i in range(4)
    ]
    engines = [
        engine(
            f"both-{i}",
            role=Role.AGGREGATED,
            gpu=f"G{i}",
            gpus=int(draw.choice((1, 2, 4))),
            capacity_rps=float(draw.uniform(2.0, 6.0)),
            startup_s=int(draw.choice((0, 600))),
        )
        for i in range(4)
    ]
    rps = [float(x) for x in draw.uniform(3.0, 14.0, 2)]
    made = scenario(
        [workload(rps=rps, engines=engines)],
        in_fleet=fleet({"l1": {f"t{i}": 8 for i in range(4)}}, node_types=types),
        cyclic=cyclic,
    )
    return problem_of(made)


def block_of(problem: Problem, cells: int) -> RoleBlock:
    """The one block of a workload whose engines serve whole requests."""
    (found,) = role_blocks(priced(problem, supply_prices(problem)), 0, cells)
    return found


def solved(found: RoleBlock, *, cyclic: bool = False) -> Path:
    path = cheapest_path(found.block, cyclic=cyclic)
    assert path is not None
    return path


WITH_FILLERS = [
    seed for seed in range(40) if block_of(many_engines(seed), ONE_ENGINE).fillers[0] is not None
]
"""Seeds whose engines are not all beaten by one."""


def filled(seed: int) -> tuple[RoleBlock, Fillers]:
    found = block_of(many_engines(seed), ONE_ENGINE)
    fillers = found.fillers[0]
    assert fillers is not None
    return found, fillers


def shares_of(problem: Problem, fillers: Fillers, engines: tuple[BlockEngine, ...]) -> Floats:
    """[F, T] share of the demand that one replica of each filler serves."""
    return np.array([1.0 / problem.pools[engines[e].pools[0]].load[0] for e in fillers.engines])


def least_cover(price: Floats, share: Floats, missing: float) -> float:
    """Least cost of whole replicas of `price` [F] and `share` [F] that cover what is missing."""
    most = [int(np.ceil(max(0.0, missing) / one)) for one in share]
    return min(
        float(np.dot(price, counts))
        for counts in product(*(range(n + 1) for n in most))
        if np.dot(share, counts) >= missing - 1e-12
    )


@pytest.mark.parametrize("seed", WITH_FILLERS)
def test_filling_costs_no_more_than_whole_replicas_that_cover(seed: int) -> None:
    """Nor less than those that leave out a step, and one more for each replica."""
    found, fillers = filled(seed)
    table = found.block.filling
    assert table is not None
    share = shares_of(many_engines(seed), fillers, found.engines)
    price = np.array([found.engines[e].prices[0] for e in fillers.engines])
    for missing in np.random.default_rng(seed).uniform(0.0, 1.0, 6):
        at_both = np.full(2, missing)
        stated = filled_for(table, 0, at_both)
        replicas = fillers.counts(at_both)
        for t in range(2):
            let_go = (1 + int(replicas[:, t].sum())) * fillers.step
            assert stated[t] <= least_cover(price[:, t], share[:, t], missing) + 1e-9
            assert stated[t] >= least_cover(price[:, t], share[:, t], missing - let_go) - 1e-9


@pytest.mark.parametrize("seed", WITH_FILLERS)
def test_counts_of_fillers_cover_what_is_missing_for_what_the_table_says(seed: int) -> None:
    """But for a step, in steps rounded up; nothing missing takes none."""
    found, fillers = filled(seed)
    table = found.block.filling
    assert table is not None
    price = np.array([found.engines[e].prices[0] for e in fillers.engines])
    for missing in np.random.default_rng(seed).uniform(0.0, 1.0, (20, 2)):
        counts = fillers.counts(missing)
        assert ((counts * fillers.steps).sum(axis=0) * fillers.step >= missing - fillers.step).all()
        cost = (price * counts).sum(axis=0)
        np.testing.assert_allclose(cost, filled_for(table, 0, missing), rtol=1e-12)
    assert not fillers.counts(np.zeros(2)).any()


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("seed", WITH_FILLERS)
def test_fillers_stand_between_fractions_and_whole_grids(seed: int, cyclic: bool) -> None:
    """Of a block: fillers in fractions <= fillers in whole replicas <= all engines on the grid."""
    problem = many_engines(seed, cyclic=cyclic)
    whole, part = block_of(problem, ALL_ENGINES), block_of(problem, ONE_ENGINE)
    assert whole.fillers == (None,)
    fractions = replace(part, block=replace(part.block, filling=None))
    between = solved(part, cyclic=cyclic)
    assert solved(fractions, cyclic=cyclic).bound <= between.bound + 1e-9
    assert between.bound <= solved(whole, cyclic=cyclic).cost + 1e-9


def test_whole_replicas_of_fillers_raise_the_bound() -> None:
    """On these cases fractions would prove less, most of the time."""
    higher = [
        solved(part).cost
        > solved(replace(part, block=replace(part.block, filling=None))).cost * (1 + 1e-3)
        for part in (block_of(many_engines(seed), ONE_ENGINE) for seed in WITH_FILLERS)
    ]
    assert sum(higher) > len(higher) / 2


def test_the_knapsack_of_two_fillers_by_hand() -> None:
    """Demand 10: on the grid 5 a replica for 8 USD; to fill, 4 for 7.50 and 3 for 6.

    A quarter takes the small one, a third more takes the large one; half takes two small ones
    (12 < 13.50), 65 % one of each, 75 % two large ones (15 < 3 x 6).
    """
    types = [
        node_type(name, gpu=name, usd_per_gpu_hour=usd / 8)
        for name, usd in (("A", 8.0), ("B", 7.5), ("C", 6.0))
    ]
    engines = [
        engine(name, role=Role.AGGREGATED, gpu=name, gpus=8, capacity_rps=rps)
        for name, rps in (("A", 5.0), ("B", 4.0), ("C", 3.0))
    ]
    made = scenario(
        [workload(rps=[10.0, 10.0], engines=engines)],
        in_fleet=fleet({"l1": {"A": 4, "B": 4, "C": 4}}, node_types=types),
    )
    problem = problem_of(made)
    (found,) = role_blocks(priced(problem, supply_prices(problem)), 0, ONE_ENGINE)
    assert found.grid == (0,)
    assert found.block.filling is not None
    costs = [
        float(filled_for(found.block.filling, 0, np.full(2, missing))[0])
        for missing in (0.0, 0.25, 0.35, 0.5, 0.65, 0.75)
    ]
    assert costs == [0.0, 6.0, 7.5, 12.0, 13.5, 15.0]


def test_fewest_replicas_may_stand_beside_the_grid() -> None:
    """At least 2; on the grid 10 requests/s for 8 USD, beside it 1 for 1 USD; 10 are asked for.

    One of each keeps the limit for 9 USD, two on the grid would cost 16: the grid alone has no
    limit. The same for two hours.
    """
    engines = [
        engine("large", role=Role.AGGREGATED, gpus=8, capacity_rps=10.0),
        engine("small", role=Role.AGGREGATED, gpus=1, capacity_rps=1.0),
    ]
    load = workload(rps=[10.0, 10.0], engines=engines, min_replicas={Role.AGGREGATED: 2})
    on = fleet({"l1": {"h100x8": 3}}, node_types=[node_type(usd_per_gpu_hour=1.0)])
    problem = problem_of(scenario([load], in_fleet=on))
    whole, part = block_of(problem, ALL_ENGINES), block_of(problem, ONE_ENGINE)
    assert whole.block.fewest.tolist() == [2, 2]
    assert solved(whole).bound == pytest.approx(18.0)
    assert part.fillers != (None,)
    assert part.block.fewest.tolist() == [0, 0]
    assert solved(part).bound <= 18.0


def test_limits_of_a_role_do_not_bind_engines_of_both_stages() -> None:
    """At most one prefill replica, 40 requests/s: four replicas of 10 do both for 8 USD each.

    With the grid of one engine each stage has a block of its own, in which they stand too.
    """
    engines = [
        engine("prefill", role=Role.PREFILL),
        engine("decode"),
        engine("both", role=Role.AGGREGATED),
    ]
    load = workload(rps=[40.0], engines=engines, max_replicas={Role.PREFILL: 1})
    problem = problem_of(scenario([load], in_fleet=fleet({"l1": {"h100x8": 8}})))
    prices = supply_prices(problem)
    blocks = list(role_blocks(priced(problem, prices), 0, ONE_ENGINE))
    assert [(each.block.most, each.block.fewest.tolist()) for each in blocks] == [(None, [0])] * 2
    assert priced_bound(problem, prices, cells=ONE_ENGINE).value <= 32.0


@pytest.mark.parametrize("cells", [ONE_ENGINE, ALL_ENGINES])
def test_what_ran_before_is_not_drained_twice(cells: int) -> None:
    """A replica of 8 USD an hour ran, whose drain costs 16; nothing is asked for.

    The fixed cost has its drain. Kept for the hour it costs 8, as it then need not drain: no plan
    is cheaper, and none may be proved to be dearer. The same where stages share a block.
    """
    engines = [
        engine("prefill", role=Role.PREFILL),
        engine("decode"),
        engine("both", role=Role.AGGREGATED, drain_s=7200),
    ]
    made = scenario([workload(rps=[0.0], engines=engines)], cyclic=False)
    ran = Running("w", "both", "h100x8", "l1", ())
    problem = problem_of(replace(made, current=(ran,)))
    assert problem.fixed_cost == pytest.approx(16.0)
    assert priced_bound(problem, supply_prices(problem), cells=cells).value <= 8.0


def test_blocks_let_go_what_a_plan_may_lack() -> None:
    """Of all demand; where nothing is asked for there is nothing to cover."""
    both = engine("both", role=Role.AGGREGATED)
    problem = problem_of(scenario([workload(rps=[10.0, 0.0], engines=[both])]))
    need = block_of(problem, ALL_ENGINES).block.need
    np.testing.assert_allclose(need, [1.0 - SLACK, 0.0], rtol=1e-12)


@pytest.mark.parametrize("cells", [ONE_ENGINE, ALL_ENGINES])
def test_what_ran_before_counts_in_all_domains(cells: int) -> None:
    """A replica ran at each of two spines; both go on for 8 USD an hour, and none starts."""
    both = engine("both", role=Role.AGGREGATED, startup_s=3600)
    made = scenario(
        [workload(rps=[20.0], engines=[both])],
        in_fleet=fleet({leaf: {"h100x8": 1} for leaf in ("l1", "l2")}),
        cyclic=False,
    )
    ran = tuple(Running("w", "both", "h100x8", leaf, ()) for leaf in ("l1", "l2"))
    problem = problem_of(replace(made, current=ran))
    (found,) = role_blocks(priced(problem, supply_prices(problem)), 0, cells)
    assert [each.before for each in found.engines] == [2]
    value = priced_bound(problem, supply_prices(problem), cells=cells).value
    assert value == pytest.approx(16.0, rel=1e-4)
    assert value <= 16.0


def test_copies_beat_no_larger_engine_where_a_maximum_forbids_them() -> None:
    """10 requests/s by one replica for 16 USD, or by two of half the size for 6 each.

    With at most one replica only the large one serves all.
    """
    engines = [
        engine("large", role=Role.AGGREGATED, gpus=8, capacity_rps=10.0),
        engine("small", role=Role.AGGREGATED, gpus=3, capacity_rps=5.0),
    ]
    values = []
    for limits in ({}, {Role.AGGREGATED: 1}):
        load = workload(rps=[10.0, 10.0], engines=engines, max_replicas=limits)
        problem = problem_of(scenario([load], in_fleet=fleet({"l1": {"h100x8": 2}})))
        values.append(priced_bound(problem, supply_prices(problem)).value)
    assert values == pytest.approx([24.0, 32.0], rel=1e-4)


def test_nodes_that_are_out_in_one_hour_are_there_in_the_other() -> None:
    """Four replicas on two nodes, then one on the node that is left: 4 x 8 + 8 USD."""
    both = engine("both", role=Role.AGGREGATED)
    at = datetime(2026, 11, 23, 1, tzinfo=UTC)
    out = Outage("l1", "h100x8", 1, at, at + timedelta(hours=1))
    made = scenario(
        [workload(rps=[40.0, 10.0], engines=[both])],
        in_fleet=fleet({"l1": {"h100x8": 2}}, outages=[out]),
    )
    problem = problem_of(made)
    assert next(row.gpus.tolist() for row in problem.supplies) == [16, 8]
    value = priced_bound(problem, supply_prices(problem)).value
    assert value == pytest.approx(40.0, rel=1e-4)
    assert value <= 40.0
