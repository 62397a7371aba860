"""The interval before the horizon: who stands where until then, by hand."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.fleet import Outage
from heteroplan.entities.placement import node_names
from heteroplan.entities.scenario import Running
from heteroplan.entities.workload import Role
from heteroplan.placement import pack
from heteroplan.placement.substitution.substitute import substituted
from heteroplan.verify.placement import placement_faults
from tests.builders import candidates, engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.placement.cases import Case

NODES = ("l1-h100x8-001", "l1-h100x8-002")


def handed(
    sizes: dict[str, Sequence[int]],
    ran: Sequence[tuple[str, str]],
    *,
    nodes: int = 2,
    gpus: int = 8,
    outages: Sequence[Outage] = (),
) -> Case:
    """Engines of `gpus` GPUs on one leaf, sizes by engine; `ran` are engines and their nodes.

    An interval is an hour, a start takes half of one.
    """
    made = scenario(
        [
            workload(
                rps=(1.0,) * len(next(iter(sizes.values()))),
                engines=[
                    engine(name, role=Role.AGGREGATED, gpus=gpus, startup_s=1800.0)
                    for name in sizes
                ],
            )
        ],
        in_fleet=fleet({"l1": {"h100x8": nodes}}, outages=outages),
        cyclic=False,
    )
    current = tuple(
        Running("w", name, "h100x8", "l1", (node,) if node else ()) for name, node in ran
    )
    made = replace(made, current=current)
    return Case(made, candidates(made), problem_of(made), np.array(list(sizes.values())))


def places(of: Case) -> list[tuple[str, int, int]]:
    """(node, first, intervals) of each stay, none of which has a fault, in order."""
    packing = of.packed()
    assert not list(placement_faults(of.plan(packing)))
    return sorted((stay.nodes[0], stay.first, stay.intervals) for stay in packing.stays)


def test_what_starts_finds_the_node_on_which_nothing_ran() -> None:
    """The old replica stands on the first node until midnight; the new one starts beside it."""
    of = handed({"old": [0, 0], "new": [1, 1]}, [("old", NODES[0])])
    assert places(of) == [(NODES[1], 0, 2)]


def test_without_a_free_node_nothing_starts_before_midnight() -> None:
    """It serves from the second interval on, when it has held its node for the first."""
    of = handed({"old": [0, 0, 0], "new": [1, 1, 1]}, [("old", NODES[0])], nodes=1)
    (lost,) = of.packed().unplaced
    assert (lost.first, lost.intervals) == (0, 1)
    (stay,) = of.packed().stays
    assert (stay.nodes, stay.first, stay.intervals, stay.lead) == ((NODES[0],), 1, 2, 1)


def test_halves_of_two_nodes_are_no_whole_one() -> None:
    """Replicas of 4 GPUs ran on both nodes: 8 GPUs are free, but on no node."""
    made = handed({"old": [0, 0], "new": [1, 1]}, [("old", NODES[0]), ("old", NODES[1])], gpus=4)
    engines = [
        replace(each, gpus=gpus)
        for each, gpus in zip(made.scenario.workloads[0].profile.engines, (4, 8), strict=True)
    ]
    of = replace(
        made.scenario,
        workloads=(
            replace(
                made.scenario.workloads[0],
                profile=replace(made.scenario.workloads[0].profile, engines=tuple(engines)),
            ),
        ),
    )
    problem = problem_of(of)
    assert [row.free_before for row in problem.supplies] == [8]
    packing = pack(of, candidates(of), problem, made.replicas)
    assert [(each.first, each.intervals) for each in packing.unplaced] == [(0, 1)]


def test_what_goes_on_stays_where_it_is() -> None:
    of = handed({"old": [1, 1], "new": [1, 1]}, [("old", NODES[1])])
    assert places(of) == [(NODES[0], 0, 2), (NODES[1], 0, 2)]


def test_of_a_leaf_what_ran_holds_some_node() -> None:
    """It is not known on which node the old replica stands; one of the two is left."""
    of = handed({"old": [0, 0], "new": [1, 1]}, [("old", "")])
    assert len(places(of)) == 1
    full = handed({"old": [0, 0], "new": [2, 2]}, [("old", "")])
    assert [(each.first, each.intervals) for each in full.packed().unplaced] == [(0, 1)]


def test_a_node_that_comes_back_at_midnight_is_not_there_before() -> None:
    start = scenario([workload()]).horizon.start
    away = Outage("l1", "h100x8", 1, start - timedelta(hours=2), start)
    of = handed({"old": [1, 1], "new": [1, 1]}, [("old", NODES[0])], outages=(away,))
    assert [(each.first, each.intervals) for each in of.packed().unplaced] == [(0, 1)]


@given(seed=st.integers(0, 10**9))
def test_whatever_ran_and_whatever_comes_no_node_is_booked_twice(seed: int) -> None:
    """Random sizes that domains hold, after random replicas, some on nodes that go away.

    Nor where others stand in for what found no room; demand is always short.
    """
    rng = random.Random(seed)
    gpus = [rng.choice([2, 4, 8]) for _ in range(3)]
    nodes, intervals = rng.randint(1, 4), rng.randint(2, 5)
    startup_s = rng.choice([1800.0, 5400.0])
    start = scenario([workload()]).horizon.start
    away = Outage("l2", "h100x8", 1, start, start + timedelta(hours=rng.randint(1, 5)))
    made = scenario(
        [
            workload(
                rps=(1e4,) * intervals,
                engines=[
                    engine(f"e{i}", role=Role.AGGREGATED, gpus=n, startup_s=startup_s)
                    for i, n in enumerate(gpus)
                ],
            )
        ],
        in_fleet=fleet(
            {"l1": {"h100x8": nodes}, "l2": {"h100x8": nodes}},
            spines={"l1": "s", "l2": "s"},
            outages=(away,) if rng.random() < 0.5 else (),
        ),
        cyclic=False,
    )
    running, named = [], rng.random() < 0.7
    for leaf in made.fleet.network.leaves:
        for node in node_names(leaf, "h100x8"):
            left = 8
            while rng.random() < 0.7 and (n := gpus[i := rng.randrange(3)]) <= left:
                left -= n
                on = (node,) if named else ()
                running.append(Running("w", f"e{i}", "h100x8", leaf.name, on))
    made = replace(made, current=tuple(running))
    problem = problem_of(made)
    most = [nodes * 8 // n for n in gpus]
    replicas = np.array([[rng.randint(0, n) for _ in range(intervals)] for n in most])
    while any((left < 0).any() for left in problem.residual(replicas)):
        replicas //= 2
    packing = pack(made, candidates(made), problem, replicas)
    stood, full = substituted(made, candidates(made), problem, replicas, packing)
    assert not list(placement_faults(Case(made, candidates(made), problem, stood).plan(full)))
    for lost in packing.unplaced:
        replicas[lost.pool, lost.first : lost.first + lost.intervals] -= 1
    placed = Case(made, candidates(made), problem, replicas).plan(packing)
    assert not list(placement_faults(placed))


def test_a_plan_that_books_a_node_twice_is_found_out() -> None:
    of = handed({"old": [0, 0], "new": [1, 1]}, [("old", NODES[0])])
    packing = of.packed()
    wrong = replace(packing, stays=(replace(packing.stays[0], nodes=(NODES[0],)),))
    (fault,) = placement_faults(of.plan(wrong))
    assert fault == ("l1-h100x8-001: 8 GPUs start before the horizon, 8 are held then, it has 8")
    unknown = handed({"old": [0, 0], "new": [2, 2]}, [("old", "")])
    both = [replace(packing.stays[0], nodes=(node,), replica_id=node) for node in NODES]
    (fault,) = placement_faults(unknown.plan(replace(packing, stays=tuple(both))))
    assert fault == ("l1: 16 GPUs of h100x8 start before the horizon, 8 are held then, it has 16")
