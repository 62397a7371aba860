"""Covering blocks of the bound: a workload's stages, the domains of each engine added up.

Engines that find no room on the grid of a block are *fillers*. They start for free, so what they
cost falls apart by intervals: the knapsack that covers what the grid leaves open, in whole
replicas, each counted for a little more than it serves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.covering.blocks import Block, Filling, Floors
from heteroplan.optimize.covering.choice import not_beaten, on_grid, useful_counts
from heteroplan.optimize.covering.losses import ALL_OF_THEM, LeastLost
from heteroplan.optimize.covering.stages import SLACK, Priced, Stage, stages_of
from heteroplan.optimize.program.problem import Floats, Ints, Problem, on_a_node

STEPS_A_REPLICA, LEAST_STEPS, MOST_STEPS = 32, 64, 2048
"""Of the demand in which fillers are counted: in the smallest replica, and in all."""

LEAST_SHARE = 0.05
"""Of its classes that a replica counts for at least, however little they weigh."""


@dataclass(frozen=True, slots=True, eq=False)
class Fillers:
    """Engines beside the grid of a block."""

    engines: tuple[int, ...]
    """Numbers of them."""
    steps: Ints
    """[F, T] steps that one replica of each fills, rounded up; beyond all of them where none."""
    step: float
    """Share of the demand."""
    unit: Floats
    """[T] price of serving all demand in fractions."""
    cost: Floats
    """[T, G + 1] least price of filling g steps."""
    choice: Ints
    """[T, G + 1] which of them does so first."""

    def counts(self, missing: Floats) -> Ints:
        """[F, T] replicas that fill what is `missing` [T] of the demand for least."""
        found = np.zeros(self.steps.shape, dtype=np.int64)
        left = (missing / self.step - ROUNDING).astype(np.int64).clip(0)
        times = np.arange(len(missing))
        while (left > 0).any():
            which = self.choice[times, left]
            found[which, times] += left > 0
            left = np.maximum(0, left - self.steps[which, times])
        return found


@dataclass(frozen=True, slots=True, eq=False)
class BlockEngine:
    """An engine of a workload in one block: its pools, each priced there."""

    pools: tuple[int, ...]
    part: float
    """Of each replica that stands in this block."""
    running: Floats
    """[L, D, T] price of a running replica in each pool, measured from each level of passing."""
    starting: Floats
    """[D, T] of a start."""
    before: int
    """Replicas that ran before the horizon began."""
    change: float
    """Of another number of replicas than in the interval before, in this block; at least one of
    its pools changes then."""

    @property
    def prices(self) -> Floats:
        """[L, T] of a running replica in the cheapest pool, from each level; the first is least."""
        return np.asarray(self.running.min(axis=1))

    @property
    def start(self) -> Floats:
        """[T] of a start in the cheapest pool."""
        return np.asarray(self.starting.min(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class RoleBlock:
    """The covering block of one stage or of all stages of a workload, its domains added up."""

    block: Block
    """Of the engines on the grid; its penalty is the price of the fillers."""
    engines: tuple[BlockEngine, ...]
    grid: tuple[int, ...]
    """Numbers of the engines on the grid."""
    stages: tuple[Stage, ...]
    """One on each side of the block."""
    fillers: tuple[Fillers | None, ...]
    """On each side of the block."""
    constant: float
    """To be added to the cost of the block."""


def role_blocks(at: Priced, w: int, cells: int, *, losses: bool = False) -> Iterator[RoleBlock]:
    """The covering blocks of a workload, one a stage, or all in one where engines serve several.

    Grids have at most about `cells` states an interval. With `losses` blocks know what a loss takes
    of each engine, but more engines are of use, which may find no room on a grid.
    """
    stages, candidates = stages_of(at, w), by_queue(at.problem, w)
    if any(len(_served_by(pools, stages)) > 1 for pools in candidates):
        joint = _role_block(at, w, cells, stages, candidates, losses)
        if joint.block.cells() <= 2 * cells:
            yield joint
            return
    for stage in stages:
        here = [pools for pools in candidates if pools[0] in stage.pools]
        yield _role_block(at, w, cells, [stage], here, losses)


def by_queue(problem: Problem, w: int) -> list[tuple[int, ...]]:
    """Pools of each engine of a workload, its domains together.

    And its node types where they are one queue, in which more of one make those of another serve
    more as well.
    """
    found: dict[tuple[bool, int], list[int]] = {}
    for p in problem.workloads[w].pools:
        pool = problem.pools[p]
        sized = pool.by_size is not None
        found.setdefault((sized, pool.queue if sized else pool.candidate), []).append(p)
    return [tuple(pools) for pools in found.values()]


def _served_by(pools: Sequence[int], stages: list[Stage]) -> tuple[int, ...]:
    """Places in `stages` of those that an engine serves."""
    return tuple(i for i, stage in enumerate(stages) if pools[0] in stage.pools)


def _engine(at: Priced, pools: tuple[int, ...], stages: list[Stage]) -> BlockEngine:
    """An engine with the parts of it that `stages` carry."""
    part = sum(stage.part[pools[0]] for stage in stages)
    rebates = [sum(stage.rebates(p) for stage in stages) for p in pools]
    before = at.problem.before
    return BlockEngine(
        pools=pools,
        part=part,
        running=np.maximum(0.0, part * at.running[list(pools)] - np.stack(rebates, axis=1)),
        starting=part * at.starting[list(pools)],
        before=0 if before is None else int(before[list(pools)].sum()),
        change=part * float(at.problem.change_costs[list(pools)].min()),
    )


def _too_much(at: Priced, w: int, engines: Sequence[BlockEngine]) -> float:
    """What the blocks have too much for replicas that ran before.

    Due parts of their starts; and where drains are left out, their drains, which the problem's
    fixed cost holds.
    """
    total, before = 0.0, at.problem.before
    for each in engines:
        total += each.part * float(at.due_before[list(each.pools)].sum())
        if at.drained[w] and before is not None:
            drains = [at.problem.pools[p].drain_cost for p in each.pools]
            total += each.part * float(before[list(each.pools)] @ drains)
    return total


def _role_block(
    at: Priced,
    w: int,
    cells: int,
    stages: list[Stage],
    candidates: list[tuple[int, ...]],
    losses: bool,
) -> RoleBlock:
    """Some of a workload's stages together; limits of single roles count where it is but one."""
    problem, sides, alone = at.problem, range(len(stages)), len(stages) == 1
    served = [_served_by(pools, stages) for pools in candidates]
    engines = tuple(
        _engine(at, pools, [stages[i] for i in mine])
        for pools, mine in zip(candidates, served, strict=True)
    )
    need = _need(problem, w)
    prices, start = np.array([e.prices for e in engines]), np.array([e.start for e in engines])
    price, offset = prices[:, 0], np.sum([stage.offsets() for stage in stages], axis=0)
    lost = _least_lost(problem, w, candidates) if losses else None
    share, by_count = _shares(problem, w, candidates, price, lost)
    fewest_count, most_count = _limits_of(problem, w, candidates) if alone else (0, None)
    fewest = np.full(problem.intervals, fewest_count)
    change = np.array([each.change for each in engines])
    high = useful_counts(price, start, share, need, fewest, by_count, steady=bool(change.any()))
    if lost is not None:
        high += lost.spare(high)
    new = np.array([each.before == 0 for each in engines])
    at_all_levels = prices.reshape(len(engines), -1)
    better = not_beaten(at_all_levels, start, share, new, most_count is None, by_count, served)
    kept = np.flatnonzero(better | (lost is not None)).tolist()
    if alone and len(kept) == len(engines):
        supply = [sum(int(problem.pools[p].most.max()) for p in pools) for pools in candidates]
        high = np.minimum(high, np.array(supply)[:, None])
    grid = _on_grid(kept, served, price, share, high, cells)
    beside = [e for e in kept if e not in grid]
    steps = _steps(need, share, beside)
    fillers = tuple(
        _fillers(at, w, price, share, [e for e in beside if i in served[e]], steps, stage.short)
        for i, stage in enumerate(stages)
    )
    block = Block(
        price=price[grid],
        start=start[grid],
        share=share[grid],
        low=np.zeros_like(high[grid]),
        high=high[grid],
        need=need,
        penalty=np.array(
            [
                stage.short if each is None else np.minimum(stage.short, each.unit)
                for stage, each in zip(stages, fillers, strict=True)
            ]
        ),
        fewest=0 * fewest if any(fillers) else fewest,
        most=None if most_count is None else np.full(problem.intervals, most_count),
        before=None if problem.before is None else np.array([engines[e].before for e in grid]),
        filling=_filling(fillers),
        by_count=None if by_count is None else by_count[grid],
        least_lost=None if lost is None else lost.of(grid),
        change=change[grid] if change[grid].any() else None,
        floors=Floors(offset[1:], np.swapaxes(prices[grid, 1:], 0, 1)) if len(offset) > 1 else None,
        sides=None if alone else np.array([[i in served[e] for e in grid] for i in sides]),
    )
    constant = sum(stage.constant for stage in stages) - _too_much(at, w, engines)
    return RoleBlock(block, engines, tuple(grid), tuple(stages), fillers, constant)


