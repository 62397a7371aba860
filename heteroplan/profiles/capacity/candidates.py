"""What one replica of every engine serves at the SLO: the candidates that plans choose from.

The rules are in `prefill`, `decode` and `aggregated`, each arithmetic on one mix of classes.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from math import inf

from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint
from heteroplan.entities.fleet import Fleet, NodeType
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine, RequestClass, Role, Workload
from heteroplan.profiles.capacity.aggregated import aggregated_points
from heteroplan.profiles.capacity.decode import decode_points
from heteroplan.profiles.capacity.pools import (
    between,
    depends_on_size,
    least_pool,
    pool_points,
)
from heteroplan.profiles.capacity.prefill import prefill_points
from heteroplan.profiles.capacity.setting import Points, Setting, serving, zero
from heteroplan.profiles.capacity.targets import rate_rps, single_slos
from heteroplan.units import gbit_per_s_to_bytes_per_s

RULES: dict[Role, Callable[[Setting], Points]] = {
    Role.PREFILL: prefill_points,
    Role.DECODE: decode_points,
    Role.AGGREGATED: aggregated_points,
}


def candidates_of(scenario: Scenario) -> list[Candidate]:
    """What could run where, for all workloads."""
    return [each for load in scenario.workloads for each in candidates(load, scenario.fleet)]


def candidates(
    workload: Workload, fleet: Fleet, among: Container[tuple[str, str]] | None = None
) -> tuple[Candidate, ...]:
    """Each engine of `workload` on each node type of `fleet` that has its GPU.

    One for all groups, or one for each span of those that could have the node type where KV
    transfer makes a difference. In the order of the profile, then of the fleet, then from leaf to
    cluster. Operating points are computed once a mix of classes and shared. `among` names engines
    and their node types, where not all are wanted. Raises ValueError for an engine with neither
    coefficients nor a capacity.
    """
    numbers: dict[tuple[RequestClass, ...], int] = {}
    mix_of = [numbers.setdefault(each.classes, len(numbers)) for each in workload.demand]
    mixes = tuple(numbers)
    spans = _spans(workload, fleet)
    found = []
    for engine in workload.profile.engines:
        for node in fleet.node_types:
            unwanted = among is not None and (engine.name, node.name) not in among
            if unwanted or node.gpu.name != engine.gpu:
                continue
            by_span = {
                span: _candidate(workload, fleet, engine, node, span, mixes, mix_of)
                for span in spans[node.name]
            }
            first, *others = by_span.values()
            differ = any(each != first for each in others)
            for span, each in by_span.items() if differ else [(None, first)]:
                found.append(replace(each, span=span))
    return tuple(found)


def _candidate(
    workload: Workload,
    fleet: Fleet,
    engine: Engine,
    node: NodeType,
    span: Affinity,
    mixes: tuple[tuple[RequestClass, ...], ...],
    mix_of: Sequence[int],
) -> Candidate:
    """An engine in the groups of one span, whose name its field `span` has not yet.

    Points of each of `mixes`; the intervals have those that `mix_of` names.
    """
    factor = fleet.bandwidth_factor(span)
    settings = [_setting(workload, mix, engine, node, factor) for mix in mixes]

    def points(mix: int, servers: int) -> Points:
        return operating_points(replace(settings[mix], servers=servers), node)

    if not depends_on_size(workload, engine):
        alike = [points(mix, 1) for mix in range(len(mixes))]
        return Candidate(workload.name, engine, node.name, tuple(alike[mix] for mix in mix_of))
    same = [
        other
        for other in fleet.node_types
        if other.gpu.name == node.gpu.name
        and _setting(workload, mixes[0], engine, other, factor) == settings[0]
    ]
    room = _room(workload, fleet, engine, same)
    wanted = [0.0] * len(mixes)
    for demand, mix in zip(workload.demand, mix_of, strict=True):
        wanted[mix] = max(wanted[mix], demand.rps)
    tables = [
        pool_points(shapes, partial(points, mix), room, wanted[mix])
        for mix, shapes in enumerate(mixes)
    ]
    if all(len(each.sizes) == 1 for each in tables):
        alike = [each.points[0] for each in tables]
        return Candidate(workload.name, engine, node.name, tuple(alike[mix] for mix in mix_of))

    @cache
    def of_size(mix: int, size: int) -> Points:
        return between(tables[mix], size)

    alone = tuple(
        least_pool(demand, tables[mix], most=room)
        for demand, mix in zip(workload.demand, mix_of, strict=True)
    )
    return Candidate(
        workload=workload.name,
        engine=engine,
        node_type=node.name,
        points=tuple(map(of_size, mix_of, alone)),
        by_size=tuple(tables[mix] for mix in mix_of),
        alone=alone,
    )


def _room(workload: Workload, fleet: Fleet, engine: Engine, nodes: Sequence[NodeType]) -> int:
    """Replicas that the widest group of the workload has GPUs for on some node types, one at
    least."""
    found = (
        sum(
            sum(leaf.nodes.get(node.name, 0) for leaf in leaves) * node.gpus // engine.gpus
            for node in nodes
        )
        for leaves in workload.domains(fleet.network).values()
    )
    return max(1, max(found, default=0))


def _spans(workload: Workload, fleet: Fleet) -> dict[str, list[Affinity]]:
    """Spans of the workload's domains that hold a node type, by its name; its affinity if none."""
    found: dict[str, set[Affinity]] = {node.name: set() for node in fleet.node_types}
    for domain, leaves in workload.domains(fleet.network).items():
        span = fleet.network.span(workload.affinity, domain)
        for leaf in leaves:
            for name, nodes in leaf.nodes.items():
                if nodes > 0:
                    found[name].add(span)
    return {
        name: [level for level in Affinity if level in (spans or {workload.affinity})]
        for name, spans in found.items()
    }


