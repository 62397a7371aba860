"""The bound that sees integers: blocks at prices of supply and of balances.

For any prices mu[r,t] >= 0 on the supply rows and lambda[b,k,t] of any sign on the balances,

    L(mu, lambda) = Σ_blocks min(block cost + mu · GPUs held + lambda · (flow left - flow right))
                    - Σ_{r,t} mu[r,t]·supply[r,t]

is at most the cost of every plan that serves all demand:

1. For a feasible plan mu·(held - supply) <= 0 and lambda·(left - right) = 0: adding them to its
   cost does not raise it.
2. Dropping the priced rows then only enlarges the choice; likewise ratio bands, limits on groups
   and engines, limits of a role that shares a block, and minima beside fillers. Of resilience to a
   loss the capacity stays that it needs in all (`ProgramResilience.need`), and in whole replicas of
   each engine that is in use: of n replicas in D places one has n / D or more to lose
   (`losses.LeastLost`).
3. Without them every stage of a workload's requests stands alone: the most of some sums of a
   constant and of replicas, some of them at a rebate (`stages`). Pools of one engine in several
   domains are added up and priced at the cheapest of them: the sum is an integer again, it still
   covers the demand, and starts of the sum never exceed the sum of starts.
4. What is left falls apart into one covering block a workload and stage. Where an engine serves
   several stages, they share one block if its grid is small enough; else the engine stands in
   the block of each, an equal part of its price in each.
5. On a day that is not cyclic the ends carry the drains; where that would make a price
   negative, drains are left out of the block, which only lowers its cost. What ran before
   starts for free in the first interval.
6. A block whose grid would be too large keeps the engines that serve cheapest; the others then
   fill what the kept ones leave open, their starts free but for what is due of them (`priced`).
   An engine that whole copies of another beat is left out.
7. Where R requests may be left unserved, each at a price pi, the stages of a workload share what
   that costs it, and a stage leaves no more unserved than the plan; L less pi·R is then at most the
   cost of every plan that leaves at most R unserved. What is left out passes no pool (`stages`).
8. Several classes are added up with weights of sum 1, so that a replica covers at most
   max_k weight[k] / load[k] of the sum. Each weighs what it costs in its cheapest engine
   (`cover_weights`): then no engine serves the sum for less than fractions of replicas do.
9. Where capacity depends on the size of a pool, n replicas cover what a pool of n does. Each covers
   more the more there are, so one pool covers no less than several with as many replicas together:
   step 3 holds. Engines alike on several node types are one queue and added up like domains.
   Fillers, and the LPs behind prices, have the capacity of the program (`sizes`).
10. Blocks of a workload are a relaxation of what it costs at these prices; any other one that
   proves more may stand in their place (`own_supply`, `own_intervals`).

Lagrangian relaxation after Geoffrion (1974).
"""

from dataclasses import dataclass

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.numerics.tolerances import NOTHING, ROUNDING
from heteroplan.optimize.covering.blocks import Block, open_day
from heteroplan.optimize.covering.role_blocks import BlockEngine, RoleBlock, role_blocks
from heteroplan.optimize.covering.stages import SLACK, Priced, priced
from heteroplan.optimize.program.prices import Prices, highest_service_cost, supply_prices
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.units import S_PER_HOUR

BOUND_CELLS = 8_000
"""Largest mean number of states an interval of a block."""
URGENCIES = (2.0, 1.0, 10.0, 100.0)
"""Prices of an unserved request, in what one of the most expensive workload costs to serve."""
FEW = (3e-4, 3e-3)
"""Shares of the bound given up for all unserved requests where they are few, at their price."""


@dataclass(frozen=True, slots=True, eq=False)
class PricedBound:
    """L at some prices."""

    value: float
    """Objective units, already lowered by the safety margin; minus infinity where none is found."""
    prices: Prices
    by_work: Floats
    """[W] least cost of each workload's blocks at these prices."""


def bound_of_short(problem: Problem, prices: Prices, unserved: float, stop: Stop = never) -> float:
    """No plan that leaves at most so many requests unserved costs less; 0 where none is proved."""
    most_expensive = max(
        (_request_cost(problem, w) for w in range(len(problem.workloads))), default=0.0
    )

    def proved(price: float) -> float:
        found = priced_bound(problem, prices, stop, request_price=price).value
        return found - price * unserved * (1.0 + ROUNDING)

    best = max(0.0, *(proved(urgency * most_expensive) for urgency in URGENCIES))
    of_few = [few * best / max(1.0, unserved) for few in FEW]
    higher = [price for price in of_few if price > max(URGENCIES) * most_expensive]
    return max([best, *map(proved, higher)])


def _request_cost(problem: Problem, w: int) -> float:
    """Greatest running cost of a request in its most expensive pools, objective units."""
    work, seconds = problem.workloads[w], problem.hours * S_PER_HOUR
    rps = work.rps.sum(axis=0)
    cost = np.max(highest_service_cost(problem, w), axis=0)
    return float((cost / np.where(rps > 0, rps * seconds, np.inf)).max(initial=0.0))


