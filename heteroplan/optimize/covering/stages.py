"""What one replica of each pool costs a stage of its workload's requests, at given prices.

Every request passes each stage once, so the price `psi` that passing costs in a pool may be
measured from any level: with sum_p x[p] = 1,

    sum_p psi[p]·x[p]  =  top + sum_p (psi[p] - top)·x[p]
                       >= top - sum_p max(0, top - psi[p]) / load[p] · n[p]        as load·x <= n

so a stage is a constant and replicas that cost less. `top` is the largest psi, or lower where a
replica would come to cost less than nothing. Where a share u of a class is left unserved,
sum_p x[p] = 1 - u: leaving it out costs a stage its part of the price of these requests, less
`top`·u. An engine that serves several stages carries an equal part of what it costs, and of what
passing costs in it, in each.

Measured from `top` alone, a replica that has nothing left to serve costs less as well. So the stage
costs the most of what it costs measured from `top` and from some lower levels. The replicas of one
engine cost the least of two lines there: as many as run in its cheapest pool, or in that where they
serve cheapest. These lines cross at one level, so for a single class one level an engine gives all
that the shares x[p] cost at least.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import NOTHING, ROUNDING
from heteroplan.optimize.program.prices import Prices, passing_prices, pool_prices, start_prices
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.units import S_PER_HOUR

SLACK = 3e-6
"""Share of the demand that the bound lets go: more than solver and `verify` let a plan go."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Pools that serve a stage of a workload's requests."""

    pools: tuple[int, ...]
    part: dict[int, float]
    """Of each pool that this stage carries."""
    constant: float
    """To be added to the cost of the stage's replicas, measured from the first level."""
    short: Floats
    """[T] what leaving all demand unserved costs the stage; infinite where none may be."""
    load: dict[int, Floats]
    """[K, T] of each pool, infinite where it serves nothing."""
    psi: dict[int, Floats]
    """[K, T] price of passing each pool; minus infinity where it serves nothing."""
    reach: dict[int, Floats]
    """[K, T] price of passing each pool and of the replicas for it, in fractions."""
    levels: Floats
    """[L, K, T] from which prices of passing are measured: `top`, then lower ones."""
    set_by: tuple[tuple[int, ...], ...]
    """For each level the pools whose prices set it."""

    def rebates(self, p: int) -> Floats:
        """[L, T] by which a replica of pool p costs less, measured from each level."""
        return np.asarray((self._below(p, self.levels) / self.load[p]).max(axis=1))

    def offsets(self) -> Floats:
        """[L, T] what is to be added to `constant` where each level is measured from."""
        constant = (self.levels - SLACK * np.abs(self.levels)).sum(axis=1)
        return np.asarray(constant - constant[0])

    def flow(self, running: Mapping[int, Floats], level: Ints) -> dict[int, Floats]:
        """[K, T] share of the demand that passes each pool, where so many replicas [T] run.

        That of the least cost measured from a `level` [T]: all that cheaper pools have capacity
        for, and the rest, which is less than nothing where that is too much, at the level.
        """
        intervals = np.arange(len(level))
        height = self.levels[level, :, intervals].T
        found = {p: np.zeros_like(height) for p in self.pools}
        for p, replicas in running.items():
            gain = self._below(p, height) / self.load[p]
            k = gain.argmax(axis=0)
            passed = np.where(gain[k, intervals] > 0, replicas / self.load[p][k, intervals], 0.0)
            found[p][k, intervals] = passed
        rest = 1.0 - np.sum(list(found.values()), axis=0)
        sets = self._sets(level)
        part = {p: sets[p] * (running.get(p, 0.0) + NOTHING) for p in self.pools}
        total = np.sum(list(part.values()), axis=0)
        for p in self.pools:
            found[p] += quotient(rest * part[p], total)
        return found

    def _below(self, p: int, height: Floats) -> Floats:
        """[..., K, T] by which passing pool p costs less than at a height [..., K, T]."""
        psi = np.where(np.isfinite(self.psi[p]), self.psi[p], np.inf)
        return np.maximum(0.0, height - psi)

    def _sets(self, level: Ints) -> dict[int, NDArray[np.bool_]]:
        """[K, T] whether a `level` [T] would change with the price of passing each pool."""
        highest, cheapest = _highest_and_cheapest(self.psi, self.reach)
        margin = ROUNDING * np.abs(self.levels[0]) + NOTHING
        found = {p: np.zeros(highest.shape, dtype=bool) for p in self.pools}
        for i, mine in enumerate(self.set_by):
            least = np.min([self.reach[p] for p in mine], axis=0)
            for p in mine:
                sets = self.reach[p] <= least + margin
                if i == 0:
                    sets = np.where(highest <= cheapest, self.psi[p] >= highest - margin, sets)
                found[p] |= sets & (level == i) & np.isfinite(least)
        return found


