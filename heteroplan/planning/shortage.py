"""Why a workload goes short in an interval, in words."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Horizon, Scenario
from heteroplan.entities.workload import Resilience, Role, Workload
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.program.mix import group_cover, safe_share
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.rules import closing_fields, open_pools

MOST_MERGED, MOST_PLACES = 2, 3
"""Node types, and domains of each, that `merged` names."""
_CRAMPED = "no room for prefill and decode together"
_LATE = "when replicas would have to start"
_PLACED = re.compile(rf"(.+ full|{_CRAMPED}) in (.+?)(?: at ([\d: -]+), {_LATE})?")


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
        for p in problem.workloads[w].pools
        if np.isfinite(problem.pools[p].load[missing > 0, t]).any()
    ]
    if not useful:
        return f"no engine for its requests in any {workload.affinity.value} with GPUs for it"
    allowed = open_pools(problem, w, replicas)
    open_to_it = [p for p in useful if p in allowed]
    found = [
        *_reached_limits(problem, w, t, replicas),
        *closing_fields(problem, w, useful, replicas),
        *_broken_promise(workload, problem, w, t, replicas),
        *_full_places(scenario, problem, open_to_it, t, residual),
    ]
    if found:
        return "; ".join(found)
    if any(each.band for each in problem.balances if each.workload == w):
        return "pd_ratio or part_ratio"
    if workload.resilience is not None:
        return _promise_text(workload.resilience)
    return "nothing that is known: the search found no better"


@dataclass(slots=True)
class _Merged:
    places: dict[str, None] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    at_once: bool = False
    """Full when the replica would serve, not only when it would start."""


def merged(reasons: Iterable[str]) -> str:
    """Several answers of `limits` as one: each node type once, with the domains of all.

    No more than `MOST_MERGED` node types and `MOST_PLACES` domains of each are named.
    """
    others: dict[str, None] = {}
    full: dict[str, _Merged] = {}
    for part in (part for reason in reasons for part in reason.split("; ")):
        found = _PLACED.fullmatch(part)
        if found is None:
            others[part] = None
            continue
        what, places, late = found.groups()
        entry = full.setdefault(what, _Merged())
        entry.places |= dict.fromkeys(places.split(", "))
        entry.at_once |= late is None
        entry.late += [late] if late else []
    shown = [f"{what} in {_merged_text(full[what])}" for what in list(full)[:MOST_MERGED]]
    more = len(full) - len(shown)
    return "; ".join([*others, *shown, *([f"and {more} more"] if more else [])])


def _merged_text(entry: _Merged) -> str:
    names = list(entry.places)
    more = len(names) - MOST_PLACES
    text = ", ".join(names[:MOST_PLACES]) + (f" and {more} more" if more > 0 else "")
    if not entry.late:
        return text
    first, last = min(entry.late), max(entry.late)
    span = first if first == last else f"{first} to {last}"
    return f"{text}{', or' if entry.at_once else ''} at {span}, {_LATE}"


def _reason(workload: str, candidates: Sequence[Candidate]) -> str:
    for candidate in candidates:
        if candidate.workload == workload:
            for point in (point for interval in candidate.points for point in interval):
                if point.reason:
                    return point.reason
    return "its model has none on the fleet's GPU types"


def _reached_limits(problem: Problem, w: int, t: int, replicas: Ints) -> list[str]:
    work = problem.workloads[w]
    return [
        f"max_replicas of {role.value}"
        for role in Role
        if role in work.max_replicas
        and int(replicas[problem.members(w, role), t].sum()) >= work.max_replicas[role]
    ]


def _broken_promise(
    workload: Workload, problem: Problem, w: int, t: int, replicas: Ints
) -> list[str]:
    """The resilience, where the replicas could serve more but not after a loss."""
    if workload.resilience is None:
        return []
    groups = problem.groups(w).values()
    capacity = sum(float(group_cover(problem, pools, replicas)[t]) for pools in groups)
    safe = float(safe_share(problem, w, replicas)[t])
    kept_back = safe < min(1.0, capacity) - COVER_TOLERANCE
    return [_promise_text(workload.resilience)] if kept_back else []


def _promise_text(resilience: Resilience) -> str:
    return f"the promise to survive the loss of a {resilience.lose.value}"


def _full_places(
    scenario: Scenario, problem: Problem, pools: Sequence[int], t: int, residual: Sequence[Ints]
) -> list[str]:
    """Such as `h100x8 full in a-s1, a-s2`, and domains where one half fits but not both."""
    full: dict[tuple[str, int], list[str]] = {}
    cramped: list[str] = []
    for domain in dict.fromkeys(problem.pools[p].group for p in pools):
        here = [p for p in pools if problem.pools[p].group == domain]
        for p in here:
            found = _full_place(problem, (p,), t, residual)
            if found is not None:
                place, when = found
                places = full.setdefault((problem.pools[p].node_type, when), [])
                if place not in places:
                    places.append(place)
        pairs = [
            (p, q)
            for p in here
            for q in here
            if problem.pools[p].role is Role.PREFILL and problem.pools[q].role is Role.DECODE
        ]
        if pairs and all(_full_place(problem, pair, t, residual) for pair in pairs):
            cramped.append(domain)
    if full:
        return [
            f"{shape} full in {', '.join(places)}{_late(scenario.horizon, t, when)}"
            for (shape, when), places in full.items()
        ]
    return [f"{_CRAMPED} in {', '.join(cramped)}"] if cramped else []


def _late(horizon: Horizon, t: int, when: int) -> str:
    if when == t:
        return ""
    style = "%Y-%m-%d %H:%M" if horizon.intervals * horizon.interval_s > 86400 else "%H:%M"
    return f" at {horizon.boundaries()[when].strftime(style)}, {_LATE}"


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
