"""Why a workload goes short in an interval, in words."""

from collections.abc import Sequence

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.optimize.problem import Floats, Ints, Problem


def limits(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    w: int,
    t: int,
    replicas: Ints,
    residual: Sequence[Ints],
    missing: Floats,
) -> str:
    """What keeps workload w from more replicas in interval t.

    `residual` are the GPUs left on each supply row [T], `missing` [K] what is unserved.
    """
    workload = scenario.workloads[w]
    if not any(each.workload == workload.name and each.usable for each in candidates):
        return f"no engine: {_reason(workload.name, candidates)}"
    useful = [
        p
        for p in problem.works[w].pools
        if np.isfinite(problem.pools[p].load[missing > 0, t]).any()
    ]
    if not useful:
        return f"no engine for its requests in any {workload.affinity.value} with GPUs for it"
    found = [
        *_reached_limits(problem, w, t, replicas),
        *_full_places(problem, useful, t, residual),
    ]
    if found:
        return "; ".join(found)
    return "pd_ratio" if workload.pd_ratio else "the effort of the solver: raise --time-limit"


def _reason(workload: str, candidates: Sequence[Candidate]) -> str:
    for candidate in candidates:
        if candidate.workload == workload:
            for point in (point for interval in candidate.points for point in interval):
                if point.reason:
                    return point.reason
    return "its model has none on the fleet's GPU types"


def _reached_limits(problem: Problem, w: int, t: int, replicas: Ints) -> list[str]:
    work = problem.works[w]
    return [
        f"max_replicas of {role.value}"
        for role in Role
        if role in work.max_replicas
        and sum(int(replicas[p, t]) for p in work.pools if problem.pools[p].role is role)
        >= work.max_replicas[role]
    ]


def _full_places(
    problem: Problem, pools: Sequence[int], t: int, residual: Sequence[Ints]
) -> list[str]:
    """Such as `h100x8 full in a-s1, a-s2`, and domains where one half fits but not both."""
    full: dict[str, list[str]] = {}
    cramped: list[str] = []
    for domain in dict.fromkeys(problem.pools[p].domain for p in pools):
        here = [p for p in pools if problem.pools[p].domain == domain]
        for p in here:
            place = _full_place(problem, (p,), t, residual)
            places = full.setdefault(problem.pools[p].node_type, [])
            if place is not None and place not in places:
                places.append(place)
        pairs = [
            (p, q)
            for p in here
            for q in here
            if problem.pools[p].role is Role.PREFILL and problem.pools[q].role is Role.DECODE
        ]
        if pairs and all(_full_place(problem, pair, t, residual) for pair in pairs):
            cramped.append(domain)
    found = [f"{shape} full in {', '.join(places)}" for shape, places in full.items() if places]
    if found or not cramped:
        return found
    return [f"no room for prefill and decode together in {', '.join(cramped)}"]


def _full_place(
    problem: Problem, pools: Sequence[int], t: int, residual: Sequence[Ints]
) -> str | None:
    """The narrowest domain without room for one more replica of each of the pools."""
    for row, left in zip(problem.supplies, residual, strict=True):
        needed = np.zeros(problem.intervals, dtype=np.int64)
        for p in pools:
            if p in row.pools:
                lead = problem.pools[p].lead
                earliest = t - lead if problem.cyclic else max(0, t - lead)
                times = {i % problem.intervals for i in range(earliest, t + 1)}
                needed[list(times)] += problem.pools[p].gpus
        if (needed > np.maximum(left, 0)).any():
            return row.domain
    return None
