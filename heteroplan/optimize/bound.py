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
5. Several classes are added up with weights of sum 1, so that a replica covers at most
   max_k weight[k] / load[k] of the sum.

Lagrangian relaxation after Geoffrion (1974); prices move by Polyak's subgradient step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.blocks import Block, cheapest_path, useful_counts
from heteroplan.optimize.problem import Floats, Problem
from heteroplan.optimize.solver import Stop

GRID_CELLS = 30_000
"""Largest grid that a block is solved exactly on."""
ROUNDING = 1e-9
"""Relative safety margin for sums of floats."""


@dataclass(frozen=True, slots=True, eq=False)
class PricedBound:
    """L(mu) and where it can grow."""

    value: float
    """Objective units; already lowered by the safety margin."""
    slope: Floats
    """[R, T] GPUs held by the blocks' schedules less supply: a subgradient."""
    exact: bool
    """Whether every block was solved over its whole grid."""


def priced_bound(problem: Problem, prices: Floats, start_share: Floats | None = None) -> PricedBound:
    """L(mu) for supply prices [R, T].

    Blocks too large for a grid are bounded interval by interval; `start_share` [P, T] in 0..1
    then says how much of a start is paid by the interval that starts to serve, the rest
    being a refund to the interval before (any value is valid; LP duals are good ones).
    """
    held_price = pool_prices(problem, prices)
    total = -sum(float(prices[r] @ row.gpus) for r, row in enumerate(problem.supplies))
    magnitude = abs(total)
    slope = np.array([-row.gpus for row in problem.supplies], dtype=np.float64).reshape(prices.shape)
    exact = True
    for w in range(len(problem.works)):
        for members, block in work_blocks(problem, w, held_price):
            if block.cells() <= GRID_CELLS:
                path = cheapest_path(block, cyclic=problem.cyclic)
                if path is None:
                    return PricedBound(np.inf, slope, True)
                total += path.bound
                magnitude += abs(path.bound)
                _add_use(problem, members, path.counts, held_price, slope)
            else:
                exact = False
                value = _interval_bound(problem, members, block, start_share)
                total += value
                magnitude += abs(value)
    return PricedBound(total - ROUNDING * magnitude, slope, exact)


def improve_prices(
    problem: Problem,
    prices: Floats,
    target: Callable[[], float],
    *,
    steps: int,
    stop: Stop,
    enough: float,
    start_share: Floats | None = None,
) -> Iterator[tuple[PricedBound, Floats]]:
    """Subgradient steps from `prices`; yields each bound with its prices.

    `target()` is the best known cost, `enough` the relative gap at which to stop.
    """
    scale, since_best, best = 1.0, 0, -np.inf
    for _ in range(steps):
        found = priced_bound(problem, prices, start_share)
        yield found, prices
        if not found.exact or stop():
            return
        if found.value > best + 1e-7 * abs(best):
            best, since_best = found.value, 0
        else:
            since_best += 1
            if since_best == 4:
                scale, since_best = scale / 2, 0
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


def work_blocks(
    problem: Problem, w: int, held_price: Floats
) -> Iterator[tuple[list[list[int]], Block]]:
    """The covering blocks of a workload, domains added up; each with its pools by engine."""
    work = problem.works[w]
    asked = work.rps.sum(axis=0) > 0
    roles = {problem.pools[p].role for p in work.pools}
    paired = Role.PREFILL in roles
    if not work.pools:
        return
    for role in (Role.PREFILL, Role.DECODE) if paired else (Role.AGGREGATED,):
        engines = _engines(problem, w, {role, Role.AGGREGATED})
        mixed = paired and Role.AGGREGATED in roles
        yield engines, _block(problem, w, engines, held_price, asked, 0.5 if mixed else 1.0, role)


def _engines(problem: Problem, w: int, roles: set[Role]) -> list[list[int]]:
    by_candidate: dict[int, list[int]] = {}
    for p in problem.works[w].pools:
        if problem.pools[p].role in roles:
            by_candidate.setdefault(problem.pools[p].candidate, []).append(p)
    return list(by_candidate.values())


