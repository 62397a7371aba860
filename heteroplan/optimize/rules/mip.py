"""A PuLP problem and its variables, of which rules make rows.

For pool p, class k, interval t and workload w:

    n[p,t]       replicas that serve                       integer
    up[p,t]      replicas started to serve from t on       >= 0
    changed[p,t] whether the size differs from t-1         0 or 1
    x[p,k,t]     share of class k's demand handled         0..1
    pass[b,t]    share of the demand that passes balance b 0..1
    short[w,k,t] share of class k's demand unserved        0..1
    open[w,g]    whether group g is used                   0 or 1

A workload has x, or pass where it has one class and nothing else needs to know which pool handles
what (`has_one_flow`): pools of a group then serve what all of them have capacity for. Rules add
variables of their own; each names them beside its rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pulp

from heteroplan.numerics.division import quotient
from heteroplan.optimize.program.problem import Floats, Ints, Problem

TINY_LOAD = 1e-3
"""Replicas; a thousand times what a solver takes for an integer. Less than that it may not see."""

INTEGER: Literal["Integer"] = "Integer"

_SENSES = {"<=": pulp.LpConstraintLE, ">=": pulp.LpConstraintGE, "==": pulp.LpConstraintEQ}

type Terms = list[tuple[pulp.LpVariable, float]]


@dataclass(frozen=True, slots=True)
class Box:
    """Bounds on pool sizes, each [P, T]: the neighbourhood that a solve may search."""

    low: Ints
    high: Ints


@dataclass(slots=True)
class Model:
    """A PuLP problem and its variables by index."""

    problem: Problem
    box: Box
    lp: pulp.LpProblem
    n: list[list[pulp.LpVariable]] = field(default_factory=list)
    up: list[list[pulp.LpVariable]] = field(default_factory=list)
    """Empty for a pool whose starts cost nothing and hold nothing."""
    changed: list[list[pulp.LpVariable]] = field(default_factory=list)
    """Empty for a pool whose changes are free."""
    x: list[list[list[pulp.LpVariable | None]]] = field(default_factory=list)
    """[p][k][t]; None where nothing is asked for, the pool cannot serve it, or its workload has
    `passing`."""
    passing: dict[tuple[int, int], pulp.LpVariable] = field(default_factory=dict)
    """(balance, t) -> variable, where both of its sides can serve."""
    by_pool: bool = False
    """Whether all workloads have x."""
    shares: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """[P, T] share of the demand that a replica serves where its workload has `passing`, else 0."""
    short: list[list[list[pulp.LpVariable | None]]] = field(default_factory=list)
    cost_scale: float = 1.0
    """Objective units per unit of the scaled objective."""
    supply_rows: dict[tuple[int, int], pulp.LpConstraint] = field(default_factory=dict)
    """(supply row, t) -> constraint, for its dual."""
    balance_rows: dict[tuple[int, int, int], tuple[pulp.LpConstraint, float]] = field(
        default_factory=dict
    )
    """(balance, class, t) -> constraint, and the share of the demand that is 1 in it."""
    start_rows: dict[tuple[int, int], pulp.LpConstraint] = field(default_factory=dict)
    """(pool, t) -> constraint."""

    def growth(self, p: int, t: int) -> tuple[Terms, int] | None:
        """n[p,t] - n[p,t-1] as terms less a number that ran before, in replicas.

        t-1 is the last interval for t = 0 of a cyclic day; elsewhere it is before the horizon. None
        where it is not known what ran then, or where the two are the same.
        """
        now = self.n[p][t]
        if t > 0 or self.problem.cyclic:
            before = self.n[p][t - 1]
            return None if before is now else ([(now, 1.0), (before, -1.0)], 0)
        ran = self.problem.before
        return None if ran is None else ([(now, 1.0)], int(ran[p]))

    def has_one_flow(self, w: int) -> bool:
        """Whether workload w has `passing` in the place of x."""
        work, pools = self.problem.workloads[w], self.problem.pools
        if self.by_pool or len(work.rps) > 1 or work.resilience is not None:
            return False
        return all(pools[p].part is None for p in work.pools)

    def used(self, name: str, pools: Iterable[int]) -> pulp.LpVariable:
        """1 where any of some pools has replicas: n[p,t] <= most[p,t]·used."""
        used = self.lp.add_variable(name, 0, 1, INTEGER)
        for p in pools:
            for t, most in enumerate(self.box.high[p]):
                row: Terms = [(self.n[p][t], 1.0), (used, -float(most))]
                self.add(row, "<=", 0.0, f"{name}_{p}_{t}")
        return used

    def add(self, terms: Terms, sense: str, right: float, name: str) -> pulp.LpConstraint:
        """Add `sum of terms (<=, >=, ==) right` under a name of its own."""
        row = pulp.LpAffineExpression.from_list(terms, constant=-right)
        row.sense = _SENSES[sense]
        return self.lp.addConstraint(row, name)


def shares_of_one(problem: Problem, pools: Sequence[int]) -> Floats:
    """[*, T] share of the demand that a replica of some pools serves, workloads of one class.

    No more than all where the load is so small that a solver would take it for nothing.
    """
    shape = len(pools), problem.intervals
    load = np.array([problem.pools[p].mix_load for p in pools]).reshape(shape)
    rps = [problem.workloads[problem.pools[p].workload].rps[0] for p in pools]
    asked = np.array(rps).reshape(shape) > 0
    return np.where(asked, np.where(load < TINY_LOAD, 1.0, quotient(1.0, load)), 0.0)
