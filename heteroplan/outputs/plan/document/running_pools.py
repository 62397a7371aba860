"""Replicas that run before a plan, as pools of it."""

from collections import Counter
from collections.abc import Sequence

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running
from heteroplan.entities.workload import Engine
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.verify.plan_index import level_of


def running_pools(document: PlanDocument, running: Sequence[Running]) -> tuple[PoolPart, ...]:
    """Pools that running replicas make up, in the domains that pools of their engines have.

    Each has one size. Not for a plan of version 1, which has no fleet.
    """
    workloads = {each.name: each for each in document.given.workloads}
    leaves = {leaf.name: leaf for leaf in document.given.fleet.network.leaves}
    engines = {
        (load.name, engine.name): engine
        for load in workloads.values()
        for engine in load.profile.engines
    }
    counts: Counter[tuple[str, str, str, Affinity, str, str]] = Counter()
    for each in running:
        workload, leaf = workloads[each.workload], leaves[each.leaf]
        level = level_of(workload, engines[each.workload, each.engine])
        group = f"{each.workload}@{leaf.domain(workload.affinity)}"
        counts[each.workload, each.engine, each.node_type, level, leaf.domain(level), group] += 1
    return tuple(
        _pool(engines[place[0], place[1]], *place, count) for place, count in counts.items()
    )


def _pool(
    engine: Engine,
    workload: str,
    name: str,
    node_type: str,
    level: Affinity,
    domain: str,
    group: str,
    count: int,
) -> PoolPart:
    return PoolPart(
        workload=workload,
        role=engine.role,
        engine=name,
        node_type=node_type,
        gpus_per_replica=engine.gpus,
        domain=domain,
        level=level,
        group=group,
        replicas=(count,),
        leaves={},
        starting={},
        class_share={},
    )
