"""Replicas of the program of nodes -> pools of a fleet, at which a plan on it may begin."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from heteroplan.entities.network import Affinity
from heteroplan.entities.offers import Offer
from heteroplan.entities.plan import Pool
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Workload
from heteroplan.optimize.program.problem import Ints
from heteroplan.sizing.division import divided
from heteroplan.sizing.potential import Potential


def start_pools(
    potential: Potential,
    times: Sequence[int],
    replicas: Ints,
    scenario: Scenario,
    hourly: Mapping[str, Offer],
) -> tuple[Pool, ...]:
    """Pools with the sizes [P, times] of the merged program, in the domain with most nodes.

    `hourly` are the offers of node types of the scenario's fleet that are paid by the hour. Other
    intervals have the sizes of that of `times` which lacks least of what they ask for, the nearest.
    Pools that are counted on single leaves are left out: the program does not know these.
    """
    program, covering = potential.program, _covering(potential, times)
    at_home = {load.name: _home(load, scenario) for load in scenario.workloads}
    found = []
    for node_type, sizes in _by_type(potential, times, replicas, scenario, hourly).items():
        for p in np.flatnonzero(sizes.any(axis=1)).tolist():
            pool = program.pools[p]
            name = program.workloads[pool.workload].name
            level, domain = at_home[name]
            found.append(
                Pool(
                    workload=name,
                    role=pool.role,
                    engine=potential.candidates[pool.candidate].engine.name,
                    node_type=node_type,
                    gpus_per_replica=pool.gpus,
                    domain=domain,
                    level=level,
                    group=f"{name}@{domain}",
                    replicas=tuple(sizes[p, covering].tolist()),
                    flow_rps=(),
                )
            )
    return tuple(found)


def _by_type(
    potential: Potential,
    times: Sequence[int],
    replicas: Ints,
    scenario: Scenario,
    hourly: Mapping[str, Offer],
) -> dict[str, Ints]:
    """Node type of the fleet -> [P, times] replicas on its nodes."""
    program = potential.program
    there = {shape.name: _gpus(scenario, shape.name, times) for shape in scenario.fleet.node_types}
    found = {name: np.zeros_like(replicas) for name in there}
    for base in potential.offered.node_types:
        names = [
            name for name in there if (hourly[name].node_type if name in hourly else name) == base
        ]
        mine = [
            p
            for p, pool in enumerate(program.pools)
            if pool.node_type == base and pool.part is None and replicas[p].any()
        ]
        here = {name: there[name] for name in names}
        if names and mine:
            for name, sizes in divided(potential, times, replicas, mine, here, hourly).items():
                found[name] += sizes
    return found


def _gpus(scenario: Scenario, node_type: str, times: Sequence[int]) -> list[int]:
    """[times] that are there, of all leaves."""
    fleet, ends = scenario.fleet, scenario.horizon.boundaries()
    size = fleet.node_type(node_type).gpus
    return [
        size
        * sum(
            fleet.nodes_available(leaf, node_type, ends[t], ends[t + 1])
            for leaf in fleet.network.leaves
        )
        for t in times
    ]


def _covering(potential: Potential, times: Sequence[int]) -> list[int]:
    """[T] for each interval the place in `times` of the one that lacks least of what it asks for,
    the nearest of those that lack as little."""
    loads = potential.loads()
    lacking = np.array(
        [np.maximum(0.0, loads - loads[:, [t]]).sum(axis=0) for t in times], dtype=np.float64
    )
    distance = np.abs(np.array(times)[:, None] - np.arange(loads.shape[1]))
    return [
        min(range(len(times)), key=lambda i: (lacking[i, t], distance[i, t]))
        for t in range(loads.shape[1])
    ]


def _home(load: Workload, scenario: Scenario) -> tuple[Affinity, str]:
    """Where most nodes stand of the domains in which a workload's groups may live."""
    nodes: Counter[str] = Counter()
    for name, leaves in load.domains(scenario.fleet.network).items():
        nodes[name] = sum(sum(leaf.nodes.values()) for leaf in leaves)
    return load.affinity, max(nodes, key=lambda name: nodes[name], default="")