def _on_grid(
    kept: list[int],
    served: list[tuple[int, ...]],
    price: Floats,
    share: Floats,
    high: Ints,
    cells: int,
) -> list[int]:
    """Engines that serve several stages, and of the others those that it has room for."""
    several = [e for e in kept if len(served[e]) > 1]
    single = [e for e in kept if len(served[e]) == 1]
    room = cells / max(1.0, float(np.prod(high[several] + 1.0, axis=0).mean()))
    return sorted([*several, *on_grid(single, price, share, high, room)])


def _fillers(
    at: Priced,
    w: int,
    price: Floats,
    share: Floats,
    chosen: list[int],
    steps: int,
    short: Floats,
) -> Fillers | None:
    """Those of one stage, where leaving all demand unserved costs `short` [T]."""
    from heteroplan.numerics.compiling import own
    from heteroplan.optimize.covering.compiled import cheapest_fill

    if not chosen:
        return None
    price, share, most = price[chosen], share[chosen], float(_need(at.problem, w).max(initial=0.0))
    step = most / steps if most > 0 else 1.0
    filled = np.where(share > 0, np.ceil(share / step), 0).clip(0, steps).astype(np.int64)
    price = np.where(filled > 0, price, np.inf)
    cost, choice = cheapest_fill(own(price), own(filled), steps)
    if np.isfinite(short).all():  # some steps may be left unserved
        unserved = (short * step)[:, None] * np.arange(cost.shape[1])
        cost = np.minimum.accumulate(cost - unserved, axis=1) + unserved
    return Fillers(
        engines=tuple(chosen),
        steps=filled,
        step=step,
        unit=quotient(price, share, np.inf).min(axis=0),
        cost=cost,
        choice=choice,
    )


