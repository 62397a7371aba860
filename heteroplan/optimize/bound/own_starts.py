"""Which part of a start is due when: for each workload by an LP of its own, at prices of the rest.

At given prices of supply and of balances the workloads of an LP fall apart. That of one workload
sees every interval of the day and the prices of each domain. The duals of its rows of starts are
parts that suit these prices; a bound holds at any other parts as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from heteroplan.clock import Stop
from heteroplan.numerics.division import quotient
from heteroplan.optimize.covering.stages import Priced, priced, stages_of
from heteroplan.optimize.program.prices import Prices
from heteroplan.optimize.program.problem import Floats, Ints, Problem

MOST_SIZES = 20_000
"""Pools that differ times intervals, up to which a workload's LP is solved. Nothing stops it on the
way: 5,000 take 0.1 to 0.4 CPU s, 20,000 one to two (C1)."""


def with_own_starts(problem: Problem, prices: Prices, stop: Stop) -> Prices:
    """Prices with the parts of starts that each workload's LP charges at them.

    None for workloads whose LP is too large, and once `stop()` says so for those that are left.
    """
    at = priced(problem, replace(prices, starting=0.0 * prices.starting))
    starting = np.zeros_like(prices.starting)
    for w in range(len(problem.workloads)):
        if stop():
            break
        alike = _alike(at, w)
        if alike and len(alike) * problem.intervals <= MOST_SIZES:
            found = _due(at, w, [pools[0] for pools in alike])
            for pools, due in zip(alike, found, strict=True):
                starting[pools] = due
    return replace(prices, starting=starting)


def _alike(at: Priced, w: int) -> list[list[int]]:
    """Pools of a workload, together where they serve as much of the same at the same prices."""
    found: dict[tuple[object, ...], list[int]] = {}
    for p in at.problem.workloads[w].pools:
        pool = at.problem.pools[p]
        ran = None if at.problem.before is None else int(at.problem.before[p])
        prices = (at.running[p], at.starting[p], at.passing[p], pool.load)
        kind = (pool.candidate, pool.stages, ran, *(each.tobytes() for each in prices))
        found.setdefault(kind, []).append(p)
    return list(found.values())


def _due(at: Priced, w: int, pools: Sequence[int]) -> Floats:
    """[N, T] parts of starts in `pools` [N] that the LP of workload w charges; 0 if unsolved.

    min  Σ running·n + starting·up + Σ_s psi·x
         n[p,t] - n[p,t-1] <= up[p,t]
         Σ_k load[p,k,t]·x[s,p,k,t] <= n[p,t]    for each stage s that pool p serves
         Σ_p x[s,p,k,t] = 1                      for each stage s, where class k has demand
    """
    from scipy.optimize import linprog
    from scipy.sparse import vstack

    problem, running, starting = at.problem, at.running[pools], at.starting[pools]
    intervals, size, ran = problem.intervals, running.size, np.zeros(running.shape)
    n, cost = np.arange(size).reshape(running.shape), [running.ravel(), starting.ravel()]
    later = n if problem.cyclic else n[:, 1:]
    starts, serving, served = _Rows(), _Rows(), _Rows()
    starts.add(n, n, 1.0)
    starts.add(later, np.roll(n, 1, axis=1)[:, intervals - later.shape[1] :], -1.0)
    starts.add(n, size + n, -1.0)
    if not problem.cyclic and problem.before is not None:
        ran[:, 0] = problem.before[pools]
    columns = 2 * size
    for stage in stages_of(at, w):
        mine = [i for i, p in enumerate(pools) if p in stage.pools]
        load = np.array([stage.load[pools[i]] for i in mine])
        pool, k, t = np.nonzero(np.isfinite(load))
        x = columns + np.arange(len(t))
        rows = serving.height + np.arange(len(mine) * intervals)
        _, asked = np.unique(k * intervals + t, return_inverse=True)
        serving.add(rows, n[mine].ravel(), -1.0)
        serving.add(rows[pool * intervals + t], x, load[pool, k, t])
        served.add(served.height + asked, x, 1.0)
        cost.append(np.array([stage.psi[pools[i]] for i in mine])[pool, k, t])
        columns += len(t)
    answer = linprog(
        np.concatenate(cost),
        A_ub=vstack([starts.matrix(columns), serving.matrix(columns)]),
        b_ub=np.concatenate([ran.ravel(), np.zeros(serving.height)]),
        A_eq=served.matrix(columns),
        b_eq=np.ones(served.height),
        method="highs",
    )
    if answer.status != 0:
        return np.zeros(running.shape)
    due = -answer.ineqlin.marginals[:size].reshape(running.shape)
    if not problem.cyclic and problem.before is None:
        due[:, 0] = 0.0
    return np.clip(quotient(due, starting), 0.0, 1.0)


@dataclass(slots=True, eq=False)
class _Rows:
    """Rows of an LP: where they have which coefficients."""

    down: list[Ints] = field(default_factory=list)
    across: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    height: int = 0

    def add(self, down: Ints, across: Ints, values: Floats | float) -> None:
        """Coefficients in these rows and columns."""
        self.down.append(down.ravel())
        self.across.append(across.ravel())
        self.values.append(np.broadcast_to(values, down.shape).ravel())
        self.height = max(self.height, int(down.max(initial=-1)) + 1)

    def matrix(self, columns: int) -> Any:
        """Sparse, with so many columns."""
        from scipy.sparse import csr_matrix

        at = (np.concatenate(self.down), np.concatenate(self.across))
        return csr_matrix((np.concatenate(self.values), at), shape=(self.height, columns))
