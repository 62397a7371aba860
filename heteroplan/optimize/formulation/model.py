"""The whole program as one MIP: the reference that tests compare with, and the polish.

Read `build_model` first: it is the table of contents. Variables, for pool p, class k,
interval t and workload w:

    n[p,t]      replicas that serve                     integer
    up[p,t]     replicas started to serve from t on     >= 0
    x[p,k,t]    share of class k's demand handled       0..1
    short[w,k,t] share of class k's demand unserved     0..1
    open[w,g]   whether group g is used                 0 or 1

`resilience` has those of resilience.

To add a constraint: one `define_*` function, one line in `build_model`, one test with the
arithmetic in its docstring.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pulp

from heteroplan.optimize.formulation.resilience import define_resilience
from heteroplan.optimize.program.problem import Floats, Ints, Problem, Solution
from heteroplan.units import S_PER_HOUR

INTEGER: Literal["Integer"] = "Integer"

TINY_LOAD = 1e-3
"""Replicas; a thousand times what a solver takes for an integer."""

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
    lp: pulp.LpProblem
    n: list[list[pulp.LpVariable]] = field(default_factory=list)
    up: list[list[pulp.LpVariable]] = field(default_factory=list)
    """Empty for a pool whose starts cost nothing and hold nothing."""
    x: list[list[list[pulp.LpVariable | None]]] = field(default_factory=list)
    """[p][k][t]; None where nothing is asked for or the pool cannot serve it."""
    short: list[list[list[pulp.LpVariable | None]]] = field(default_factory=list)
    opened: dict[tuple[int, str], pulp.LpVariable] = field(default_factory=dict)
    """(workload, group) -> whether the group is used, where a rule limits that."""
    cost_scale: float = 1.0
    """Objective units per unit of the scaled objective."""
    supply_rows: dict[tuple[int, int], pulp.LpConstraint] = field(default_factory=dict)
    """(supply row, t) -> constraint, for its dual."""
    balance_rows: dict[tuple[int, int, int], pulp.LpConstraint] = field(default_factory=dict)
    """(balance, class, t) -> constraint."""
    start_rows: dict[tuple[int, int], pulp.LpConstraint] = field(default_factory=dict)
    """(pool, t) -> constraint."""

    def add(self, terms: Terms, sense: str, right: float, name: str) -> pulp.LpConstraint:
        """Add `sum of terms (<=, >=, ==) right` under a name made of integers."""
        expression = pulp.LpAffineExpression.from_list(terms)
        relation = {"<=": expression <= right, ">=": expression >= right, "==": expression == right}
        return self.lp.addConstraint(relation[sense], name)


def build_model(
    problem: Problem,
    *,
    box: Box | None = None,
    allow_short: bool = True,
    constant: bool = False,
) -> Model:
    """The program, or the part of it inside `box`.

    With `constant` every pool keeps one size all day (the static baseline); then there are no
    starts. Without `allow_short` all demand must be served.
    """
    model = Model(problem, pulp.LpProblem("heteroplan", pulp.LpMinimize))
    define_replicas(model, box, constant)
    define_starts(model, constant)
    define_flow(model)
    define_shortage(model, allow_short)

    define_capacity(model)
    define_balance(model)
    define_demand(model)
    define_supply(model)
    define_transition(model)
    define_ratio_band(model)
    define_replica_limits(model)
    define_groups(model, box)
    define_resilience(model)

    minimise_cost(model)
    return model


def define_replicas(model: Model, box: Box | None, constant: bool) -> None:
    """low[p,t] <= n[p,t] <= high[p,t], integer; one n[p] for all t where `constant`."""
    for p, pool in enumerate(model.problem.pools):
        low = box.low[p] if box else np.zeros_like(pool.most)
        high = box.high[p] if box else pool.most
        if constant:
            one = model.lp.add_variable(f"n_{p}", int(low.max()), int(high.min()), INTEGER)
            model.n.append([one] * model.problem.intervals)
            continue
        model.n.append(
            [
                model.lp.add_variable(f"n_{p}_{t}", int(low[t]), int(high[t]), INTEGER)
                for t in range(model.problem.intervals)
            ]
        )


def define_starts(model: Model, constant: bool) -> None:
    """up[p,t] >= 0 where a start costs something or holds GPUs before it serves."""
    for p, pool in enumerate(model.problem.pools):
        matters = (pool.start_cost > 0 or pool.lead > 0) and not constant
        times = range(model.problem.intervals) if matters else range(0)
        model.up.append([model.lp.add_variable(f"up_{p}_{t}", 0) for t in times])


def define_flow(model: Model) -> None:
    """0 <= x[p,k,t] <= 1 where class k asks for something and pool p can serve it."""
    for p, pool in enumerate(model.problem.pools):
        rps = model.problem.workloads[pool.workload].rps
        model.x.append(
            [
                [
                    model.lp.add_variable(f"x_{p}_{k}_{t}", 0, 1)
                    if rps[k, t] > 0 and np.isfinite(pool.load[k, t])
                    else None
                    for t in range(model.problem.intervals)
                ]
                for k in range(len(rps))
            ]
        )


def define_shortage(model: Model, allow_short: bool) -> None:
    """0 <= short[w,k,t] <= 1 where class k asks for something."""
    for w, work in enumerate(model.problem.workloads):
        model.short.append(
            [
                [
                    model.lp.add_variable(f"short_{w}_{k}_{t}", 0, 1)
                    if allow_short and work.rps[k, t] > 0
                    else None
                    for t in range(model.problem.intervals)
                ]
                for k in range(len(work.rps))
            ]
        )


def define_capacity(model: Model) -> None:
    """Σ_k load[p,k,t]·x[p,k,t] <= n[p,t] [replicas] for each pool: the SLO holds.

    And x[p,k,t] <= n[p,t] where the load is so small that a solver would take it for nothing.
    """
    for p, pool in enumerate(model.problem.pools):
        for t in range(model.problem.intervals):
            busy: Terms = [
                (x, float(pool.load[k, t]))
                for k, flow in enumerate(model.x[p])
                if (x := flow[t]) is not None
            ]
            if busy:
                model.add([*busy, (model.n[p][t], -1.0)], "<=", 0.0, f"capacity_{p}_{t}")
            for k, flow in enumerate(model.x[p]):
                if (share := flow[t]) is not None and pool.load[k, t] < TINY_LOAD:
                    row = [(share, 1.0), (model.n[p][t], -1.0)]
                    model.add(row, "<=", 0.0, f"whole_{p}_{k}_{t}")


def define_balance(model: Model) -> None:
    """Σ_left x[p,k,t] = Σ_right x[p,k,t] [share] for each balance, k, t.

    KV made in a group is consumed in it, and what part 0 of a divided engine passes on, part 1
    on the same leaf takes: no stranded halves.
    """
    for b, balance in enumerate(model.problem.balances):
        for k in range(len(model.problem.workloads[balance.workload].rps)):
            for t in range(model.problem.intervals):
                terms: Terms = [
                    (x, sign)
                    for pools, sign in ((balance.left, 1.0), (balance.right, -1.0))
                    for p in pools
                    if (x := model.x[p][k][t]) is not None
                ]
                if terms:
                    name = f"balance_{b}_{k}_{t}"
                    model.balance_rows[b, k, t] = model.add(terms, "==", 0.0, name)


def define_demand(model: Model) -> None:
    """Σ_{decode, aggregated} x[p,k,t] + short[w,k,t] >= 1 [share] for each w, k, t with demand.

    An equality where a promise refers to what is served.
    """
    for w, work in enumerate(model.problem.workloads):
        for k in range(len(work.rps)):
            for t in np.flatnonzero(work.rps[k] > 0):
                terms: Terms = [
                    (x, 1.0)
                    for p in model.problem.finishing(w)
                    if (x := model.x[p][k][t]) is not None
                ]
                missing = model.short[w][k][t]
                if missing is not None:
                    terms.append((missing, 1.0))
                sense = ">=" if work.resilience is None else "=="
                model.add(terms, sense, 1.0, f"demand_{w}_{k}_{t}")


def define_supply(model: Model) -> None:
    """Σ_p gpus[p]·(n[p,t] + Σ_{j=1..lead[p]} up[p,t+j]) <= supply[r,t] [GPUs] for each row r, t.

    A starting replica holds its GPUs before it serves.
    """
    problem = model.problem
    for r, row in enumerate(problem.supplies):
        for t in range(problem.intervals):
            terms: Terms = []
            for p in row.pools:
                gpus = float(problem.pools[p].gpus)
                terms.append((model.n[p][t], gpus))
                terms.extend((up, gpus) for up in _starting(model, p, t))
            model.supply_rows[r, t] = model.add(terms, "<=", float(row.gpus[t]), f"supply_{r}_{t}")


def define_transition(model: Model) -> None:
    """up[p,t] >= n[p,t] - n[p,t-1] [replicas] for each pool with start variables.

    t-1 is the last interval for t = 0 of a cyclic day; elsewhere n[p,-1] is what ran before,
    and t = 0 starts nothing where that is not known.
    """
    problem = model.problem
    for p, starts in enumerate(model.up):
        for t, start in enumerate(starts):
            terms: Terms = [(start, 1.0)]
            ran = 0
            if t == 0 and not problem.cyclic:
                if problem.before is None:
                    continue
                terms.append((model.n[p][t], -1.0))
                ran = int(problem.before[p])
            elif (now := model.n[p][t]) is not (before := model.n[p][t - 1]):
                terms += [(now, -1.0), (before, 1.0)]
            row = model.add(terms, ">=", -float(ran), f"transition_{p}_{t}")
            model.start_rows[p, t] = row


def define_ratio_band(model: Model) -> None:
    """low·Σ_right n <= Σ_left n <= high·Σ_right n [replicas] for each balance with a band."""
    for b, balance in enumerate(model.problem.balances):
        if balance.band is None:
            continue
        for t in range(model.problem.intervals):
            left, right = (
                [model.n[p][t] for p in pools] for pools in (balance.left, balance.right)
            )
            for name, bound, sense in (
                ("low", balance.band.low, ">="),
                ("high", balance.band.high, "<="),
            ):
                terms = [(n, 1.0) for n in left] + [(n, -bound) for n in right]
                if terms:
                    model.add(terms, sense, 0.0, f"ratio_{name}_{b}_{t}")


def define_replica_limits(model: Model) -> None:
    """min[w,role] <= Σ_{p of role} n[p,t] <= max[w,role] [replicas] for each w, role, t."""
    for w, work in enumerate(model.problem.workloads):
        for name, limits, sense in (
            ("min", work.min_replicas, ">="),
            ("max", work.max_replicas, "<="),
        ):
            for role, limit in limits.items():
                members = model.problem.members(w, role)
                for t in range(model.problem.intervals):
                    terms: Terms = [(model.n[p][t], 1.0) for p in members]
                    if terms or (sense == ">=" and limit > 0):
                        model.add(terms, sense, float(limit), f"{name}_{w}_{role.value}_{t}")


def define_groups(model: Model, box: Box | None) -> None:
    """n[p,t] <= most[p]·open[w,g]; Σ_g open[w,g] <= max_groups[w]; open + open' <= 1 apart.

    One open[w,g] in {0, 1} for each group of a workload with either rule, for the whole horizon.
    """
    problem = model.problem
    kept_apart = {w for one, _, two, _ in problem.conflicts for w in (one, two)}
    opened = model.opened
    for w, work in enumerate(problem.workloads):
        groups = problem.groups(w)
        limited = work.max_groups is not None and work.max_groups < len(groups)
        if not limited and w not in kept_apart:
            continue
        for g, (name, pools) in enumerate(groups.items()):
            opened[w, name] = model.lp.add_variable(f"open_{w}_{g}", 0, 1, INTEGER)
            for p in pools:
                most = problem.pools[p].most if box is None else box.high[p]
                for t in range(problem.intervals):
                    row = [(model.n[p][t], 1.0), (opened[w, name], -float(most[t]))]
                    model.add(row, "<=", 0.0, f"open_{w}_{g}_{p}_{t}")
        if limited and work.max_groups is not None:
            terms: Terms = [(opened[w, name], 1.0) for name in groups]
            model.add(terms, "<=", float(work.max_groups), f"groups_{w}")
    for i, (one, group, two, other) in enumerate(problem.conflicts):
        pair: Terms = [(opened[one, group], 1.0), (opened[two, other], 1.0)]
        model.add(pair, "<=", 1.0, f"apart_{i}")


def minimise_cost(model: Model, unserved_price: Floats | None = None) -> None:
    """Σ run[p,t]·n[p,t] + start[p]·up[p,t], scaled so that the dearest replica costs 1.

    With `unserved_price` [W, T] also what it costs to serve nothing of a workload, by its classes.
    """
    problem = model.problem
    costs = [float(np.abs(pool.run_cost).max()) for pool in problem.pools]
    model.cost_scale = max(costs, default=1.0) or 1.0
    terms = _cost_terms(model, 1.0 / model.cost_scale)
    if unserved_price is not None:
        for w, work in enumerate(problem.workloads):
            price = unserved_price[w] * work.rps / np.maximum(work.rps.sum(axis=0), 1e-300)
            terms += [
                (missing, float(price[k, t]) / model.cost_scale)
                for k, over_time in enumerate(model.short[w])
                for t, missing in enumerate(over_time)
                if missing is not None
            ]
    model.lp.setObjective(_expression(terms))


def shortage_terms(model: Model, priority: int | None) -> Terms:
    """Requests of one priority class, or of all, left unserved over the horizon."""
    seconds = model.problem.hours * S_PER_HOUR
    return [
        (missing, float(work.rps[k, t]) * seconds)
        for w, work in enumerate(model.problem.workloads)
        if priority in (None, work.priority)
        for k, over_time in enumerate(model.short[w])
        for t, missing in enumerate(over_time)
        if missing is not None
    ]


def minimise_shortage(model: Model, priority: int | None) -> float:
    """Make the shortage of one priority class, or of all, the objective.

    Returns its scale [requests].
    """
    terms = shortage_terms(model, priority)
    scale = max((weight for _, weight in terms), default=1.0)
    model.lp.setObjective(_expression([(var, weight / scale) for var, weight in terms]))
    return scale


def cap_shortage(model: Model, most: Mapping[int, float]) -> None:
    """Unserved requests of each priority class <= most[class]."""
    for priority, requests in most.items():
        terms = shortage_terms(model, priority)
        if terms:
            scale = max(weight for _, weight in terms)
            scaled = [(var, weight / scale) for var, weight in terms]
            model.add(scaled, "<=", requests / scale, f"shortage_cap_{priority}")


def read_solution(model: Model) -> Solution:
    """Pool sizes, rounded to the integers they are, and flow, from the variables' values."""
    problem = model.problem
    replicas = np.array(
        [[round(n.varValue or 0.0) for n in over_time] for over_time in model.n], dtype=np.int64
    ).reshape(len(problem.pools), problem.intervals)
    return Solution(replicas, tuple(read_flow(model)))


