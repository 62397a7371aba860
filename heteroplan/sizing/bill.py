"""What the nodes of a plan cost: all hours of those paid anyway, of others those in which they run.

A node that is paid by the hour runs from the start-up of its first replica until the last one has
drained, as a whole, whatever part of it is taken. Between two replicas it is given back where that
saves anything.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from heteroplan.entities.placement import Stay, node_names
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Horizon
from heteroplan.entities.workload import Engine
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.outcome import Nodes
from heteroplan.sizing.site import Built, Standing
from heteroplan.units import s_to_hours

type Node = tuple[str, str, str]
"""(leaf, node type, name)."""


def bill(offered: Offered, standing: Standing, built: Built, plan: Plan) -> tuple[Nodes, ...]:
    """The nodes of a fleet, by offer and leaf; of hourly offers those that ever run."""
    rows = [
        Nodes(
            offer=offer.name,
            node_type=offer.node_type,
            leaf=leaf,
            nodes=count,
            node_hours=count * offered.hours,
            cost_usd=count * offered.usd(offer),
        )
        for (name, leaf), count in standing.items()
        if count > 0 and not (offer := offered.by_name[name]).hourly
    ]
    by_leaf: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for (leaf, node_type, _), hours in node_hours(plan, built.hourly).items():
        by_leaf[built.hourly[node_type].name, leaf].append(hours)
    for (name, leaf), each in by_leaf.items():
        offer = offered.by_name[name]
        hours = sum(each)
        usd = hours * offer.usd_per_node_hour
        rows.append(Nodes(name, offer.node_type, leaf, len(each), hours, usd))
    order = [offer.name for offer in offered.offers]
    return tuple(sorted(rows, key=lambda row: order.index(row.offer)))


def node_hours(plan: Plan, node_types: Iterable[str]) -> dict[Node, float]:
    """Hours that each node of some types runs; those that never do are left out."""
    wanted, engines = set(node_types), _engines(plan)
    stays: defaultdict[Node, list[tuple[Stay, Engine]]] = defaultdict(list)
    for stay in plan.stays:
        pool = plan.pools[stay.pool]
        if pool.node_type in wanted:
            for name in stay.nodes:
                stays[stay.leaf, pool.node_type, name].append((stay, engines[_key(pool)]))
    return {node: running_hours(plan.scenario.horizon, here) for node, here in stays.items()}


def running_hours(horizon: Horizon, stays: Iterable[tuple[Stay, Engine]]) -> float:
    """Hours from start-ups to drains of the replicas on one node, idle times given back."""
    here = list(stays)
    serving = np.zeros(horizon.intervals, dtype=np.bool_)
    for stay, _ in here:
        serving[_times(horizon, stay)] = True
    hours = float(serving.sum()) * horizon.interval_hours
    for first, length in _gaps(serving, horizon.cyclic):
        after = (first + length) % horizon.intervals
        drain_s = max(
            (
                engine.drain_s
                for stay, engine in here
                if (stay.first + stay.intervals) % horizon.intervals == first
            ),
            default=0.0,
        )
        startup_s = max(
            (engine.startup_s for stay, engine in here if stay.first == after), default=0.0
        )
        hours += min(length * horizon.interval_hours, s_to_hours(drain_s + startup_s))
    return hours + _ends(horizon, here, serving)


def _ends(horizon: Horizon, here: list[tuple[Stay, Engine]], serving: np.ndarray) -> float:
    """Hours of the first start-up and the last drain of a day that is not cyclic."""
    if horizon.cyclic or serving.all():
        return 0.0
    first = min(stay.first for stay, _ in here)
    last = max(stay.first + stay.intervals for stay, _ in here)
    hours = 0.0
    if first > 0:
        hours += s_to_hours(max(e.startup_s for stay, e in here if stay.first == first))
    if last < horizon.intervals:
        ends = (e.drain_s for stay, e in here if stay.first + stay.intervals == last)
        hours += s_to_hours(max(ends))
    return hours


def _gaps(serving: np.ndarray, cyclic: bool) -> list[tuple[int, int]]:
    """(first interval, intervals) of each idle time between two times of service."""
    length = len(serving)
    starts = [t for t in range(length) if not serving[t] and serving[t - 1] and (cyclic or t > 0)]
    gaps = []
    for first in starts:
        idle = 1
        while idle < length and not serving[(first + idle) % length]:
            idle += 1
        if cyclic or first + idle < length:
            gaps.append((first, idle))
    return gaps


def _times(horizon: Horizon, stay: Stay, lead: int = 0) -> np.ndarray:
    times = np.arange(stay.first - lead, stay.first + stay.intervals)
    if horizon.cyclic:
        return times % horizon.intervals
    return times[(times >= 0) & (times < horizon.intervals)]


def _engines(plan: Plan) -> dict[tuple[str, str, str], Engine]:
    return {
        (each.workload, each.engine.name, each.node_type): each.engine for each in plan.candidates
    }


def _key(pool: Pool) -> tuple[str, str, str]:
    return pool.workload, pool.engine, pool.node_type


def together(plan: Plan, node_types: Mapping[str, object]) -> Plan:
    """The plan on fewer node-hours of some node types: replicas that serve as long as one another
    share nodes.

    Replicas that move stay where they are, and so do those of node types on which not all find
    room anew.
    """
    moving = {stay.replica_id for stay in plan.stays if stay.moved}
    stays = list(plan.stays)
    for leaf in plan.scenario.fleet.network.leaves:
        for node_type in node_types:
            mine = [
                i
                for i, stay in enumerate(stays)
                if stay.leaf == leaf.name and plan.pools[stay.pool].node_type == node_type
            ]
            names = node_names(leaf, node_type)
            fixed = [i for i in mine if stays[i].replica_id in moving]
            free = [i for i in mine if stays[i].replica_id not in moving]
            free.sort(
                key=lambda i: (-stays[i].intervals, -plan.pools[stays[i].pool].gpus_per_replica)
            )
            anew = _refilled(plan, names, [stays[i] for i in fixed], [stays[i] for i in free])
            if anew is not None:
                for i, stay in zip(free, anew, strict=True):
                    stays[i] = stay
    other = replace(plan, stays=tuple(stays))
    hours = [sum(node_hours(each, node_types).values()) for each in (plan, other)]
    return other if hours[1] < hours[0] else plan


def _refilled(
    plan: Plan, names: tuple[str, ...], fixed: list[Stay], free: list[Stay]
) -> list[Stay] | None:
    """`free` in their order where each adds least to the hours of nodes; None where one finds no
    room."""
    if not free:
        return None
    horizon = plan.scenario.horizon
    number = {name: i for i, name in enumerate(names)}
    size = plan.scenario.fleet.node_type(plan.pools[free[0].pool].node_type).gpus
    here = (len(names), horizon.intervals)
    left = size * _present(plan, free[0], here).astype(np.int64)
    running = np.zeros(here, dtype=np.bool_)
    for stay in fixed:
        share = min(size, plan.pools[stay.pool].gpus_per_replica)
        for name in stay.nodes:
            np.subtract.at(left[number[name]], _times(horizon, stay, stay.lead), share)
            running[number[name], _times(horizon, stay)] = True
    found = []
    for stay in free:
        share = min(size, plan.pools[stay.pool].gpus_per_replica)
        need = np.zeros(horizon.intervals, dtype=np.int64)
        np.add.at(need, _times(horizon, stay, stay.lead), share)
        serves = _times(horizon, stay)
        able = np.flatnonzero((left >= need).all(axis=1))
        if len(able) < len(stay.nodes):
            return None
        longer = (~running[able][:, serves]).sum(axis=1)
        able = able[np.argsort(longer, kind="stable")][: len(stay.nodes)]
        left[able] -= need
        running[np.ix_(able, serves)] = True
        found.append(replace(stay, nodes=tuple(names[i] for i in able.tolist())))
    return found


def _present(plan: Plan, stay: Stay, shape: tuple[int, int]) -> np.ndarray:
    """[nodes, T] whether each node of a stay's leaf and node type is there: the last ones are
    those that are away."""
    fleet, moments = plan.scenario.fleet, plan.scenario.horizon.boundaries()
    (leaf,) = (each for each in fleet.network.leaves if each.name == stay.leaf)
    there = np.zeros(shape, dtype=np.bool_)
    for t, (start, end) in enumerate(pairwise(moments)):
        there[: fleet.nodes_available(leaf, plan.pools[stay.pool].node_type, start, end), t] = True
    return there
