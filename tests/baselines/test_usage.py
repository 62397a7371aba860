"""What pools use, by hand."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from heteroplan.baselines.usage import (
    busy_share,
    hours_by_priority,
    spent,
    supply_use,
)
from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Network, SubgroupPriority
from heteroplan.entities.plan import SupplyUse
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.workload import Role, Stability
from heteroplan.optimize.program.problem import Problem
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.plans import stay


def test_utilization_is_of_gpus_not_of_replicas() -> None:
    """Replicas of 2, 4 and 8 GPUs that serve 10 requests/s.

    Of one of 2 a half is busy, of three of 4 two, of one of 8 a quarter: 1 + 8 + 2 of 22 GPUs.
    """
    engines = [
        engine(f"both-{gpus}", role=Role.AGGREGATED, gpus=gpus, capacity_rps=10.0)
        for gpus in (2, 4, 8)
    ]
    on = fleet({"l1": {"h100x8": 4}})
    problem = problem_of(scenario([workload(rps=[27.5], engines=engines)], in_fleet=on))
    flow = [np.array([[rps / 27.5]]) for rps in (5.0, 20.0, 2.5)]
    assert busy_share(problem, np.array([[1], [3], [1]]), flow) == pytest.approx(11 / 22)


def test_utilization_weighs_hours_by_the_gpus_that_serve() -> None:
    """1 of 1 replica busy for an hour, 1 of 3 for the next: 2 of 4; none serve: 0."""
    both = engine("both", role=Role.AGGREGATED)
    problem = problem_of(scenario([workload(rps=[10.0, 10.0], engines=[both])]))
    flow = [np.array([[1.0, 1.0]])]
    assert busy_share(problem, np.array([[1, 3]]), flow) == pytest.approx(0.5)
    assert busy_share(problem, np.array([[0, 0]]), [np.zeros((1, 2))]) == 0.0


def test_a_move_starts_and_drains() -> None:
    """A replica of 4 GPUs for two hours, which goes on elsewhere in the second.

    Start of half an hour, drain of a quarter: 4 x (2 + 0.5 + 0.25) GPU-hours at 2 USD.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)
    of = scenario([workload(rps=[10.0, 10.0], engines=[both])], cyclic=False)
    problem = problem_of(of)
    stays = (stay(leaf="l1"), stay(leaf="l1", first=1, lead=1, moved=True))
    total, _ = spent(of, candidates(of), problem, np.array([[1, 1]]), stays)
    assert total == {
        "gpu_hours": 11.0,
        "cost_usd": 22.0,
        "gpu_hours_by_type": {"h100x8": 11.0},
        "starts": 1,
        "moves": 1,
        "changes": 0,
    }


LOW, MEDIUM, HIGH = (
    SubgroupPriority.LOW,
    SubgroupPriority.MEDIUM,
    SubgroupPriority.HIGH,
)
TYPES = (node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=1.0))
BIG = engine("big", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)
SMALL = engine("small", role=Role.AGGREGATED, gpu="L40S", gpus=2, startup_s=900.0, drain_s=3600.0)


def half_hours(*, cyclic: bool) -> Scenario:
    """Four intervals of half an hour; l2 mixes GPU types, l1 does not."""
    return scenario(
        [workload(rps=[10.0] * 4, engines=[BIG, SMALL], exclude=["l3-spine"])],
        in_fleet=fleet(
            {
                "l1": {"h100x8": 2},
                "l2": {"h100x8": 2, "l40sx8": 1},
                "l3": {"h100x8": 1, "l40sx8": 1},
            },
            node_types=TYPES,
        ),
        interval_s=1800,
        cyclic=cyclic,
    )


def pools_of(problem: Problem, of: Scenario) -> dict[tuple[str, str], int]:
    """By engine and domain."""
    engines = [each.engine.name for each in candidates(of)]
    return {(engines[pool.candidate], pool.domain): p for p, pool in enumerate(problem.pools)}


@pytest.mark.parametrize(
    ("cyclic", "held"),
    [
        (True, {"h100x8": (4 + 4, 4, 8 + 4, 8 + 4), "l40sx8": (2, 0, 0, 2)}),
        (False, {"h100x8": (4 + 4, 4, 4, 4), "l40sx8": (0, 0, 0, 2)}),
    ],
)
def test_what_starts_and_serves_holds_its_gpus_round_the_end_of_a_cyclic_day_alone(
    cyclic: bool, held: dict[str, tuple[int, ...]]
) -> None:
    """On l1 one starts two intervals before it serves from 0 to 2, another stays at 3.

    On l2 one serves at 0 after a start of two intervals, one of another type from 3 on.
    """
    of = half_hours(cyclic=cyclic)
    problem = problem_of(of)
    at = pools_of(problem, of)
    stays = [
        stay(pool=at["big", "l1-spine"], leaf="l1", first=0, intervals=3, lead=2),
        stay(pool=at["big", "l1-spine"], leaf="l1", first=3, intervals=1),
        stay(pool=at["big", "l2-spine"], leaf="l2", first=0, intervals=1, lead=2),
        stay(pool=at["small", "l2-spine"], leaf="l2", first=3, intervals=2),
    ]
    assert {row.node_type: row.held for row in supply_use(of, problem, stays)} == held


