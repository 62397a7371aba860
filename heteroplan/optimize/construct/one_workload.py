"""One workload beside the others: which sites it lives on.

A workload goes to the one site where it costs least; what that site cannot hold goes on
to the next. Then its groups are sized again, one after another, each beside what the others serve.
"""

from collections.abc import Hashable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.one_domain import Placement, has_room, place_on_site
from heteroplan.optimize.construct.task import Rank, Task, less, without
from heteroplan.optimize.program.mix import group_cover, part_pairs, safe_share
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.rules import is_choosy, open_pools, pool_choices

MOST_SITES = 64
"""Of one group: ways to choose where prefill and where decode stands that are looked at."""
MOST_SPREAD = 8
"""Domains that a workload is spread over so that it can lose one."""
TRIMS = 4
"""Rounds in which each domain of a spread workload is cut to what the others leave to it."""
ASKS_NOTHING = -1.0
"""Share of the demand, beside all of it, to have capacity for so that none is needed."""
TRIED_CHOICES = 8
"""Choices of pools that are tried, and as many more as it takes to serve all demand."""
NODE_ROUNDS = 6
"""Times that a workload is given more capacity so that it can lose a node."""
SLACK = 2
"""Replicas up and down from the sizes that a pool has at a time and right before and after."""

type Site = tuple[int, ...]
"""Pools of one group that serve requests from end to end on their own."""


def sites(problem: Problem, w: int) -> list[Site]:
    """Where workload w may be placed, in the order of its groups.

    A group is one site, unless its pools stand in narrower domains: then each choice of a place
    for prefill and one for decode is, those in one domain first.
    """
    found: list[Site] = []
    for group, pools in problem.groups(w).items():
        if all(problem.pools[p].domain == group for p in pools):
            found.append(tuple(pools))
        else:
            found += _choices(problem, pools)
    return found


def _choices(problem: Problem, pools: list[int]) -> Iterator[Site]:
    by_role = {role: _places_of(problem, pools, role) for role in Role}
    pairs = sorted(
        product(by_role[Role.PREFILL], by_role[Role.DECODE]),
        key=lambda pair: problem.pools[pair[0][0]].domain != problem.pools[pair[1][0]].domain,
    )
    for prefill, decode in pairs[:MOST_SITES]:
        yield (*prefill, *decode)
    yield from by_role[Role.AGGREGATED]


def _places_of(problem: Problem, pools: list[int], role: Role) -> list[tuple[int, ...]]:
    """Pools of a role that stand in one domain: all undivided ones, or one divided engine."""
    found: dict[tuple[str, str], list[int]] = {}
    for p in pools:
        pool = problem.pools[p]
        if pool.role is role:
            engine = "" if pool.part is None else pool.engine
            found.setdefault((pool.domain, engine), []).append(p)
    return [tuple(each) for each in found.values()]


def place(task: Task, replicas: Ints, parts: dict[str, Floats] | None = None) -> Ints:
    """Sizes [N, T] of the task's workload, what stands in `replicas` [N, T] already included.

    Once the task's `stop()` says so, what is placed by then. `parts` says what share [T] each
    group should serve; what one cannot, the next takes on. Without parts the first site is filled
    with whatever fits before the next one.
    """
    choices = pool_choices(task.problem, task.w)
    if not choices:
        return _placed(task, replicas, parts)
    tries: list[tuple[Rank, Ints]] = []
    for choice in choices:
        enough = len(tries) >= TRIED_CHOICES and min(rank for rank, _ in tries)[0] == 0.0
        if tries and (enough or task.stop()):
            break
        trial = _placed(task.within(choice), replicas, parts)
        tries.append((rank_of(task, trial), trial))
    return min(tries, key=lambda tried: tried[0])[1]


def placed_anew(task: Task, parts: dict[str, Floats] | None = None) -> tuple[Rank, Ints]:
    """Rank and sizes [N, T] of the task's workload, its groups fitted to each other."""
    nothing = task.problem.no_replicas()
    tried = refit(task.unbounded(), place(task, nothing, parts))
    return rank_of(task, tried), tried


