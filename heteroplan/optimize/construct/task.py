"""The task of placing one workload: prices, bounds, and what the others leave."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.entities.workload import PAIRED, Role
from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.program.coarser import own_program
from heteroplan.optimize.program.prices import start_prices
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.rules import is_choosy, open_pools

CHEAPEST_WITHIN = 1.1
"""An engine counts as cheap up to this multiple of its role's best price for demand served."""


type Rank = tuple[float, float]
"""(demand left [intervals], steered cost)"""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is placed, at which prices of held GPUs [N, T], within which bounds [N, T].

    N pools, numbered as in the workload's own program; sizes of a plan are `replicas[task.pools]`.
    """

    problem: Problem
    """The workload's own program (`coarser.own_program`)."""
    w: int
    pools: list[int]
    """[N] their numbers in the whole program."""
    open: AbstractSet[int]
    """Those that other workloads leave open to it."""
    held_price: Floats
    start_price: Floats
    """[N, T]"""
    beside: dict[int, Ints]
    """GPUs left [T] on the rows of its pools by all other workloads."""
    floor: Ints
    """[N, T] sizes that a search near a guide need not go below."""
    limit: Ints | None = None
    extra: Floats | float = 0.0
    """[T] share of the demand to have capacity for beyond all of it."""
    in_parts: bool = False
    """Whether a site need not hold all that a minimum still asks for."""
    halvings: int = 0
    """Rounds that search for how much both roles of a site can serve where one leaves the other
    too little; without, that is what was left to it."""
    stop: Stop = never
    """Once true, what is placed so far is the placement."""

    def need(self) -> Floats:
        """[T] share of the demand to have capacity for."""
        asked = self.problem.workloads[self.w].rps.sum(axis=0) > 0
        return np.where(asked, 1.0 + self.extra, 0.0)

    def cost(self, pools: Sequence[int], replicas: Ints) -> float:
        """Steered cost of some pools of sizes [N, T]."""
        total = self.problem.changing_cost(pools, replicas[list(pools)])
        if used := list(compress(pools, replicas[list(pools)].any(axis=1))):
            counts = replicas[used]
            run = np.array([self.problem.pools[p].run_cost for p in used]) + self.held_price[used]
            starting = self.start_price[used] * self.problem.starts_in(used, counts)
            total += float((run * counts).sum() + starting.sum())
        return total

    def left(self, pools: Sequence[int], replicas: Ints) -> dict[int, Ints]:
        """GPUs left [T] on the rows of some pools beside sizes [N, T]."""
        return self.problem.residual_of(pools, replicas, self.beside)

    def count(self, role: Role, replicas: Ints) -> Ints:
        """[T] replicas of a role in all domains, of sizes [N, T]."""
        return np.asarray(replicas[self.problem.members(self.w, role)].sum(axis=0))

    def fewest(self, role: Role, others: Ints) -> Ints:
        """[T] replicas of a role that its minimum still asks for beside `others`."""
        minimum = self.problem.workloads[self.w].min_replicas.get(role, 0)
        if not minimum:
            return np.zeros(self.problem.intervals, dtype=np.int64)
        return np.maximum(0, minimum - self.count(role, others))

    def most(self, role: Role, others: Ints) -> Ints | None:
        """[T] replicas of a role that its maximum leaves beside `others`."""
        maximum = self.problem.workloads[self.w].max_replicas.get(role)
        return None if maximum is None else np.maximum(0, maximum - self.count(role, others))

    def has_limits(self) -> bool:
        """Whether single roles have minima, maxima or a ratio band."""
        work = self.problem.workloads[self.w]
        return bool(work.min_replicas or work.max_replicas or self.problem.band(self.w))

    def minimum_met(self, replicas: Ints) -> bool:
        """Whether every role has its minimum at all times."""
        return not any(
            self.fewest(role, replicas).any()
            for role in self.problem.workloads[self.w].min_replicas
        )

    def open_pools(self, replicas: Ints) -> AbstractSet[int]:
        """Pools in which there may be replicas beside what sizes [N, T] use."""
        return open_pools(self.problem, self.w, replicas) & self.open

    def _unit_price(self, p: int, held_price: Floats | float = 0.0) -> Floats:
        """[T] running cost of serving all demand in fractions of a replica of pool p."""
        pool = self.problem.pools[p]
        return quotient(pool.plain_cost + held_price, pool.mix_share, np.inf)

    def cheap_pools(self) -> list[int]:
        """Pools of each role's cheapest engines."""
        asked = self.need() > 0
        pools = [p for p in range(len(self.pools)) if self.limit is None or self.limit[p].any()]
        unit = {p: float(self._unit_price(p)[asked].max(initial=0.0)) for p in pools}
        best: dict[tuple[int, ...], float] = {}
        for p in pools:
            stages = self.problem.pools[p].stages
            best[stages] = min(best.get(stages, np.inf), unit[p])
        return [p for p in pools if unit[p] <= CHEAPEST_WITHIN * best[self.problem.pools[p].stages]]

    def uses_cheapest_engines(self, counts: Ints) -> bool:
        """Whether sizes [N, T] stay in one group's cheap pools."""
        used = {p for p, count in enumerate(counts) if count.any()}
        in_one_group = len({self.problem.pools[p].group for p in used}) <= 1
        return in_one_group and used <= set(self.cheap_pools())

    def unbounded(self) -> "Task":
        """All demand of the workload, in any of its pools, until it is placed."""
        return replace(
            self,
            floor=0 * self.floor,
            limit=None,
            extra=0.0,
            in_parts=False,
            halvings=0,
            stop=never,
        )

    def within(self, pools: Iterable[int]) -> "Task":
        """This task with no other pools of the workload than these."""
        limit = np.zeros_like(self.held_price, dtype=np.int64)
        for p in pools:
            limit[p] = self.problem.pools[p].most if self.limit is None else self.limit[p]
        return replace(self, limit=limit)

    def near(self, sizes: Floats | Ints, slack: int, reach: int = 1) -> "Task":
        """This task but for `slack` replicas within sizes [N, T] of so many intervals around."""
        around = [np.roll(sizes, i, axis=1) for i in range(-reach, reach + 1)]
        limit = np.ceil(np.max(around, axis=0) - COVER_TOLERANCE) + slack
        floor = np.maximum(0, np.floor(np.min(around, axis=0) + COVER_TOLERANCE) - slack)
        return replace(self, limit=limit.astype(np.int64), floor=floor.astype(np.int64))

    def least_cost(self, pools: Sequence[int], need: Floats) -> float:
        """No placement in these pools serves `need` for less."""
        total, asked = np.inf, need > 0
        for roles in (PAIRED, (Role.AGGREGATED,)):
            members = [[p for p in pools if self.problem.pools[p].role is role] for role in roles]
            if all(members):
                cheapest = [
                    np.min([self._unit_price(p, self.held_price[p]) for p in mine], axis=0)
                    for mine in members
                ]
                served = float((need[asked] * np.sum(cheapest, axis=0)[asked]).sum())
                total = min(total, served)
        return total


