"""What finds no room is planned anew with less supply: where and when, by hand."""

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

HALF = engine("half", role=Role.AGGREGATED, gpus=4)


def settled(of: Case) -> Settled:
    plan = incumbent(of.problem, Solution(of.replicas, mixed_flow(of.problem, of.replicas)))
    return settle(of.scenario, of.candidates, of.problem, plan, (), 0.01, never, deadline=inf)


def between_halves(startup_s: float, *, cyclic: bool) -> Case:
    """Half of each of two nodes is taken all day; a replica of 8 GPUs is wanted at hour 2 of 4."""
    loads = [
        workload(leaf, rps=[10.0] * 4, engines=[HALF], affinity=Affinity.LEAF, pin=[leaf])
        for leaf in ("l1", "l2")
    ]
    whole = engine("whole", role=Role.AGGREGATED, gpus=8, startup_s=startup_s)
    loads.append(workload("wide", rps=[0.0, 0.0, 10.0, 0.0], engines=[whole]))
    on = fleet(
        {leaf: {"h100x8": 1} for leaf in ("l1", "l2")}, spines=dict.fromkeys(("l1", "l2"), "s")
    )
    made = scenario(loads, in_fleet=on, cyclic=cyclic)
    considered = candidates(made)
    sizes = np.array([[1] * 4, [1] * 4, [0, 0, 1, 0]])
    return Case(made, considered, build_problem(made, considered), sizes)


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