def _filling(fillers: Sequence[Fillers | None]) -> Filling | None:
    """One table for all sides; where a side has no fillers, `penalty` rules the rest out."""
    known = [each for each in fillers if each is not None]
    if not known:
        return None
    none = np.zeros_like(known[0].cost)
    return Filling(
        np.array([none if each is None else each.cost for each in fillers]), known[0].step
    )


def _steps(need: Floats, share: Floats, engines: Sequence[int]) -> int:
    """Number of steps in which fillers are counted, by the smallest replica among `engines`."""
    some = share[list(engines)]
    least = float(some[some > 0].min(initial=1.0))
    most = float(need.max(initial=0.0))
    return int(np.clip(STEPS_A_REPLICA * most / least, LEAST_STEPS, MOST_STEPS))


def _need(problem: Problem, w: int) -> Floats:
    """[T] share of the demand that a block must have capacity for."""
    asked = problem.workloads[w].rps.sum(axis=0) > 0
    resilience = problem.workloads[w].resilience
    need = 1.0 if resilience is None else resilience.need
    return np.where(asked, need * (1.0 - SLACK), 0.0)


def _least_lost(problem: Problem, w: int, engines: Sequence[Sequence[int]]) -> LeastLost | None:
    """What is lost at least where the workload is to survive a loss."""
    resilience = problem.workloads[w].resilience
    if resilience is None:
        return None
    if resilience.gone:
        domains = [[set(gone).isdisjoint(pools) for gone in resilience.gone] for pools in engines]
        anywhere = set().union(*resilience.gone)
        places = [each.count(False) for each in domains]
        replicas = [ALL_OF_THEM * anywhere.issuperset(pools) for pools in engines]
    else:
        places = [len(pools) for pools in engines]
        replicas = [
            min(
                on_a_node(problem.pools[p].gpus, resilience.node_gpus[problem.pools[p].node_type])
                for p in pools
            )
            for pools in engines
        ]
    return LeastLost(
        serve=resilience.serve * np.minimum(1.0, _need(problem, w)),
        places=np.maximum(1, places),
        replicas=np.array(replicas),
    )


