"""What finds no room is planned anew with less supply: where and when, by hand."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Role
from heteroplan.optimize.build import build_problem
from heteroplan.optimize.mix import mixed_flow
from heteroplan.optimize.primal import incumbent
from heteroplan.optimize.problem import Solution
from heteroplan.optimize.solver import never
from heteroplan.placement import Homeless
from heteroplan.placement.settle import Settled, settle
from tests.builders import candidates, engine, fleet, scenario, workload
from tests.placement.cases import Case, Sizes, case
from tests.plans import stay

HALF = engine("half", role=Role.AGGREGATED, gpus=4)


def settled(of: Case) -> Settled:
    plan = incumbent(of.problem, Solution(of.replicas, mixed_flow(of.problem, of.replicas)))
    return settle(of.scenario, of.candidates, of.problem, plan, (), 0.01, never, deadline=inf)


def between_halves(startup_s: float, *, cyclic: bool, spines: str = "ss") -> Case:
    """Half of each of some nodes is taken all day; a replica of 8 GPUs is wanted at hour 2 of 4.

    A leaf has one node, the first two at the spine where the replica is to stand.
    """
    leaves = {f"l{i}": spine for i, spine in enumerate(spines, start=1)}
    loads = [
        workload(leaf, rps=[10.0] * 4, engines=[HALF], affinity=Affinity.LEAF, pin=[leaf])
        for leaf in leaves
    ]
    whole = engine("whole", role=Role.AGGREGATED, gpus=8, startup_s=startup_s)
    loads.append(workload("wide", rps=[0.0, 0.0, 10.0, 0.0], engines=[whole]))
    made = scenario(
        loads,
        in_fleet=fleet({leaf: {"h100x8": 1} for leaf in leaves}, spines=leaves),
        cyclic=cyclic,
    )
    considered = candidates(made)
    problem = build_problem(made, considered)
    wanted = {(4, "s"): [0, 0, 1, 0], (4, "u"): [0] * 4}
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
    assert of.packed().homeless == (Homeless(2, 2, 1),)
    found = settled(of)
    assert found.packing.homeless == ()
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
    assert found.packing.homeless == ()
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