def priced_bound(
    problem: Problem,
    prices: Prices,
    stop: Stop = never,
    *,
    cells: int | None = None,
    request_price: float | None = None,
) -> PricedBound:
    """L at some prices; a bound of minus infinity where `stop()` came first.

    Grids of at most about `cells` states an interval; more make it better and slower. With a
    `request_price` requests may be left unserved at that price.
    """
    at = priced(problem, prices, request_price)
    supply = np.array([row.gpus for row in problem.supplies], dtype=np.float64)
    supply = supply.reshape(prices.supply.shape)
    total = problem.fixed_cost - float((prices.supply * supply).sum()) - given_away(prices.balance)
    magnitude = abs(total)
    by_work = np.zeros(len(problem.workloads))
    for w in range(len(problem.workloads)):
        if stop():
            return PricedBound(-np.inf, prices, by_work)
        solved = _solved(at, w, cells or BOUND_CELLS, counted=False)
        if solved is None:
            return PricedBound(np.inf, prices, by_work)
        by_work[w] = sum(least for least, _, _ in solved)
        total += by_work[w]
        magnitude += sum(abs(least) for least, _, _ in solved)
    return PricedBound(total - ROUNDING * magnitude, prices, by_work)


def given_away(balance: Floats) -> float:
    """What demand that the bound lets go may cost at prices of balances [*, K, T]."""
    return SLACK * float(np.abs(balance).sum())


def least_cost(at: Priced, w: int, cells: int) -> float | None:
    """Of a workload's blocks; None where one of them has no schedule."""
    solved = _solved(at, w, cells, counted=False)
    return None if solved is None else sum(least for least, _, _ in solved)


def cost_and_flow(at: Priced, w: int, cells: int) -> tuple[float, Floats] | None:
    """Of a workload's blocks, and the flow left less flow right [B, K, T] of balances there.

    That is by how much the cost changes with each price of them; where several pools are as cheap,
    one of the possible ones. None where a block has no schedule.
    """
    solved = _solved(at, w, cells, counted=True)
    if solved is None:
        return None
    passed = supply_prices(at.problem).balance
    for _, role_block, counts in solved:
        _add_flow(w, at, role_block, counts, passed)
    return sum(least for least, _, _ in solved), passed


def _solved(
    at: Priced, w: int, cells: int, *, counted: bool
) -> list[tuple[float, RoleBlock, Ints]] | None:
    """The blocks of a workload, each with its least cost and, if `counted`, counts [E, T] of it.

    With what a loss takes or without, whichever proves more. None where a block has no schedule.
    """
    best: list[tuple[float, RoleBlock, Ints]] | None = None
    resilient = at.problem.workloads[w].resilience is not None
    for losses in (False, True) if resilient else (False,):
        solved = []
        for each in role_blocks(at, w, cells, losses=losses):
            path = open_day(each.block, cyclic=at.problem.cyclic, counted=counted)
            if path is None:
                return None
            solved.append((path.bound + each.constant, each, path.counts))
        if best is None or sum(one[0] for one in solved) > sum(one[0] for one in best):
            best = solved
    return best


def _add_flow(w: int, at: Priced, found: RoleBlock, counts: Ints, passed: Floats) -> None:
    """Add what passes the cheapest pools of a block, of whose engines `counts` [E, T] run."""
    problem = at.problem
    ran: dict[int, Ints] = {e: counts[i] for i, e in enumerate(found.grid)}
    missing = found.block.missing(counts)
    for fillers, lacking in zip(found.fillers, missing, strict=True):
        if fillers is not None:
            ran |= zip(fillers.engines, fillers.counts(lacking), strict=True)
    level = _level(found.block, counts)
    running = {
        p: part * replicas
        for e, replicas in ran.items()
        for p, part in zip(
            found.engines[e].pools, _parts(problem, found.engines[e], level), strict=True
        )
    }
    classes = len(problem.workloads[w].rps)
    for stage in found.stages:
        mine = {p: count for p, count in running.items() if p in stage.part}
        flow = stage.flow(mine, level)
        for b in problem.balances_of(w):
            for pools, sign in ((problem.balances[b].left, 1.0), (problem.balances[b].right, -1.0)):
                for p in pools:
                    if p in flow:
                        passed[b, :classes] += sign * stage.part[p] * flow[p]


def _level(block: Block, counts: Ints) -> Ints:
    """[T] number of the level from which counts [E, T] of a block cost most."""
    if block.floors is None:
        return np.zeros(counts.shape[1], dtype=np.int64)
    floors = block.floors.constant + (block.floors.price * counts).sum(axis=1)
    return np.argmax([(block.price * counts).sum(axis=0), *floors], axis=0)


def _parts(problem: Problem, engine: BlockEngine, level: Ints) -> Floats:
    """[D, T] part of an engine's replicas in each of its pools: the cheapest, by their room.

    As prices measured from a `level` [T] say.
    """
    running = engine.running[level, :, np.arange(len(level))].T
    price = running.min(axis=0)
    room = np.array([np.maximum(problem.pools[p].most, 1) for p in engine.pools], dtype=np.float64)
    room = room * (running <= price + NOTHING + ROUNDING * abs(price))
    return np.asarray(room / room.sum(axis=0))