def operating_points(setting: Setting, node: NodeType) -> Points:
    """[class] how one replica on `node` runs the mix of `setting` at the SLO."""
    engine = setting.engine
    if node.gpus % engine.gpus and engine.gpus % node.gpus:
        refused = zero(
            Limit.MEMORY,
            f"a replica of {engine.gpus} GPUs neither divides a node of {node.gpus} GPUs "
            "nor fills whole nodes",
        )
        return (refused,) * len(setting.mix)
    if engine.capacity_rps is not None:
        return tuple(_given(setting.of(shape), engine.capacity_rps) for shape in setting.mix)
    return _found(setting)


def _given(setting: Setting, capacity_rps: float) -> OperatingPoint:
    """The capacity that a pressure test gave, no more than the NIC moves."""
    if setting.transfer_rps < capacity_rps:
        return OperatingPoint(setting.transfer_rps, Limit.KV_TRANSFER)
    return OperatingPoint(capacity_rps, Limit.GIVEN)


@lru_cache(maxsize=8192)
def _found(setting: Setting) -> Points:
    """By the rule of the engine's role: the least of several SLOs.

    A class that one of them lets no replica serve is not served, as if it did not come.
    """
    items = single_slos(setting)
    if items == [setting]:
        return RULES[setting.engine.role](setting)
    by_item = [_found(each) for each in items]
    refusals = {
        shape: next((point for point in points if point.capacity_rps <= 0.0), None)
        for shape, *points in zip(setting.mix, *by_item, strict=True)
    }
    if not any(refusals.values()):
        return min(by_item, key=partial(rate_rps, setting))
    return serving(setting, lambda _, shape: refusals[shape], _found)


def _setting(
    workload: Workload,
    mix: tuple[RequestClass, ...],
    engine: Engine,
    node: NodeType,
    bandwidth_factor: float,
) -> Setting:
    """What operating points depend on; those of equal shapes and shares are the same."""
    nic_gbit_per_s = engine.gpus * node.nic_gbit_per_s_per_gpu
    moves_kv = engine.counts and engine.role is not Role.AGGREGATED
    kv_bytes_per_token = (workload.profile.kv_bytes_per_token or 0.0) * moves_kv
    bytes_per_s = gbit_per_s_to_bytes_per_s(nic_gbit_per_s) * bandwidth_factor
    decoders = tuple(
        each.decode
        for each in workload.profile.engines
        if each.role is Role.DECODE and each.decode is not None
    )
    return Setting(
        engine=engine,
        mix=tuple(replace(shape, name="") for shape in mix),
        slo=workload.slo,
        bytes_per_s=bytes_per_s if kv_bytes_per_token else inf,
        kv_bytes_per_token=kv_bytes_per_token,
        allow_extrapolation=workload.allow_extrapolation,
        kv_transfer=workload.kv_transfer,
        routing=workload.routing[engine.role],
        arrivals=workload.arrivals,
        decoders=decoders if engine.role is Role.PREFILL else (),
    )