@pytest.mark.parametrize(
    ("cyclic", "low", "high", "usd", "starts", "changes"),
    [(False, 10.0, 19.5, 55.5, 2, 5), (True, 14.0, 20.5, 65.5, 4, 7)],
)
def test_hours_are_of_serving_and_of_the_starts_and_drains_inside_the_day(
    cyclic: bool, low: float, high: float, usd: float, starts: int, changes: int
) -> None:
    """A start and a drain of `big` take 3/4 of an hour, of `small` 5/4; 4 and 2 GPUs, 2 and 1 USD.

    On l1 `big` 2, 1, 1, 0: 2 hours and 2 drains, 4 x 2.5; round the day 2 starts besides, 4 x 3.5.
    On l2 `big` 1, 2, 2, 2: 3.5 hours and a start, 4 x 4; round the day a drain too, 4 x 4.25.
    There `small` 0, 0, 1, 0: half an hour, a start and a drain, 2 x 1.75. They change 2, 1 and 2
    times; two of them once more round the day.
    """
    of = half_hours(cyclic=cyclic)
    problem = problem_of(of)
    at = pools_of(problem, of)
    near, far, other = (
        at[place] for place in (("big", "l1-spine"), ("big", "l2-spine"), ("small", "l2-spine"))
    )
    replicas = np.zeros((len(problem.pools), 4), dtype=np.int64)
    replicas[near], replicas[far], replicas[other] = (2, 1, 1, 0), (1, 2, 2, 2), (0, 0, 1, 0)
    stays = [
        stay(pool=near, leaf="l1", first=0, intervals=3),
        stay(pool=near, leaf="l1", first=0, intervals=1),
        stay(pool=far, leaf="l2", first=0, intervals=4),
        stay(pool=far, leaf="l2", first=1, intervals=3, lead=1),
        stay(pool=other, leaf="l2", first=2, intervals=1, lead=1),
    ]
    total, _ = spent(of, candidates(of), problem, replicas, stays)
    assert total == {
        "gpu_hours": low + high,
        "cost_usd": usd,
        "gpu_hours_by_type": {"h100x8": low + high - 3.5, "l40sx8": 3.5},
        "starts": starts,
        "moves": 0,
        "changes": changes,
    }
    hours = hours_by_priority(of, candidates(of), problem, stays)
    assert hours == {LOW: low, MEDIUM: 0.0, HIGH: high}


def test_what_ran_before_drains_and_what_there_is_more_of_starts() -> None:
    """Of `big` 3 ran on l1 and 1 stays all day, none on l2 and 2 do; 1 of `small` ran on each.

    l1: 4 x 2 hours and 2 drains of a quarter, 4 x 2.5. l2: 4 x 2 x 2 hours and 2 starts of half an
    hour, 4 x 5. The `small` on l2 drains for an hour, as does that on l3, where none may be: 2
    each. There a `big` drains for a quarter, 4 x 0.25. Five pools change: two in size, three go.
    """
    of = half_hours(cyclic=False)
    ran = [("big", "l1")] * 3 + [("small", "l2"), ("small", "l3"), ("big", "l3")]
    shapes = {"big": "h100x8", "small": "l40sx8"}
    of = replace(
        of, current=tuple(Running("w", name, shapes[name], leaf, ()) for name, leaf in ran)
    )
    problem = problem_of(of)
    at = pools_of(problem, of)
    near, far = at["big", "l1-spine"], at["big", "l2-spine"]
    assert ("small", "l3-spine") not in at
    replicas = np.zeros((len(problem.pools), 4), dtype=np.int64)
    replicas[near], replicas[far] = 1, 2
    stays = [stay(pool=near, leaf="l1", intervals=4)]
    stays += [stay(pool=far, leaf="l2", intervals=4)] * 2
    total, _ = spent(of, candidates(of), problem, replicas, stays)
    assert total == {
        "gpu_hours": 10.0 + 20.0 + 4.0 + 1.0,
        "cost_usd": 20.0 + 40.0 + 4.0 + 2.0,
        "gpu_hours_by_type": {"h100x8": 10.0 + 20.0 + 1.0, "l40sx8": 4.0},
        "starts": 2,
        "moves": 0,
        "changes": 5,
    }
    hours = hours_by_priority(of, candidates(of), problem, stays)
    assert hours == {LOW: 10.0, MEDIUM: 0.0, HIGH: 20.0 + 4.0 + 1.0}


