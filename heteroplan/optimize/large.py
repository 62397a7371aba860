"""The search on large programs, where LPs of the whole are out of reach.

0. *Guide.* A first plan near small LPs (`guide`): homes for each workload, and sizes there. Where
   it goes short, prices rise, and others make room.
1. *Prices.* Those of the bound (`bounding`) steer workloads off what others need more.
2. *Plan.* Workloads placed one after another at these prices, the small ones first: they suffer
   most from a second home.
3. *Sweeps.* Each workload again beside the others, while the prices fade.
4. *Again* at the next prices, until gap, time or patience end it. Whoever the plan before cost most
   above its own bound goes earlier (squeaky wheel optimisation, Joslin and Clements 1999).
"""

from collections.abc import Generator, Iterator, Sequence
from functools import partial

import numpy as np

from heteroplan.optimize.bounding import Round, Rounds
from heteroplan.optimize.guide import Guide, guide
from heteroplan.optimize.home import task_of
from heteroplan.optimize.mix import mixed_flow
from heteroplan.optimize.place import best_hope, place, rank_of
from heteroplan.optimize.primal import (
    Incumbent,
    by_size,
    incumbent,
    place_all,
    place_guided,
    reinsert,
    scarce_where_short,
    steered,
    unserved_share,
)
from heteroplan.optimize.problem import Floats, Ints, Problem, Solution
from heteroplan.optimize.refit import is_plain, refit
from heteroplan.optimize.search import GRACE_S, Search

GUIDED = 1.5
"""Part of the guide's supply prices at which a plan near it is placed."""
MENDING, RISE = 6, 0.3
"""Sweeps over it at most until it leaves nothing unserved, and the rise of prices before each."""
STEERING = ((1.0, 1.5), (0.6, 1.0))
"""Parts of a round's supply prices at which plans begin, round by round."""
FADING = (0.6, 0.4, 0.2, 0.0, 0.0)
"""And at which the sweeps over the best of them follow."""
LEAST_GAIN = 1e-4
"""Of a sweep without prices; below, the plan is left as it is."""
DEAR, DEAR_SHARE = 0.02, 1e-4
"""Excess over its own bound, relative and as a share of the whole, that moves a workload up."""
TURNS = 4
"""Times that plans are begun anew."""


def search_large(search: Search, beside: bool | None = None) -> Iterator[None]:
    """The method in order; the caller may stop at each yield."""
    problem = search.problem
    rounds = Rounds(problem, search.out_of_time, search.without, beside)
    try:
        yield from _in_rounds(search, rounds)
    finally:
        if search.out_of_time():
            for found in rounds.ready():
                search.raise_covering_bound(found.value)
        rounds.close()


def _in_rounds(search: Search, rounds: Rounds) -> Iterator[None]:
    """Plans begun at the prices of every round, sweeps over the best of them, and again."""
    problem = search.problem
    order = by_size(problem)[::-1]
    order.sort(key=lambda w: problem.works[w].priority)
    best = yield from _near_guide(search, order)
    found = _next(search, rounds, None)
    yield
    for _ in range(TURNS):
        if best is None or not best.covered:
            best, order, found = yield from _begun_anew(search, rounds, found, order)
        for part in FADING if search.uses("sweeps") else ():
            if found is None:
                return
            before = best
            best = _swept(search, best, part * found.prices.supply, order)
            search.offer(best)
            found = _next(search, rounds, found)
            yield
            if part == 0.0 and before.cost - best.cost < LEAST_GAIN * before.cost:
                break
        best = None


def _near_guide(search: Search, order: Sequence[int]) -> Generator[None, None, Incumbent | None]:
    """A plan near small LPs; prices rise where it goes short, until it serves everything."""
    near = guide(search.problem, search.effort()) if search.uses("guide") else None
    if near is None:
        return None
    prices = GUIDED * near.prices
    plan = _guided(search, near, prices, order)
    search.offer(plan)
    yield
    for _ in range(MENDING):
        if plan.covered:
            break
        short = {w: float(unserved_share(search.problem, w, plan).sum()) for w in order}
        prices = prices + RISE * scarce_where_short(search.problem, plan)
        short_first = sorted(order, key=lambda w: (search.problem.works[w].priority, -short[w]))
        plan = _swept(search, plan, prices, short_first)
        search.offer(plan)
        yield
    return plan