def _shares(
    problem: Problem,
    w: int,
    engines: Sequence[Sequence[int]],
    price: Floats,
    lost: LeastLost | None,
) -> tuple[Floats, Floats | None]:
    """[E, T] share of the demand that one replica of each engine serves at most; `price` [E, T].

    And [E, N + 1, T] what 0, 1, ..., N replicas serve together where that is less than so many
    times as much; no more of them are of use, those for what may be `lost` included.
    """
    specs = [problem.pools[pools[0]] for pools in engines]
    rps = problem.workloads[w].rps
    loads = [spec.load for spec in specs]
    weights = cover_weights(rps, loads, price)
    share = np.array([cover_share(weights, rps, load) for load in loads])
    if all(spec.by_size is None for spec in specs):
        return share, None
    return share, _by_count(problem, w, engines, share, weights, lost)


def _by_count(
    problem: Problem,
    w: int,
    engines: Sequence[Sequence[int]],
    share: Floats,
    weights: Floats,
    lost: LeastLost | None,
) -> Floats:
    """[E, N + 1, T] share of the demand that 0, 1, ..., N replicas serve, by weights [K, T].

    Domains of an engine are added up: one pool serves no less than several of the same size.
    """
    rps, need = problem.workloads[w].rps, _need(problem, w)
    each = []
    for pools, most in zip(engines, share, strict=True):
        by_size = problem.pools[pools[0]].by_size
        loads = () if by_size is None else by_size.load
        rising = [np.minimum(most, cover_share(weights, rps, load)) for load in loads]
        each.append(np.maximum.accumulate(rising or [most], axis=0))
    fewest = max(problem.workloads[w].min_replicas.values(), default=0)
    last = max(_alone(one, need) for one in each) + fewest
    if lost is not None:
        last += int(lost.spare(np.full((len(each), 1), last)).max())
    counts = np.arange(last + 1)
    return np.array([counts[:, None] * one[np.minimum(counts, len(one) - 1)] for one in each])


def _alone(share: Floats, need: Floats) -> int:
    """Replicas that serve `need` [T] alone; each serves a share [S + 1, T] by their number.

    The most of all intervals in which any number does.
    """
    enough = np.arange(len(share))[:, None] * share >= need
    beyond = np.ceil(quotient(need, share[-1]))
    return int(np.where(enough.any(axis=0), enough.argmax(axis=0), beyond).max(initial=0.0))


def _limits_of(
    problem: Problem, w: int, engines: Sequence[Sequence[int]]
) -> tuple[int, int | None]:
    """Fewest and most replicas of a block whose engines are just those of one role."""
    pools = [p for each in engines for p in each]
    role = problem.pools[pools[0]].role
    if sorted(pools) != sorted(problem.members(w, role)):
        return 0, None
    work = problem.workloads[w]
    return work.min_replicas.get(role, 0), work.max_replicas.get(role)


def cover_weights(rps: Floats, loads: Sequence[Floats], price: Floats) -> Floats:
    """[K, T] weights with which the demand of the classes is added up; their sum is 1.

    What each class costs in the engine that serves it cheapest, at `price` [E, T] a replica: then
    no engine serves the sum for less than all classes cost in fractions of replicas.
    """
    asked = rps > 0
    able = np.isfinite(loads) & asked
    cost = np.where(able, np.where(able, loads, 0.0) * price[:, None, :], np.inf).min(axis=0)
    weights = np.where(np.isfinite(cost), cost, 0.0)
    total = weights.sum(axis=0)
    even = asked / np.maximum(1, asked.sum(axis=0))
    return quotient(weights, total, even)


def cover_share(weights: Floats, rps: Floats, load: Floats) -> Floats:
    """[T] greatest share of the weighted demand that one replica of an engine serves.

    With one class, or with weights of one engine, the share is exact. Where the engine's classes
    have next to no weight, it is more, so that no number of replicas grows without end.
    """
    useful = (rps > 0) & np.isfinite(load) & (load > 0)
    usable = np.where(useful, load, 0.0)
    least = quotient(LEAST_SHARE, usable.sum(axis=0))
    return np.maximum(quotient(weights, usable).max(axis=0), least)
