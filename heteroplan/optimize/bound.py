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
4. What is left falls apart into one covering block a workload and role. Where aggregated
   engines compete, the roles share one block if its grid is small enough; else an aggregated
   engine stands in both blocks of its workload, half its price in each.
5. On a day that is not cyclic the ends carry the drains; where that would make a price
   negative, drains are left out of the block, which only lowers its cost.
6. A block whose grid would be too large keeps the engines that serve cheapest; the others
   may then run in fractions and start for free, so the cheapest of them prices whatever the
   kept ones leave open. An engine that whole copies of another beat is left out.
7. Several classes are added up with weights of sum 1, so that a replica covers at most
   max_k weight[k] / load[k] of the sum.

Lagrangian relaxation after Geoffrion (1974); prices move by Polyak's subgradient step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

BOUND_CELLS = 8_000
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
class Fillers:
    """Engines beside the grid of a block, which may run in fractions and start for free."""

    engines: list[list[int]]
    """Pools of each."""
    cheapest: Ints
    """[T] which of them serves for least."""
    share: Floats
    """[T] share of the demand that one of its replicas serves."""
    price: Floats
    """[T] of serving all demand with it."""


@dataclass(frozen=True, slots=True, eq=False)
class RoleBlock:
    """The covering block of a workload's role or roles, its domains added up."""

    block: Block
    """Of the engines on the grid; its penalty is the price of the fillers."""
    engines: list[list[int]]
    """Pools of each engine on the grid."""
    fillers: tuple[Fillers | None, ...]
    """On each side of the block."""
    shared: float
    """Part of an aggregated engine that stands in this block, the rest being in another."""


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
    """The covering blocks of a workload: prefill and decode, aggregated alone, or all in one."""
    roles = {problem.pools[p].role for p in problem.works[w].pools}
    paired = Role.PREFILL in roles
    if paired and Role.AGGREGATED in roles:
        joint = _joint_block(problem, w, held_price)
        if joint.block.cells() <= 2 * BOUND_CELLS:
            yield joint
            return
    for role in (Role.PREFILL, Role.DECODE) if paired else (Role.AGGREGATED,) if roles else ():
        engines = _by_candidate(problem, w, {role, Role.AGGREGATED})
        yield _role_block(problem, w, role, engines, held_price, paired)


def _joint_block(problem: Problem, w: int, held_price: Floats) -> RoleBlock:
    """Prefill, decode and aggregated engines together; limits of single roles are dropped."""
    engines = _by_candidate(problem, w, set(Role))
    roles = [problem.pools[pools[0]].role for pools in engines]
    need, share = _need(problem, w), _shares(problem, w, engines)
    price, start = _engine_prices(problem, engines, held_price, 1.0)
    none = np.zeros(problem.intervals, dtype=np.int64)
    high = useful_counts(price, start, share, need, none)
    kept: list[int] = []
    for role in (Role.AGGREGATED, Role.PREFILL, Role.DECODE):
        same = [e for e, other in enumerate(roles) if other is role]
        better = not_beaten(price[same], start[same], share[same], True)
        kept += [e for e, keep in zip(same, better, strict=True) if keep]
    aggregated = [e for e in kept if roles[e] is Role.AGGREGATED]
    room = BOUND_CELLS / max(1.0, float(np.prod(high[aggregated] + 1.0, axis=0).mean()))
    pairs = [e for e in kept if e not in aggregated]
    grid = sorted([*aggregated, *on_grid(pairs, price, share, high, room)])
    fillers = tuple(
        _fillers(engines, price, share, [e for e in pairs if e not in grid and roles[e] is role])
        for role in (Role.PREFILL, Role.DECODE)
    )
    return RoleBlock(
        block=Block(
            price=price[grid],
            start=start[grid],
            share=share[grid],
            low=np.zeros_like(high[grid]),
            high=high[grid],
            need=need,
            penalty=np.array([_filler_price(problem, found) for found in fillers]),
            fewest=none,
            sides=sides_of([roles[e] for e in grid]),
        ),
        engines=[engines[e] for e in grid],
        fillers=fillers,
        shared=1.0,
    )


def _need(problem: Problem, w: int) -> Floats:
    """[T] share of the demand that a block must serve."""
    asked = problem.works[w].rps.sum(axis=0) > 0
    return np.where(asked, 1.0 - SLACK, 0.0)


