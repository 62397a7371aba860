"""The bound that sees integers: blocks at supply prices.

For any prices mu[r,t] >= 0 on the supply rows,

    L(mu) = Σ_blocks min(block cost + mu · GPUs held) - Σ_{r,t} mu[r,t]·supply[r,t]

is at most the cost of every plan that serves all demand:

1. Adding mu·(held - supply) <= 0 to the cost of a feasible plan does not raise it.
2. Dropping the supply rows then only enlarges the choice; likewise the P/D balance inside
   each domain, ratio bands, and maxima of a role that shares a block.
3. Pools of one engine in several domains are added up and priced at the cheapest of them.
   The sum is an integer again, it still covers the demand, and starts of the sum never
   exceed the sum of starts.
4. What is left falls apart into one covering block a workload and role. An aggregated engine
   stands in both blocks of its workload, its price divided between them.
5. On a day that is not cyclic the ends carry the drains; where that would make a price
   negative, drains are left out of the block, which only lowers its cost.
6. A block whose grid would be too large keeps the engines that serve cheapest; the others
   may then run in fractions and start for free, so the cheapest of them prices whatever the
   kept ones leave open. An engine that whole copies of another beat is left out.
7. Several classes are added up with weights of sum 1, so that a replica covers at most
   max_k weight[k] / load[k] of the sum.

Lagrangian relaxation after Geoffrion (1974); prices move by Polyak's subgradient step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.blocks import (
    Block,
    cheapest_path,
    not_beaten,
    on_grid,
    unit_price,
    useful_counts,
)
from heteroplan.optimize.problem import Floats, Ints, Problem
from heteroplan.optimize.solver import Stop, never

GRID_CELLS = 8_000
"""Largest mean number of states an interval of a block."""
SLACK = 3e-6
"""Share of the demand that the bound lets go: more than solver and `verify` let a plan go."""
PATIENCE = 8
"""Price steps without a better bound after which the search for prices ends."""
ROUNDING = 1e-9
"""Relative safety margin for sums of floats."""


@dataclass(frozen=True, slots=True, eq=False)
class PricedBound:
    """L(mu) and where it can grow."""

    value: float
    """Objective units; already lowered by the safety margin."""
    slope: Floats
    """[R, T] GPUs held by the blocks' schedules less supply: a subgradient."""
    by_work: Floats
    """[W] least cost of each workload's blocks at these prices."""


@dataclass(frozen=True, slots=True, eq=False)
class RoleBlock:
    """The covering block of a workload and role, its domains added up."""

    block: Block
    """Of the engines on the grid; its penalty is the price of `filler`."""
    engines: list[list[int]]
    """Pools of each engine on the grid."""
    fillers: list[list[int]]
    """Pools of each engine beside it, which may run in fractions."""
    shared: float
    """Part of an aggregated engine that stands in this block, the rest being in the other."""
    filler: Ints
    """[T] the cheapest of them, -1 where there is none."""
    filler_share: Floats
    """[T] share of the demand that one of its replicas serves."""


def priced_bound(problem: Problem, prices: Floats, stop: Stop = never) -> PricedBound:
    """L(mu) for supply prices [R, T]; a bound of minus infinity where `stop()` came first."""
    held_price = pool_prices(problem, prices)
    total = -sum(float(prices[r] @ row.gpus) for r, row in enumerate(problem.supplies))
    magnitude = abs(total)
    slope = np.array([-row.gpus for row in problem.supplies], dtype=np.float64).reshape(
        prices.shape
    )
    by_work = np.zeros(len(problem.works))
    for w in range(len(problem.works)):
        if stop():
            return PricedBound(-np.inf, slope, by_work)
        for role_block in role_blocks(problem, w, held_price):
            path = cheapest_path(role_block.block, cyclic=problem.cyclic)
            if path is None:
                return PricedBound(np.inf, slope, by_work)
            total += path.bound
            by_work[w] += path.bound
            magnitude += abs(path.bound)
            _add_use(problem, role_block, path.counts, held_price, slope)
    return PricedBound(total - ROUNDING * magnitude, slope, by_work)


