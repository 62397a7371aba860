"""Flow that meets every equation, from a solver's within its tolerance; pools that it ends in."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from heteroplan.entities.plan import Pool
from heteroplan.entities.workload import Role, Workload
from heteroplan.optimize.program.mix import safe_share
from heteroplan.optimize.program.problem import Floats, Problem, ProgramWorkload, Solution


def exact_flow(problem: Problem, solution: Solution) -> tuple[Floats, ...]:
    """The solution's flow [K, T] a pool, lowered where a pool, a domain or demand is overrun.

    No flow without a replica; prefill and decode alike in each domain; no more than is asked, nor
    than resilience lets the replicas serve: a solver takes a choice of 1e-6 for none.
    """
    flow = [
        np.where((solution.replicas[p] > 0) & (share > 0), share, 0.0)
        for p, share in enumerate(solution.flow)
    ]
    divided = [each for each in problem.balances if each.engine]
    pairs = [each for each in problem.balances if not each.engine]
    for balance in (*divided, *pairs, *divided):
        work = problem.workloads[balance.workload]
        totals = [_total(work, flow, side) for side in (balance.left, balance.right)]
        common = np.minimum(*totals)
        for side, total in zip((balance.left, balance.right), totals, strict=True):
            _scale(flow, side, common, total)
    for w, work in enumerate(problem.workloads):
        served = _total(work, flow, problem.finishing(w))
        allowed = safe_share(problem, w, solution.replicas)
        _scale(flow, work.pools, np.minimum(served, allowed), served)
    return tuple(flow)


def _total(work: ProgramWorkload, flow: Sequence[Floats], pools: Sequence[int]) -> Floats:
    return sum((flow[p] for p in pools), start=np.zeros_like(work.rps))


def _scale(flow: list[Floats], pools: Sequence[int], wanted: Floats, total: Floats) -> None:
    factor = wanted / np.where(total > 0, total, 1.0)
    for p in pools:
        flow[p] = flow[p] * factor


def finishing_pools(workload: Workload, pools: Iterable[Pool]) -> Iterator[Pool]:
    """Pools through which each request of a workload goes once: those that make its answer."""
    counted = {engine.name for engine in workload.profile.engines if engine.counts}
    for pool in pools:
        of_workload = pool.workload == workload.name and pool.engine in counted
        if of_workload and pool.role is not Role.PREFILL:
            yield pool
