"""Service that found no room goes to other pools, into room that is left on nodes."""

from collections.abc import Iterable, Sequence
from math import ceil

from heteroplan.clock import Stop, never
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.program.mix import mix_share, role_cover
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules import is_choosy
from heteroplan.placement.pack import Packing
from heteroplan.placement.substitution.free_capacity import FreeCapacity

MOST = 16
"""Replicas that may serve instead of one in an interval."""


def substituted(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    replicas: Ints,
    packing: Packing,
    stop: Stop = never,
) -> tuple[Ints, Packing]:
    """`replicas` [P, T] without the unplaced and with those that serve instead, as packed.

    A substitute starts anew, or starts earlier or stops later than it would. What no other
    serves until `stop()` stays short.
    """
    free_capacity = FreeCapacity.of(scenario, candidates, problem, replicas, packing)
    lost = [
        (each.pool, int(t))
        for each in sorted(packing.unplaced, key=lambda each: each.first)
        for t in free_capacity.times(each.first, each.intervals)
    ]
    for pool, t in lost:
        if stop():
            break
        _serve_instead(free_capacity, pool, t)
    return free_capacity.replicas, free_capacity.packed()


def _serve_instead(free_capacity: FreeCapacity, pool: int, t: int) -> None:
    """Others serve in interval `t` until nothing is short or what one of `pool` would have.

    First those of its own group; then of others, first where some serve already.
    """
    problem = free_capacity.problem
    w, own = problem.pools[pool].workload, problem.pools[pool].group
    groups = problem.groups(w)
    lost = float(mix_share(problem, pool)[t])
    alike = _whole(problem, groups[own], problem.pools[pool].stages)
    for other in _cheapest_first(problem, alike, t, lost):
        gives = float(mix_share(problem, other)[t])
        while (
            lost > COVER_TOLERANCE
            and free_capacity.missing(w, t)
            and free_capacity.serve_more(other, t)
        ):
            lost -= gives
    used = {name: bool(free_capacity.replicas[members].any()) for name, members in groups.items()}
    for name in sorted(groups, key=lambda name: not used[name]):
        if name != own and (used[name] or not is_choosy(problem, w)):
            _elsewhere(free_capacity, w, groups[name], t, lost)


def _elsewhere(
    free_capacity: FreeCapacity, w: int, members: Sequence[int], t: int, lost: float
) -> None:
    """Replicas of another group until nothing is short, on the side that could serve less."""
    problem = free_capacity.problem
    able = [p for p in _whole(problem, members) if free_capacity.way(p, t) is not None]
    roles = {problem.pools[p].role for p in able}
    sides = [Role.AGGREGATED] if Role.AGGREGATED in roles else [Role.PREFILL, Role.DECODE]
    if not roles.issuperset(sides):
        return
    for _ in range(MOST):
        if not free_capacity.missing(w, t):
            return
        less = min(
            sides, key=lambda role: role_cover(problem, members, free_capacity.replicas, role)[t]
        )
        alike = [p for p in able if problem.pools[p].role is less]
        if not any(
            free_capacity.serve_more(p, t) for p in _cheapest_first(problem, alike, t, lost)
        ):
            return


def _whole(
    problem: Problem, pools: Iterable[int], stages: tuple[int, ...] | None = None
) -> list[int]:
    """Pools that serve these stages, or any, whose engines are whole."""
    specs = problem.pools
    return [p for p in pools if specs[p].part is None and stages in (None, specs[p].stages)]


def _cheapest_first(problem: Problem, pools: Iterable[int], t: int, lost: float) -> list[int]:
    """Those that can serve, by what it costs that they serve a lost share of the demand."""
    cost = {}
    for p in pools:
        own, gives = problem.pools[p], float(mix_share(problem, p)[t])
        if gives > 0.0:
            cost[p] = ceil(max(lost, gives) / gives) * float(own.run_cost[t] + own.start_cost)
    return sorted(cost, key=lambda p: cost[p])
