"""`max_engines`: how many engines of a role a workload uses over the horizon."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import combinations, islice, product

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules.mip import Model, Terms
from heteroplan.optimize.rules.rule import Rule

MOST_CHOICES = 64
"""Choices of engines of one workload that are offered to a search."""

type Engines = dict[str, list[int]]
"""Name of an engine -> its pools; both parts of a divided engine are one engine."""


class EngineLimitRule(Rule):
    """A workload uses at most `max_engines` engines of each role over the horizon."""

    fields = "max_engines"

    def define(self, model: Model) -> None:
        """n[p,t] <= most[p]·used[w,role,e]; Σ_e used[w,role,e] <= max_engines[w].

        One used[w,role,e] in {0, 1} for each engine of a role that has more than it may use.
        """
        for w, role, engines, limit in _all_limited(model.problem):
            used: Terms = []
            for e, pools in enumerate(engines.values()):
                name = f"engine_{w}_{role.value}_{e}"
                used.append((model.used(name, pools), 1.0))
            model.add(used, "<=", float(limit), f"engines_{w}_{role.value}")

    def broken(self, problem: Problem, replicas: Ints) -> float:
        """Engines too many."""
        return float(
            sum(
                max(0, len(_used(engines, replicas)) - limit)
                for _, _, engines, limit in _all_limited(problem)
            )
        )

    def limits_pools(self, problem: Problem, w: int) -> bool:
        """Whether some role has more engines than the workload may use."""
        return any(True for _ in _limited(problem, w))

    def open_pools(
        self, problem: Problem, w: int, replicas: Ints, *, opening: bool
    ) -> AbstractSet[int]:
        """Pools of engines in use, and of all others while their number is below the limit."""
        found = set(problem.workloads[w].pools)
        for _, engines, limit in _limited(problem, w):
            used = _used(engines, replicas)
            if len(used) >= limit or not opening:
                found -= {p for name in engines.keys() - used for p in engines[name]}
        return found

    def choices(self, problem: Problem, w: int) -> list[AbstractSet[int]]:
        """Pools of as many engines of each role as may be used, cheap engines first."""
        limited = [(engines, limit) for _, engines, limit in _limited(problem, w)]
        if not limited:
            return []
        rest = set(problem.workloads[w].pools)
        rest -= {p for engines, _ in limited for pools in engines.values() for p in pools}
        by_role = [list(_cheapest_first(problem, *each)) for each in limited]
        places = product(*(range(len(each)) for each in by_role))
        order = sorted(places, key=lambda place: (sum(place), place))
        return [
            rest.union(*(each[i] for each, i in zip(by_role, place, strict=True)))
            for place in islice(order, MOST_CHOICES)
        ]


def _all_limited(problem: Problem) -> Iterator[tuple[int, Role, Engines, int]]:
    """(workload, role, its engines, most of them) where there are more than may be used."""
    for w in range(len(problem.workloads)):
        for role, engines, limit in _limited(problem, w):
            yield w, role, engines, limit


def _limited(problem: Problem, w: int) -> Iterator[tuple[Role, Engines, int]]:
    """(role, its engines, most of them) of workload w where there are more than may be used."""
    limit = problem.workloads[w].source.max_engines
    if limit is None:
        return
    by_role: dict[Role, Engines] = {}
    for p in problem.workloads[w].pools:
        pool = problem.pools[p]
        by_role.setdefault(pool.role, {}).setdefault(pool.engine, []).append(p)
    for role, engines in by_role.items():
        if len(engines) > limit:
            yield role, engines, limit


def _used(engines: Engines, replicas: Ints) -> set[str]:
    return {name for name, pools in engines.items() if replicas[pools].any()}


def _cheapest_first(problem: Problem, engines: Engines, limit: int) -> Iterator[set[int]]:
    """Pools of each choice of `limit` engines, those with the cheapest engines first."""
    price = {name: _price(problem, pools) for name, pools in engines.items()}
    ranked = sorted(engines, key=lambda name: price[name])
    for names in combinations(ranked, limit):
        yield {p for name in names for p in engines[name]}


def _price(problem: Problem, pools: Iterable[int]) -> float:
    """What an engine costs that serves all demand, all its parts, each where it is cheapest."""
    by_part: dict[int | None, float] = {}
    for p in pools:
        pool = problem.pools[p]
        price = float(np.sum(pool.plain_cost * pool.mix_load))
        by_part[pool.part] = min(price, by_part.get(pool.part, np.inf))
    return sum(by_part.values())
