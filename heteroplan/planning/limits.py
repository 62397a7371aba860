"""Where GPUs run out, and whom that limits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.plan import BindingLimit, Shortage, limited_name
from heteroplan.entities.workload import Role
from heteroplan.numerics.runs import true_runs
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.problem import Floats, Ints, Problem

type Bools = NDArray[np.bool_]
type Stage = tuple[Role, int | None]
"""A role and, of a divided engine, which part."""

_OTHER = {Role.PREFILL: Role.DECODE, Role.DECODE: Role.PREFILL}


def binding_limits(
    problem: Problem, replicas: Ints, shortages: Sequence[Shortage] = ()
) -> tuple[BindingLimit, ...]:
    """Spells in which a domain has no room for a pool of `replicas` [P, T] that would take more.

    A pool would take more where its workload goes short, or where the workload serves the same
    role at a higher price in another pool. Of nested domains that are full the narrowest is
    named. A spell does not run on past the last interval.
    """
    held = problem.held(replicas)
    return tuple(
        BindingLimit(
            level=problem.supplies[r].level,
            domain=problem.supplies[r].domain,
            node_type=problem.supplies[r].node_type,
            first=run[0],
            last=run[-1],
            pools=_names(problem, held, blocked, run[0], run[-1]),
        )
        for r, blocked in sorted(_blocked(problem, replicas, shortages).items())
        for run in true_runs(np.any(list(blocked.values()), axis=0))
    )


def _blocked(
    problem: Problem, replicas: Ints, shortages: Sequence[Shortage]
) -> dict[int, dict[int, Bools]]:
    """For each supply row that binds, its pools and the intervals [T] in which it stops them."""
    waiting = _would_take_more(problem, replicas, shortages)
    found: dict[int, dict[int, Bools]] = {}
    rows = zip(problem.supplies, problem.residual(replicas), _reported_rows(problem), strict=True)
    for row, left, domain_row in rows:
        members = list(row.pools)
        stopped = waiting[members] & (row.gpus > 0) & (left < problem.gpus[members, None])
        waiting[members] &= ~stopped
        for p, times in zip(members, stopped, strict=True):
            if times.any():
                mine = found.setdefault(domain_row, {})
                mine[p] = mine[p] | times if p in mine else times
    return found


def _would_take_more(problem: Problem, replicas: Ints, shortages: Iterable[Shortage]) -> Bools:
    """[P, T] whether one more replica of a pool would serve demand, or serve it for less."""
    prices = _request_prices(problem)
    short: dict[str, list[int]] = {}
    for shortage in shortages:
        short.setdefault(shortage.workload, []).append(shortage.interval)
    more = np.zeros(prices.shape, dtype=np.bool_)
    for work in problem.workloads:
        alike: dict[Stage, list[int]] = {}
        for p in work.pools:
            alike.setdefault((problem.pools[p].role, problem.pools[p].part), []).append(p)
        for pools in alike.values():
            paid = (replicas[pools] > 0) & np.isfinite(prices[pools])
            most_expensive = np.where(paid, prices[pools], 0.0).max(axis=0)
            more[pools] = prices[pools] * (1 + ROUNDING) < most_expensive
        times = short.get(work.name, [])
        for p in work.pools:
            more[p, times] |= np.isfinite(problem.pools[p].load[:, times]).any(axis=0)
    return more


def _request_prices(problem: Problem) -> Floats:
    """[P, T] price of all the workload's demand served through a pool.

    With the cheapest other role, and of a divided engine the cheapest other part, in its group;
    inf where the pool or all of those cannot serve the mix of classes.
    """
    prices = np.full((len(problem.pools), problem.intervals), np.inf)
    for p, pool in enumerate(problem.pools):
        load = pool.mix_load
        np.multiply(load, pool.plain_cost, out=prices[p], where=np.isfinite(load))
    whole = prices.copy()
    for work in problem.workloads:
        groups: dict[str, list[int]] = {}
        for p in work.pools:
            groups.setdefault(problem.pools[p].group, []).append(p)
        for members in groups.values():
            cheapest: dict[Stage, Floats] = {}
            for p in members:
                stage = (problem.pools[p].role, problem.pools[p].part)
                cheapest[stage] = np.minimum(cheapest.get(stage, np.inf), prices[p])
            for p in members:
                whole[p] += _mates_price(problem.pools[p].role, problem.pools[p].part, cheapest)
    return whole


def _mates_price(role: Role, part: int | None, cheapest: Mapping[Stage, Floats]) -> Floats | float:
    """[T] price of what else a request needs in the group."""
    mates: Floats | float = 0.0
    if part is not None:
        mates = mates + cheapest.get((role, 1 - part), np.inf)
    if role in _OTHER:
        undivided = cheapest.get((_OTHER[role], None), np.inf)
        parts = [cheapest.get((_OTHER[role], i), np.inf) for i in (0, 1)]
        mates = mates + np.minimum(undivided, parts[0] + parts[1])
    return mates


def _reported_rows(problem: Problem) -> list[int]:
    """For each supply row the one that is reported in its place, itself where there is none.

    That is the first row of its domain, and of the domains with the very same GPUs the narrowest.
    """
    domains: dict[tuple[str, str, str], int] = {}
    alike: dict[tuple[str, bytes], list[int]] = {}
    domain_rows = []
    for r, row in enumerate(problem.supplies):
        earlier = alike.setdefault((row.node_type, row.gpus.tobytes()), [])
        members = set(row.pools)
        inside = (i for i in earlier if members.issuperset(problem.supplies[i].pools))
        domain = (row.level.value, row.domain, row.node_type)
        domain_rows.append(domains.setdefault(domain, next(inside, r)))
        earlier.append(r)
    return domain_rows


def _names(
    problem: Problem, held: Ints, blocked: Mapping[int, Bools], first: int, last: int
) -> tuple[str, ...]:
    """Who is stopped in the spell, those with the most GPUs on the row first."""
    gpus: Counter[str] = Counter()
    for p, times in blocked.items():
        if times[first : last + 1].any():
            pool = problem.pools[p]
            name = limited_name(pool.role, problem.workloads[pool.workload].name)
            gpus[name] += int(held[p, first : last + 1].sum())
    return tuple(sorted(gpus, key=lambda name: -gpus[name]))