def _placed(task: Task, replicas: Ints, parts: dict[str, Floats] | None) -> Ints:
    """Sizes [N, T] of all that it takes, as the workload's resilience asks."""
    resilience = task.problem.workloads[task.w].resilience
    if resilience is None:
        return _anywhere(task, replicas, parts)
    if resilience.gone:
        return _for_domain_loss(task, replicas)
    return _for_node_loss(task, replicas)


def _anywhere(task: Task, replicas: Ints, parts: dict[str, Floats] | None) -> Ints:
    """Site after site; or cheap engines of all groups first, where nothing divides groups later."""
    problem, w = task.problem, task.w
    counts = _fill(task, replicas, parts)
    whole_groups = len(sites(problem, w)) == len(problem.groups(w)) > 1
    limited = problem.workloads[w].max_groups is not None
    if parts is not None or is_plain(problem, w) or not whole_groups or limited:
        return counts
    if task.uses_cheapest_engines(counts):
        return counts
    spread = _spread(task, replicas)
    return spread[1] if spread[0] < rank_of(task, counts) else counts


def _fill(task: Task, replicas: Ints, parts: dict[str, Floats] | None) -> Ints:
    """Site after site, the cheapest next, each with as much of the rest as it can serve.

    Of its group's part where there are `parts`; the last one of all that is left.
    """
    problem, trial = task.problem, replicas.copy()
    left, rest = sites(problem, task.w), task.need()
    parts = None if parts is None else dict(parts)
    group_of = {site: problem.pools[site[0]].group for site in left}
    while (rest.any() or not task.minimum_met(trial)) and not task.stop():
        allowed = task.open_pools(trial)
        left = [site for site in left if not allowed.isdisjoint(site)]
        if not left:
            break
        wanted = dict.fromkeys(left, rest)
        if parts is not None and len(left) > 1:
            none = np.zeros_like(rest)
            wanted = {site: np.minimum(rest, parts.get(group_of[site], none)) for site in left}
        largest = max(left, key=lambda site: float(wanted[site].sum()))
        among = left if parts is None else [largest]
        found = _cheapest_site(task, trial, among, wanted)
        if found is None and not task.minimum_met(trial):
            found = _cheapest_site(replace(task, in_parts=True), trial, among, wanted)
        if found is None:
            break
        site, (_, counts, served) = found
        trial[list(site)] = counts
        left.remove(site)
        rest = less(rest, served)
        if parts is not None and (group := group_of[site]) in parts:
            parts[group] = less(parts[group], served)
    return trial


def _cheapest_site(
    task: Task, trial: Ints, among: list[Site], wanted: dict[Site, Floats]
) -> tuple[Site, Placement] | None:
    """The site that serves most of what is wanted from it, at the least cost."""
    options: dict[Site, Placement] = {}
    alike = {_likeness(task, site, trial, wanted[site]): site for site in reversed(among)}
    least = {site: task.least_cost(list(site), wanted[site]) for site in alike.values()}
    roomy = {site: has_room(task, list(site), trial, wanted[site]) for site in least}
    rough = replace(task, halvings=0)
    for site in sorted(least, key=lambda site: (not roomy[site], least[site])):
        best = min((rank for rank, _, _ in options.values()), default=(np.inf, 0.0))
        if best <= (0.0, least[site]) or (best[0] == 0.0 and not roomy[site]):
            continue
        option = place_on_site(rough, list(site), trial, wanted[site])
        if option:
            options[site] = option
    if not options:
        return None
    if task.halvings and min(rank for rank, _, _ in options.values())[0] > 0.0:
        for site, found in options.items():
            option = place_on_site(task, list(site), trial, wanted[site])
            options[site] = min(found, option or found, key=lambda placement: placement[0])
    site = min(options, key=lambda site: options[site][0])
    return site, options[site]


def _likeness(task: Task, site: Site, trial: Ints, wanted: Floats) -> Hashable:
    """Equal for sites where the workload would be placed alike, such as leaves still empty."""
    problem = task.problem
    left = task.left(site, trial)
    number = {r: i for i, r in enumerate(problem.rows_of(site))}
    return (
        wanted.tobytes(),
        tuple(gpus.tobytes() for gpus in left.values()),
        tuple(
            (
                problem.pools[p].candidate,
                tuple(number[r] for r in problem.drawn[p]),
                problem.pools[p].most.tobytes(),
                task.held_price[p].tobytes(),
                trial[p].tobytes(),
                None if task.limit is None else task.limit[p].tobytes(),
                task.floor[p].tobytes(),
                None if problem.before is None else int(problem.before[p]),
            )
            for p in site
        ),
    )


