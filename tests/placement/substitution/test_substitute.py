"""Who stands in for what found no room, and who makes room for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.clock import Stop, never
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine, Part, RatioBand, Role, Workload
from heteroplan.optimize.improve.repair import repaired
from heteroplan.optimize.incumbent import Incumbent, incumbent, unserved_share
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Floats, Ints, Problem, Solution
from heteroplan.placement import Packing, Unplaced
from heteroplan.placement import settle as settling
from heteroplan.placement.settle import settle
from heteroplan.placement.substitution.free_capacity import FreeCapacity
from heteroplan.placement.substitution.substitute import substituted
from heteroplan.verify.placement import placement_faults
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.plan_checks import faults_of
from tests.placement.cases import Case


def two_engines(random: Random, *, cyclic: bool) -> Case:
    """One workload that is always short, with replicas of 4 and of 2 GPUs; two of 8 beside it."""
    hours = random.randint(3, 6)
    startup_s = random.choice([0.0, 3600.0])
    engines = [
        engine(f"e{gpus}", role=Role.AGGREGATED, gpus=gpus, startup_s=startup_s) for gpus in (4, 2)
    ]
    big = engine("e8", role=Role.AGGREGATED, gpus=8, startup_s=startup_s)
    of = scenario(
        [
            workload("w0", rps=(1e6,) * hours, engines=engines, affinity=Affinity.SPINE),
            workload("w1", rps=(1e6,) * hours, engines=[big], affinity=Affinity.SPINE),
        ],
        in_fleet=fleet({"l1": {"h100x8": 2}}, spines={"l1": "s"}),
        cyclic=cyclic,
    )
    considered = candidates(of)
    problem = build_problem(of, considered)
    replicas = np.array(
        [[random.randint(0, 16 // pool.gpus) for _ in range(hours)] for pool in problem.pools]
    )
    return Case(of, considered, problem, replicas)


def substitutes(
    of: Case, packing: Packing | None = None, stop: Stop = never
) -> tuple[Ints, Packing]:
    packing = packing or of.packed()
    return substituted(of.scenario, of.candidates, of.problem, of.replicas, packing, stop)


def without(of: Case, engine_name: str) -> Packing:
    """All packed but the replicas of an engine, which found no room."""
    gone = [of.candidates[pool.candidate].engine.name == engine_name for pool in of.problem.pools]
    left = replace(of, replicas=np.where(np.array(gone)[:, None], 0, of.replicas)).packed()
    assert left.unplaced == ()
    unplaced = [
        Unplaced(int(p), int(t), 1)
        for p, t in zip(*np.nonzero(of.replicas), strict=True)
        if gone[p]
    ]
    return replace(left, unplaced=tuple(unplaced))


def unserved(of: Case, replicas: Ints) -> Floats:
    """[W, T] share of the demand."""
    plan = incumbent(of.problem, Solution(replicas, mixed_flow(of.problem, replicas)))
    return np.array([unserved_share(of.problem, w, plan) for w in range(len(of.problem.workloads))])


def faults(of: Case, replicas: Ints, packing: Packing) -> list[str]:
    return list(placement_faults(replace(of, replicas=replicas).plan(packing)))


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_those_who_stand_in_keep_every_rule(random: Random, cyclic: bool) -> None:
    """Far more is wanted than there is room for; who stands in serves no less than is left."""
    of = two_engines(random, cyclic=cyclic)
    packing = of.packed()
    replicas, full = substitutes(of)
    assert faults(of, replicas, full) == []
    without = of.replicas.copy()
    for each in packing.unplaced:
        times = np.arange(each.first, each.first + each.intervals) % of.problem.intervals
        without[each.pool, times] -= 1
    assert (unserved(of, replicas) <= unserved(of, without) + 1e-9).all()


@pytest.mark.parametrize("seed", [514, 1056, 3873, 10885])
def test_what_is_left_on_a_cyclic_day_starts_as_pools_grow(seed: int) -> None:
    """Days on which what found room cannot all be told apart, before anything stands in."""
    of = two_engines(Random(seed), cyclic=True)
    packing = of.packed()
    left = of.replicas.copy()
    for each in packing.unplaced:
        left[each.pool, of.problem.times(each.first, each.intervals)] -= 1
    assert faults(of, left, replace(packing, unplaced=())) == []
    assert faults(of, *substitutes(of, packing)) == []


def test_who_stands_in_stops_later_where_one_stops() -> None:
    """At 1 the replica of 8 GPUs has no node, as w1 has 4 of them; that of 4 stays an hour more."""
    big, small = (engine(f"e{gpus}", role=Role.AGGREGATED, gpus=gpus) for gpus in (8, 4))
    of = scenario(
        [
            workload("w0", rps=(10.0, 10.0, 0.0, 0.0), engines=[big, small]),
            workload("w1", rps=(10.0,) * 4, engines=[small]),
        ],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
    )
    considered = candidates(of)
    problem = build_problem(of, considered)
    index = {(pool.workload, pool.gpus): p for p, pool in enumerate(problem.pools)}
    sizes = np.zeros((len(problem.pools), 4), dtype=np.int64)
    sizes[index[0, 8]], sizes[index[0, 4]] = [0, 1, 0, 0], [1, 0, 0, 0]
    sizes[index[1, 4]] = 1
    here = Case(of, considered, problem, sizes)
    stood, full = substitutes(here, without(here, "e8"))
    assert stood[index[0, 8]].tolist() == [0, 0, 0, 0]
    assert stood[index[0, 4]].tolist() == [1, 1, 0, 0]
    assert faults(here, stood, full) == []
    assert [stay.intervals for stay in full.stays if stay.pool == index[0, 4]] == [2]


def sized(of: Scenario, sizes: Mapping[tuple[str, str], list[int]]) -> Case:
    """The sizes over time of pools by workload and engine."""
    considered = candidates(of)
    problem = build_problem(of, considered)
    names = [
        (considered[pool.candidate].workload, considered[pool.candidate].engine.name)
        for pool in problem.pools
    ]
    return Case(of, considered, problem, np.array([sizes[name] for name in names]))


def by_engine(of: Case, replicas: Ints) -> dict[str, list[int]]:
    return {
        of.candidates[pool.candidate].engine.name: sizes.tolist()
        for pool, sizes in zip(of.problem.pools, replicas, strict=True)
    }


A, B = (node_type(name, gpu=name, gpus=8) for name in "AB")


@pytest.mark.parametrize("startup_s", [0.0, 3600.0])
@pytest.mark.parametrize("first", [True, False])
def test_another_makes_room(startup_s: float, first: bool) -> None:
    """For an hour of 8 GPUs another of 4, the first or the last of its hours, stands on B.

    One that starts holds its GPUs the hour before as well.
    """
    big = engine("big", role=Role.AGGREGATED, gpu="A", gpus=8)
    small, other = (
        engine(name, role=Role.AGGREGATED, gpu=gpu, gpus=4, startup_s=startup_s)
        for name, gpu in (("small", "A"), ("other", "B"))
    )
    on_small = [0, 0, 1, 1, 1, 1, 0]
    on_big = [0, 0, 1, 0, 0, 0, 0] if first else [0, 0, 0, 0, 0, 1, 0]
    of = scenario(
        [
            workload("w0", rps=[10.0 * n for n in on_big], engines=[big]),
            workload("w1", rps=[10.0 * n for n in on_small], engines=[small, other]),
        ],
        in_fleet=fleet({"l1": {"A": 1, "B": 1}}, node_types=(A, B)),
    )
    here = sized(of, {("w0", "big"): on_big, ("w1", "small"): on_small, ("w1", "other"): [0] * 7})
    stood, full = substitutes(here, without(here, "big"))
    assert faults(here, stood, full) == []
    assert not unserved(here, stood).any()
    gone = 1 + int(first and startup_s > 0)
    kept = [0, 0, *([0] * gone if first else []), *([1] * (4 - gone)), *([] if first else [0]), 0]
    assert by_engine(here, stood)["small"] == kept
    assert by_engine(here, stood)["big"] == on_big


@pytest.mark.parametrize("others", [1, 2])
def test_several_of_a_node_make_room_together(others: int) -> None:
    """For an hour of 8 GPUs two of 4, of one workload or two, stand on B, where there is room."""
    big = engine("big", role=Role.AGGREGATED, gpu="A", gpus=8)
    made, sizes = [workload("w0", rps=[0.0, 10.0, 0.0], engines=[big])], {("w0", "big"): [0, 1, 0]}
    for w in range(1, 1 + others):
        own = [
            engine(f"{name}{w}", role=Role.AGGREGATED, gpu=gpu, gpus=4)
            for name, gpu in (("small", "A"), ("other", "B"))
        ]
        hours = [2 // others * n for n in (0, 1, 1)]
        made.append(workload(f"w{w}", rps=[10.0 * n for n in hours], engines=own))
        sizes |= {(f"w{w}", f"small{w}"): hours, (f"w{w}", f"other{w}"): [0, 0, 0]}
    here = sized(scenario(made, in_fleet=fleet({"l1": {"A": 1, "B": 1}}, node_types=(A, B))), sizes)
    stood, full = substitutes(here, without(here, "big"))
    assert faults(here, stood, full) == []
    assert not unserved(here, stood).any()
    found = by_engine(here, stood)
    assert found["big"] == [0, 1, 0]
    assert sum(found[f"small{w}"][1] for w in range(1, 1 + others)) == 0


def test_nobody_makes_room_who_would_go_short() -> None:
    """Without B the other keeps its GPUs."""
    big, small = (
        engine(name, role=Role.AGGREGATED, gpus=gpus) for name, gpus in (("big", 8), ("small", 4))
    )
    of = scenario(
        [
            workload("w0", rps=[0.0, 10.0, 0.0, 0.0], engines=[big]),
            workload("w1", rps=[0.0, 10.0, 10.0, 10.0], engines=[small]),
        ],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
    )
    here = sized(of, {("w0", "big"): [0, 1, 0, 0], ("w1", "small"): [0, 1, 1, 1]})
    stood, full = substitutes(here, without(here, "big"))
    assert faults(here, stood, full) == []
    assert by_engine(here, stood) == {"big": [0, 0, 0, 0], "small": [0, 1, 1, 1]}


def test_it_is_tried_once_whether_others_serve_instead_of_a_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eight of a pool are in the way; who cannot be replaced once in an hour never can then."""
    big, small = (
        engine(name, role=Role.AGGREGATED, gpus=gpus) for name, gpus in (("big", 8), ("small", 4))
    )
    hours = [0, 8, 0, 0]
    of = scenario(
        [
            workload("w0", rps=[0.0, 10.0, 0.0, 0.0], engines=[big]),
            workload("w1", rps=[10.0 * n for n in hours], engines=[small]),
        ],
        in_fleet=fleet({"l1": {"h100x8": 4}}),
    )
    here = sized(of, {("w0", "big"): [0, 1, 0, 0], ("w1", "small"): hours})
    copies, copy = [0], FreeCapacity.copy

    def counted(self: FreeCapacity) -> FreeCapacity:
        copies[0] += 1
        return copy(self)

    monkeypatch.setattr(FreeCapacity, "copy", counted)
    stood, _ = substitutes(here, without(here, "big"))
    assert by_engine(here, stood) == {"big": [0, 0, 0, 0], "small": hours}
    assert copies[0] == 2  # before and after what is needless serves no more


