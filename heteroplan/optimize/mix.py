"""Flow in the mix: every pool takes the same part of each of its workload's classes.

Exact for one class; for several a safe choice that `polish` improves on.
"""

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.problem import Floats, Ints, Problem


def cover_of(problem: Problem, pools: list[int], counts: Ints) -> Floats:
    """[T] share of a workload's demand that pools of one role have capacity for."""
    cover = np.zeros(problem.intervals)
    for p, over_time in zip(pools, counts, strict=True):
        cover += over_time * mix_share(problem, p)
    return cover


def mix_share(problem: Problem, p: int) -> Floats:
    """[T] share of its workload's demand, in its mix of classes, that one replica serves."""
    load = problem.pools[p].mix_load
    usable = np.isfinite(load) & (load > 0)
    return np.where(usable, 1.0 / np.where(usable, load, 1.0), 0.0)


def _cover_by_role(problem: Problem, pools: list[int], replicas: Ints) -> dict[Role, Floats]:
    """[T] `cover_of` the pools of each role, 0 where there are none."""
    members = {role: [p for p in pools if problem.pools[p].role is role] for role in Role}
    return {role: cover_of(problem, mine, replicas[mine]) for role, mine in members.items()}


def domain_share(problem: Problem, pools: list[int], replicas: Ints) -> Floats:
    """[T] share of a workload's demand that its pools in one domain serve."""
    cover = _cover_by_role(problem, pools, replicas)
    pair = np.minimum(cover[Role.PREFILL], cover[Role.DECODE])
    return np.minimum(1.0, pair + cover[Role.AGGREGATED])


def mixed_flow(problem: Problem, replicas: Ints) -> tuple[Floats, ...]:
    """Flow that serves as much as the pools can with every pool taking the same mix."""
    flow: list[Floats] = [np.zeros_like(pool.load) for pool in problem.pools]
    for w, work in enumerate(problem.works):
        for p, share in zip(work.pools, mixed_flow_of(problem, w, replicas), strict=True):
            flow[p] = share
    return tuple(flow)


def mixed_flow_of(problem: Problem, w: int, replicas: Ints) -> list[Floats]:
    """`mixed_flow` of one workload, in the order of its pools."""
    work = problem.works[w]
    asked = work.rps > 0
    rest = asked.any(axis=0).astype(np.float64)
    found: dict[int, Floats] = {}
    for pools in problem.groups(w).values():
        cover = _cover_by_role(problem, pools, replicas)
        alone = np.minimum(rest, cover[Role.AGGREGATED])
        rest = rest - alone
        pair = np.minimum(rest, np.minimum(cover[Role.PREFILL], cover[Role.DECODE]))
        rest = rest - pair
        for p in pools:
            role = problem.pools[p].role
            total = cover[role]
            part = alone if role is Role.AGGREGATED else pair
            mine = replicas[p] * mix_share(problem, p)
            found[p] = (
                np.where(total > 0, mine / np.where(total > 0, total, 1.0), 0.0) * part * asked
            )
    return [found[p] for p in work.pools]