def improve_prices(
    problem: Problem,
    prices: Floats,
    target: Callable[[], float],
    *,
    steps: int,
    stop: Stop,
    enough: float,
) -> Iterator[tuple[PricedBound, Floats]]:
    """Subgradient steps from `prices`; yields each bound with its prices.

    `target()` is the best known cost, `enough` the relative gap at which to stop.
    """
    scale, since_best, best = 1.0, 0, -np.inf
    for _ in range(steps):
        found = priced_bound(problem, prices, stop)
        yield found, prices
        if stop():
            return
        if found.value > best + 1e-7 * abs(best):
            best, since_best = found.value, 0
        else:
            since_best += 1
            if since_best == PATIENCE:
                return
            if since_best % 3 == 0:
                scale /= 2
        slope = np.where((prices <= 0) & (found.slope < 0), 0.0, found.slope)
        length = float((slope**2).sum())
        distance = target() - found.value
        if length == 0.0 or not np.isfinite(distance) or distance <= enough * abs(target()):
            return
        prices = np.maximum(0.0, prices + scale * distance / length * found.slope)


def pool_prices(problem: Problem, prices: Floats) -> Floats:
    """[P, T] price of the GPUs that one replica holds for an interval."""
    held_price = np.zeros((len(problem.pools), problem.intervals))
    for r, row in enumerate(problem.supplies):
        for p in row.pools:
            held_price[p] += prices[r] * problem.pools[p].gpus
    return held_price


def start_prices(problem: Problem, p: int, held_price: Floats) -> Floats:
    """[T] cost of one start of pool p: start and drain, and the GPUs held before it serves."""
    pool = problem.pools[p]
    cost = np.full(problem.intervals, pool.start_cost)
    for ahead in range(1, pool.lead + 1):
        before = np.roll(held_price, ahead)
        if not problem.cyclic:
            before[:ahead] = 0.0
        cost = cost + before
    return cost


def role_blocks(problem: Problem, w: int, held_price: Floats) -> Iterator[RoleBlock]:
    """The covering blocks of a workload: prefill and decode, or aggregated alone."""
    roles = {problem.pools[p].role for p in problem.works[w].pools}
    paired = Role.PREFILL in roles
    for role in (Role.PREFILL, Role.DECODE) if paired else (Role.AGGREGATED,) if roles else ():
        by_candidate: dict[int, list[int]] = {}
        for p in problem.works[w].pools:
            if problem.pools[p].role in (role, Role.AGGREGATED):
                by_candidate.setdefault(problem.pools[p].candidate, []).append(p)
        yield _role_block(problem, w, role, list(by_candidate.values()), held_price, paired)


def _role_block(
    problem: Problem,
    w: int,
    role: Role,
    engines: list[list[int]],
    held_price: Floats,
    paired: bool,
) -> RoleBlock:
    work = problem.works[w]
    need: Floats = (work.rps.sum(axis=0) > 0).astype(np.float64) * (1.0 - SLACK)
    share = cover_shares(work.rps, [problem.pools[pools[0]].load for pools in engines])
    shared = 0.5 if paired else 1.0
    price, start = _engine_prices(problem, engines, held_price, shared)
    alone = all(problem.pools[pools[0]].role is role for pools in engines)
    most = None
    if alone and role in work.max_replicas:
        most = np.full(problem.intervals, work.max_replicas[role])
    kept = [int(e) for e in np.flatnonzero(not_beaten(price, start, share, most is None))]
    fewest = np.full(problem.intervals, work.min_replicas.get(role, 0) if alone else 0)
    high = useful_counts(price, start, share, need, fewest)
    if len(kept) == len(engines):
        supply = [sum(int(problem.pools[p].most.max()) for p in pools) for pools in engines]
        high = np.minimum(high, np.array(supply)[:, None])
    grid = on_grid(kept, price, share, high, GRID_CELLS)
    fillers = [e for e in kept if e not in grid]
    unit = unit_price(price[fillers], share[fillers])
    filler = unit.argmin(axis=0) if fillers else np.full(problem.intervals, -1)
    return RoleBlock(
        block=Block(
            price=price[grid],
            start=start[grid],
            share=share[grid],
            low=np.zeros_like(high[grid]),
            high=high[grid],
            need=need,
            penalty=unit.min(axis=0, initial=np.inf),
            fewest=np.zeros_like(fewest) if fillers else fewest,
            most=most,
        ),
        engines=[engines[e] for e in grid],
        fillers=[engines[e] for e in fillers],
        shared=shared,
        filler=filler,
        filler_share=np.take_along_axis(share[fillers], filler[None, :], 0)[0]
        if fillers
        else np.ones(problem.intervals),
    )