@pytest.mark.parametrize(("hours", "hour"), [(1, 0), (2, 1), (4, 0), (4, 3)])
def test_a_pool_that_never_stops_stands_in_at_the_seam(hours: int, hour: int) -> None:
    """One of 4 GPUs runs all day beside 4 that are free; one of 8 finds no room for an hour."""
    big, small = (engine(f"e{gpus}", role=Role.AGGREGATED, gpus=gpus) for gpus in (8, 4))
    of = scenario(
        [workload("w0", rps=(20.0,) * hours, engines=[big, small])],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
    )
    lost = [int(t == hour) for t in range(hours)]
    here = sized(of, {("w0", "e8"): lost, ("w0", "e4"): [1] * hours})
    stood, full = substitutes(here, without(here, "e8"))
    assert faults(here, stood, full) == []
    assert by_engine(here, stood)["e4"] == [1 + n for n in lost]


@pytest.mark.parametrize("band", [None, RatioBand(1.0, 1.0)])
def test_who_is_bound_to_a_ratio_makes_no_room(band: RatioBand | None) -> None:
    """w1 could stand elsewhere, but only half of a pair of it would; w0 then goes short."""
    big = engine("big", role=Role.AGGREGATED, gpu="A", gpus=8)
    halves = [
        engine("p", role=Role.PREFILL, gpu="A", gpus=8),
        engine("d", role=Role.DECODE, gpu="B", gpus=4),
        engine("p2", role=Role.PREFILL, gpu="B", gpus=4),
    ]
    of = scenario(
        [
            workload("w0", rps=[0.0, 10.0, 0.0, 0.0], engines=[big]),
            workload("w1", rps=[0.0, 10.0, 0.0, 0.0], engines=halves, pd_ratio=band),
        ],
        in_fleet=fleet({"l1": {"A": 1, "B": 1}}, node_types=(A, B)),
    )
    once = [0, 1, 0, 0]
    sizes = {("w0", "big"): once, ("w1", "p"): once, ("w1", "d"): once, ("w1", "p2"): [0] * 4}
    here = sized(of, sizes)
    stood, full = substitutes(here, without(here, "big"))
    assert faults(here, stood, full) == []
    assert by_engine(here, stood)["big"] == (once if band is None else [0] * 4)


