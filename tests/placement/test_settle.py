"""What finds no room is planned anew with less supply: where and when, by hand."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest

from heteroplan.clock import Stop, never
from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Role
from heteroplan.errors import NoPlanError
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.mix import mixed_flow
from heteroplan.optimize.program.problem import Solution
from heteroplan.placement import Unplaced
from heteroplan.placement.settle import Settled, settle
from heteroplan.verify.placement import placement_faults
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.placement.cases import Case, Sizes, case
from tests.plans import stay

HALF = engine("half", role=Role.AGGREGATED, gpus=4)


def planned(of: Case) -> Incumbent:
    return incumbent(of.problem, Solution(of.replicas, mixed_flow(of.problem, of.replicas)))


def settled(of: Case, *others: Incumbent, stop: Stop = never, deadline: float = inf) -> Settled:
    plan = planned(of)
    return settle(
        of.scenario, of.candidates, of.problem, plan, others, 0.01, stop, deadline=deadline
    )


def between_halves(
    startup_s: float,
    *,
    cyclic: bool = True,
    spines: str = "ss",
    free: str = "",
    at_least: Mapping[Role, int] | None = None,
) -> Case:
    """Half of each of some nodes is taken all day; a replica of 8 GPUs is wanted at hour 2 of 4.

    A leaf has one node, the first two at the spine where the replica is to stand. On those of a
    spine in `free` nobody stands.
    """
    leaves = {f"l{i}": spine for i, spine in enumerate(spines, start=1)}
    loads = [
        workload(
            leaf,
            rps=[10.0] * 4,
            engines=[HALF],
            affinity=Affinity.LEAF,
            pin=[leaf],
            min_replicas=at_least,
        )
        for leaf, spine in leaves.items()
        if spine not in free
    ]
    whole = engine("whole", role=Role.AGGREGATED, gpus=8, startup_s=startup_s)
    rps = [0.0, 0.0, 10.0, 0.0]
    loads.append(workload("wide", rps=rps, engines=[whole], min_replicas=at_least))
    made = scenario(
        loads,
        in_fleet=fleet({leaf: {"h100x8": 1} for leaf in leaves}, spines=leaves),
        cyclic=cyclic,
    )
    considered = candidates(made)
    problem = build_problem(made, considered)
    wanted = {(4, "s"): [1] * 4 if at_least else [0, 0, 1, 0], (4, "u"): [0] * 4}
    sizes = [wanted.get((pool.gpus // 2, pool.domain), [1] * 4) for pool in problem.pools]
    return Case(made, considered, problem, np.array(sizes))


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize(
    ("startup_s", "gpus"),
    [(3600.0, [16, 8, 8, 16]), (7200.0, [8, 8, 8, 16])],
)
def test_supply_is_less_while_what_found_no_room_starts_and_serves(
    startup_s: float, gpus: list[int], cyclic: bool
) -> None:
    """Of the 16 GPUs of the spine 8 are held beside the replica: no more are left for it.

    Each hour of start is one more in which it holds its GPUs.
    """
    of = between_halves(startup_s, cyclic=cyclic)
    assert of.packed().unplaced == (Unplaced(2, 2, 1),)
    found = settled(of)
    assert found.packing.unplaced == ()
    rows = [row.gpus.tolist() for row in found.tighter.supplies if row.domain == "s"]
    assert rows == [gpus]
    for row, other in zip(found.tighter.supplies, of.problem.supplies, strict=True):
        assert row.domain == "s" or row.gpus.tolist() == other.gpus.tolist()


def test_supply_stays_where_everything_finds_room() -> None:
    of = case(Sizes({"s": [2, 1]}), on=fleet({"l1": {"h100x8": 2}}, spines={"l1": "s"}))
    found = settled(of)
    assert found.tighter is of.problem
    assert found.plan.solution.replicas.tolist() == [[2, 1]]


def test_supply_that_was_taken_away_stays_so_in_later_rounds() -> None:
    """The replica finds no room at one spine, then none at the other, where it is planned next.

    Then nowhere is left: it is not tried at the first one again.
    """
    of = between_halves(7200.0, cyclic=True, spines="ssuu")
    found = settled(of)
    assert found.packing.unplaced == ()
    rows = {row.domain: row.gpus.tolist() for row in found.tighter.supplies}
    assert [rows["s"], rows["u"]] == [[8, 8, 8, 16]] * 2


def test_a_move_costs_a_start_and_a_drain() -> None:
    """Of 8 GPUs at 2 USD for an hour; of three stays one has moved."""
    of = case(
        Sizes({"s": [1, 1]}, startup_s=3600.0), on=fleet({"l1": {"h100x8": 2}}, spines={"l1": "s"})
    )
    found = settled(of)
    moved = [stay(moved=each) for each in (False, True, False)]
    packing = replace(found.packing, stays=tuple(moved))
    assert replace(found, packing=packing).moves_cost(of.problem) == pytest.approx(16.0)
    assert found.moves_cost(of.problem) == 0.0


@pytest.mark.parametrize(("cyclic", "gpus"), [(False, [8, 8, 8, 16]), (True, [8, 8, 8, 8])])
def test_no_supply_is_taken_from_before_a_day_that_is_not_cyclic(
    cyclic: bool, gpus: list[int]
) -> None:
    """The replica is wanted at 2 and takes three hours to start."""
    found = settled(between_halves(10_800.0, cyclic=cyclic))
    assert [row.gpus.tolist() for row in found.tighter.supplies if row.domain == "s"] == [gpus]


def wide(of: Case, found: Settled) -> dict[str, list[int]]:
    """Replicas of 8 GPUs by domain."""
    return {
        pool.domain: sizes.tolist()
        for pool, sizes in zip(of.problem.pools, found.plan.solution.replicas, strict=True)
        if pool.gpus == 8
    }


def with_room_at_u(*, at_least: Mapping[Role, int] | None = None) -> Case:
    """Two nodes at s that are half taken, and one at u that is not."""
    return between_halves(0.0, spines="ssu", free="u", at_least=at_least)


def at_u(of: Case) -> Case:
    """The replica of 8 GPUs stands there."""
    wide = {pool.domain: p for p, pool in enumerate(of.problem.pools) if pool.gpus == 8}
    sizes = of.replicas.copy()
    sizes[wide["u"]], sizes[wide["s"]] = sizes[wide["s"]], 0
    return replace(of, replicas=sizes)


def test_for_what_found_no_room_another_stands_where_there_is() -> None:
    of = with_room_at_u()
    found = settled(of)
    assert found.tighter is of.problem
    assert wide(of, found) == {"s": [0] * 4, "u": [0, 0, 1, 0]}
    assert found.packing.unplaced == ()
    flow = found.plan.solution.flow
    served = [float(flow[p].sum()) for p, pool in enumerate(of.problem.pools) if pool.gpus == 8]
    assert served == pytest.approx([0.0, 1.0])
    assert not any(found.plan.unserved.values())


def test_what_found_no_room_is_left_out_for_who_interrupts() -> None:
    of = with_room_at_u()
    found = settled(of, stop=lambda: True)
    assert found.packing.unplaced == ()
    assert wide(of, found) == {"s": [0] * 4, "u": [0] * 4}
    assert found.plan.unserved[1] == pytest.approx(36_000.0)
    assert found.tighter is of.problem


def test_others_have_a_second_to_serve_once_time_is_up() -> None:
    """What packing leaves out is planned for, and others serve it in a fraction of that."""
    of = with_room_at_u()
    found = settled(of, deadline=0.0)
    assert wide(of, found) == {"s": [0] * 4, "u": [0, 0, 1, 0]}
    assert not any(found.plan.unserved.values())


def test_others_stand_in_before_anything_is_planned_anew() -> None:
    """One of 8 GPUs has no node; one of 4 stands in on B, which costs five times as much."""
    engines = [
        engine("big", role=Role.AGGREGATED, gpus=8),
        engine("other", role=Role.AGGREGATED, gpu="B", gpus=4),
    ]
    dear = node_type("B", gpu="B", usd_per_gpu_hour=10.0)
    on = fleet({"l1": {"h100x8": 1, "B": 1}}, node_types=(node_type(), dear))
    loads = [
        workload("w0", rps=[10.0, 20.0, 10.0, 10.0], engines=engines),
        workload("w1", rps=[10.0] * 4, engines=[engine("full", role=Role.AGGREGATED, gpus=8)]),
    ]
    made = scenario(loads, in_fleet=on)
    considered = candidates(made)
    problem = build_problem(made, considered)
    names = [pool.engine for pool in problem.pools]
    sizes = {"big": [0, 1, 0, 0], "other": [1] * 4, "full": [1] * 4}
    of = Case(made, considered, problem, np.array([sizes[name] for name in names]))
    found = settled(of)
    replicas = found.plan.solution.replicas
    assert found.tighter is problem
    stood = dict(zip(names, replicas.tolist(), strict=True))
    assert stood == {"big": [0] * 4, "other": [1, 2, 1, 1], "full": [1] * 4}
    assert list(placement_faults(replace(of, replicas=replicas).plan(found.packing))) == []


@pytest.mark.parametrize(("deadline", "better"), [(inf, True), (0.0, False)])
def test_another_plan_that_serves_more_is_packed_while_there_is_time(
    deadline: float, better: bool
) -> None:
    """The plan serves nothing, and another all, on three nodes."""
    of = at_u(with_room_at_u())
    empty = replace(of, replicas=np.zeros_like(of.replicas))
    full, nothing = planned(of), planned(empty)
    for others in ((full,), (full, nothing), (nothing, full)):
        found = settled(empty, *others, deadline=deadline)
        assert (found.plan.solution.replicas == (of.replicas if better else 0)).all()
        assert len(found.packing.stays) == (3 if better else 0)


def test_another_plan_that_finds_no_room_is_not_better() -> None:
    of = between_halves(0.0)
    halves = np.where([[pool.gpus == 4] for pool in of.problem.pools], of.replicas, 0)
    found = settled(replace(of, replicas=halves), planned(of))
    assert (found.plan.solution.replicas == halves).all()


ONE = {Role.AGGREGATED: 1}


@pytest.mark.parametrize("deadline", [inf, 0.0])
def test_replica_limits_that_no_packing_keeps_are_told(deadline: float) -> None:
    of = between_halves(0.0, at_least=ONE)
    with pytest.raises(NoPlanError, match="no plan that keeps min_replicas, pd_ratio and part"):
        settled(of, deadline=deadline)


@pytest.mark.parametrize("late", [{"stop": lambda: True}, {"deadline": 0.0}])
def test_another_plan_that_keeps_limits_is_packed_however_late_it_is(late: dict[str, Any]) -> None:
    of = with_room_at_u(at_least=ONE)
    other = at_u(of)
    found = settled(of, planned(other), **late)
    assert (found.plan.solution.replicas == other.replicas).all()


def test_limits_that_are_broken_are_mended_however_late_it_is() -> None:
    """A round of some seconds is always left for it."""
    of = with_room_at_u(at_least=ONE)
    found = settled(of, deadline=0.0)
    assert found.tighter is not of.problem
    assert (found.plan.solution.replicas == at_u(of).replicas).all()
    assert not found.plan.broken