def _shares(problem: Problem, w: int, engines: list[list[int]]) -> Floats:
    """[E, T] share of the demand that one replica of each engine serves."""
    loads = [problem.pools[pools[0]].load for pools in engines]
    return cover_shares(problem.works[w].rps, loads)


def _fillers(
    engines: list[list[int]], price: Floats, share: Floats, chosen: list[int]
) -> Fillers | None:
    if not chosen:
        return None
    unit = unit_price(price[chosen], share[chosen])
    cheapest = unit.argmin(axis=0)
    return Fillers(
        engines=[engines[e] for e in chosen],
        cheapest=cheapest,
        share=np.take_along_axis(share[chosen], cheapest[None, :], 0)[0],
        price=unit.min(axis=0),
    )


def _filler_price(problem: Problem, fillers: Fillers | None) -> Floats:
    return np.full(problem.intervals, np.inf) if fillers is None else fillers.price


def sides_of(roles: Sequence[Role]) -> NDArray[np.bool_]:
    """[2, E] which engines count for the prefill and for the decode half of a request."""
    return np.array(
        [[role is not other for role in roles] for other in (Role.DECODE, Role.PREFILL)]
    )


def _by_candidate(problem: Problem, w: int, roles: set[Role]) -> list[list[int]]:
    """Pools of each engine of a workload, its domains together."""
    found: dict[int, list[int]] = {}
    for p in problem.works[w].pools:
        if problem.pools[p].role in roles:
            found.setdefault(problem.pools[p].candidate, []).append(p)
    return list(found.values())


def _role_block(
    problem: Problem,
    w: int,
    role: Role,
    engines: list[list[int]],
    held_price: Floats,
    paired: bool,
) -> RoleBlock:
    work = problem.works[w]
    need, share = _need(problem, w), _shares(problem, w, engines)
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
    grid = on_grid(kept, price, share, high, BOUND_CELLS)
    fillers = _fillers(engines, price, share, [e for e in kept if e not in grid])
    return RoleBlock(
        block=Block(
            price=price[grid],
            start=start[grid],
            share=share[grid],
            low=np.zeros_like(high[grid]),
            high=high[grid],
            need=need,
            penalty=_filler_price(problem, fillers),
            fewest=fewest if fillers is None else np.zeros_like(fewest),
            most=most,
        ),
        engines=[engines[e] for e in grid],
        fillers=(fillers,),
        shared=shared,
    )


def _engine_prices(
    problem: Problem, engines: list[list[int]], held_price: Floats, shared: float
) -> tuple[Floats, Floats]:
    """[E, T] cost of a running replica and of a start, each in its cheapest domain."""
    price = np.zeros((len(engines), problem.intervals))
    start = np.zeros_like(price)
    for e, pools in enumerate(engines):
        part = _part(problem, pools, shared)
        price[e] = part * np.min([problem.pools[p].run_cost + held_price[p] for p in pools], 0)
        start[e] = part * np.min([start_prices(problem, p, held_price[p]) for p in pools], 0)
    if (price >= 0).all():
        return price, start
    for e, pools in enumerate(engines):
        pool = problem.pools[pools[0]]
        part = _part(problem, pools, shared)
        price[e] = part * np.min([pool.plain_cost + held_price[p] for p in pools], 0)
        start[e] -= part * pool.drain_cost
    return price, start


def _part(problem: Problem, pools: list[int], shared: float) -> float:
    """Part of an engine that stands in a block: `shared` of an aggregated one, all of others."""
    return shared if problem.pools[pools[0]].role is Role.AGGREGATED else 1.0


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
        part = _part(problem, pools, found.shared)
        held = part * _held(problem, pools[0], counts[e])
        _add_held(problem, pools, held, held_price, slope)
    for fillers, missing in zip(found.fillers, found.block.missing(counts), strict=True):
        if fillers is None:
            continue
        for e, pools in enumerate(fillers.engines):
            part = _part(problem, pools, found.shared)
            replicas = part * missing / np.maximum(fillers.share, 1e-300)
            used = np.where(fillers.cheapest == e, replicas, 0.0)
            _add_held(problem, pools, used, held_price, slope)


def _held(problem: Problem, p: int, counts: Ints) -> Floats:
    """[T] replicas of one engine that run or start."""
    starts = problem.starts(counts[None, :])[0]
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