def contended(random: Random, *, cyclic: bool) -> Case:
    """Three workloads on two node types; what they hold is more than fits."""
    hours = random.randint(3, 6)
    startup_s = random.choice([0.0, 3600.0])
    loads = []
    sizes: dict[tuple[str, str], list[int]] = {}
    for w in range(3):
        rps = [random.choice([0.0, 5.0, 10.0, 20.0]) for _ in range(hours)]
        engines = [
            engine(
                f"{gpu}{w}",
                role=Role.AGGREGATED,
                gpu=gpu,
                gpus=random.choice([2, 4, 8]),
                startup_s=startup_s,
            )
            for gpu in "AB"
        ]
        loads.append(workload(f"w{w}", rps=rps, engines=engines, affinity=Affinity.SPINE))
        sizes |= {
            (f"w{w}", f"A{w}"): [int(np.ceil(rate / 10.0)) for rate in rps],
            (f"w{w}", f"B{w}"): [0] * hours,
        }
    on = fleet(
        {"l1": {"A": 1, "B": 1}, "l2": {"A": 1}},
        node_types=(A, B),
        spines=dict.fromkeys(("l1", "l2"), "s"),
    )
    return sized(scenario(loads, in_fleet=on, cyclic=cyclic), sizes)


def test_room_made_for_some_harms_nobody() -> None:
    """Rules are kept, no workload is served less than by those who stand in, and some are more."""
    helped = 0
    for seed in range(100):
        of = contended(Random(seed), cyclic=seed % 2 == 0)
        stood, full = substitutes(of)
        assert faults(of, stood, full) == [], seed
        before, _ = substitutes(of, stop=lambda: True)
        short, was_short = unserved(of, stood), unserved(of, before)
        assert (short <= was_short + 1e-9).all(), seed
        helped += int((short < was_short - 1e-9).any())
    assert helped > 5