def _block(
    problem: Problem,
    w: int,
    engines: list[list[int]],
    held_price: Floats,
    asked: Floats,
    part: float,
    role: Role,
) -> Block:
    work = problem.works[w]
    share = cover_shares(problem, work.rps, [problem.pools[pools[0]].load for pools in engines])
    price, start = np.zeros_like(share), np.zeros_like(share)
    for e, pools in enumerate(engines):
        fraction = part if problem.pools[pools[0]].role is Role.AGGREGATED else 1.0
        price[e] = fraction * np.min([problem.pools[p].run_cost + held_price[p] for p in pools], 0)
        start[e] = fraction * np.min([start_prices(problem, p, held_price[p]) for p in pools], 0)
    alone = all(problem.pools[pools[0]].role is role for pools in engines)
    fewest = work.min_replicas.get(role, 0) if alone else 0
    kept = _not_dominated(price, start, share)
    need = asked.astype(np.float64)
    high = useful_counts(price, start, share, need, fewest)
    if kept.all():
        most = [sum(int(problem.pools[p].most.max()) for p in pools) for pools in engines]
        high = np.minimum(high, np.array(most)[:, None])
    engines[:] = [pools for pools, keep in zip(engines, kept, strict=True) if keep]
    high = high[kept]
    return Block(
        price=price[kept],
        start=start[kept],
        share=share[kept],
        low=np.zeros_like(high),
        high=high,
        need=need,
        penalty=np.full(problem.intervals, np.inf),
        fewest=fewest,
        most=work.max_replicas.get(role) if alone else None,
    )


def cover_shares(problem: Problem, rps: Floats, loads: list[Floats]) -> Floats:
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


def _not_dominated(price: Floats, start: Floats, share: Floats) -> np.ndarray:
    """Engines for which no other is at least as good in price, start and share at all times."""
    engines = len(price)
    kept = np.ones(engines, dtype=bool)
    for a in range(engines):
        for b in range(engines):
            if a == b or not kept[b]:
                continue
            better = (
                (price[b] <= price[a]).all()
                and (start[b] <= start[a]).all()
                and (share[b] >= share[a]).all()
            )
            if better:
                kept[a] = False
                break
    return kept


def _add_use(
    problem: Problem, engines: list[list[int]], counts: np.ndarray, held_price: Floats, slope: Floats
) -> None:
    """Add the GPUs that a block's schedule holds to the rows of its cheapest pools."""
    for e, pools in enumerate(engines):
        before = np.roll(counts[e], 1)
        if not problem.cyclic:
            before[0] = counts[e][0]
        starts = np.maximum(0, counts[e] - before)
        lead = problem.pools[pools[0]].lead
        held = counts[e] + sum(
            (problem.shift(starts, ahead) for ahead in range(1, lead + 1)),
            start=np.zeros_like(starts),
        )
        room = np.array([np.maximum(problem.pools[p].most, 1) for p in pools], dtype=np.float64)
        cheapest = held_price[pools] <= held_price[pools].min(axis=0) + 1e-12
        room = room * cheapest
        part = room / room.sum(axis=0)
        for i, p in enumerate(pools):
            for r, row in enumerate(problem.supplies):
                if p in row.pools:
                    slope[r] += part[i] * held * problem.pools[p].gpus


def _interval_bound(
    problem: Problem, engines: list[list[int]], block: Block, start_share: Floats | None
) -> float:
    """Bound of a block whose grid is too large: intervals apart, counts continuous.

    The row up[t] >= n[t] - n[t-1] is priced at y[t]·start[t], 0 <= y <= 1: a replica then
    costs price[t] + y[t]·start[t] - y[t+1]·start[t+1] at t and starts are free. A count stays
    at most what covers the demand alone, so a negative price is bounded too.
    """
    y = np.zeros_like(block.start)
    if start_share is not None:
        for e, pools in enumerate(engines):
            y[e] = np.clip(start_share[pools].mean(axis=0), 0.0, 1.0)
    paid = y * block.start
    if not problem.cyclic:
        paid[:, 0] = 0.0
    price = block.price + paid - np.roll(paid, -1, axis=1)
    refund = np.minimum(0.0, price) * block.high
    positive = np.maximum(0.0, price)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.where(block.share > 0, positive / block.share, np.inf).min(axis=0, initial=np.inf)
    cover = np.where(block.need > 0, block.need * unit, 0.0)
    return float(cover.sum() + refund.sum())
