"""What one more node of each type is worth to a plan, by place and hour."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from heteroplan.clock import Stop
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Leaf, Network
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.bound.lp_prices import supply_worth
from heteroplan.optimize.construct.all_workloads import scarce_where_short
from heteroplan.optimize.incumbent import Incumbent, incumbent, of_sizes
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.search import FOR_A_TRIAL
from heteroplan.optimize.solve import solve
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.planning.assemble import SizedPool, sizes_of

CHECKED = 3
"""Nodes that are tried by solving again."""
TIE = 1e-9
"""Weight of scarcity, which only decides between places of which the LP says the same."""
LP_SHARE = 0.4
"""Of the time, at most, for the LP; the rest is for solving again."""


@dataclass(frozen=True, slots=True)
class SolvedAgain:
    """What a node gained when the program was solved again with it."""

    saved: float
    """Objective units over the horizon."""
    served: float
    """Requests over the horizon that are served in addition."""


@dataclass(frozen=True, slots=True)
class NodeWorth:
    """One more node of a type on one of some leaves that are alike."""

    node_type: str
    leaves: tuple[str, ...]
    """On any of which it is worth the same."""
    saved: tuple[float, ...]
    """By interval, objective units; an estimate from the LP."""
    served: tuple[float, ...]
    """By interval, requests that are served in addition; an estimate from the LP."""
    again: SolvedAgain | None = None
    """By solving again; None where that was not done."""


def node_worths(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    pools: Sequence[SizedPool],
    *,
    time_limit_s: float,
    stop: Stop,
) -> tuple[NodeWorth, ...] | None:
    """What one more node is worth, most first; those worth nothing are left out.

    Only of node types that a leaf has. Those worth most are solved again, from `pools`, and
    compared with the plan solved again as long. Where demand is short only because replicas are
    whole, the LP says nothing, and solving again tells. None where time does not suffice for the
    LP.
    """
    began = monotonic()
    problem = build_problem(scenario, candidates).without_stability()
    plan = of_sizes(problem, sizes_of(problem, candidates, pools))
    lp_effort = Effort(deadline=began + LP_SHARE * time_limit_s, stop=stop)
    worth = supply_worth(problem, lp_effort, short=not plan.covered)
    if worth is None:
        return None
    cost, requests = (worth, 0.0 * worth) if plan.covered else (0.0 * worth, worth)
    out = scarce_where_short(problem, plan)
    ranked: list[tuple[float, NodeWorth]] = []
    for node_type, leaves, rows in _places(scenario, problem):
        saved = _by_interval(problem, scenario, rows, node_type, cost)
        served = _by_interval(problem, scenario, rows, node_type, requests)
        scarce = float(out[list(rows)].sum())
        if sum(saved) + sum(served) > ROUNDING or scarce > 0.0:
            rank = sum(served) or sum(saved)
            ranked.append((rank + TIE * scarce, NodeWorth(node_type, leaves, saved, served)))
    found = [each for _, each in sorted(ranked, key=lambda item: -item[0])]
    left_s = began + time_limit_s - monotonic()
    again = _solved_again(scenario, candidates, plan, problem, found[:CHECKED], left_s, stop)
    return (*again, *found[CHECKED:])


def _solved_again(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    plan: Incumbent,
    problem: Problem,
    first: Sequence[NodeWorth],
    seconds: float,
    stop: Stop,
) -> Iterator[NodeWorth]:
    """The same with what solving again gains, each as long as the plan without a node."""
    each_s = seconds / (len(first) + 1)
    before = improved(problem, plan, each_s, stop) if first else plan
    for node in first:
        if stop() or each_s <= 0:
            yield node
            continue
        larger = build_problem(
            with_nodes(scenario, node.leaves[0], node.node_type), candidates
        ).without_stability()
        start = of_sizes(larger, before.solution.replicas)
        after = improved(larger, start, each_s, stop)
        lost, still = sum(before.unserved.values()), sum(after.unserved.values())
        saved = max(0.0, before.cost - after.cost) if plan.covered else 0.0
        yield replace(node, again=SolvedAgain(saved, max(0.0, lost - still)))


def improved(
    problem: Problem, plan: Incumbent, seconds: float, stop: Stop, gap: float = 0.0
) -> Incumbent:
    """The best plan found from `plan` in some seconds; `plan` itself where that is none better."""
    try:
        found = solve(
            problem, gap=gap, time_limit_s=seconds, stop=stop, starts=[plan.solution.replicas],
            without=FOR_A_TRIAL, beside=False,
        )  # fmt: skip
    except NoPlanError:
        return plan
    return min(plan, incumbent(problem, found.solution), key=lambda each: each.rank)


def with_nodes(scenario: Scenario, leaf: str, node_type: str, nodes: int = 1) -> Scenario:
    """The scenario with more nodes of a type on a leaf."""

    def grown(each: Leaf) -> Leaf:
        if each.name != leaf:
            return each
        return replace(each, nodes={**each.nodes, node_type: each.nodes.get(node_type, 0) + nodes})

    fleet = scenario.fleet
    network = Network(tuple(grown(each) for each in fleet.network.leaves))
    return replace(scenario, fleet=replace(fleet, network=network))


def _places(
    scenario: Scenario, problem: Problem
) -> Iterator[tuple[str, tuple[str, ...], tuple[int, ...]]]:
    """Node types, the leaves on which a node draws on the same supply rows, and these rows."""
    alike: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for leaf in scenario.fleet.network.leaves:
        for node_type, nodes in leaf.nodes.items():
            rows = tuple(
                r
                for r, row in enumerate(problem.supplies)
                if row.node_type == node_type and leaf.domain(row.level) == row.domain
            )
            if nodes > 0 and rows:
                alike.setdefault((node_type, rows), []).append(leaf.name)
    for (node_type, rows), leaves in alike.items():
        yield node_type, tuple(leaves), rows


def _by_interval(
    problem: Problem, scenario: Scenario, rows: Sequence[int], node_type: str, worth: Floats
) -> tuple[float, ...]:
    """What all GPUs of a node are worth; a row that counts groups of GPUs gets whole ones."""
    gpus = scenario.fleet.node_type(node_type).gpus
    units = [problem.supplies[r].unit for r in rows]
    counted = np.array([gpus // unit * unit if unit <= gpus else gpus for unit in units])
    return tuple((counted @ worth[list(rows)]).tolist())