def task_of(
    problem: Problem, w: int, replicas: Ints, held_price: Floats, stop: Stop = never
) -> Task:
    """The task of placing workload w beside the others in `replicas` [P, T], at prices [P, T]."""
    pools = list(problem.workloads[w].pools)
    own, beside = own_program(problem, w), problem.residual_of(pools, replicas, without=pools)
    return Task(
        problem=own,
        w=w,
        pools=pools,
        open=_left_open(problem, w, replicas),
        held_price=held_price[pools],
        start_price=start_prices(own, held_price[pools]),
        beside=dict(enumerate(beside.values())),
        floor=own.no_replicas(),
        stop=stop,
    )


def _left_open(problem: Problem, w: int, replicas: Ints) -> AbstractSet[int]:
    """Pools of workload w, numbered among themselves, that it may open beside all others."""
    pools = problem.workloads[w].pools
    if not is_choosy(problem, w):
        return set(range(len(pools)))
    allowed = open_pools(problem, w, without(pools, replicas))
    return {i for i, p in enumerate(pools) if p in allowed}


def without(pools: Sequence[int], replicas: Ints) -> Ints:
    """A plan [P, T] with no replicas in some pools."""
    others = replicas.copy()
    others[list(pools)] = 0
    return others


def less(rest: Floats, served: Floats) -> Floats:
    """[T] what is left of `rest`."""
    left = np.maximum(0.0, rest - served)
    return np.where(left <= COVER_TOLERANCE, 0.0, left)
