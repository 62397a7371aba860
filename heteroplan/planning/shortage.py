"""Why a workload has unserved demand in an interval."""

from collections.abc import Sequence

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.plan import ShortageKind, ShortageReason
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role, Workload
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.program.before import left_before
from heteroplan.optimize.program.mix import group_cover, safe_share
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.rules import closing_fields, open_pools

RATIO_FIELDS = "pd_ratio or part_ratio"
STABILITY_FIELDS = "min_run or max_changes"


def reasons(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    w: int,
    t: int,
    replicas: Ints,
    residual: Sequence[Ints],
    missing: Floats,
) -> tuple[ShortageReason, ...]:
    """What keeps workload w from more replicas in interval t, at least one reason.

    `residual` are the GPUs left on each supply row [T], `missing` [K] what is unserved.
    """
    workload = scenario.workloads[w]
    if not any(each.workload == workload.name and each.usable for each in candidates):
        why = _engine_reason(workload.name, candidates)
        return (ShortageReason(ShortageKind.NO_ENGINE, detail=why),)
    useful = [
        p
        for p in problem.workloads[w].pools
        if np.isfinite(problem.pools[p].load[missing > 0, t]).any()
    ]
    if not useful:
        return (ShortageReason(ShortageKind.NO_GPUS, affinity=workload.affinity),)
    allowed = open_pools(problem, w, replicas)
    open_to_it = [p for p in useful if p in allowed]
    closing = closing_fields(problem, w, useful, replicas)
    found = (
        *_reached_limits(problem, w, t, replicas),
        *(ShortageReason(ShortageKind.RULE, detail=fields) for fields in closing),
        *_kept_back(workload, problem, w, t, replicas),
        *_held_before(problem, open_to_it, t, replicas),
        *_full_places(problem, open_to_it, t, residual),
    )
    if found:
        return found
    if any(each.band for each in problem.balances if each.workload == w):
        return (ShortageReason(ShortageKind.RULE, detail=RATIO_FIELDS),)
    if workload.resilience is not None:
        return (ShortageReason(ShortageKind.RESILIENCE, lose=workload.resilience.lose),)
    if problem.workloads[w].has_stability:
        return (ShortageReason(ShortageKind.RULE, detail=STABILITY_FIELDS),)
    return (ShortageReason(ShortageKind.UNKNOWN),)


def _engine_reason(workload: str, candidates: Sequence[Candidate]) -> str:
    for candidate in candidates:
        if candidate.workload == workload:
            for point in (point for interval in candidate.points for point in interval):
                if point.reason:
                    return point.reason
    return "its model has none on the fleet's GPU types"


def _reached_limits(problem: Problem, w: int, t: int, replicas: Ints) -> list[ShortageReason]:
    work = problem.workloads[w]
    return [
        ShortageReason(ShortageKind.MAX_REPLICAS, role=role)
        for role in Role
        if role in work.max_replicas
        and int(replicas[problem.members(w, role), t].sum()) >= work.max_replicas[role]
    ]


def _kept_back(
    workload: Workload, problem: Problem, w: int, t: int, replicas: Ints
) -> list[ShortageReason]:
    """Resilience, where the replicas could serve more but not after a loss."""
    if workload.resilience is None:
        return []
    groups = problem.groups(w).values()
    capacity = sum(float(group_cover(problem, pools, replicas)[t]) for pools in groups)
    safe = float(safe_share(problem, w, replicas)[t])
    if safe >= min(1.0, capacity) - COVER_TOLERANCE:
        return []
    return [ShortageReason(ShortageKind.RESILIENCE, lose=workload.resilience.lose)]


def _held_before(
    problem: Problem, pools: Sequence[int], t: int, replicas: Ints
) -> list[ShortageReason]:
    """Node types of which what ran before leaves no room for one more that serves in interval t."""
    left = left_before(problem, replicas)
    full: dict[str, dict[str, None]] = {}
    for p in pools:
        for r in problem.drawn[p]:
            free = left[r]
            if free is not None and t < problem.pools[p].lead and free < problem.pools[p].gpus:
                places = full.setdefault(problem.pools[p].node_type, {})
                places[problem.supplies[r].domain] = None
                break
    return [
        ShortageReason(ShortageKind.HELD_BEFORE, node_type=node_type, domains=tuple(places))
        for node_type, places in full.items()
    ]


def _full_places(
    problem: Problem, pools: Sequence[int], t: int, residual: Sequence[Ints]
) -> list[ShortageReason]:
    """Node types that are full and where; or else domains where one replica fits but no pair."""
    full: dict[tuple[str, int], dict[str, None]] = {}
    no_pair: list[str] = []
    for domain in dict.fromkeys(problem.pools[p].group for p in pools):
        here = [p for p in pools if problem.pools[p].group == domain]
        for p in here:
            found = _full_place(problem, (p,), t, residual)
            if found is not None:
                place, when = found
                full.setdefault((problem.pools[p].node_type, when), {})[place] = None
        pairs = [
            (p, q)
            for p in here
            for q in here
            if problem.pools[p].role is Role.PREFILL and problem.pools[q].role is Role.DECODE
        ]
        if pairs and all(_full_place(problem, pair, t, residual) for pair in pairs):
            no_pair.append(domain)
    if not full:
        return [ShortageReason(ShortageKind.NO_PAIR, domains=tuple(no_pair))] if no_pair else []
    return [
        ShortageReason(
            ShortageKind.FULL,
            node_type=node_type,
            domains=tuple(places),
            starts=None if when == t else when,
        )
        for (node_type, when), places in full.items()
    ]


def _full_place(
    problem: Problem, pools: Sequence[int], t: int, residual: Sequence[Ints]
) -> tuple[str, int] | None:
    """The narrowest domain without room for one more replica of each of the pools, and when.

    That is interval t, or where it has room the nearest one before in which they would start.
    """
    for r in problem.rows_of(pools):
        row, left = problem.supplies[r], residual[r]
        needed = np.zeros(problem.intervals, dtype=np.int64)
        for p in pools:
            if r in problem.drawn[p]:
                lead = problem.pools[p].lead
                earliest = t - lead if problem.cyclic else max(0, t - lead)
                times = {i % problem.intervals for i in range(earliest, t + 1)}
                needed[list(times)] += problem.pools[p].gpus
        lacking = np.flatnonzero(needed > np.maximum(left, 0))
        if lacking.size:
            return row.domain, int(min(lacking, key=lambda i: (t - i) % problem.intervals))
    return None