@pytest.mark.parametrize(("seed", "cyclic"), [(1148, False), (1242, True), (1329, False)])
def test_room_that_is_left_free_is_for_who_is_short(seed: int, cyclic: bool) -> None:
    """Nodes that others left, or that a first look did not want, serve what is short at last."""
    of = contended(Random(seed), cyclic=cyclic)
    stood, full = substitutes(of)
    assert faults(of, stood, full) == []
    assert not unserved(of, stood).any()


def test_what_serves_is_what_stands_after_room_is_made() -> None:
    """Settled sizes and flow break no row: whoever made room is served by those who stand in."""
    changed = 0
    for seed in range(40):
        of = contended(Random(seed), cyclic=seed % 2 == 0)
        plan = incumbent(of.problem, Solution(of.replicas, mixed_flow(of.problem, of.replicas)))
        settled = settle(
            of.scenario, of.candidates, of.problem, plan, (), 0.01, never, deadline=inf
        )
        assert faults_of(of.problem, settled.plan) == [], seed
        changed += int((settled.plan.solution.replicas > of.replicas).any())
    assert changed > 5


def test_a_repair_begins_with_sizes_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who stand in may hold what was to be left free where something found no room."""
    begun = []

    def begins(problem: Problem, plan: Incumbent, *others: Any) -> Incumbent:
        begun.append(problem.fits(range(len(problem.pools)), plan.solution.replicas))
        return repaired(problem, plan, *others)

    monkeypatch.setattr(settling, "repaired", begins)
    for seed in range(200):
        of = contended(Random(seed), cyclic=seed % 2 == 0)
        plan = incumbent(of.problem, Solution(of.replicas, mixed_flow(of.problem, of.replicas)))
        settle(of.scenario, of.candidates, of.problem, plan, (), 0.01, never, deadline=inf)
    assert len(begun) > 5
    assert all(begun)


ONCE, NEVER = [0, 1, 0, 0], [0, 0, 0, 0]


def rates(sizes: list[int], rps: float = 10.0) -> list[float]:
    return [rps * size for size in sizes]


def lone(name: str, gpu: str = "A", gpus: int = 8, **more: float) -> Engine:
    return engine(name, role=Role.AGGREGATED, gpu=gpu, gpus=gpus, **more)  # type: ignore[arg-type]


def test_nobody_stands_in_once_time_is_up() -> None:
    of = scenario(
        [workload("w0", rps=rates(ONCE), engines=[lone("big"), lone("small", gpus=4)])],
        in_fleet=fleet({"l1": {"A": 2}}, node_types=(A,)),
    )
    here = sized(of, {("w0", "big"): ONCE, ("w0", "small"): NEVER})
    gone = without(here, "big")
    assert by_engine(here, substitutes(here, gone)[0])["small"] == ONCE
    stood, full = substitutes(here, gone, stop=lambda: True)
    assert by_engine(here, stood) == {"big": NEVER, "small": NEVER}
    assert (full.stays, full.unplaced) == ((), ())
    assert here.replicas.sum() == 1


def test_who_is_short_has_all_the_room_that_there_is() -> None:
    """Of 40 requests/s one of 10 that found no room was to serve some: eight of 5 serve all."""
    of = scenario(
        [
            workload(
                "w0",
                rps=rates(ONCE, 40.0),
                engines=[lone("big"), lone("small", gpus=2, capacity_rps=5.0)],
            )
        ],
        in_fleet=fleet({"l1": {"A": 4}}, node_types=(A,)),
    )
    here = sized(of, {("w0", "big"): ONCE, ("w0", "small"): NEVER})
    stood, full = substitutes(here, without(here, "big"))
    assert by_engine(here, stood) == {"big": NEVER, "small": [0, 8, 0, 0]}
    assert faults(here, stood, full) == []


def test_no_more_stand_in_than_are_missed() -> None:
    """3 requests/s are asked for, of one of 10: two of 2 serve them.

    Nobody of the workload is ever stopped as needless, as it has limits.
    """
    engines = [lone("lost", gpu="B"), lone("small", gpus=2, capacity_rps=2.0)]
    here = beside_b(
        workload("w0", rps=rates(ONCE, 3.0), engines=engines, min_replicas={Role.AGGREGATED: 1}),
        {("w0", "lost"): ONCE, ("w0", "small"): NEVER},
        nodes=2,
    )
    stood, _ = substitutes(here, without(here, "lost"))
    assert by_engine(here, stood)["small"] == [0, 2, 0, 0]


@pytest.mark.parametrize(
    ("one", "other", "taken"),
    [
        pytest.param({}, {"gpus": 4, "capacity_rps": 4.0}, "one", id="three of 8 USD, one of 16"),
        pytest.param({}, {"gpus": 2, "capacity_rps": 5.0}, "other", id="two of 4 USD"),
        pytest.param({}, {"gpus": 4, "startup_s": 7200.0}, "one", id="16 USD more to start"),
        pytest.param({}, {"gpus": 4, "startup_s": 600.0}, "other", id="1.33 USD more to start"),
        pytest.param({"drain_s": 7200.0}, {"gpus": 8}, "other", id="32 USD more to stop"),
        pytest.param({}, {"gpus": 1, "capacity_rps": 0.0}, "one", id="one that cannot serve"),
    ],
)
def test_who_stands_in_is_the_cheapest_for_what_was_lost(
    one: dict[str, Any], other: dict[str, Any], taken: str
) -> None:
    """Of 8 GPUs at 2 USD, for an hour, and the time that it takes to start and to stop."""
    options = [lone("one", **one), lone("other", **other)]
    here = beside_b(
        workload("w0", rps=rates(ONCE), engines=[lone("lost", gpu="B"), *options]),
        {("w0", "lost"): ONCE, ("w0", "one"): NEVER, ("w0", "other"): NEVER},
        nodes=4,
    )
    stood, full = substitutes(here, without(here, "lost"))
    assert faults(here, stood, full) == []
    assert used(here, stood) == {taken, "beside"}


def beside_b(load: Workload, sizes: Mapping[tuple[str, str], list[int]], *, nodes: int = 1) -> Case:
    """A workload on a fleet whose only node of type B is taken by half, all day."""
    hours = len(load.demand)
    of = scenario(
        [load, workload("taken", rps=[10.0] * hours, engines=[lone("beside", gpu="B", gpus=4)])],
        in_fleet=fleet({"l1": {"A": nodes, "B": 1}}, node_types=(A, B)),
    )
    return sized(of, {**sizes, ("taken", "beside"): [1] * hours})


def used(of: Case, replicas: Ints) -> set[str]:
    return {name for name, sizes in by_engine(of, replicas).items() if any(sizes)}


def movable(name: str) -> tuple[Workload, dict[tuple[str, str], list[int]]]:
    """Half of node A is taken at hour 1, by a replica that may stand on B as well."""
    engines = [lone("small", gpus=4), lone("other", gpu="B", gpus=4)]
    return (
        workload(name, rps=rates(ONCE), engines=engines),
        {(name, "small"): ONCE, (name, "other"): NEVER},
    )


@pytest.mark.parametrize("priorities", [(2, 1), (1, 2), (1, 1)])
def test_room_is_made_for_the_highest_priority_first(priorities: tuple[int, int]) -> None:
    """Two of 8 GPUs found no room on A; for one of them there is, once another stands on B."""
    loads = [
        workload(f"w{i}", rps=rates(ONCE), engines=[lone(f"big{i}")], priority=priority)
        for i, priority in enumerate(priorities)
    ]
    last, sizes = movable("w2")
    of = scenario([*loads, last], in_fleet=fleet({"l1": {"A": 1, "B": 1}}, node_types=(A, B)))
    here = sized(of, {**sizes, ("w0", "big0"): ONCE, ("w1", "big1"): ONCE})
    packed = replace(here, replicas=np.where(by_name(here, "small")[:, None], here.replicas, 0))
    unplaced = [Unplaced(int(p), 1, 1) for p in np.flatnonzero(here.replicas[:, 1])]
    unplaced = [each for each in unplaced if not by_name(here, "small")[each.pool]]
    stood, full = substitutes(here, replace(packed.packed(), unplaced=tuple(unplaced[::-1])))
    assert faults(here, stood, full) == []
    assert used(here, stood) == {"big1" if priorities == (2, 1) else "big0", "other"}


def by_name(of: Case, name: str) -> np.ndarray:
    """[P] whether a pool is of an engine."""
    return np.array(
        [of.candidates[pool.candidate].engine.name == name for pool in of.problem.pools]
    )


def test_room_is_made_for_the_cheapest_for_whom_it_can_be() -> None:
    """On C stands one who goes nowhere: it is A, though it costs more."""
    cheap = node_type("C", gpu="C", gpus=8, usd_per_gpu_hour=0.5)
    engines = [lone("lost", gpu="C"), lone("dear")]
    mover, sizes = movable("w2")
    of = scenario(
        [
            workload("w0", rps=rates(ONCE), engines=engines),
            workload("w1", rps=[10.0] * 4, engines=[lone("fixed", gpu="C", gpus=4)]),
            mover,
        ],
        in_fleet=fleet({"l1": {"A": 1, "B": 1, "C": 1}}, node_types=(A, B, cheap)),
    )
    sizes |= {("w0", "lost"): ONCE, ("w0", "dear"): NEVER, ("w1", "fixed"): [1] * 4}
    here = sized(of, sizes)
    stood, full = substitutes(here, without(here, "lost"))
    assert faults(here, stood, full) == []
    assert used(here, stood) == {"dear", "fixed", "other"}


@pytest.mark.parametrize("lost", [Role.PREFILL, Role.DECODE])
def test_room_is_made_for_the_half_that_serves_less(lost: Role) -> None:
    """Of a pair one found no room on A; the other stands on C."""
    engines = [
        engine(role.value, role=role, gpu="A" if role is lost else "C", gpus=8)
        for role in (Role.PREFILL, Role.DECODE)
    ]
    mover, sizes = movable("w1")
    apart = node_type("C", gpu="C", gpus=8)
    of = scenario(
        [workload("w0", rps=rates(ONCE), engines=engines), mover],
        in_fleet=fleet({"l1": {"A": 1, "B": 1, "C": 1}}, node_types=(A, B, apart)),
    )
    here = sized(of, {**sizes, ("w0", "prefill"): ONCE, ("w0", "decode"): ONCE})
    stood, full = substitutes(here, without(here, lost.value))
    assert faults(here, stood, full) == []
    assert used(here, stood) == {"prefill", "decode", "other"}


def spread(
    load: Workload,
    sizes: Mapping[tuple[str, str], list[int]],
    nodes: str,
    others: Sequence[int] = (1, 1, 1, 1),
) -> Case:
    """A workload on spines s, t, u ... of so many nodes each; others of 4 GPUs stand on s."""
    on = fleet(
        {f"l{i}": {"A": int(count)} for i, count in enumerate(nodes)},
        node_types=(A,),
        spines={f"l{i}": spine for i, spine in zip(range(len(nodes)), "stuv", strict=False)},
    )
    beside = workload(
        "w1", rps=[10.0 * n for n in others], engines=[lone("beside", gpus=4)], pin=["s"]
    )
    of = scenario([load, beside], in_fleet=on)
    considered = candidates(of)
    problem = build_problem(of, considered)
    return Case(
        of,
        considered,
        problem,
        np.array(
            [
                others if pool.workload else sizes.get((pool.engine, pool.domain), NEVER)
                for pool in problem.pools
            ]
        ),
    )


def at(of: Case, replicas: Ints) -> dict[tuple[str, str], int]:
    """Replicas of the first workload at hour 1 by engine and domain, those that there are."""
    return {
        (pool.engine, pool.domain): int(count)
        for pool, count in zip(of.problem.pools, replicas[:, 1], strict=True)
        if pool.workload == 0 and count
    }


def lost_at_s(of: Case, engine_name: str) -> Packing:
    """All packed but what an engine has on s."""
    gone = [(pool.engine, pool.domain) == (engine_name, "s") for pool in of.problem.pools]
    stays = of.replicas.copy()
    stays[gone, 1] = 0
    left = replace(of, replicas=stays).packed()
    assert left.unplaced == ()
    return replace(left, unplaced=(Unplaced(gone.index(True), 1, 1),))


@pytest.mark.parametrize(
    ("nodes", "limits", "found"),
    [
        pytest.param("122", {}, {("big", "u"): 2}, id="where one serves already"),
        pytest.param("121", {}, {("big", "u"): 1, ("big", "t"): 1}, id="elsewhere"),
        pytest.param("124", {"min_replicas": {Role.AGGREGATED: 1}}, {("big", "u"): 2}, id="one"),
    ],
)
def test_others_stand_in_in_a_group_that_is_used_first(
    nodes: str, limits: dict[str, Any], found: dict[tuple[str, str], int]
) -> None:
    """One on s has no room, one more serves on u."""
    load = workload("w0", rps=rates(ONCE, 20.0), engines=[lone("big")], **limits)
    of = spread(load, {("big", "s"): ONCE, ("big", "u"): ONCE}, nodes)
    stood, full = substitutes(of, lost_at_s(of, "big"))
    assert faults(of, stood, full) == []
    assert at(of, stood) == found


def test_others_stand_in_in_no_more_groups_than_a_workload_may_use() -> None:
    """One on s has no room beside three at hour 1; s serves at hour 0, u at hour 1: t may not."""
    load = workload("w0", rps=[10.0, 20.0, 0.0, 0.0], engines=[lone("big")], max_groups=2)
    of = spread(load, {("big", "s"): [1, 1, 0, 0], ("big", "u"): ONCE}, "221", [1, 3, 1, 1])
    stood, full = substitutes(of, lost_at_s(of, "big"))
    assert faults(of, stood, full) == []
    assert at(of, stood) == {("big", "u"): 1}


def test_groups_stand_in_for_their_own_before_others_do() -> None:
    """Two on s have no room: two of 4 GPUs there serve instead, none on t, which could as well."""
    load = workload("w0", rps=rates(ONCE, 20.0), engines=[lone("big"), lone("small", gpus=4)])
    of = spread(load, {("big", "s"): [0, 2, 0, 0]}, "22")
    one = lost_at_s(of, "big")
    stood, full = substitutes(of, replace(one, unplaced=one.unplaced * 2))
    assert faults(of, stood, full) == []
    assert at(of, stood) == {("small", "s"): 2}


@pytest.mark.parametrize("lost", ["prefill", "decode"])
def test_pairs_elsewhere_have_as_much_of_both_as_it_takes(lost: str) -> None:
    """20 requests/s: on t two of one half stand beside one of the other."""
    both = {"prefill": 10.0, "decode": 10.0, lost: 20.0}
    halves = [
        engine(role.value, role=role, gpu="A", gpus=8, capacity_rps=both[role.value])
        for role in (Role.PREFILL, Role.DECODE)
    ]
    load = workload("w0", rps=rates(ONCE, 20.0), engines=halves)
    twice = [0, 2, 0, 0]
    kept = {(name, "s"): twice for name in both if name != lost}
    of = spread(load, {**kept, (lost, "s"): ONCE}, "33")
    stood, full = substitutes(of, lost_at_s(of, lost))
    assert faults(of, stood, full) == []
    assert not unserved(of, stood).any()
    at_t = {key: count for key, count in at(of, stood).items() if key[1] == "t"}
    assert at_t == {(name, "t"): 1 + (name != lost) for name in both}


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({}, id="no limits"),
        pytest.param({"min_replicas": {Role.PREFILL: 1}}, id="a minimum"),
    ],
)
def test_what_substitutes_make_needless_serves_no_more(limits: dict[str, Any]) -> None:
    """Decode on s finds no room; with decode beside prefill on t, prefill on s is left over."""
    halves = [
        engine(role.value, role=role, gpu="A", gpus=4, capacity_rps=10.0)
        for role in (Role.PREFILL, Role.DECODE)
    ]
    load = workload("w0", rps=rates(ONCE), engines=halves, **limits)
    on_t = {("prefill", "t"): [1] * 4}
    of = spread(load, {("prefill", "s"): ONCE, ("decode", "s"): ONCE, **on_t}, "11")
    stood, full = substitutes(of, lost_at_s(of, "decode"))
    assert faults(of, stood, full) == []
    assert not unserved(of, stood).any()
    assert at(of, stood) == {("prefill", "t"): 1, ("decode", "t"): 1}


PARTS = [
    engine(name, gpu="A", gpus=1, part=Part("moe", name, index, None))
    for index, name in enumerate(("attention", "ffn"))
]


@pytest.mark.parametrize("divided", [[], PARTS])
def test_no_half_stands_in_alone(divided: list[Engine]) -> None:
    """On t there is room for prefill, on A, but for no decode, on B, as half of it is taken.

    Nor does a part of a divided engine, though there would be room for both.
    """
    halves = [
        *divided,
        engine("prefill", role=Role.PREFILL, gpu="A", gpus=8),
        engine("decode", role=Role.DECODE, gpu="B", gpus=8),
    ]
    load = workload("w0", rps=rates(ONCE), engines=halves, min_replicas={Role.PREFILL: 1})
    beside = workload("w1", rps=[10.0] * 4, engines=[lone("beside", gpu="B", gpus=4)])
    on = fleet(
        {"l0": {"A": 1, "B": 1}, "l1": {"A": 2, "B": 1}},
        node_types=(A, B),
        spines={"l0": "s", "l1": "t"},
    )
    of = scenario([load, beside], in_fleet=on)
    considered = candidates(of)
    problem = build_problem(of, considered)
    sizes = [
        [1] * 4 if pool.workload else ONCE if pool.domain == "s" and pool.part is None else NEVER
        for pool in problem.pools
    ]
    here = Case(of, considered, problem, np.array(sizes))
    stood, _ = substitutes(here, lost_at_s(here, "decode"))
    assert at(here, stood) == {("prefill", "s"): 1}