def _begun_anew(
    search: Search, rounds: Rounds, found: Round | None, order: list[int]
) -> Generator[None, None, tuple[Incumbent, list[int], Round | None]]:
    """The best of some plans begun at parts of two rounds' prices, the next order and round."""
    best: Incumbent | None = None
    for steering in STEERING:
        for part in steering:
            plan = _begun(search, found, part, order)
            search.offer(plan)
            yield
            if found is not None and search.uses("squeaky order"):
                order = _squeaky(search.problem, plan, found, order)
            if best is None or plan.rank < best.rank:
                best = plan
        found = _next(search, rounds, found)
        yield
    assert best is not None
    return best, order, found


def _guided(search: Search, near: Guide, prices: Floats, order: Sequence[int]) -> Incumbent:
    """Workloads near a guide's sizes, and each of their groups again beside the others."""
    problem = search.problem
    first = place_guided(
        near.program, prices, near.flow, near.sizes, order, partial(search.out_of_time, GRACE_S)
    )
    replicas = near.spread_out(problem, first.solution.replicas)
    for supply in (prices, 0.0 * prices):
        for w in order:
            refit(problem, w, replicas, steered(problem, supply))
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def _placed_again(problem: Problem, w: int, replicas: Ints, held_price: Floats) -> Ints:
    """Sizes in which workload w stands wherever it costs least, if that is better."""
    task = task_of(problem, w, replicas, held_price)
    here = rank_of(task, replicas)
    if here <= best_hope(task):
        return replicas
    trial = replicas.copy()
    trial[list(problem.works[w].pools)] = 0
    place(problem, w, trial, held_price, known=task)
    refit(problem, w, trial, held_price)
    return trial if rank_of(task, trial) < here else replicas


def _begun(search: Search, found: Round | None, part: float, order: Sequence[int]) -> Incumbent:
    """Workloads placed in `order` at a part of a round's prices."""
    problem = search.problem
    prices = np.zeros((len(problem.supplies), problem.intervals))
    if found is not None and search.uses("steering"):
        prices = part * found.prices.supply
    grace_s = 0.0 if search.best else GRACE_S
    return place_all(problem, prices, order, partial(search.out_of_time, grace_s))


def _next(search: Search, rounds: Rounds, before: Round | None) -> Round | None:
    """The next round, or the one before where there are no more; its bound is kept."""
    found = rounds.take()
    if found is None:
        return before
    search.raise_covering_bound(found.value)
    return found


def _swept(search: Search, plan: Incumbent, prices: Floats, order: Sequence[int]) -> Incumbent:
    """Each workload again beside the others, kept where it costs less at these prices."""
    problem = search.problem
    held_price = steered(problem, prices)
    replicas = plan.solution.replicas.copy()
    for w in order:
        if search.out_of_time():
            break
        if is_plain(problem, w):
            refit(problem, w, replicas, held_price)
            replicas = _placed_again(problem, w, replicas, held_price)
        else:
            flow = mixed_flow(problem, replicas)
            standing = incumbent(problem, Solution(replicas, flow))
            replicas = reinsert(problem, standing, prices, (w,)).solution.replicas.copy()
    return incumbent(problem, Solution(replicas, mixed_flow(problem, replicas)))


def _squeaky(problem: Problem, plan: Incumbent, found: Round, order: Sequence[int]) -> list[int]:
    """`order` with those moved up, within their priority, that went short or cost too much."""
    held_price = steered(problem, found.prices.supply)
    least = np.maximum(found.by_work, 1e-12)
    excess = np.array(
        [
            task_of(problem, w, plan.solution.replicas, held_price).cost(
                list(work.pools), plan.solution.replicas
            )
            for w, work in enumerate(problem.works)
        ],
        dtype=np.float64,
    )
    excess -= least
    noted = (excess > DEAR * least) & (excess > DEAR_SHARE * least.sum())
    short = [bool(unserved_share(problem, w, plan).any()) for w in range(len(problem.works))]
    place_in = {
        w: i
        - noted[w] * len(order) * min(1.0, 10.0 * excess[w] / least[w])
        - short[w] * 2 * len(order)
        for i, w in enumerate(order)
    }
    return sorted(order, key=lambda w: (problem.works[w].priority, place_in[w]))