@pytest.mark.parametrize(
    ("ran", "stand", "medium", "high"),
    [
        ({"l1": 3, "l2": 1}, {"l1": 1, "l3": 1}, 2 * 4 / 3, 2 * 2 / 3),
        ({"l1": 1}, {"l2": 1, "l3": 2}, 2 * 8 / 3, 2 * 4 / 3),
        ({"l1": 2}, {"l2": 1, "l3": 1}, 0.0, 0.0),
    ],
    ids=["fewer", "more", "as many elsewhere"],
)
def test_leaves_share_what_their_pool_drains_or_starts_at_once(
    ran: dict[str, int], stand: dict[str, int], medium: float, high: float
) -> None:
    """One pool on three leaves of a spine, of which l2 mixes GPU types.

    Two fewer: of 2 on l1 and 1 on l2 two drain, 2 GPU-hours each. Two more: of 1 on l2 and 2 on l3
    two start, 4 each.
    """
    slow = replace(BIG, startup_s=3600.0, drain_s=1800.0)
    of = scenario(
        [workload(rps=[10.0, 10.0], engines=[slow])],
        in_fleet=fleet(
            {"l1": {"h100x8": 2}, "l2": {"h100x8": 2, "l40sx8": 1}, "l3": {"h100x8": 2}},
            node_types=TYPES,
            spines=dict.fromkeys(("l1", "l2", "l3"), "s"),
        ),
        cyclic=False,
    )
    before = [Running("w", "big", "h100x8", leaf, ()) for leaf, n in ran.items() for _ in range(n)]
    of = replace(of, current=tuple(before))
    stays = [stay(leaf=leaf, intervals=2) for leaf, n in stand.items() for _ in range(n)]
    hours = hours_by_priority(of, candidates(of), problem_of(of), stays)
    serving = {leaf: 4 * 2.0 * n for leaf, n in stand.items()}
    alone = serving.get("l1", 0.0) + serving.get("l3", 0.0)
    assert hours[MEDIUM] - alone == pytest.approx(medium)
    assert hours[HIGH] - serving.get("l2", 0.0) == pytest.approx(high)


def test_supply_is_of_all_clusters_and_what_is_held_of_all_leaves() -> None:
    """Nodes of 8 on two clusters, one of the 3 + 2 away in the second hour; of l40s 1 and 0."""
    start, end = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (1, 2))
    on = fleet(
        {"l1": {"h100x8": 3, "l40sx8": 1}, "l2": {"h100x8": 2}},
        node_types=TYPES,
        outages=[Outage("l1", "h100x8", 1, start, end)],
    )
    one, two = on.network.leaves
    on = replace(on, network=Network((one, replace(two, cluster="c2"))))
    of = scenario([workload(rps=[10.0, 10.0], engines=[BIG, SMALL])], in_fleet=on, cyclic=False)
    problem = problem_of(of)
    at = pools_of(problem, of)
    stays = [
        stay(pool=at["big", "l1-spine"], leaf="l1", first=0, intervals=2),
        stay(pool=at["big", "l1-spine"], leaf="l1", first=1, intervals=1),
        stay(pool=at["big", "l2-spine"], leaf="l2", first=0, intervals=1),
        stay(pool=at["small", "l1-spine"], leaf="l1", first=1, intervals=1),
    ]
    assert supply_use(of, problem, stays) == (
        SupplyUse("h100x8", (40, 32), (4 + 4, 8)),
        SupplyUse("l40sx8", (8, 8), (0, 2)),
    )


def test_a_class_that_a_pool_cannot_serve_keeps_it_no_busier() -> None:
    """`a` alone goes there: 4 of 10 requests/s, which a replica serves; of `b` it serves none."""
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    of = scenario(
        [workload(rps=[8.0], engines=[BIG, replace(BIG, name="all", gpus=8)], classes=classes)]
    )
    problem = problem_of(of, by_class={("big", "b"): 0.0})
    flow = [np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])]
    assert busy_share(problem, np.array([[1], [1]]), flow) == pytest.approx(
        (4 * 0.4 + 8 * 0.4) / 12
    )


@pytest.mark.parametrize("cyclic", [True, False])
def test_what_workloads_take_sums_to_the_whole(cyclic: bool) -> None:
    """Two workloads on one engine: 4 x (2 + 3) hours and 4 x 1 hour, starts and drains besides.

    Each starts one replica (half an hour); round the day it drains as well (a quarter). Changes of
    sizes cost 5 USD each.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)
    loads = [
        replace(
            workload(name, rps=[10.0, 10.0], engines=[both]), stability=Stability(change_cost_usd=5)
        )
        for name in ("a", "b")
    ]
    of = scenario(loads, cyclic=cyclic)
    problem = problem_of(of)
    sizes = {"a": (2, 3), "b": (0, 1)}
    replicas = np.array([sizes[problem.workloads[p.workload].name] for p in problem.pools])
    whole, found = spent(of, candidates(of), problem, replicas)
    edge = 0.5 + 0.25 if cyclic else 0.5
    assert {name: hours for name, (hours, _) in found.items()} == {
        "a": pytest.approx(4 * (5 + edge)),
        "b": pytest.approx(4 * (1 + edge)),
    }
    assert sum(hours for hours, _ in found.values()) == pytest.approx(whole["gpu_hours"])
    assert sum(usd for _, usd in found.values()) == pytest.approx(whole["cost_usd"])