def _spread(task: Task, replicas: Ints) -> tuple[Rank, Ints]:
    """Cheap engines of all groups first; one group then takes on what they leave."""
    problem = task.problem
    trial = _fill(task.within(task.cheap_pools()), replicas, None)
    first = rank_of(task, trial)
    if first[0] == 0.0:
        return first, trial
    allowed = task.open_pools(trial)
    groups = {
        name: pools
        for name, pools in problem.groups(task.w).items()
        if not allowed.isdisjoint(pools)
    }
    served = {
        name: np.minimum(1.0, group_cover(problem, members, trial))
        for name, members in groups.items()
    }
    missing = less(task.need(), np.sum(list(served.values()), axis=0))
    tries: list[tuple[Rank, Ints]] = []
    for name, members in groups.items():
        beside = without(members, trial)
        if tries and not has_room(task, members, beside, served[name] + missing):
            continue
        option = place_on_site(task, members, beside, served[name] + missing)
        if option:
            beside[members] = option[1]
            left = option[0][0]
            tries.append(((left, task.cost(range(len(beside)), beside)), beside))
    return min(tries, key=lambda tried: tried[0], default=(first, trial))


def _for_domain_loss(task: Task, replicas: Ints) -> Ints:
    """Spread evenly over 2, 3, ... domains that may be lost; the cheapest that serves most.

    With m equal parts of max(1 / m, serve / (m - 1)) the others still serve their share. In one
    domain alone nothing may be served, and minima are all there is.
    """
    work = task.problem.workloads[task.w]
    assert work.resilience is not None
    domains = min(len(work.resilience.gone), MOST_SPREAD)
    tries = []
    for m in range(2, domains + 1):
        if task.stop():
            break
        share = max(1.0 / m, work.resilience.serve / (m - 1))
        trial = _trimmed(task, *_in_shares(task, replicas, share, m))
        tries.append((rank_of(task, trial), trial))
    if not tries:
        return _fill(replace(task, extra=ASKS_NOTHING), replicas, None)
    return min(tries, key=lambda tried: tried[0])[1]


def _in_shares(task: Task, replicas: Ints, share: float, m: int) -> tuple[Ints, list[Site]]:
    """Up to m + 2 sites that no two share a domain that may be lost, `share` of the demand each."""
    resilience = task.problem.workloads[task.w].resilience
    assert resilience is not None
    trial, wanted = replicas.copy(), share * task.need()
    left = sites(task.problem, task.w)
    exposed = {
        site: {d for d, gone in enumerate(resilience.gone) if set(gone) & set(site)}
        for site in left
    }
    used: list[Site] = []
    while len(used) < m or (len(used) < m + 2 and rank_of(task, trial)[0] > 0):
        if task.stop():
            break
        allowed = task.open_pools(trial)
        left = [site for site in left if not allowed.isdisjoint(site)]
        found = _cheapest_site(task, trial, left, dict.fromkeys(left, wanted)) if left else None
        if found is None:
            break
        site, (_, counts, _) = found
        trial[list(site)] = counts
        used.append(site)
        left = [other for other in left if not exposed[other] & exposed[site]]
    return trial, used


def _trimmed(task: Task, trial: Ints, used: list[Site]) -> Ints:
    """Each site in turn cut to what is needed of it beside the others, which round up as well."""
    rank = rank_of(task, trial)
    for _ in range(TRIMS):
        before = rank
        for site in used:
            if task.stop():
                break
            beside = without(site, trial)
            need = _needed_of(task, beside, [other for other in used if other is not site])
            option = place_on_site(task, list(site), beside, need)
            if option is not None:
                beside[list(site)] = option[1]
                tried = rank_of(task, beside)
                if tried < rank:
                    trial, rank = beside, tried
        if rank == before:
            break
    return trial


