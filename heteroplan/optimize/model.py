"""The whole program as one MIP: the reference that tests compare with, and the polish.

Read `build_model` first: it is the table of contents. `rules.mip` names the variables, `rules` has
the constraints, one module a family.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pulp
from numpy.typing import NDArray

from heteroplan.entities.workload import Role
from heteroplan.numerics.division import quotient
from heteroplan.optimize.program.prices import Prices, pool_prices, start_prices, supply_prices
from heteroplan.optimize.program.problem import Floats, Problem, Solution
from heteroplan.optimize.rules import define_rules
from heteroplan.optimize.rules.mip import INTEGER, Box, Model, Terms, shares_of_one
from heteroplan.units import S_PER_HOUR


def build_model(
    problem: Problem,
    *,
    box: Box | None = None,
    allow_short: bool = True,
    constant: bool = False,
    unserved_price: Floats | None = None,
    by_pool: bool = False,
) -> Model:
    """The program, or the part of it inside `box`.

    With `constant` every pool keeps one size all day (the static baseline); then there are no
    starts. Without `allow_short` all demand must be served; `unserved_price` [W, T] is what it
    costs to serve nothing of a workload (`minimise_cost`). With `by_pool` each pool has a flow of
    its own, also where one a group would do.
    """
    if box is None:
        box = Box(problem.no_replicas(), np.array([pool.most for pool in problem.pools]))
    model = Model(problem, box, pulp.LpProblem("heteroplan", pulp.LpMinimize), by_pool=by_pool)
    define_replicas(model, constant)
    define_starts(model, constant)
    define_changes(model, constant)
    define_flow(model)
    define_shortage(model, allow_short)
    define_rules(model)
    minimise_cost(model, unserved_price)
    return model


def define_replicas(model: Model, constant: bool) -> None:
    """low[p,t] <= n[p,t] <= high[p,t], integer; one n[p] for all t where `constant`."""
    for p, (low, high) in enumerate(zip(model.box.low, model.box.high, strict=True)):
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


def define_changes(model: Model, constant: bool) -> None:
    """changed[p,t] binary where a change of a pool's size costs something, or is limited."""
    for p, cost in enumerate(model.problem.change_costs):
        work = model.problem.workloads[model.problem.pools[p].workload]
        counts = cost > 0 or work.max_changes is not None
        times = range(model.problem.intervals if counts and not constant else 0)
        model.changed.append(
            [model.lp.add_variable(f"changed_{p}_{t}", 0, 1, INTEGER) for t in times]
        )


def define_flow(model: Model) -> None:
    """0 <= x[p,k,t] <= 1 where class k asks for something and pool p can serve it.

    Of a workload with one flow 0 <= pass[b,t] <= 1 where pools on both sides of balance b can.
    """
    problem = model.problem
    one_flow = [model.has_one_flow(w) for w in range(len(problem.workloads))]
    together = [p for p, pool in enumerate(problem.pools) if one_flow[pool.workload]]
    for p, pool in enumerate(problem.pools):
        rps = problem.workloads[pool.workload].rps
        apart = not one_flow[pool.workload]
        x = _shares(model, f"x_{p}", (rps > 0) & np.isfinite(pool.load)) if apart else None
        model.x.append(x or [[None] * problem.intervals for _ in rps])
    model.shares = np.zeros((len(problem.pools), problem.intervals))
    model.shares[together] = shares_of_one(problem, together)
    sides = [side for balance in problem.balances for side in (balance.left, balance.right)]
    able = np.zeros((len(sides), problem.intervals), dtype=np.int64)
    owner = np.repeat(np.arange(len(sides)), [len(side) for side in sides])
    np.add.at(able, owner, model.shares[list(chain(*sides))] > 0)
    for b, t in np.argwhere((able[::2] > 0) & (able[1::2] > 0)).tolist():
        model.passing[b, t] = model.lp.add_variable(f"pass_{b}_{t}", 0, 1)


def define_shortage(model: Model, allow_short: bool) -> None:
    """0 <= short[w,k,t] <= 1 where class k asks for something."""
    for w, work in enumerate(model.problem.workloads):
        model.short.append(_shares(model, f"short_{w}", (work.rps > 0) & allow_short))


def _shares(
    model: Model, name: str, wanted: NDArray[np.bool_]
) -> list[list[pulp.LpVariable | None]]:
    """[k][t] shares of the demand, named after `name`, where they are `wanted` [K, T]."""
    return [
        [
            model.lp.add_variable(f"{name}_{k}_{t}", 0, 1) if here else None
            for t, here in enumerate(over_time)
        ]
        for k, over_time in enumerate(wanted.tolist())
    ]


def minimise_cost(model: Model, unserved_price: Floats | None = None) -> None:
    """Σ run[p,t]·n[p,t] + start[p]·up[p,t] + change[p]·changed[p,t]; a replica costs at most 1.

    With `unserved_price` [W, T] also what it costs to serve nothing of a workload, by its classes.
    """
    problem = model.problem
    costs = [float(np.abs(pool.run_cost).max()) for pool in problem.pools]
    model.cost_scale = max(costs, default=1.0) or 1.0
    terms = _cost_terms(model, 1.0 / model.cost_scale)
    if unserved_price is not None:
        for w, work in enumerate(problem.workloads):
            price = unserved_price[w] * work.rps / np.maximum(work.rps.sum(axis=0), 1e-300)
            terms += _unserved(model, w, price / model.cost_scale)
    model.lp.setObjective(pulp.LpAffineExpression.from_list(terms))


