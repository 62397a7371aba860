"""Prices from LPs: of the whole program, or of parts where that would be too large.

The LP of all domains merged sees the whole day, but not where GPUs stand. LPs of single intervals
see that, but no starts.

What one more GPU is worth is such a price as well. Duals hold for small changes: the LP gains no
more from a whole node than they say, a program of whole replicas may gain less or more.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.optimize.bound.relaxation import relax
from heteroplan.optimize.model import (
    build_model,
    minimise_shortage,
    read_prices,
)
from heteroplan.optimize.program.coarser import (
    merged_intervals,
    merged_starts,
    one_domain,
    one_interval,
    spread_out,
    window,
)
from heteroplan.optimize.program.prices import (
    Prices,
    highest_service_cost,
    supply_prices,
)
from heteroplan.optimize.program.problem import Floats, Problem
from heteroplan.optimize.rules.mip import Model
from heteroplan.optimize.solvers.solver import Effort, optimum

UNSERVED = 100.0
"""Cost of unserved demand in multiples of what serving it costs at most; a less urgent priority
class counts a tenth as much, but never less than ten times."""

MERGED_SIZES = 40_000
"""Pools of all domains merged times intervals, at most: else neighbouring ones are merged too."""


def one_domain_prices(
    problem: Problem, effort: Effort, apart: Collection[int] = (), sizes: int = MERGED_SIZES
) -> Prices | None:
    """Duals of the LP of all domains merged, the same in each; None where the effort ran out.

    No price is put on balances: in one domain prefill and decode cover the demand each on its own.
    Workloads in `apart` keep their domains. Of more than so many `sizes` intervals are merged.
    """
    one = one_domain(problem, apart=apart)
    first = merged_starts(problem.intervals, sizes // max(1, len(one.pools)))
    model = priced_shortage(merged_intervals(one.program, first))
    if optimum(model.lp, effort) is None:
        return None
    length = np.diff([*first, problem.intervals])
    supply = read_prices(model).supply[: len(one.supplies)] / length
    supply = np.repeat(supply, length, axis=1)
    return supply_prices(problem, spread_out(supply, one.supplies))


def interval_prices(problem: Problem, effort: Effort, every: int = 1) -> Prices | None:
    """Duals of the LP of each interval; None where the effort ran out.

    Or of every so many, and in a straight line between them. Three fleets of 5 and 50 workloads:
    of every fourth blocks then prove 0.02 to 0.05 % more than where each stands for those that
    follow, and 0.01 to 0.02 % less than of all.
    """
    found = supply_prices(problem)
    for t in range(0, problem.intervals, every):
        if effort.over():
            return None
        model = priced_shortage(one_interval(problem, t))
        if optimum(model.lp, effort) is None:
            return None
        here = read_prices(model)
        found.supply[:, t] = here.supply[:, 0]
        found.balance[:, :, t] = here.balance[:, :, 0]
    return replace(
        found,
        supply=_between(found.supply, every, problem.cyclic),
        balance=_between(found.balance, every, problem.cyclic),
    )


def _between(values: Floats, every: int, cyclic: bool) -> Floats:
    """[..., T] of which every so many are known, the others in a straight line between these."""
    intervals = values.shape[-1]
    times = np.arange(intervals)
    before = times - times % every
    after = np.where(before + every < intervals, before + every, 0 if cyclic else before)
    part = (times - before) / np.minimum(every, intervals - before)
    return np.asarray((1.0 - part) * values[..., before] + part * values[..., after])


def whole_day_prices(problem: Problem, effort: Effort) -> Prices | None:
    """Duals of the LP of the whole program; None where the effort ran out."""
    relaxed = relax(problem, effort)
    return None if relaxed is None else relaxed.prices


def best_of(problem: Problem, one: Prices, other: Prices, better: NDArray[np.bool_]) -> Prices:
    """Prices of `one`, with balances and starts of `other` for workloads where it is better [W]."""
    owner = np.array([each.workload for each in problem.balances], dtype=np.int64)
    runs = np.array([pool.workload for pool in problem.pools], dtype=np.int64)
    return Prices(
        supply=one.supply,
        balance=np.where(better[owner].reshape(-1, 1, 1), other.balance, one.balance),
        starting=np.where(better[runs].reshape(-1, 1), other.starting, one.starting),
    )


def plainer(prices: Prices) -> tuple[Prices, ...]:
    """`prices`, and without those of balances where there are any; each without starts as well.

    Blocks see starts exactly as long as their grids hold them, and pay less where domains differ in
    the price of passing than where they are alike.
    """
    found = [prices]
    if prices.balance.any():
        found.append(replace(prices, balance=0.0 * prices.balance))
    if prices.starting.any():
        found += [replace(each, starting=0.0 * each.starting) for each in found]
    return tuple(found)


def priced_shortage(problem: Problem) -> Model:
    """The LP of a program that pays for unserved demand instead of ruling it out."""
    last = max((work.priority for work in problem.workloads), default=0)
    price = np.zeros((len(problem.workloads), problem.intervals))
    for w, work in enumerate(problem.workloads):
        urgency = max(0.1 * UNSERVED, UNSERVED * 10.0 ** (last - work.priority))
        price[w] = urgency * np.sum(highest_service_cost(problem, w), axis=0)
    return build_model(problem, unserved_price=price)


def supply_worth(problem: Problem, effort: Effort, *, short: bool) -> Floats | None:
    """[R, T] what one more GPU saves, objective units; for a `short` plan, requests that it serves.

    By the LP of the whole program; of large programs by those of single intervals. None where the
    effort ran out. Where a plan is short only because replicas are whole, the LP serves all, and no
    GPU is worth anything to it.
    """
    if short:
        return _requests(problem, effort)
    find = interval_prices if problem.large else whole_day_prices
    prices = find(problem, effort)
    return None if prices is None else prices.supply


def _requests(problem: Problem, effort: Effort) -> Floats | None:
    """[R, T] requests that one more GPU lets be served."""
    found = np.zeros((len(problem.supplies), problem.intervals))
    every = range(problem.intervals)
    for times in ([t] for t in every) if problem.large else (list(every),):
        model = build_model(window(problem, times) if problem.large else problem, allow_short=True)
        model.cost_scale = minimise_shortage(model, None)
        if optimum(model.lp, effort) is None:
            return None
        found[:, times] = read_prices(model).supply
    return found
