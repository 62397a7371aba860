"""Service that found no room goes to other pools, into room that is left on nodes or is made."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from math import ceil, inf

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import PAIRED, Role
from heteroplan.numerics.runs import true_runs
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.one_workload import is_loose, refit
from heteroplan.optimize.construct.task import task_of
from heteroplan.optimize.program.mix import role_cover
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules import is_choosy
from heteroplan.placement.pack import Packing
from heteroplan.placement.substitution.free_capacity import Cut, FreeCapacity

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

    A substitute starts anew, or starts earlier or stops later than it would. All groups serve what
    they can of their own losses before others do: another group needs prefill and decode for it.
    Where none can and demand goes short, others make room: they serve a while less, and others
    again, on other nodes, serve instead, as long as that helps. What all this makes needless serves
    no more, and what is still short may have its nodes; but not where classes are served apart, of
    which only their mix is known here. All that until `stop()`. What is short then stays so.
    """
    free_capacity = FreeCapacity.of(scenario, candidates, problem, replicas, packing)
    lost = [
        (each.pool, t)
        for each in sorted(packing.unplaced, key=lambda each: each.first)
        for t in problem.times(each.first, each.intervals)
    ]
    for serve in (_in_own_group, _in_other_groups):
        for pool, t in lost:
            if stop():
                break
            serve(free_capacity, pool, t)
    where = {(problem.pools[pool].workload, t) for pool, t in lost}
    short = sorted(where, key=lambda each: (problem.workloads[each[0]].priority, *each))
    free_capacity = _with_room_for_all(free_capacity, short, stop)
    for w in sorted({w for w, _ in where}):
        if stop():
            break
        _serve_less(free_capacity, w)
    free_capacity = _with_room_for_all(free_capacity, short, stop)
    return free_capacity.replicas, free_capacity.packed()


def _with_room_for_all(
    free_capacity: FreeCapacity, short: Sequence[tuple[int, int]], stop: Stop
) -> FreeCapacity:
    """Workloads in intervals in which they are short get free nodes, or others make room for them.

    As long as that helps.
    """
    missing, before = sum(free_capacity.missing(*each) for each in short), inf
    while missing < before - COVER_TOLERANCE and not stop():
        for w, t in short:
            if stop():
                break
            free_capacity = _with_room_made(free_capacity, w, t, stop)
        missing, before = sum(free_capacity.missing(*each) for each in short), missing
    return free_capacity


def _serve_less(free_capacity: FreeCapacity, w: int) -> None:
    """What others serve of workload w now makes replicas needless."""
    problem = free_capacity.problem
    if not is_loose(problem, w) or w in free_capacity.needs:
        return
    fewer = free_capacity.replicas.copy()
    task = task_of(problem, w, fewer, np.zeros(fewer.shape))
    fewer[task.pools] = refit(task, fewer[task.pools], grow=False)
    for pool in problem.workloads[w].pools:
        while runs := true_runs(free_capacity.replicas[pool] > fewer[pool]):
            row = list(runs[0])
            if not free_capacity.serve_less(pool, row):
                fewer[pool, row] = free_capacity.replicas[pool, row]


def _in_own_group(free_capacity: FreeCapacity, pool: int, t: int) -> None:
    """Others of the group of `pool` serve what one of it would have, as far as that is short."""
    problem = free_capacity.problem
    w, own = problem.pools[pool].workload, problem.pools[pool].group
    lost = min(float(problem.pools[pool].mix_share[t]), free_capacity.missing(w, t))
    alike = _whole(problem, problem.groups(w)[own], problem.pools[pool].stages)
    for other in _cheapest_first(problem, alike, t, lost):
        gives = float(problem.pools[other].mix_share[t])
        while (
            lost > COVER_TOLERANCE
            and free_capacity.missing(w, t)
            and free_capacity.serve_more(other, t)
        ):
            lost -= gives


def _in_other_groups(free_capacity: FreeCapacity, pool: int, t: int) -> None:
    """Groups beside that of `pool` serve what is short, first where some serve already."""
    problem = free_capacity.problem
    w, own = problem.pools[pool].workload, problem.pools[pool].group
    if not free_capacity.missing(w, t):
        return
    groups = problem.groups(w)
    used = {name: bool(free_capacity.replicas[members].any()) for name, members in groups.items()}
    for name in sorted(groups, key=lambda name: not used[name]):
        if name != own and (used[name] or not is_choosy(problem, w)):
            _elsewhere(free_capacity, w, groups[name], t)