def _engine_prices(
    problem: Problem, engines: list[list[int]], held_price: Floats, shared: float
) -> tuple[Floats, Floats]:
    """[E, T] cost of a running replica and of a start, each in its cheapest domain."""
    price = np.zeros((len(engines), problem.intervals))
    start = np.zeros_like(price)
    for e, pools in enumerate(engines):
        part = shared if problem.pools[pools[0]].role is Role.AGGREGATED else 1.0
        price[e] = part * np.min([problem.pools[p].run_cost + held_price[p] for p in pools], 0)
        start[e] = part * np.min([start_prices(problem, p, held_price[p]) for p in pools], 0)
    if (price >= 0).all():
        return price, start
    for e, pools in enumerate(engines):
        pool = problem.pools[pools[0]]
        part = shared if pool.role is Role.AGGREGATED else 1.0
        price[e] = part * np.min([pool.plain_cost + held_price[p] for p in pools], 0)
        start[e] -= part * pool.drain_cost
    return price, start


def cover_shares(rps: Floats, loads: list[Floats]) -> Floats:
    """[E, T] greatest share of the (weighted) demand that one replica serves.

    Weights are each class's mean part of the engines' work; with one engine or one class the
    share is exact.
    """
    asked = rps > 0
    parts = []
    for load in loads:
        finite = np.where(np.isfinite(load) & asked, load, 0.0)
        total = finite.sum(axis=0)
        parts.append(finite / np.where(total > 0, total, 1.0))
    weights = np.mean(parts, axis=0)
    total = weights.sum(axis=0)
    weights = weights / np.where(total > 0, total, 1.0)
    shares = []
    for load in loads:
        useful = asked & np.isfinite(load) & (load > 0)
        shares.append(np.where(useful, weights / np.where(useful, load, 1.0), 0.0).max(axis=0))
    return np.array(shares)


def _add_use(
    problem: Problem, found: RoleBlock, counts: Ints, held_price: Floats, slope: Floats
) -> None:
    """Add the GPUs that a block's schedule holds to the rows of its cheapest pools."""
    for e, pools in enumerate(found.engines):
        part = found.shared if problem.pools[pools[0]].role is Role.AGGREGATED else 1.0
        held = part * _held(problem, pools[0], counts[e])
        _add_held(problem, pools, held, held_price, slope)
    open_share = np.maximum(0.0, found.block.need - (found.block.share * counts).sum(axis=0))
    for e, pools in enumerate(found.fillers):
        used = np.where(found.filler == e, open_share / np.maximum(found.filler_share, 1e-300), 0.0)
        part = found.shared if problem.pools[pools[0]].role is Role.AGGREGATED else 1.0
        _add_held(problem, pools, part * used, held_price, slope)


def _held(problem: Problem, p: int, counts: Ints) -> Floats:
    """[T] replicas of one engine that run or start."""
    before = np.roll(counts, 1)
    if not problem.cyclic:
        before[0] = counts[0]
    starts = np.maximum(0, counts - before)
    held = counts.astype(np.float64)
    for ahead in range(1, problem.pools[p].lead + 1):
        held += problem.shift(starts, ahead)
    return held


def _add_held(
    problem: Problem, pools: list[int], held: Floats, held_price: Floats, slope: Floats
) -> None:
    """Add replicas of an engine to the supply rows of its cheapest pools, by their room."""
    room = np.array([np.maximum(problem.pools[p].most, 1) for p in pools], dtype=np.float64)
    room = room * (held_price[pools] <= held_price[pools].min(axis=0) + 1e-12)
    part = room / room.sum(axis=0)
    for i, p in enumerate(pools):
        for r, row in enumerate(problem.supplies):
            if p in row.pools:
                slope[r] += part[i] * held * problem.pools[p].gpus
