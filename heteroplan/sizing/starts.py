"""Where a plan on tried nodes may begin: the replicas with which the program chose the nodes."""

from collections import Counter
from collections.abc import Sequence

from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Pool
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Workload
from heteroplan.optimize.program.problem import Ints
from heteroplan.sizing.potential import Potential


def start_pools(
    potential: Potential, times: Sequence[int], replicas: Ints, scenario: Scenario
) -> tuple[Pool, ...]:
    """Pools with the sizes [P, times] of the merged program, in the domain with most nodes.

    Other intervals have the sizes of one of `times` that asks for at least as much, the nearest.
    Pools that are counted on single leaves are left out: the program does not know these.
    """
    program = potential.program
    covering = _covering(potential, times)
    at_home = {load.name: _home(load, scenario) for load in scenario.workloads}
    fleet_types = {shape.name for shape in scenario.fleet.node_types}
    candidates = potential.candidates
    found = []
    for p, pool in enumerate(program.pools):
        if not replicas[p].any() or pool.part is not None or pool.node_type not in fleet_types:
            continue
        name = program.workloads[pool.workload].name
        level, domain = at_home[name]
        found.append(
            Pool(
                workload=name,
                role=pool.role,
                engine=candidates[pool.candidate].engine.name,
                node_type=pool.node_type,
                gpus_per_replica=pool.gpus,
                domain=domain,
                level=level,
                group=f"{name}@{domain}",
                replicas=tuple(replicas[p, covering].tolist()),
                flow_rps=(),
            )
        )
    return tuple(found)


def _covering(potential: Potential, times: Sequence[int]) -> list[int]:
    """[T] for each interval the place in `times` of the nearest one that asks for as much."""
    loads = potential.loads()
    places = []
    for t in range(loads.shape[1]):
        enough = [i for i, at in enumerate(times) if at == t or (loads[:, at] >= loads[:, t]).all()]
        places.append(min(enough, key=lambda i: abs(times[i] - t), default=0))
    return places


def _home(load: Workload, scenario: Scenario) -> tuple[Affinity, str]:
    """Where most nodes stand of the domains in which a workload's groups may live."""
    nodes: Counter[str] = Counter()
    for name, leaves in load.domains(scenario.fleet.network).items():
        nodes[name] = sum(sum(leaf.nodes.values()) for leaf in leaves)
    return load.affinity, max(nodes, key=lambda name: nodes[name], default="")
