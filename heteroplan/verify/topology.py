"""Rules of deployment groups, divided engines and resilience; plain arithmetic of its own."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from heteroplan.entities.plan import Pool
from heteroplan.entities.workload import Loss, Resilience, Role, Workload
from heteroplan.verify.plan_index import TOLERANCE, PlanIndex, class_demand


def check_groups(index: PlanIndex) -> Iterator[str]:
    """No workload has more groups over the horizon than it may."""
    for name, workload in index.workloads.items():
        used = {pool.group for pool in index.plan.pools if pool.workload == name}
        if workload.max_groups is not None and len(used) > workload.max_groups:
            yield f"groups: {name} has {len(used)}, max_groups is {workload.max_groups}"


def check_engines(index: PlanIndex) -> Iterator[str]:
    """No workload uses more engines of a role over the horizon than it may."""
    used: dict[tuple[str, Role], set[str]] = defaultdict(set)
    for pool in index.plan.pools:
        part = index.used(pool).engine.part
        used[pool.workload, pool.role].add(pool.engine if part is None else part.of)
    for (name, role), engines in used.items():
        limit = index.workloads[name].max_engines
        if limit is not None and len(engines) > limit:
            yield f"engines: {name} has {len(engines)} of {role.value}, max_engines is {limit}"


def check_apart(index: PlanIndex) -> Iterator[str]:
    """No group of a workload overlaps one of a workload that it keeps apart from."""
    network = index.plan.scenario.fleet.network
    groups = {
        pool.group: (
            pool.workload,
            {
                leaf.name
                for leaf in index.workloads[pool.workload].domains(network)[
                    index.group_domain(pool)
                ]
            },
        )
        for pool in index.plan.pools
    }
    for (one, (first, leaves)), (two, (second, others)) in combinations(groups.items(), 2):
        apart = (
            second in index.workloads[first].anti_affinity
            or first in index.workloads[second].anti_affinity
        )
        if apart and leaves & others:
            yield f"anti_affinity: {one} and {two} overlap"


def check_parts(index: PlanIndex) -> Iterator[str]:
    """On each leaf both parts of a divided engine serve the same rate, within `part_ratio`."""
    pairs: dict[tuple[str, str, str], tuple[list[Pool], list[Pool]]] = defaultdict(lambda: ([], []))
    for pool in index.plan.pools:
        part = index.used(pool).engine.part
        if part is not None:
            pairs[pool.workload, part.of, pool.domain][part.index].append(pool)
    for (workload, engine, leaf), pair in pairs.items():
        demand = class_demand(index, workload)
        part = index.used((pair[0] or pair[1])[0]).engine.part
        for t in index.steps:
            for k, over_time in enumerate(demand):
                first, second = (sum(pool.flow_rps[k][t] for pool in part) for part in pair)
                if abs(first - second) > TOLERANCE * over_time[t]:
                    yield f"parts: {engine} of {workload} on {leaf}: {first}, {second} rps at {t}"
            first, second = (sum(pool.replicas[t] for pool in part) for part in pair)
            band = part.ratio if part is not None else None
            if band is not None and not (
                band.low * second * (1 - TOLERANCE) <= first <= band.high * second * (1 + TOLERANCE)
            ):
                yield f"part_ratio: {engine} of {workload} on {leaf}: {first} to {second} at {t}"


def check_resilience(index: PlanIndex) -> Iterator[str]:
    """With any one domain or node lost, the replicas that are left serve their share.

    Requests are served anew by them, in the interval's mix of classes.
    """
    for workload in index.workloads.values():
        if workload.resilience is not None:
            yield from _resilience_faults(index, workload, workload.resilience)


def _resilience_faults(
    index: PlanIndex, workload: Workload, resilience: Resilience
) -> Iterator[str]:
    pools = [p for p, pool in enumerate(index.plan.pools) if pool.workload == workload.name]
    (load,) = (each for each in index.plan.workloads if each.name == workload.name)
    for place, lost in _losses(index, pools, resilience.lose).items():
        for t in index.steps:
            if not any(lost[p][t] for p in pools):
                continue
            left = {p: index.plan.pools[p].replicas[t] - lost[p][t] for p in pools}
            capacity = capacity_left(index, workload, left, t)
            if capacity < resilience.serve * load.served_rps[t] * (1 - TOLERANCE):
                yield (
                    f"resilience: without {resilience.lose} {place} {workload.name} serves "
                    f"{capacity} of {load.served_rps[t]} rps at {t}"
                )


def _losses(
    index: PlanIndex, pools: Sequence[int], lose: Loss
) -> Mapping[str, Mapping[int, Sequence[int]]]:
    """{domain or node: {pool: [interval] replicas that stand there}}."""
    found: dict[str, dict[int, list[int]]] = defaultdict(
        lambda: {p: [0] * len(index.steps) for p in pools}
    )
    for stay in index.plan.stays:
        if stay.pool in pools:
            leaf = index.leaves[stay.leaf]
            places = {
                Loss.NODE: stay.nodes,
                Loss.LEAF: (leaf.name,),
                Loss.SPINE: (leaf.spine,),
            }[lose]
            for place in places:
                for t in index.times(stay.first, stay.intervals):
                    found[place][stay.pool][t] += 1
    return found


def capacity_left(
    index: PlanIndex, workload: Workload, replicas: Mapping[int, int], t: int
) -> float:
    """Rate [requests/s] in the mix that replicas {pool: count} serve, group by group."""
    groups: dict[str, list[int]] = defaultdict(list)
    for p in replicas:
        groups[index.plan.pools[p].group].append(p)
    total = 0.0
    for members in groups.values():
        by_role = dict.fromkeys(Role, 0.0)
        pairs: dict[tuple[Role, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for p in members:
            pool = index.plan.pools[p]
            candidate = index.used(pool)
            rates = candidate.capacity_rps(t, _size(index, members, replicas, p))
            if any(capacity_rps <= 0 for capacity_rps in rates):
                continue
            classes = workload.demand[t].classes
            busy_s = sum(
                k.share / capacity_rps for k, capacity_rps in zip(classes, rates, strict=True)
            )
            rps = replicas[p] / busy_s
            part = candidate.engine.part
            if part is None:
                by_role[pool.role] += rps
            else:
                pairs[pool.role, part.of, pool.domain][part.index] += rps
        for (role, _, _), pair in pairs.items():
            by_role[role] += min(pair)
        total += min(by_role[Role.PREFILL], by_role[Role.DECODE]) + by_role[Role.AGGREGATED]
    return total


def _size(index: PlanIndex, members: Sequence[int], replicas: Mapping[int, int], p: int) -> int:
    """Replicas that are left among which requests of pool p are routed; `members` of its group."""
    return sum(replicas[o] for o in members if index.kinds[o] == index.kinds[p])


RULES = (check_groups, check_engines, check_apart, check_parts, check_resilience)
