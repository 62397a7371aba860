"""A plan against its own inputs, in plain arithmetic.

Shares no code with the optimiser: what it and the solver agree on has been computed twice.
One function a rule; every violation of every rule is found before anything is raised.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import ceil, inf, isfinite

from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.plan import Plan, Termination
from heteroplan.entities.scenario import Objective
from heteroplan.entities.workload import Role
from heteroplan.errors import PlanViolationError
from heteroplan.verify import topology
from heteroplan.verify.placement import placement_faults
from heteroplan.verify.plan_index import (
    LEVELS,
    TOLERANCE,
    PlanIndex,
    class_demand,
    close,
    grouped,
    level_of,
    name_of,
)

SECONDS_A_DAY = 86_400


def verify(plan: Plan, *, gap: float = 1.0) -> None:
    """Raise PlanViolationError with every rule that the plan breaks; `gap` is the one asked for."""
    index = PlanIndex(plan, gap)
    found = (
        list(check_pools(index))
        or list(placement_faults(plan))
        or [text for rule in RULES for text in rule(index)]
    )
    if found:
        raise PlanViolationError("the plan breaks its own inputs:\n" + "\n".join(found))


def check_pools(index: PlanIndex) -> Iterator[str]:
    """Each pool is one that the scenario allows, with one integer size an interval."""
    plan = index.plan
    for place, times in Counter(
        (pool.workload, pool.engine, pool.node_type, pool.domain) for pool in plan.pools
    ).items():
        if times > 1:
            yield f"pool {place} appears {times} times"
    for pool in plan.pools:
        name = name_of(pool)
        workload = index.workloads.get(pool.workload)
        groups = workload.domains(plan.scenario.fleet.network) if workload else {}
        if workload is None or index.group_domain(pool) not in groups:
            yield f"{name}: {pool.workload} may have no group {pool.group}"
            continue
        candidate = index.candidate(pool)
        if candidate is None:
            yield f"{name}: no candidate {pool.engine} on {pool.node_type} for {pool.workload}"
            continue
        if (pool.role, pool.gpus_per_replica) != (candidate.engine.role, candidate.engine.gpus):
            yield f"{name}: role or GPUs a replica are not those of engine {pool.engine}"
        level = level_of(workload, candidate.engine)
        if pool.level is not level:
            yield f"{name}: stands in a {pool.level}, should in a {level}"
        inside = {leaf.domain(level) for leaf in groups[index.group_domain(pool)]}
        if pool.domain not in inside:
            yield f"{name}: {pool.domain} is not in {pool.group}"
        if len(pool.replicas) != len(index.steps):
            yield f"{name}: {len(pool.replicas)} sizes for {len(index.steps)} intervals"
        if any(type(n) is not int or n < 0 for n in pool.replicas):
            yield f"{name}: sizes are not all integers of at least 0"
        classes = len(workload.demand[0].classes)
        if [len(row) for row in pool.flow_rps] != [len(index.steps)] * classes:
            yield f"{name}: flow is not one rate a class and interval"
        if any(not isfinite(rps) or rps < 0 for row in pool.flow_rps for rps in row):
            yield f"{name}: flow is not all finite and at least 0"


def check_workloads(index: PlanIndex) -> Iterator[str]:
    """Each workload has its line, with the demand and the priority of the scenario."""
    asked = [
        (each.name, each.priority, tuple(demand.rps for demand in each.demand))
        for each in index.plan.scenario.workloads
    ]
    shown = [(each.name, each.priority, each.demand_rps) for each in index.plan.workloads]
    if asked != shown:
        yield "workloads: names, priorities or demand are not the scenario's"


def check_supply(index: PlanIndex) -> Iterator[str]:
    """GPUs of running and of starting replicas <= GPUs present, in each domain and interval.

    A domain must hold the pools that stand in it and in the domains below it.
    """
    network = index.plan.scenario.fleet.network
    for width, level in enumerate(LEVELS):
        for domain, leaves in network.domains(level).items():
            inside = {
                (lower, leaf.domain(lower)) for leaf in leaves for lower in LEVELS[: width + 1]
            }
            for shape in index.plan.scenario.fleet.node_types:
                members = [
                    held
                    for pool, held in zip(index.plan.pools, index.held, strict=True)
                    if pool.node_type == shape.name and (pool.level, pool.domain) in inside
                ]
                for t in index.steps if members else ():
                    used = sum(held[t] for held in members)
                    present = sum(index.present[t][leaf.name, shape.name] for leaf in leaves)
                    if used > present:
                        yield (
                            f"supply: {used} GPUs of {shape.name} held in {level} {domain} at "
                            f"{t}, {present} are there"
                        )


def check_surge(index: PlanIndex) -> Iterator[str]:
    """GPUs held <= GPUs present less those that stay free, in each spine and interval.

    Of the leaves that replicas stand on, whatever the level of their pools.
    """
    scenario = index.plan.scenario
    kept = {name: gpus for name, gpus in scenario.surge if gpus > 0}
    if not kept:
        return
    held: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(index.steps))
    for stay in index.plan.stays:
        pool = index.plan.pools[stay.pool]
        gpus = held[index.leaves[stay.leaf].spine, pool.node_type]
        for t in index.times(stay.first - stay.lead, stay.lead + stay.intervals):
            gpus[t] += pool.gpus_per_replica
    for (spine, node_type), used in held.items():
        for t in index.steps:
            free = _present(index, spine, node_type, t) - used[t]
            if used[t] and free < kept.get(node_type, 0):
                yield (
                    f"surge: {free} GPUs of {node_type} are free in {spine} at {t}, "
                    f"{kept[node_type]} should be"
                )


def _present(index: PlanIndex, spine: str, node_type: str, t: int) -> int:
    """GPUs of a node type in a spine."""
    return sum(
        index.present[t][leaf.name, node_type]
        for leaf in index.leaves.values()
        if leaf.spine == spine
    )


def check_capacity(index: PlanIndex) -> Iterator[str]:
    """Σ_k flow[k] / capacity[k] <= replicas, for each pool and interval.

    Of replicas in a pool of the size that it has.
    """
    for pool, sizes in zip(index.plan.pools, index.sizes, strict=True):
        for t in index.steps:
            busy = 0.0
            rates = index.used(pool).capacity_rps(t, sizes[t])
            for row, capacity_rps in zip(pool.flow_rps, rates, strict=True):
                if row[t] > 0:
                    busy += row[t] / capacity_rps if capacity_rps > 0 else inf
            if busy > pool.replicas[t] + TOLERANCE * max(1, pool.replicas[t]):
                n = pool.replicas[t]
                yield f"capacity: {name_of(pool)}: {busy} of {n} replicas busy at {t}"


def check_balance(index: PlanIndex) -> Iterator[str]:
    """Prefill flow = decode flow, for each group, class and interval."""
    for group, pools in grouped(index.plan.pools):
        demand = class_demand(index, pools[0].workload)
        for k, over_time in enumerate(demand):
            for t in index.steps:
                prefill, decode = (
                    sum(
                        pool.flow_rps[k][t]
                        for pool in pools
                        if pool.role is role and index.counts(pool)
                    )
                    for role in (Role.PREFILL, Role.DECODE)
                )
                if abs(prefill - decode) > TOLERANCE * over_time[t]:
                    yield f"balance: {group} prefills {prefill} and decodes {decode} rps at {t}"


def check_mix(index: PlanIndex) -> Iterator[str]:
    """A pool takes the same part of every class where the router does not tell them apart."""
    for pool in index.plan.pools:
        if index.workloads[pool.workload].route_by_class:
            continue
        demand = class_demand(index, pool.workload)
        for t in index.steps:
            parts = [
                row[t] / asked[t]
                for row, asked in zip(pool.flow_rps, demand, strict=True)
                if asked[t] > 0
            ]
            if parts and max(parts) - min(parts) > TOLERANCE:
                yield f"mix: {name_of(pool)} takes {min(parts)} to {max(parts)} of classes at {t}"


def check_demand(index: PlanIndex) -> Iterator[str]:
    """Demand = served + shortage for each workload and interval; served is what pools finish."""
    finished: dict[tuple[str, int, int], float] = defaultdict(float)
    for pool in index.plan.pools:
        if pool.role is not Role.PREFILL and index.counts(pool):
            for k, row in enumerate(pool.flow_rps):
                for t in index.steps:
                    finished[pool.workload, k, t] += row[t]
    short: dict[tuple[str, int], float] = defaultdict(float)
    for shortage in index.plan.shortages:
        if shortage.unserved_rps <= 0:
            yield f"shortage: {shortage.workload} at {shortage.interval} leaves nothing unserved"
        short[shortage.workload, shortage.interval] += shortage.unserved_rps
    for load in index.plan.workloads:
        demand = class_demand(index, load.name)
        for t in index.steps:
            served, asked = load.served_rps[t], load.demand_rps[t]
            by_pools = sum(finished[load.name, k, t] for k in range(len(demand)))
            if not close(asked, served + short[load.name, t]):
                yield f"demand: {load.name} asks for {asked} rps at {t}, served and short differ"
            if abs(served - by_pools) > TOLERANCE * asked:
                yield f"demand: {load.name} is served {served} rps at {t}, its pools {by_pools}"
            for k, over_time in enumerate(demand):
                if finished[load.name, k, t] > over_time[t] * (1 + TOLERANCE):
                    yield f"demand: class {k} of {load.name} is served more than it asks at {t}"


def check_ratio_band(index: PlanIndex) -> Iterator[str]:
    """low · decode <= prefill <= high · decode replicas, for each group with a band."""
    for group, pools in grouped(index.plan.pools):
        band = index.workloads[pools[0].workload].pd_ratio
        if band is None:
            continue
        for t in index.steps:
            prefill = index.replicas(pools, Role.PREFILL, t)
            decode = index.replicas(pools, Role.DECODE, t)
            low, high = band.low * decode, band.high * decode
            if prefill < low * (1 - TOLERANCE) or prefill > high * (1 + TOLERANCE):
                yield f"pd_ratio: {group} has {prefill} prefill and {decode} decode replicas at {t}"


def check_replica_limits(index: PlanIndex) -> Iterator[str]:
    """min_replicas <= replicas of a role <= max_replicas, for each workload and interval."""
    for workload in index.plan.scenario.workloads:
        pools = [pool for pool in index.plan.pools if pool.workload == workload.name]
        for role in Role:
            fewest = workload.min_replicas.get(role, 0)
            most = workload.max_replicas.get(role)
            for t in index.steps:
                n = index.replicas(pools, role, t)
                if n < fewest or (most is not None and n > most):
                    yield f"replicas: {workload.name} has {n} of {role} at {t}"


def check_stability(index: PlanIndex) -> Iterator[str]:
    """A pool that has grown does not shrink for min_run, and changes max_changes times a day.

    Days are equal parts of the horizon of about 24 h.
    """
    horizon = index.plan.scenario.horizon
    days = max(1, round(horizon.intervals * horizon.interval_s / SECONDS_A_DAY))
    for p, pool in enumerate(index.plan.pools):
        rules = index.workloads[pool.workload].stability
        changes = {t: change for t, change in index.changes(p) if change}
        for t, change in changes.items():
            run = ceil(rules.min_run_s / horizon.interval_s)
            since = min(run, len(index.steps)) if change < 0 else 0
            if any(changes.get(each, 0) > 0 for each in index.times(t - since + 1, since - 1)):
                yield f"min_run: {name_of(pool)} shrinks at {t}, too soon after it grew"
        for day, times in Counter(t * days // len(index.steps) for t in changes).items():
            if rules.max_changes is not None and times > rules.max_changes:
                yield f"max_changes: {name_of(pool)} changes {times} times on day {day + 1}"


def check_totals(index: PlanIndex) -> Iterator[str]:
    """GPU-hours, cost, starts, the greatest number of GPUs held and what is served."""
    totals = index.plan.totals
    gpu_hours, cost_usd, starts = index.usage
    held = [sum(row[t] for row in index.held) for t in index.steps]
    asked = sum(sum(load.demand_rps) for load in index.plan.workloads)
    lost = sum(shortage.unserved_rps for shortage in index.plan.shortages)
    for name, shown, right in (
        ("gpu_hours", totals.gpu_hours, gpu_hours),
        ("cost_usd", totals.cost_usd, cost_usd),
        ("starts", totals.starts, starts),
        ("moves", totals.moves, sum(index.moves)),
        ("changes", totals.changes, sum(index.times_changed) + len(index.pools_given_up)),
        ("peak_gpus", totals.peak_gpus, max(held, default=0)),
        ("served_fraction", totals.served_fraction, 1 - lost / asked if asked else 1.0),
    ):
        if not close(shown, right):
            yield f"totals: {name} is {shown}, should be {right}"
    for name, total in (("gpu_hours", totals.gpu_hours), ("cost_usd", totals.cost_usd)):
        together = sum(getattr(load, name) for load in index.plan.workloads)
        if not close(together, total):
            yield f"workloads: {name} are {together} together, of {total}"


def check_supply_use(index: PlanIndex) -> Iterator[str]:
    """The supply table says what is there, less what stays free, and what the pools hold."""
    for row in index.plan.supply:
        kept = dict(index.plan.scenario.surge).get(row.node_type, 0)
        spines = {leaf.spine for leaf in index.leaves.values()}
        present = tuple(
            sum(max(0, _present(index, spine, row.node_type, t) - kept) for spine in spines)
            for t in index.steps
        )
        pools = zip(index.plan.pools, index.held, strict=True)
        members = [held for pool, held in pools if pool.node_type == row.node_type]
        held = tuple(sum(over_time[t] for over_time in members) for t in index.steps)
        if (row.supply, row.held) != (present, held):
            yield f"supply table: {row.node_type} does not agree with fleet and pools"


def check_priority_hours(index: PlanIndex) -> Iterator[str]:
    """GPU-hours by priority are those of the leaves that the stays stand on, and all there are."""
    totals = index.plan.totals
    hours = dict.fromkeys(SubgroupPriority, 0.0)
    for leaf, gpu_hours in index.gpu_hours_on.items():
        hours[index.plan.scenario.fleet.leaf_priority(index.leaves[leaf])] += gpu_hours
    for priority, right in hours.items():
        shown = totals.gpu_hours_by_priority.get(priority, 0.0)
        if not close(shown, right):
            yield f"totals: GPU-hours on {priority} priority are {shown}, should be {right}"
    together = sum(totals.gpu_hours_by_priority.values())
    if not close(together, totals.gpu_hours):
        yield f"totals: GPU-hours by priority are {together} together, of {totals.gpu_hours}"


def check_proof(index: PlanIndex) -> Iterator[str]:
    """Objective as recomputed, bounds not above what was reached, termination as the gap is."""
    report = index.plan.report
    gpu_hours, cost_usd, _ = index.usage
    right = cost_usd if index.plan.scenario.objective is Objective.COST else gpu_hours
    if not close(report.objective, right):
        yield f"objective is {report.objective}, should be {right}"
    if report.bound > report.objective * (1 + TOLERANCE):
        yield f"bound {report.bound} is above the objective {report.objective}"
    interval_s = index.plan.scenario.horizon.interval_s
    lost = sum(shortage.unserved_rps for shortage in index.plan.shortages) * interval_s
    if not close(report.unserved_requests, lost):
        yield f"unserved requests are {report.unserved_requests}, should be {lost}"
    if report.unserved_requests_bound > lost * (1 + TOLERANCE):
        yield f"bound on unserved requests {report.unserved_requests_bound} is above {lost}"
    claimed = {Termination.OPTIMAL: 0.0, Termination.GAP_REACHED: index.gap}
    if report.gap > claimed.get(report.termination, 1.0) + TOLERANCE:
        yield f"termination is {report.termination}, the gap {report.gap}"


RULES = (
    check_workloads,
    check_supply,
    check_surge,
    check_capacity,
    check_balance,
    check_demand,
    check_mix,
    check_ratio_band,
    check_replica_limits,
    check_stability,
    *topology.RULES,
    check_totals,
    check_supply_use,
    check_priority_hours,
    check_proof,
)