def _elsewhere(free_capacity: FreeCapacity, w: int, members: Sequence[int], t: int) -> None:
    """Replicas of another group until nothing is short, on the side that could serve less."""
    problem = free_capacity.problem
    if not free_capacity.missing(w, t):
        return
    pools = _whole(problem, members)
    of = {role: [p for p in pools if problem.pools[p].role is role] for role in Role}

    def able(role: Role) -> bool:
        return any(free_capacity.way(p, t) is not None for p in of[role])

    sides = (Role.AGGREGATED,) if able(Role.AGGREGATED) else PAIRED
    if not all(able(role) for role in sides):
        return
    for _ in range(MOST):
        lost = free_capacity.missing(w, t)
        if not lost:
            return
        less = min(
            sides, key=lambda role: role_cover(problem, members, free_capacity.replicas, role)[t]
        )
        if not any(
            free_capacity.serve_more(p, t) for p in _cheapest_first(problem, of[less], t, lost)
        ):
            return


def _with_room_made(free_capacity: FreeCapacity, w: int, t: int, stop: Stop) -> FreeCapacity:
    """Workload w grows until it is not short in `t`, as far as there is room or others make it."""
    for _ in range(MOST):
        if not free_capacity.missing(w, t):
            break
        needed = set[tuple[int, int]]()
        ways = (
            _exchanged(free_capacity, w, pool, t, needed, stop)
            for pool in _wanting(free_capacity, w, t)
        )
        found = next((way for way in ways if way is not None), None)
        if found is None:
            break
        free_capacity = found
    return free_capacity


def _wanting(free_capacity: FreeCapacity, w: int, t: int) -> Iterator[int]:
    """Pools of which one more would serve: aggregated, or of the side that could serve less."""
    problem = free_capacity.problem
    for members in problem.groups(w).values():
        prefill, decode = (
            role_cover(problem, members, free_capacity.replicas, role)[t] for role in PAIRED
        )
        roles = [Role.AGGREGATED]
        if prefill != decode:
            roles.append(Role.PREFILL if prefill < decode else Role.DECODE)
        pools = [p for p in _whole(problem, members) if problem.pools[p].role in roles]
        yield from _cheapest_first(problem, pools, t, 0.0)


def _exchanged(
    free_capacity: FreeCapacity,
    w: int,
    pool: int,
    t: int,
    needed: set[tuple[int, int]],
    stop: Stop,
) -> FreeCapacity | None:
    """With one more of `pool`, of workload w, on GPUs of those instead of which others serve.

    Or on free ones, where there are enough. Pools and intervals `needed` are those in which none
    serves instead; what is found so is added.
    """
    problem = free_capacity.problem
    room: list[tuple[Cut, ...]] = [()] if free_capacity.way(pool, t) is not None else []
    helps = dict[tuple[int, ...], bool]()
    for cuts in chain(room, free_capacity.in_the_way(pool, t)):
        if stop():
            break
        of = [(free_capacity.pieces[cut.number].life.pool, cut) for cut in cuts]
        if any((p, lost) in needed for p, cut in of for lost in cut.lost):
            continue
        fewer = tuple(p for p, cut in of if t in cut.lost and problem.pools[p].workload == w)
        if fewer not in helps:
            helps[fewer] = free_capacity.would_help(pool, t, fewer)
        if not helps[fewer]:
            continue
        tried = free_capacity.copy()
        if not (all(map(tried.make, cuts)) and tried.serve_more(pool, t)):
            continue
        if _replaced(free_capacity, tried, of, needed) and _lose(tried, free_capacity, w, t):
            return tried
    return None


def _replaced(
    before: FreeCapacity,
    tried: FreeCapacity,
    cuts: Iterable[tuple[int, Cut]],
    needed: set[tuple[int, int]],
) -> bool:
    """Whether others serve instead of what was cut of some pools, no less than before."""
    problem = tried.problem
    lost: dict[int, list[int]] = {}
    for pool, cut in cuts:
        for t in cut.lost:
            lost.setdefault(t, []).append(pool)
    for t, pools in lost.items():
        for pool in pools:
            _in_own_group(tried, pool, t)
            _in_other_groups(tried, pool, t)
        lose = [p for p in pools if _lose(before, tried, problem.pools[p].workload, t)]
        if lose:
            needed.update((p, t) for p in lose)
            return False
    return True


def _lose(before: FreeCapacity, after: FreeCapacity, w: int, t: int) -> bool:
    """Whether less of a workload's demand is served after than before."""
    return after.missing(w, t) > before.missing(w, t) + COVER_TOLERANCE


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
        own, gives = problem.pools[p], float(problem.pools[p].mix_share[t])
        if gives > 0.0:
            cost[p] = ceil(max(lost, gives) / gives) * float(own.run_cost[t] + own.start_cost)
    return sorted(cost, key=lambda p: cost[p])
