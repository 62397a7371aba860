"""The interval before the horizon: what runs then keeps its nodes, what starts then finds others.

Sizes are packed with one interval more, in which everything stands that runs; what comes out is
counted from the horizon on again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, timedelta

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.placement import Stay
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.placement.first_fit import Placed
from heteroplan.placement.nodes import Nodes

type _Place = tuple[str, str, str, str, frozenset[str]]
"""Workload, engine, node type, leaf and nodes of a replica."""


def is_known(problem: Problem) -> bool:
    """Whether it is known what runs before the horizon."""
    return problem.before is not None and not problem.cyclic


def from_before(problem: Problem, replicas: Ints) -> Ints:
    """[P, 1 + T] what runs before the horizon, and sizes [P, T]."""
    assert problem.before is not None
    return np.column_stack([problem.before, replicas])


def nodes_from_before(
    scenario: Scenario, nodes: Nodes, node_type: str, strangers: Sequence[Running]
) -> Nodes:
    """The nodes with one interval more, in which `strangers` stand that no pool may keep."""
    free, gpus = _there_before(scenario, nodes, node_type), _gpus(scenario)
    kept = Counter(scenario.current or ())
    kept.subtract(strangers)
    others = np.zeros_like(free)
    for each in kept.elements():
        if each.node_type == node_type and each.nodes:
            _take(nodes, others, each, gpus[each.workload, each.engine])
    free += others
    for each in sorted(strangers, key=lambda each: not each.nodes):
        if each.node_type == node_type:
            _take(nodes, free, each, gpus[each.workload, each.engine])
    free -= others
    return replace(nodes, free=np.vstack([np.maximum(0, free), nodes.free]).astype(np.int32))


def in_horizon(placed: Iterable[Placed]) -> Iterator[Placed]:
    """What was placed from the interval before on, counted from the horizon on.

    What goes on elsewhere when the horizon begins is no move, as nothing before it is counted.
    """
    for each in placed:
        first, intervals = max(0, each.first - 1), each.intervals - (each.first == 0)
        if intervals:
            lead, moved = min(each.lead, first), each.moved and first > 0
            yield replace(each, first=first, intervals=intervals, lead=lead, moved=moved)


def booked_twice(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    nodes: Mapping[str, Nodes],
    stays: Sequence[Stay],
) -> int:
    """GPUs of replicas that start before the horizon on nodes (by type) that others hold then."""
    if not is_known(problem):
        return 0
    running = Counter(
        (each.workload, each.engine, each.node_type, each.leaf, frozenset(each.nodes))
        for each in scenario.current or ()
    )
    gpus, over = _gpus(scenario), 0
    new = [stay for stay in stays if not _goes_on(problem, candidates, running, stay)]
    for node_type, on in nodes.items():
        free = _there_before(scenario, on, node_type)
        for each in scenario.current or ():
            if each.node_type == node_type:
                _take(on, free, each, gpus[each.workload, each.engine])
        index = {name: n for n, name in enumerate(on.names)}
        for stay in new:
            pool = problem.pools[stay.pool]
            if pool.node_type == node_type and stay.first < pool.lead:
                where = [index[name] for name in stay.nodes]
                share = pool.gpus // len(where)
                over += sum(share - min(share, max(0, int(free[n]))) for n in where)
                free[where] -= share
    return over


def _goes_on(
    problem: Problem, candidates: Sequence[Candidate], running: Counter[_Place], stay: Stay
) -> bool:
    """Whether a stay is a replica that runs already, which is then taken from `running`."""
    own = candidates[problem.pools[stay.pool].candidate]
    name = (own.workload, own.engine.name, problem.pools[stay.pool].node_type, stay.leaf)
    for nodes in (frozenset(stay.nodes), frozenset[str]()) if stay.first == 0 else ():
        if running[*name, nodes] > 0:
            running[*name, nodes] -= 1
            return True
    return False


def _there_before(scenario: Scenario, nodes: Nodes, node_type: str) -> Ints:
    """[n] GPUs of nodes that are there in the interval before the horizon."""
    horizon = scenario.horizon
    start = horizon.start.astimezone(UTC)
    begin = start - timedelta(seconds=horizon.interval_s)
    there = np.zeros(len(nodes.names), dtype=np.int64)
    for number, leaf in enumerate(nodes.leaves):
        on = np.flatnonzero(nodes.leaf_of == number)
        count = scenario.fleet.nodes_available(leaf, node_type, begin, start)
        there[on[:count]] = nodes.gpus
    return there


def _take(nodes: Nodes, free: Ints, running: Running, gpus: int) -> None:
    """Hold a running replica's GPUs: on its nodes, or on the fullest of its leaf that have room."""
    on = nodes.standing(running.leaf, running.nodes)
    count = max(1, gpus // nodes.gpus)
    if not running.nodes:
        fits = on[free[on] >= gpus // count]
        on = fits[np.argsort(free[fits], kind="stable")]
    for node in on[:count]:
        free[node] -= gpus // count


def _gpus(scenario: Scenario) -> dict[tuple[str, str], int]:
    """GPUs a replica by workload and engine."""
    return {
        (workload.name, engine.name): engine.gpus
        for workload in scenario.workloads
        for engine in workload.profile.engines
    }