def _needed_of(task: Task, beside: Ints, others: list[Site]) -> Floats:
    """[T] share of the demand that one more site must serve beside `others` to be resilient.

    All that they do not serve, and what is lacking when one of them is lost.
    """
    problem, resilience = task.problem, task.problem.workloads[task.w].resilience
    assert resilience is not None
    covers = {other: group_cover(problem, list(other), beside) for other in others}
    total = np.sum(list(covers.values()), axis=0) if covers else np.zeros(problem.intervals)
    lacking = 1.0 - total
    for other in others:
        lacking = np.maximum(lacking, resilience.serve - (total - covers[other]))
    return np.clip(lacking, 0.0, 1.0) * task.need()


def _for_node_loss(task: Task, replicas: Ints) -> Ints:
    """With as much capacity beyond the demand as any one node takes away."""
    extra = np.zeros(task.problem.intervals)
    tries = []
    for _ in range(NODE_ROUNDS):
        trial = _fill(replace(task, extra=extra), replicas, None)
        rank = rank_of(task, trial)
        tries.append((rank, trial))
        if rank[0] == 0.0 or task.stop():
            break
        extra = extra + less(np.ones_like(extra), safe_share(task.problem, task.w, trial))
    return min(tries, key=lambda tried: tried[0])[1]


def rank_of(task: Task, trial: Ints) -> Rank:
    """What sizes [N, T] leave unserved when the resilience is kept, and their steered cost."""
    return float(missing(task, trial).sum()), task.cost(range(len(trial)), trial)


def missing(task: Task, trial: Ints) -> Floats:
    """[T] share of the demand that sizes [N, T] leave unserved when the resilience is kept."""
    problem = task.problem
    covers = [group_cover(problem, pools, trial) for pools in problem.groups(task.w).values()]
    asked = problem.workloads[task.w].rps.sum(axis=0) > 0
    served = np.minimum(np.sum(covers, axis=0), safe_share(problem, task.w, trial))
    return less(asked.astype(np.float64), served)


def is_plain(problem: Problem, w: int) -> bool:
    """Whether nothing but demand and supply ties the sizes of a workload's pools."""
    work = problem.workloads[w]
    limited = work.min_replicas or work.max_replicas or is_choosy(problem, w)
    return not limited and is_loose(problem, w)


def is_loose(problem: Problem, w: int) -> bool:
    """Whether nothing ties the sizes of pools that a workload uses to one another or to nodes."""
    work = problem.workloads[w]
    return not (problem.band(w) or work.resilience or part_pairs(problem, work.pools))


def refit(task: Task, replicas: Ints, *, grow: bool = True) -> Ints:
    """Sizes [N, T] no dearer than `replicas` [N, T] for the groups that a workload uses.

    No pool is larger at any time unless they may `grow`. Groups of a resilient workload or of
    divided engines stay: what one has to serve beside the others depends on how it serves.
    """
    problem, w = task.problem, task.w
    work = problem.workloads[w]
    if work.resilience or part_pairs(problem, work.pools):
        return replicas
    replicas = replicas.copy()
    asked = (work.rps.sum(axis=0) > 0).astype(np.float64)
    groups = {name: m for name, m in problem.groups(w).items() if replicas[m].any()}
    served = {name: group_cover(problem, m, replicas) for name, m in groups.items()}
    for name, members in groups.items():
        others = sum((served[other] for other in groups if other != name), 0.0 * asked)
        near = task.near(replicas, SLACK)
        if not grow:
            near = replace(near, limit=replicas)
        elif is_choosy(problem, w):
            near = near.within(open_pools(problem, w, replicas, opening=False))
        _refit_group(near, members, replicas, less(asked, others))
        served[name] = group_cover(problem, members, replicas)
    return replicas


def _refit_group(task: Task, pools: list[int], replicas: Ints, need: Floats) -> None:
    """One group within the task's sizes, kept where it serves no less of `need` [T] for less.

    Then written into `replicas` [N, T].
    """
    placed = place_on_site(task, pools, without(pools, replicas), need)
    if placed is None:
        return
    lacking = float(np.maximum(0.0, need - group_cover(task.problem, pools, replicas)).sum())
    here = (lacking, task.cost(pools, replicas))
    (left, cost), counts, _ = placed
    if (left, cost) < here and left <= lacking + COVER_TOLERANCE:
        replicas[pools] = counts
