"""Plans whose GPU counts fit but whose nodes do not: mended, moved or told short, and said so.

Every plan here has been verified node by node on the way.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from heteroplan.entities.fleet import NodeType
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Plan, Termination
from heteroplan.entities.workload import Engine, Role, Workload
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solve import Outcome, solve
from heteroplan.planning import make_plan
from tests.builders import candidates, engine, fleet, node_type, scenario, workload

H100 = node_type()
DEAR = node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=3.0)
BIG = engine("big", role=Role.AGGREGATED, gpus=8)
BIG_DEAR = engine("big-dear", role=Role.AGGREGATED, gpu="L40S", gpus=8)


def on_leaf(name: str, leaf: str, *, gpus: int = 4, rps: Sequence[float] = (10.0,)) -> Workload:
    made = engine(f"{name}-both", role=Role.AGGREGATED, gpus=gpus)
    return workload(name, rps=rps, engines=[made], affinity=Affinity.LEAF, pin=[leaf])


def on_spine(*engines: Engine, rps: Sequence[float] = (10.0,)) -> Workload:
    return workload("wide", rps=rps, engines=engines)


def planned(*loads: Workload, dear: int = 0, gap: float = 0.01, cyclic: bool = True) -> Plan:
    """On two leaves of one H100 node each, and a third with `dear` nodes, all of one spine."""
    types: list[NodeType] = [H100, DEAR]
    of = scenario(
        loads,
        in_fleet=fleet(
            {"l1": {"h100x8": 1}, "l2": {"h100x8": 1}, "l3": {"l40sx8": dear}},
            node_types=types,
            spines=dict.fromkeys(("l1", "l2", "l3"), "s"),
        ),
        cyclic=cyclic,
    )
    return make_plan(of, candidates(of), gap=gap, time_limit_s=10.0, compare=False)


def test_replica_without_a_node_is_told_short() -> None:
    """4 GPUs on each leaf leave 4 + 4, no node for a replica of 8: one of three goes short.

    By GPU counts all would be served, so that one must go short is not proved, only that no plan
    that leaves as little unserved costs less than the 16 USD of the two on the leaves.
    """
    plan = planned(on_leaf("a", "l1"), on_leaf("b", "l2"), on_spine(BIG))
    (shortage,) = plan.shortages
    assert shortage.unserved_rps == pytest.approx(10.0)
    assert shortage.reasons
    assert plan.totals.served_fraction == pytest.approx(2 / 3)
    assert plan.report.unserved_requests == pytest.approx(36_000.0)
    assert plan.report.unserved_requests_bound == 0.0
    assert plan.report.objective == pytest.approx(16.0)
    assert plan.report.bound == pytest.approx(16.0, rel=1e-5)
    assert plan.report.termination is Termination.EXHAUSTED


def test_plan_that_cannot_be_had_is_not_solved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closer solve brings no node: one with less supply finds nothing better, then it ends."""
    solved: list[Problem] = []

    def noting(problem: Problem, **options: Any) -> Outcome:
        solved.append(problem)
        return solve(problem, **options)

    monkeypatch.setattr("heteroplan.planning.make.solve", noting)
    planned(on_leaf("a", "l1"), on_leaf("b", "l2"), on_spine(BIG))
    assert len(solved) == 2


@pytest.mark.parametrize(
    ("gap", "termination"),
    [
        (0.01, Termination.EXHAUSTED),
        (0.19, Termination.EXHAUSTED),
        (0.21, Termination.GAP_REACHED),
    ],
)
def test_replica_without_a_node_goes_to_other_hardware(
    gap: float, termination: Termination
) -> None:
    """By GPU counts 4 + 4 + 8 H100 at 2 USD are 32 USD. 8 L40S at 3 USD make it 8 + 8 + 24 = 40.

    The bound of 32 USD leaves a gap of 20 %.
    """
    plan = planned(on_leaf("a", "l1"), on_leaf("b", "l2"), on_spine(BIG, BIG_DEAR), dear=1, gap=gap)
    assert plan.covered
    assert plan.report.objective == pytest.approx(40.0)
    assert plan.report.bound == pytest.approx(32.0, rel=1e-5)
    assert plan.report.termination is termination


@pytest.mark.parametrize(
    ("gap", "termination"), [(0.01, Termination.EXHAUSTED), (0.2, Termination.GAP_REACHED)]
)
def test_replica_that_must_make_way_moves(gap: float, termination: Termination) -> None:
    """l1 is taken at 0 and l2 at 2, so the replica of all three hours stands on l2, then on l1.

    16 USD at 0, at 2 and for each of its own hours, 80. The move is a start and a drain of half
    an hour each, 8·2·1 = 16 USD: 96. Starts: that one and who takes l2. The bound does not see
    nodes: 16 / 96 = 16.7 %.
    """
    slow = engine("slow", role=Role.AGGREGATED, gpus=8, startup_s=1800, drain_s=1800)
    plan = planned(
        on_leaf("a", "l1", gpus=8, rps=[10.0, 0.0, 0.0]),
        on_leaf("b", "l2", gpus=8, rps=[0.0, 0.0, 10.0]),
        on_spine(slow, rps=[10.0] * 3),
        gap=gap,
        cyclic=False,
    )
    assert plan.covered
    stood = [each for each in plan.stays if plan.pools[each.pool].workload == "wide"]
    assert [(each.leaf, each.first, each.intervals) for each in stood] == [
        ("l2", 0, 2),
        ("l1", 2, 1),
    ]
    assert (plan.totals.starts, plan.totals.moves) == (2, 1)
    assert plan.totals.cost_usd == pytest.approx(96.0)
    assert plan.report.objective == pytest.approx(96.0)
    assert plan.report.bound == pytest.approx(80.0, rel=1e-5)
    assert plan.report.termination is termination


def test_what_packs_at_once_is_as_proven_as_it_was_solved() -> None:
    """2 x 4 and 8 GPUs on two nodes: 32 USD, the bound too."""
    plan = planned(on_leaf("a", "l1"), on_leaf("b", "l1"), on_spine(BIG))
    assert plan.covered
    assert plan.report.termination is Termination.OPTIMAL
    assert (plan.totals.moves, plan.totals.cost_usd) == (0, pytest.approx(32.0))
