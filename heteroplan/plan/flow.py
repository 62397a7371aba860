"""Flow that meets every equation, from a solver's that meets them within its tolerance."""

from collections.abc import Sequence

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.problem import Floats, Problem, Solution, WorkSpec, served_share

ROUNDING = 2e-6
"""Share of a class's demand that only a solver's tolerance leaves unserved."""


def exact_flow(problem: Problem, solution: Solution) -> tuple[Floats, ...]:
    """The solution's flow [K, T] a pool, lowered where a pool, a domain or demand is overrun.

    No flow without a replica; prefill and decode alike in each domain; no more than is asked.
    """
    flow = [
        np.where((solution.replicas[p] > 0) & (share > 0), share, 0.0)
        for p, share in enumerate(solution.flow)
    ]
    for work in problem.works:
        by_domain: dict[str, dict[Role, list[int]]] = {}
        for p in work.pools:
            pool = problem.pools[p]
            by_domain.setdefault(pool.domain, {}).setdefault(pool.role, []).append(p)
        for roles in by_domain.values():
            prefill, decode = roles.get(Role.PREFILL, []), roles.get(Role.DECODE, [])
            common = np.minimum(_total(work, flow, prefill), _total(work, flow, decode))
            _scale(flow, prefill, common, _total(work, flow, prefill))
            _scale(flow, decode, common, _total(work, flow, decode))
        finishing = [p for p in work.pools if problem.pools[p].role is not Role.PREFILL]
        served = _total(work, flow, finishing)
        _scale(flow, list(work.pools), np.minimum(served, 1.0), served)
    return tuple(flow)


def unserved_share(problem: Problem, work: WorkSpec, flow: Sequence[Floats]) -> Floats:
    """[K, T] share of each class's demand that is left unserved, rounding aside."""
    missing = 1.0 - served_share(problem, work, flow)
    return np.where(missing > ROUNDING, missing, 0.0)


def _total(work: WorkSpec, flow: Sequence[Floats], pools: Sequence[int]) -> Floats:
    return sum((flow[p] for p in pools), start=np.zeros_like(work.rps))


def _scale(flow: list[Floats], pools: Sequence[int], wanted: Floats, total: Floats) -> None:
    factor = wanted / np.where(total > 0, total, 1.0)
    for p in pools:
        flow[p] = flow[p] * factor