def shortage_terms(model: Model, priority: int | None) -> Terms:
    """Requests of one priority class, or of all, left unserved over the horizon."""
    seconds = model.problem.hours * S_PER_HOUR
    return [
        term
        for w, work in enumerate(model.problem.workloads)
        if priority in (None, work.priority)
        for term in _unserved(model, w, work.rps * seconds)
    ]


def _unserved(model: Model, w: int, weight: Floats) -> Terms:
    """What is left unserved of each class of a workload, at a `weight` [K, T]."""
    return [
        (missing, float(weight[k, t]))
        for k, over_time in enumerate(model.short[w])
        for t, missing in enumerate(over_time)
        if missing is not None
    ]


def minimise_shortage(model: Model, priority: int | None) -> float:
    """Make the shortage of one priority class, or of all, the objective; its scale [requests]."""
    terms = shortage_terms(model, priority)
    scale = max((weight for _, weight in terms), default=1.0)
    scaled = [(var, weight / scale) for var, weight in terms]
    model.lp.setObjective(pulp.LpAffineExpression.from_list(scaled))
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
    return Solution(np.rint(read_sizes(model)).astype(np.int64), tuple(read_flow(model)))


def read_flow(model: Model) -> list[Floats]:
    """[K, T] share handled, for each pool."""
    flow = [np.zeros_like(pool.load) for pool in model.problem.pools]
    for share, flows in zip(flow, model.x, strict=True):
        for k, over_time in enumerate(flows):
            for t, x in enumerate(over_time):
                if x is not None:
                    share[k, t] = max(0.0, x.varValue or 0.0)
    _divide_passing(model, flow)
    return flow


def _divide_passing(model: Model, flow: list[Floats]) -> None:
    """Write what passes among pools, and what aggregated ones serve of the rest, into `flow`.

    Each pool of a side has the part of it that it has of the side's capacity.
    """
    problem = model.problem
    capacity = np.maximum(0.0, read_sizes(model)) * model.shares
    passing = np.zeros((len(problem.balances), problem.intervals))
    for at, variable in model.passing.items():
        passing[at] = max(0.0, variable.varValue or 0.0)
    rest = np.ones((len(problem.workloads), problem.intervals))

    def divide(served: Floats, pools: Sequence[int]) -> None:
        part = quotient(served, capacity[list(pools)].sum(axis=0))
        for p in pools:
            flow[p][0] = capacity[p] * part

    for b in np.flatnonzero(passing.any(axis=1)):
        balance = problem.balances[b]
        rest[balance.workload] -= passing[b]
        divide(passing[b], balance.left)
        divide(passing[b], balance.right)
    for w in filter(model.has_one_flow, range(len(rest))):
        alone = problem.members(w, Role.AGGREGATED)
        divide(np.clip(rest[w], 0.0, capacity[alone].sum(axis=0)), alone)


def read_sizes(model: Model) -> Floats:
    """[P, T] values of n, fractional where the LP relaxation was solved."""
    return np.array([[n.varValue or 0.0 for n in over_time] for over_time in model.n]).reshape(
        len(model.n), model.problem.intervals
    )


def read_prices(model: Model) -> Prices:
    """Duals of supply and of balances in objective units, and the part of a start that is due."""
    prices = supply_prices(model.problem)
    for (r, t), row in model.supply_rows.items():
        prices.supply[r, t] = max(0.0, -(row.pi or 0.0)) * model.cost_scale
    _add_full_pools(model, prices.supply)
    for (b, k, t), (row, share) in model.balance_rows.items():
        prices.balance[b, k, t] = -(row.pi or 0.0) / share * model.cost_scale
    prices.starting[:] = _due(model, prices.supply)
    return prices


def _add_full_pools(model: Model, supply: Floats) -> None:
    """Where one pool fills a row, the LP may price the pool's largest size instead of the row."""
    problem = model.problem
    for p, pool in enumerate(problem.pools):
        for t, size in enumerate(model.n[p]):
            worth = -(size.dj or 0.0) * model.cost_scale
            for r in problem.drawn[p] if worth > 0 else ():
                if problem.supplies[r].gpus[t] == pool.most[t] * pool.gpus:
                    supply[r, t] += worth / pool.gpus
                    break


def _due(model: Model, supply: Floats) -> Floats:
    """[P, T] part of a start's cost, 0..1, that the LP charges where a pool grows."""
    problem = model.problem
    due = np.zeros((len(problem.pools), problem.intervals))
    for (p, t), row in model.start_rows.items():
        due[p, t] = max(0.0, row.pi or 0.0) * model.cost_scale
    return np.clip(quotient(due, start_prices(problem, pool_prices(problem, supply))), 0.0, 1.0)


def _cost_terms(model: Model, factor: float) -> Terms:
    terms: dict[int, tuple[pulp.LpVariable, float]] = {}
    for p, pool in enumerate(model.problem.pools):
        for variable, cost in zip(model.n[p], pool.run_cost, strict=True):
            known = terms.get(variable.id, (variable, 0.0))[1]
            terms[variable.id] = (variable, known + float(cost) * factor)
        for variable in model.up[p]:
            terms[variable.id] = (variable, pool.start_cost * factor)
        for variable in model.changed[p]:
            terms[variable.id] = (variable, float(model.problem.change_costs[p]) * factor)
    return list(terms.values())
