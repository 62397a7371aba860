"""The bound that sees integers: blocks at supply prices.

For any prices mu[r,t] >= 0 on the supply rows,

    L(mu) = Σ_blocks min(block cost + mu · GPUs held) - Σ_{r,t} mu[r,t]·supply[r,t]

is at most the cost of every plan that serves all demand:

1. Adding mu·(held - supply) <= 0 to the cost of a feasible plan does not raise it.
2. Dropping the supply rows then only enlarges the choice; likewise balances inside each
   domain, ratio bands, limits on groups, and maxima of a role that shares a block. Of a promise
   to survive a loss the capacity stays that it needs in all (`PromiseSpec.need`).
3. Pools of one engine in several domains are added up and priced at the cheapest of them.
   The sum is an integer again, it still covers the demand, and starts of the sum never
   exceed the sum of starts.
4. What is left falls apart into one covering block a workload and stage. Where an engine serves
   several stages, they share one block if its grid is small enough; else the engine stands in
   the block of each, an equal part of its price in each.
5. On a day that is not cyclic the ends carry the drains; where that would make a price
   negative, drains are left out of the block, which only lowers its cost. What ran before
   starts for free in the first interval.
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

from heteroplan.optimize.blocks import (
    Block,
    cheapest_path,
    not_beaten,
    on_grid,
    unit_price,
    useful_counts,
)
from heteroplan.optimize.problem import Floats, Ints, Problem, starts_of
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
    parts: list[float]
    """Part of each that stands in this block."""
    cheapest: Ints
    """[T] which of them serves for least."""
    share: Floats
    """[T] share of the demand that one of its replicas serves."""
    price: Floats
    """[T] of serving all demand with it."""


@dataclass(frozen=True, slots=True, eq=False)
class RoleBlock:
    """The covering block of one stage or of all stages of a workload, its domains added up."""

    block: Block
    """Of the engines on the grid; its penalty is the price of the fillers."""
    engines: list[list[int]]
    """Pools of each engine on the grid."""
    fillers: tuple[Fillers | None, ...]
    """On each side of the block."""
    parts: list[float]
    """Part of each engine that stands in this block, the rest being in blocks of other stages."""
    constant: float
    """To be added to the cost of the block."""


def priced_bound(problem: Problem, prices: Floats, stop: Stop = never) -> PricedBound:
    """L(mu) for supply prices [R, T]; a bound of minus infinity where `stop()` came first."""
    held_price = pool_prices(problem, prices)
    total = problem.fixed_cost - sum(
        float(prices[r] @ row.gpus) for r, row in enumerate(problem.supplies)
    )
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
            least = path.bound + role_block.constant
            total += least
            by_work[w] += least
            magnitude += abs(least)
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
    """The covering blocks of a workload, one a stage, or all in one where engines serve several.

    Stages that the same engines serve are one.
    """
    stages = _distinct_stages(problem, w)
    engines = _by_candidate(problem, w)
    served = [_stages_of(problem, pools, stages) for pools in engines]
    if any(len(mine) > 1 for mine in served):
        joint = _joint_block(problem, w, stages, engines, served, held_price)
        if joint.block.cells() <= 2 * BOUND_CELLS:
            yield joint
            return
    for side in range(len(stages)):
        here = [e for e, mine in enumerate(served) if side in mine]
        parts = [1.0 / len(served[e]) for e in here]
        yield _stage_block(problem, w, [engines[e] for e in here], parts, held_price)


def _distinct_stages(problem: Problem, w: int) -> list[int]:
    """One of each set of stages that the same pools serve."""
    kept: dict[tuple[int, ...], int] = {}
    for stage in range(problem.works[w].stages):
        pools = tuple(p for p in problem.works[w].pools if stage in problem.pools[p].stages)
        if pools:
            kept.setdefault(pools, stage)
    return list(kept.values())


def _stages_of(problem: Problem, pools: list[int], stages: list[int]) -> tuple[int, ...]:
    """Indices of the distinct stages that an engine serves."""
    return tuple(i for i, stage in enumerate(stages) if stage in problem.pools[pools[0]].stages)


def _joint_block(
    problem: Problem,
    w: int,
    stages: list[int],
    engines: list[list[int]],
    served: list[tuple[int, ...]],
    held_price: Floats,
) -> RoleBlock:
    """All stages together; limits of single roles are dropped."""
    whole = [1.0] * len(engines)
    need, share = _need(problem, w), _shares(problem, w, engines)
    price, start, constant = _engine_prices(problem, engines, held_price, whole)
    none = np.zeros(problem.intervals, dtype=np.int64)
    high = useful_counts(price, start, share, need, none)
    kept: list[int] = []
    for kind in sorted(set(served), key=len, reverse=True):
        same = [e for e, other in enumerate(served) if other == kind]
        new = _are_new(problem, [engines[e] for e in same])
        better = not_beaten(price[same], start[same], share[same], new, True)
        kept += [e for e, keep in zip(same, better, strict=True) if keep]
    several = [e for e in kept if len(served[e]) > 1]
    room = BOUND_CELLS / max(1.0, float(np.prod(high[several] + 1.0, axis=0).mean()))
    single = [e for e in kept if len(served[e]) == 1]
    grid = sorted([*several, *on_grid(single, price, share, high, room)])
    fillers = tuple(
        _fillers(
            engines, whole, price, share, [e for e in single if e not in grid and served[e] == (i,)]
        )
        for i in range(len(stages))
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
            before=_befores(problem, [engines[e] for e in grid]),
            compiled=problem.large,
            sides=np.array([[i in served[e] for e in grid] for i in range(len(stages))]),
        ),
        engines=[engines[e] for e in grid],
        fillers=fillers,
        parts=[1.0] * len(grid),
        constant=constant,
    )


def _are_new(problem: Problem, engines: list[list[int]]) -> NDArray[np.bool_]:
    """[E] engines none of whose replicas ran before."""
    before = _befores(problem, engines)
    return np.ones(len(engines), dtype=bool) if before is None else before == 0


def _befores(problem: Problem, engines: list[list[int]]) -> Ints | None:
    """[E] replicas of each engine that ran when the horizon began."""
    if problem.before is None:
        return None
    return np.array([problem.before[pools].sum() for pools in engines], dtype=np.int64)


def _need(problem: Problem, w: int) -> Floats:
    """[T] share of the demand that a block must have capacity for."""
    asked = problem.works[w].rps.sum(axis=0) > 0
    promise = problem.works[w].promise
    need = 1.0 if promise is None else promise.need
    return np.where(asked, need * (1.0 - SLACK), 0.0)


def _shares(problem: Problem, w: int, engines: list[list[int]]) -> Floats:
    """[E, T] share of the demand that one replica of each engine serves."""
    loads = [problem.pools[pools[0]].load for pools in engines]
    return cover_shares(problem.works[w].rps, loads)


def _fillers(
    engines: list[list[int]],
    parts: list[float],
    price: Floats,
    share: Floats,
    chosen: list[int],
) -> Fillers | None:
    if not chosen:
        return None
    unit = unit_price(price[chosen], share[chosen])
    cheapest = unit.argmin(axis=0)
    return Fillers(
        engines=[engines[e] for e in chosen],
        parts=[parts[e] for e in chosen],
        cheapest=cheapest,
        share=np.take_along_axis(share[chosen], cheapest[None, :], 0)[0],
        price=unit.min(axis=0),
    )


def _filler_price(problem: Problem, fillers: Fillers | None) -> Floats:
    return np.full(problem.intervals, np.inf) if fillers is None else fillers.price


def sides_of(stages: Sequence[tuple[int, ...]]) -> NDArray[np.bool_] | None:
    """[S, E] which engines count for each stage that any of them serves; None where all do."""
    sides = np.array([[s in mine for mine in stages] for s in sorted(set().union(*stages))])
    return None if sides.all() else sides


def _by_candidate(problem: Problem, w: int) -> list[list[int]]:
    """Pools of each engine of a workload, its domains together."""
    found: dict[int, list[int]] = {}
    for p in problem.works[w].pools:
        found.setdefault(problem.pools[p].candidate, []).append(p)
    return list(found.values())


def _stage_block(
    problem: Problem,
    w: int,
    engines: list[list[int]],
    parts: list[float],
    held_price: Floats,
) -> RoleBlock:
    need, share = _need(problem, w), _shares(problem, w, engines)
    price, start, constant = _engine_prices(problem, engines, held_price, parts)
    fewest_count, most_count = _limits_of(problem, w, engines)
    most = None if most_count is None else np.full(problem.intervals, most_count)
    new = _are_new(problem, engines)
    kept = [int(e) for e in np.flatnonzero(not_beaten(price, start, share, new, most is None))]
    fewest = np.full(problem.intervals, fewest_count)
    high = useful_counts(price, start, share, need, fewest)
    if len(kept) == len(engines):
        supply = [sum(int(problem.pools[p].most.max()) for p in pools) for pools in engines]
        high = np.minimum(high, np.array(supply)[:, None])
    grid = on_grid(kept, price, share, high, BOUND_CELLS)
    fillers = _fillers(engines, parts, price, share, [e for e in kept if e not in grid])
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
            before=_befores(problem, [engines[e] for e in grid]),
            compiled=problem.large,
        ),
        engines=[engines[e] for e in grid],
        fillers=(fillers,),
        parts=[parts[e] for e in grid],
        constant=constant,
    )


def _limits_of(problem: Problem, w: int, engines: list[list[int]]) -> tuple[int, int | None]:
    """Fewest and most replicas of a block whose engines are just those of one role."""
    pools = [p for each in engines for p in each]
    role = problem.pools[pools[0]].role
    if sorted(pools) != sorted(problem.members(w, role)):
        return 0, None
    work = problem.works[w]
    return work.min_replicas.get(role, 0), work.max_replicas.get(role)


def _engine_prices(
    problem: Problem, engines: list[list[int]], held_price: Floats, parts: Sequence[float]
) -> tuple[Floats, Floats, float]:
    """[E, T] cost of `parts` of a running replica and of a start, each in its cheapest domain.

    And what is to be added to the block's cost: the drains of what ran before are in the
    problem's fixed cost, which is too much where drains are left out.
    """
    price = np.zeros((len(engines), problem.intervals))
    start = np.zeros_like(price)
    for e, (pools, part) in enumerate(zip(engines, parts, strict=True)):
        price[e] = part * np.min([problem.pools[p].run_cost + held_price[p] for p in pools], 0)
        start[e] = part * np.min([start_prices(problem, p, held_price[p]) for p in pools], 0)
    if (price >= 0).all():
        return price, start, 0.0
    constant = 0.0
    for e, (pools, part) in enumerate(zip(engines, parts, strict=True)):
        pool = problem.pools[pools[0]]
        price[e] = part * np.min([pool.plain_cost + held_price[p] for p in pools], 0)
        start[e] -= part * pool.drain_cost
        if problem.before is not None:
            constant -= part * pool.drain_cost * float(problem.before[pools].sum())
    return price, start, constant


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
    for e, (pools, part) in enumerate(zip(found.engines, found.parts, strict=True)):
        held = part * _held(problem, pools, counts[e])
        _add_held(problem, pools, held, held_price, slope)
    for fillers, missing in zip(found.fillers, found.block.missing(counts), strict=True):
        if fillers is None:
            continue
        for e, (pools, part) in enumerate(zip(fillers.engines, fillers.parts, strict=True)):
            replicas = part * missing / np.maximum(fillers.share, 1e-300)
            used = np.where(fillers.cheapest == e, replicas, 0.0)
            _add_held(problem, pools, used, held_price, slope)


def _before(problem: Problem, pools: list[int]) -> Ints | None:
    """[1] replicas of one engine that ran when the horizon began."""
    return None if problem.before is None else problem.before[pools].sum(keepdims=True)


def _held(problem: Problem, pools: list[int], counts: Ints) -> Floats:
    """[T] replicas of one engine that run or start."""
    starts = starts_of(counts[None, :], _before(problem, pools), problem.cyclic)[0]
    held = counts.astype(np.float64)
    for ahead in range(1, problem.pools[pools[0]].lead + 1):
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
        for r in problem.drawn[p]:
            slope[r] += part[i] * held * problem.pools[p].gpus
