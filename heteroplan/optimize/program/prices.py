"""Prices at which workloads and groups fall apart: of GPUs held, and of requests passed on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.program.problem import Floats, Problem


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Multipliers of the rows that the bound lets go. Classes beyond a workload's own are 0."""

    supply: Floats
    """[R, T] >= 0: of a GPU held for an interval, objective units."""
    balance: Floats
    """[B, K, T] of any sign: of all demand of a class passing from left to right."""
    starting: Floats
    """[P, T] in 0..1: part of a start's cost that is due where a pool grows and comes back where
    it shrinks."""


def supply_prices(problem: Problem, supply: Floats | None = None) -> Prices:
    """Prices [R, T] of supply, none where not given, and none of balances."""
    intervals = problem.intervals
    classes = max((len(work.rps) for work in problem.workloads), default=0)
    return Prices(
        supply=np.zeros((len(problem.supplies), intervals)) if supply is None else supply,
        balance=np.zeros((len(problem.balances), classes, intervals)),
        starting=np.zeros((len(problem.pools), intervals)),
    )


def pool_prices(problem: Problem, supply: Floats) -> Floats:
    """[P, T] price of the GPUs that one replica holds for an interval, from `supply` [R, T]."""
    held_price = np.zeros((len(problem.pools), problem.intervals))
    for r, row in enumerate(problem.supplies):
        for p in row.pools:
            held_price[p] += supply[r] * problem.pools[p].gpus
    return held_price


def gpu_prices(problem: Problem) -> Floats:
    """[R] running cost of a GPU for an interval, in the most expensive pool of the row."""
    pools = problem.pools
    return np.array(
        [
            max((pools[p].plain_cost / pools[p].gpus for p in row.pools), default=0.0)
            for row in problem.supplies
        ]
    )


def highest_service_cost(problem: Problem, w: int) -> list[Floats]:
    """For each role [T]: cost of serving all demand of a workload in its most expensive pools."""
    highest, everywhere = [], [problem.pools[p] for p in problem.workloads[w].pools]
    for role in Role:
        pools = [pool for pool in everywhere if pool.role is role]
        load = np.array([pool.mix_load for pool in pools]).reshape(-1, problem.intervals)
        cost = np.array([pool.run_cost for pool in pools]).reshape(load.shape)
        highest.append((np.where(np.isfinite(load), load, 0.0) * cost).max(axis=0, initial=0.0))
    return highest


def start_prices(problem: Problem, held_price: Floats) -> Floats:
    """[P, T] cost of one start: start and drain, and the GPUs held before it serves, at [P, T]."""
    cost = np.empty_like(held_price)
    cost.T[:] = [pool.start_cost for pool in problem.pools]
    for ahead in range(1, int(problem.leads.max(initial=0)) + 1):
        before = np.roll(held_price, ahead, axis=1)
        if not problem.cyclic:
            before[:, :ahead] = 0.0
        cost += np.where(problem.leads[:, None] >= ahead, before, 0.0)
    return cost


def passing_prices(problem: Problem, balance: Floats, rows: Sequence[int] | None = None) -> Floats:
    """[P, K, T] price of all demand of a class passing a pool, from `balance` [B, K, T].

    Of some balances alone where their numbers (`rows`) are given.
    """
    price = np.zeros((len(problem.pools), *balance.shape[1:]))
    for b in range(len(problem.balances)) if rows is None else rows:
        price[list(problem.balances[b].left)] += balance[b]
        price[list(problem.balances[b].right)] -= balance[b]
    return price
