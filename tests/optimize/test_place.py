"""Placements that the clock or the user ends half way."""

import numpy as np
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Loss, RatioBand, Resilience, Role
from heteroplan.optimize.place import place
from heteroplan.optimize.primal import place_all
from heteroplan.optimize.problem import Problem
from heteroplan.optimize.scarce import scarce_use, spare_scarce
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of

L40S = node_type("l40sx8", gpu="L40S")
BOTH = engine("both", role=Role.AGGREGATED, gpus=8)


def on_three_leaves(lose: Loss | None) -> Problem:
    """30 rps are asked for; a leaf serves 10, or 20 where a node may be lost."""
    promise = None if lose is None else Resilience(lose, 0.5)
    load = workload(rps=[30.0], engines=[BOTH], affinity=Affinity.LEAF, resilience=promise)
    nodes = 2 if lose is Loss.NODE else 1
    leaves = {f"l{i}": {"h100x8": nodes} for i in range(3)}
    return problem_of(scenario([load], in_fleet=fleet(leaves)))


def placed(problem: Problem, asked: int) -> int:
    """Replicas where it is ended after it has asked so many times whether to go on."""
    replicas = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    answers = iter([False] * asked)
    place(problem, 0, replicas, 0.0 * replicas, stop=lambda: next(answers, True))
    return int(replicas.sum())


@pytest.mark.parametrize("lose", [None, *Loss])
def test_a_placement_grows_leaf_by_leaf_until_it_is_ended(lose: Loss | None) -> None:
    problem = on_three_leaves(lose)
    sizes = [placed(problem, asked) for asked in range(9)]
    assert sizes == sorted(sizes)
    leafwise = [0, 2, 4] if lose is Loss.NODE else [0, 1, 2, 3]
    assert sorted(set(sizes)) == leafwise


def test_minima_are_kept_where_the_promise_lets_nothing_be_served() -> None:
    """One leaf, whose loss takes all: decode stands by, and the ratio asks for prefill."""
    load = workload(
        min_replicas={Role.DECODE: 1},
        pd_ratio=RatioBand(0.5, 2.0),
        resilience=Resilience(Loss.LEAF, 0.5),
    )
    problem = problem_of(scenario([load]))
    plan = place_all(problem, np.zeros((len(problem.supplies), 1)), [0])
    assert plan.solution.replicas.tolist() == [[1], [1]]
    assert plan.broken == 0.0
    assert sum(plan.unserved.values()) == pytest.approx(36_000.0)


def test_once_ended_no_move_off_scarce_hardware_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each is a placement, which may take seconds."""
    nodes = {"mixed": {"h100x8": 1, "l40sx8": 1}, "plain": {"h100x8": 1, "l40sx8": 0}}
    on = fleet(nodes, node_types=(node_type(), L40S))
    load = workload(engines=[BOTH], pin=["mixed-spine"])
    problem = problem_of(scenario([load], in_fleet=on))
    plan = place_all(problem, np.zeros((len(problem.supplies), 1)), [0])
    assert any(scarce_use(problem, plan.solution.replicas))
    looked: list[bool] = []

    def replaced(*given: object, **named: object) -> None:
        looked.append(True)

    monkeypatch.setattr("heteroplan.optimize.scarce.replaced", replaced)
    assert spare_scarce(problem, plan, lambda: True) is plan
    assert not looked