def read_flow(model: Model) -> Iterator[Floats]:
    """[K, T] share handled, for each pool."""
    for flows in model.x:
        yield np.array(
            [
                [0.0 if x is None else max(0.0, x.varValue or 0.0) for x in over_time]
                for over_time in flows
            ]
        )


def read_sizes(model: Model) -> Floats:
    """[P, T] values of n, fractional where the LP relaxation was solved."""
    return np.array([[n.varValue or 0.0 for n in over_time] for over_time in model.n]).reshape(
        len(model.n), model.problem.intervals
    )


def _cost_terms(model: Model, factor: float) -> Terms:
    terms: dict[int, tuple[pulp.LpVariable, float]] = {}
    for p, pool in enumerate(model.problem.pools):
        for variable, cost in zip(model.n[p], pool.run_cost, strict=True):
            known = terms.get(variable.id, (variable, 0.0))[1]
            terms[variable.id] = (variable, known + float(cost) * factor)
        for variable in model.up[p]:
            terms[variable.id] = (variable, pool.start_cost * factor)
    return list(terms.values())


def _expression(terms: Terms) -> pulp.LpAffineExpression:
    return pulp.LpAffineExpression.from_list(terms)


def _starting(model: Model, p: int, t: int) -> Iterator[pulp.LpVariable]:
    """Starts that already hold GPUs in interval t."""
    for ahead in range(1, model.problem.pools[p].lead + 1):
        if model.up[p] and (model.problem.cyclic or t + ahead < model.problem.intervals):
            yield model.up[p][(t + ahead) % model.problem.intervals]