def _highest_and_cheapest(
    psi: Mapping[int, Floats], reach: Mapping[int, Floats]
) -> tuple[Floats, Floats]:
    """[K, T] largest price of passing, and least one with the replicas for it."""
    highest = np.max(list(psi.values()), axis=0, initial=-np.inf)
    return np.asarray(highest), np.asarray(np.min(list(reach.values()), axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """A program whose rows are priced: what a replica of each pool costs."""

    problem: Problem
    running: Floats
    """[P, T] of an interval, of the GPUs that it holds and of the due part of its starts."""
    starting: Floats
    """[P, T] of a start and of the GPUs held before it serves, less the due part."""
    due_before: Floats
    """[P] due part of the starts of what ran before, which `running` has too much."""
    drained: NDArray[np.bool_]
    """[W] whether drains are left out, since refunds of them would make a price negative."""
    passing: Floats
    """[P, K, T] price of all demand of a class passing a pool."""
    unserved: tuple[Floats, ...] | None
    """For each workload [T]: price of leaving all demand unserved; None where none may be."""


def priced(problem: Problem, prices: Prices, request_price: float | None = None) -> Priced:
    """Prices of rows as prices of pools, and of requests left unserved where they may be.

    A request of a class that is left unserved counts at most `request_price`: the workload's
    demand is priced as if all were requests of its smallest class.

    Of a start's cost s the part y in 0..1 is due where a pool grows and comes back where it
    shrinks: s·max(0, n[t] - n[t-1]) >= y·s·(n[t] - n[t-1]) + (1 - y)·s·max(0, n[t] - n[t-1]).
    """
    held = pool_prices(problem, prices.supply)
    shape = held.shape
    full = np.array([pool.run_cost for pool in problem.pools]).reshape(shape) + held
    drained = np.array([bool((full[list(work.pools)] < 0).any()) for work in problem.workloads])
    starting = start_prices(problem, held)
    for p, pool in enumerate(problem.pools):
        if drained[pool.workload]:
            full[p] = pool.plain_cost + held[p]
            starting[p] -= pool.drain_cost
    due = _due(problem, prices.starting * starting, full)
    before = np.zeros(len(due)) if problem.before is None else problem.before
    return Priced(
        problem=problem,
        running=np.maximum(0.0, full + due - problem.shift(due, 1)),
        starting=np.maximum(0.0, starting - due),
        due_before=due[:, 0] * before,
        drained=drained,
        passing=passing_prices(problem, prices.balance),
        unserved=None if request_price is None else _unserved_prices(problem, request_price),
    )


def _unserved_prices(problem: Problem, request_price: float) -> tuple[Floats, ...]:
    """For each workload [T]: at most what its shares left unserved cost at `request_price`.

    Where a promise asks for more capacity than demand, as much more of it may be missing.
    """
    seconds = problem.hours * S_PER_HOUR
    found = []
    for work in problem.workloads:
        least = np.where(work.rps > 0, work.rps, np.inf).min(axis=0, initial=np.inf)
        need = 1.0 if work.resilience is None else work.resilience.need
        rps = np.where(np.isfinite(least), least, 0.0)
        found.append(request_price * seconds * rps / need)
    return tuple(found)


def _due(problem: Problem, due: Floats, running: Floats) -> Floats:
    """[P, T] due part of starts, less of it where a replica would come to cost less than nothing.

    None at first where what ran before is not known.
    """
    if not problem.cyclic and problem.before is None:
        due = np.where(np.arange(problem.intervals) > 0, due, 0.0)
    fall = problem.shift(due, 1) - due
    fits = np.where(fall > running, running / np.where(fall > 0, fall, 1.0), 1.0)
    return np.asarray(due * fits.min(axis=1, initial=1.0)[:, None])


def stages_of(at: Priced, w: int) -> list[Stage]:
    """The distinct stages of a workload; of those that the same pools serve, one."""
    problem, mine = at.problem, at.problem.workloads[w].pools
    every = (
        tuple(p for p in mine if stage in problem.pools[p].stages)
        for stage in range(problem.workloads[w].stages)
    )
    served = [pools for pools in dict.fromkeys(every) if pools]
    times = {p: sum(p in pools for pools in served) for p in mine}
    short = np.full(problem.intervals, np.inf) if at.unserved is None else at.unserved[w]
    stages = [
        _stage(at, w, pools, {p: 1.0 / times[p] for p in pools}, short / len(served))
        for pools in served
    ]
    most = max((len(stage.levels) for stage in stages), default=0)
    return [_with_levels(stage, most) for stage in stages]


def _with_levels(stage: Stage, count: int) -> Stage:
    """The stage with so many levels, of which its first stands for those that it lacks."""
    number = [*range(len(stage.levels)), *[0] * (count - len(stage.levels))]
    return replace(
        stage, levels=stage.levels[number], set_by=tuple(stage.set_by[i] for i in number)
    )


def _stage(
    at: Priced,
    w: int,
    pools: tuple[int, ...],
    part: dict[int, float],
    short: Floats,
) -> Stage:
    """Constant and rebates of the stage that `pools` serve, each with `part` of what it costs.

    `short` [T] is its part of what leaving all demand unserved costs.
    """
    problem = at.problem
    asked = problem.workloads[w].rps > 0
    psi, reach, load = {}, {}, {}
    for p in pools:
        able = asked & np.isfinite(problem.pools[p].load)
        load[p] = np.where(able, np.maximum(problem.pools[p].load, 1e-300), np.inf)
        psi[p] = np.where(able, part[p] * at.passing[p, : len(asked)], -np.inf)
        cost = part[p] * at.running[p]
        reach[p] = np.where(able, psi[p] + cost * np.where(able, load[p], 0.0), np.inf)
    top = np.minimum(*_highest_and_cheapest(psi, reach))
    top = np.where(np.isfinite(top), top, 0.0)
    short = short - np.maximum(0.0, top).max(axis=0)
    refund = len(asked) * np.minimum(0.0, short).sum()
    every = np.array(list(reach.values()))
    margin = NOTHING + ROUNDING * float(np.abs(every[np.isfinite(every)]).max(initial=0.0))
    levels, set_by = [top], [pools]
    for engine in _engines(problem, pools):
        level = _level_of(engine, top, reach, load, {p: part[p] * at.running[p] for p in engine})
        if not any(np.allclose(level, each, rtol=0, atol=margin) for each in levels):
            levels.append(level)
            set_by.append(engine)
    return Stage(
        pools=pools,
        part=part,
        constant=float((top - SLACK * np.abs(top)).sum() + refund),
        short=np.maximum(0.0, short),
        load=load,
        psi=psi,
        reach=reach,
        levels=np.array(levels),
        set_by=tuple(set_by),
    )


def _engines(problem: Problem, pools: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The pools of each engine."""
    found: dict[int, list[int]] = {}
    for p in pools:
        found.setdefault(problem.pools[p].candidate, []).append(p)
    return [tuple(mine) for mine in found.values()]


def _level_of(
    engine: tuple[int, ...],
    top: Floats,
    reach: Mapping[int, Floats],
    load: Mapping[int, Floats],
    cost: Mapping[int, Floats],
) -> Floats:
    """[K, T] level up to which replicas of an engine stand where they cost least, at most `top`.

    From there on they stand where they serve cheapest. `cost` [T] is that of a running replica.
    """
    serving = np.min([reach[p] for p in engine], axis=0)
    able = np.isfinite(serving)
    least = np.where(able, np.min([load[p] for p in engine], axis=0), 0.0)
    one = least * np.min([cost[p] for p in engine], axis=0)
    return np.where(able, np.minimum(top, np.where(able, serving, 0.0) - one), top)
