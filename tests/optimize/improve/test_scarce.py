"""The third objective: scarce hardware by hand, and against the exact lexicographic optimum.

Leaves that mix GPU types are of high priority, the others below their spine of medium, those
below a spine with one GPU type of low.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pulp
import pytest

from heteroplan.clock import never
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Loss, Role
from heteroplan.optimize.improve import scarce
from heteroplan.optimize.improve.scarce import (
    Use,
    scarce_use,
    spare_scarce,
)
from heteroplan.optimize.incumbent import incumbent
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Ints, Problem, Solution
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.solve import solve
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.instances import small
from tests.optimize.leafwise import Standing, stand_on_leaves
from tests.optimize.reference import minimised, solved

L40S = node_type("l40sx8", gpu="L40S")
BOTH = engine("both", role=Role.AGGREGATED)


def three_priorities() -> Fleet:
    """H100 nodes: one on l1 (high: L40S beside), one on l2 (medium), one on l3 (low)."""
    return fleet(
        {"l1": {"h100x8": 1, "l40sx8": 1}, "l2": {"h100x8": 1}, "l3": {"h100x8": 1}},
        node_types=(node_type(), L40S),
        spines={"l1": "s1", "l2": "s1", "l3": "s2"},
    )


@pytest.mark.parametrize(
    ("held", "use"),
    [
        ({"l1": 2}, (8.0, 0.0)),
        ({"l2": 2}, (0.0, 8.0)),
        ({"l3": 2}, (0.0, 0.0)),
        ({"s1": 2}, (0.0, 8.0)),
        ({"s1": 3}, (4.0, 8.0)),
        ({"s2": 2}, (0.0, 0.0)),
        ({"c1": 2}, (0.0, 0.0)),
        ({"c1": 3}, (0.0, 4.0)),
        ({"c1": 5}, (4.0, 8.0)),
        ({"l1": 1, "c1": 2}, (4.0, 0.0)),
        ({"l1": 1, "c1": 5}, (8.0, 8.0)),
        ({"l2": 2, "s1": 1}, (4.0, 8.0)),
        ({"l3": 2, "c1": 1}, (0.0, 4.0)),
        ({"l3": 2, "s1": 1, "c1": 1}, (0.0, 8.0)),
    ],
)
def test_pools_keep_off_scarce_leaves_as_far_as_their_domain_lets_them(
    held: dict[str, int], use: Use
) -> None:
    """{domain: replicas of 4 GPUs for an hour} -> GPU-hours on high and on medium leaves.

    8 GPUs of each priority: a pool on a leaf stands there; below s1 8 GPUs find l2, the rest goes
    to l1; in the cluster 8 find l3, the next 8 l2. Others in the same place come first.
    """
    of = scenario(
        [workload(level.value, rps=[100.0], engines=(BOTH,), affinity=level) for level in Affinity],
        in_fleet=three_priorities(),
    )
    problem = problem_of(of)
    replicas = np.array([[held.get(pool.domain, 0)] for pool in problem.pools])
    assert scarce_use(problem, replicas) == pytest.approx(use)


@pytest.mark.parametrize("mixed", ["l1", "l2"])
def test_of_two_equal_spines_the_low_one_is_used(mixed: str) -> None:
    """A pair on either spine costs 16 USD; one has L40S on its leaf beside. The other it is."""
    nodes = {leaf: {"h100x8": 1, "l40sx8": int(leaf == mixed)} for leaf in ("l1", "l2")}
    problem = problem_of(
        scenario([workload()], in_fleet=fleet(nodes, node_types=(node_type(), L40S)))
    )
    used = {
        pool.domain
        for pool, count in zip(
            problem.pools, solve(problem, gap=0.0).solution.replicas, strict=True
        )
        if count.any()
    }
    assert used == {"l1-spine", "l2-spine"} - {f"{mixed}-spine"}


def test_scarce_hardware_is_used_where_it_serves_more() -> None:
    """20 requests/s need both spines: shortage and cost come before what is scarce."""
    nodes = {"l1": {"h100x8": 1, "l40sx8": 1}, "l2": {"h100x8": 1, "l40sx8": 0}}
    problem = problem_of(
        scenario([workload(rps=[20.0])], in_fleet=fleet(nodes, node_types=(node_type(), L40S)))
    )
    found = solve(problem, gap=0.0)
    assert not any(found.unserved.values())
    assert scarce_use(problem, found.solution.replicas) == pytest.approx((8.0, 0.0))


def low_or_high(dearer: float) -> Problem:
    """10 requests/s of 4 H100 for 8 USD on a leaf of high priority, or of 4 A100 on a low one.

    Those are dearer by a share of it.
    """
    shapes = [
        node_type(),
        node_type("a100x8", gpu="A100", usd_per_gpu_hour=2.0 * (1.0 + dearer)),
        L40S,
    ]
    engines = [BOTH, engine("low", role=Role.AGGREGATED, gpu="A100")]
    on = fleet({"high": {"h100x8": 1, "l40sx8": 1}, "low": {"a100x8": 1}}, node_types=shapes)
    return problem_of(scenario([workload(engines=engines)], in_fleet=on))


@pytest.mark.parametrize(("dearer", "used"), [(-1e-4, "low"), (0.0, "low"), (1e-4, "high")])
def test_scarce_hardware_is_spared_for_nothing_but_not_for_a_cent(dearer: float, used: str) -> None:
    """Low priority is preferred at 8.00 USD; not at 8.0008."""
    problem = low_or_high(dearer)
    found = solve(problem, gap=0.0)
    (domain,) = {
        pool.domain
        for pool, count in zip(problem.pools, found.solution.replicas, strict=True)
        if count.any()
    }
    assert domain == f"{used}-spine"
    assert found.objective == pytest.approx(min(8.0, 8.0 * (1.0 + dearer)), rel=1e-9)


@pytest.mark.parametrize("dearer", [1e-7, 1e-5, 1e-4, 1e-3])
def test_no_move_off_scarce_hardware_is_dearer(dearer: float) -> None:
    """The plan on high priority stays as it is: every other costs more."""
    problem = low_or_high(dearer)
    sizes = np.array([[int(pool.domain == "high-spine")] for pool in problem.pools])
    plan = incumbent(problem, Solution(sizes, mixed_flow(problem, sizes)))
    assert spare_scarce(problem, plan, never).solution.replicas.tolist() == sizes.tolist()
    for rounding in (0.0, 1e-11):
        free = low_or_high(rounding)
        spared = spare_scarce(free, plan, never)
        assert scarce_use(free, spared.solution.replicas) == (0.0, 0.0)


def test_high_priority_is_spared_before_medium() -> None:
    """A replica on the leaf with L40S may stand on its neighbour, of medium priority, as well."""
    load = workload(engines=[BOTH], affinity=Affinity.LEAF, exclude=["l3"])
    problem = problem_of(scenario([load], in_fleet=three_priorities()))
    on_high, on_medium = (
        np.array([[int(pool.domain == leaf)] for pool in problem.pools]) for leaf in ("l1", "l2")
    )
    for sizes in (on_high, on_medium):
        plan = incumbent(problem, Solution(sizes, mixed_flow(problem, sizes)))
        spared = spare_scarce(problem, plan, never)
        assert spared.solution.replicas.tolist() == on_medium.tolist()


def test_no_move_off_scarce_hardware_serves_less() -> None:
    """A100 serve 5 of the 10 requests/s for half the price: what is cheaper is not as good."""
    problem = low_or_high(-0.5)
    low = next(p for p, pool in enumerate(problem.pools) if pool.domain == "low-spine")
    pools = list(problem.pools)
    pools[low] = replace(pools[low], load=2.0 * pools[low].load, most=np.array([1]))
    problem = replace(problem, pools=tuple(pools))
    sizes = np.array([[int(p != low)] for p in range(2)])
    plan = incumbent(problem, Solution(sizes, mixed_flow(problem, sizes)))
    assert plan.covered
    assert spare_scarce(problem, plan, never).covered


@pytest.mark.slow
def test_scarce_use_is_near_the_least_there_is() -> None:
    """Of random instances at least four in five use the least, all together 5 % more at most.

    The method moves workloads one or two at a time at the same cost; a plan of equal cost with
    other sizes is out of its sight.
    """
    uses = []
    for seed in range(40):
        of = small(seed, losses=(Loss.LEAF, Loss.SPINE), divided=False)
        problem = problem_of(of)
        least = least_scarce(of) if problem.hardware and problem.pools else None
        if least is not None:
            found = solve(problem, gap=0.0, time_limit_s=20, without=frozenset({"fewer changes"}))
            uses.append((scarce_use(problem, found.solution.replicas), least))
    equal = [found == pytest.approx(least, abs=1e-3) for found, least in uses]
    assert len(uses) >= 20
    assert sum(equal) >= 0.8 * len(uses)
    assert sum(found[0] for found, _ in uses) <= 1.05 * sum(least[0] for _, least in uses)


def _objective(model: Model) -> tuple[list[tuple[pulp.LpVariable, float]], float]:
    """Its terms and its value, of a program that is solved."""
    objective = model.lp.objective
    assert objective is not None
    value = objective.value()
    assert value is not None
    return list(objective.items()), value


def least_scarce(of: Scenario) -> Use | None:
    """GPU-hours on high, then on medium leaves, of the plans that are best otherwise.

    Exact, with GPUs dealt out leaf by leaf.
    """
    model = build_model(problem_of(of))
    standing = stand_on_leaves(model, of)
    if minimised(model) is None:
        return None
    cost, least = _objective(model)
    model.add(cost, "<=", least * (1 + 1e-7) + 1e-7, "cost_cap")
    high, medium = (
        _least(model, of, standing, priority)
        for priority in (SubgroupPriority.HIGH, SubgroupPriority.MEDIUM)
    )
    return high, medium


def _least(model: Model, of: Scenario, standing: Standing, priority: SubgroupPriority) -> float:
    """Least GPU-hours on leaves of one priority, capped there for what comes next."""
    scarce = {
        leaf.name for leaf in of.fleet.network.leaves if of.fleet.leaf_priority(leaf) is priority
    }
    terms = [(held, 1.0) for (_, leaf, _), held in standing.items() if leaf in scarce]
    if not terms:
        return 0.0
    model.lp.setObjective(pulp.LpAffineExpression.from_list(terms))
    assert solved(model) is not None
    _, least = _objective(model)
    model.add(terms, "<=", least + 1e-6, f"most_{priority}")
    return least * of.horizon.interval_hours


def test_scarce_use_is_counted_in_hours_of_all_intervals() -> None:
    """4 GPUs on the high leaf for two half hours and 4 more for one, then 8 on the medium one."""
    loads = [workload(rps=[100.0] * 3, engines=[BOTH], affinity=Affinity.LEAF)]
    problem = problem_of(scenario(loads, in_fleet=three_priorities(), interval_s=1800))
    held = {"l1": [1, 2, 0], "l2": [0, 0, 2], "l3": [2, 2, 2]}
    replicas = np.array([held[pool.domain] for pool in problem.pools])
    assert scarce_use(problem, replicas) == pytest.approx((6.0, 4.0))


def test_gpus_that_a_starting_replica_holds_count() -> None:
    """It runs in the second hour and loads its weights in the first."""
    slow = engine("both", role=Role.AGGREGATED, startup_s=3600.0)
    load = workload(rps=[0.0, 10.0, 0.0], engines=[slow], affinity=Affinity.LEAF)
    problem = problem_of(scenario([load], in_fleet=three_priorities()))
    replicas = np.array([[0, int(pool.domain == "l1"), 0] for pool in problem.pools])
    assert scarce_use(problem, replicas) == pytest.approx((8.0, 0.0))


def spines(**nodes: int) -> Fleet:
    """A leaf for each name and number of H100 nodes, a spine each; one called h... is high."""
    return fleet(
        {
            leaf: {"h100x8": count, "l40sx8": int(leaf.startswith("h"))}
            for leaf, count in nodes.items()
        },
        node_types=(node_type(), L40S),
    )


def sized(problem: Problem, sizes: Mapping[tuple[str, str], Sequence[int]]) -> Ints:
    """[P, T] replicas by engine and leaf, 0 elsewhere."""
    return np.array(
        [
            sizes.get((pool.engine, pool.domain.removesuffix("-spine")), [0] * problem.intervals)
            for pool in problem.pools
        ]
    )


def spared(
    problem: Problem, sizes: Mapping[tuple[str, str], Sequence[int]]
) -> dict[tuple[str, str], list[int]]:
    """What stands where once no move helps."""
    replicas = sized(problem, sizes)
    plan = incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))
    found = spare_scarce(problem, plan, never)
    assert found.rank[:-1] <= plan.rank[:-1]
    assert plan.solution.replicas.tolist() == sized(problem, sizes).tolist()
    return {
        (pool.engine, pool.domain.removesuffix("-spine")): over_time.tolist()
        for pool, over_time in zip(problem.pools, found.solution.replicas, strict=True)
        if over_time.any()
    }


def test_a_group_moves_as_it_is() -> None:
    """Prefill and decode of either workload go, one workload after the other.

    Of two decode engines one stands nowhere.
    """
    engines = [engine("prefill", role=Role.PREFILL), engine("other"), engine("decode", gpus=2)]
    idle = workload("idle", rps=[0.0, 0.0], engines=[engine("idle", role=Role.AGGREGATED)])
    loads = [idle, *(workload(name, rps=[10.0, 20.0], engines=engines) for name in ("a", "b"))]
    problem = problem_of(scenario(loads, in_fleet=spines(high=4, low=4)))
    here = {("prefill", "high"): [1, 2], ("decode", "high"): [1, 2]}
    moved = spared(problem, here)
    assert moved == {(name, "low"): sizes for (name, _), sizes in here.items()}
    count = sum(pool.domain == "low-spine" for pool in problem.pools)
    assert count == 7


def test_a_group_does_not_move_where_others_stand() -> None:
    """Both fill a node; changing places spares nothing."""
    loads = [
        workload(name, engines=[engine(name, role=Role.AGGREGATED, gpus=8)]) for name in ("a", "b")
    ]
    problem = problem_of(scenario(loads, in_fleet=spines(high=1, low=1)))
    here = {("a", "high"): [1], ("b", "low"): [1]}
    assert spared(problem, here) == here


@pytest.mark.parametrize("pin", ["", "plain"])
def test_two_workloads_change_places(pin: str) -> None:
    """A replica of 8 GPUs on high priority and one of 4 on medium: a node each, none free.

    Neither could move alone; together they cannot where the second may not leave.
    """
    loads = [
        workload(
            name,
            engines=[engine(name, role=Role.AGGREGATED, gpus=gpus)],
            affinity=Affinity.LEAF,
            pin=[pin] if pin and name == "small" else [],
        )
        for name, gpus in (("large", 8), ("small", 4))
    ]
    on = fleet(
        {"high": {"h100x8": 1, "l40sx8": 1}, "plain": {"h100x8": 1}},
        node_types=(node_type(), L40S),
        spines=dict.fromkeys(("high", "plain"), "s"),
    )
    problem = problem_of(scenario(loads, in_fleet=on))
    here = {("large", "high"): [1], ("small", "plain"): [1]}
    changed = {("large", "plain"): [1], ("small", "high"): [1]}
    assert spared(problem, here) == (here if pin else changed)


def test_two_groups_are_filled_from_the_less_scarce_one_interval_by_interval() -> None:
    """Nodes hold a prefill replica of 4 GPUs and two of 2 that decode.

    Low priority has one node and what stands there; the rest comes as far as it fits.
    """
    engines = [
        engine("prefill", role=Role.PREFILL, capacity_rps=20.0),
        engine("decode", gpus=2, capacity_rps=10.0),
    ]
    load = workload(rps=[40.0, 40.0, 20.0], engines=engines)
    for low in ("a-low", "low"):
        problem = problem_of(scenario([load], in_fleet=spines(**{"high": 2, low: 2})))
        here = {
            ("prefill", "high"): [1, 2, 1],
            ("decode", "high"): [2, 4, 2],
            ("prefill", low): [1, 0, 0],
            ("decode", low): [2, 0, 0],
        }
        moved = spared(problem, here)
        assert moved == {("prefill", low): [2, 2, 1], ("decode", low): [4, 4, 2]}


def test_those_that_use_most_are_placed_again_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one at a time: of 4 and 8 GPUs on high priority, the 8 GPUs of low take the latter."""
    monkeypatch.setattr(scarce, "REPLACED", 1)
    shapes = [node_type(), node_type("a100x8", gpu="A100"), L40S]
    on = fleet({"high": {"h100x8": 2, "l40sx8": 1}, "low": {"a100x8": 1}}, node_types=shapes)
    loads = [
        workload(
            name,
            engines=[
                engine(f"{name}-{gpu}", role=Role.AGGREGATED, gpu=gpu, gpus=gpus)
                for gpu in ("H100", "A100")
            ],
        )
        for name, gpus in (("small", 4), ("large", 8), ("tiny", 2))
    ]
    problem = problem_of(scenario(loads, in_fleet=on))
    sizes = sized(problem, {("small-H100", "high"): [1], ("large-H100", "high"): [1]})
    plan = incumbent(problem, Solution(sizes, mixed_flow(problem, sizes)))
    found = spare_scarce(problem, plan, never)
    expected = sized(problem, {("small-H100", "high"): [1], ("large-A100", "low"): [1]})
    assert found.solution.replicas.tolist() == expected.tolist()
