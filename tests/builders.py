"""Small entities for tests: every argument has a default, so a test names what it is about."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint
from heteroplan.entities.fleet import Fleet, GpuType, NodeType, Outage
from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.scenario import Horizon, Objective, Scenario
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    Engine,
    IntervalDemand,
    KvTransfer,
    Part,
    Profile,
    RatioBand,
    RequestClass,
    Resilience,
    Role,
    Source,
    SourceKind,
    Workload,
)

SHAPE = RequestClass(name="default", share=1.0, isl=1000.0, osl=200.0)
SLO = Slo(ttft_ms=1000.0, itl_ms=60.0, percentile=0.95)


def node_type(
    name: str = "h100x8", *, gpu: str = "H100", gpus: int = 8, usd_per_gpu_hour: float = 2.0
) -> NodeType:
    return NodeType(
        name=name,
        gpu=GpuType(gpu, 80.0),
        gpus=gpus,
        nic_gbit_per_s=3200.0,
        usd_per_gpu_hour=usd_per_gpu_hour,
    )


def fleet(
    nodes: Mapping[str, Mapping[str, int]] | None = None,
    *,
    node_types: Sequence[NodeType] = (node_type(),),
    spines: Mapping[str, str] | None = None,
    outages: Sequence[Outage] = (),
) -> Fleet:
    """`nodes` is {leaf: {node type: nodes}}; `spines` is {leaf: spine}, default one a leaf."""
    nodes = nodes if nodes is not None else {"l1": {node_types[0].name: 4}}
    spines = spines or {leaf: f"{leaf}-spine" for leaf in nodes}
    leaves = tuple(Leaf(leaf, spines[leaf], "c1", dict(counts)) for leaf, counts in nodes.items())
    return Fleet(
        name="fleet",
        node_types=tuple(node_types),
        network=Network(leaves),
        outages=tuple(outages),
        across_leaves=0.8,
        across_spines=0.5,
    )


def engine(
    name: str = "decode",
    *,
    role: Role = Role.DECODE,
    gpu: str = "H100",
    gpus: int = 4,
    capacity_rps: float = 10.0,
    startup_s: float = 0.0,
    drain_s: float = 0.0,
    part: Part | None = None,
) -> Engine:
    return Engine(
        name=name,
        role=role,
        gpu=gpu,
        gpus=gpus,
        source=Source(SourceKind.GIVEN),
        startup_s=startup_s,
        drain_s=drain_s,
        capacity_rps=capacity_rps,
        part=part,
    )


def workload(
    name: str = "w",
    *,
    rps: Sequence[float] = (10.0,),
    engines: Sequence[Engine] = (
        engine("prefill", role=Role.PREFILL),
        engine("decode", role=Role.DECODE),
    ),
    classes: Sequence[RequestClass] = (SHAPE,),
    affinity: Affinity = Affinity.SPINE,
    priority: int = 1,
    pd_ratio: RatioBand | None = None,
    min_replicas: Mapping[Role, int] | None = None,
    max_replicas: Mapping[Role, int] | None = None,
    max_groups: int | None = None,
    max_engines: int | None = None,
    pin: Sequence[str] = (),
    exclude: Sequence[str] = (),
    anti_affinity: Sequence[str] = (),
    resilience: Resilience | None = None,
    kv_transfer: KvTransfer = KvTransfer.ALL,
    route_by_class: bool = True,
) -> Workload:
    return Workload(
        name=name,
        profile=Profile(model=f"model-{name}", kv_bytes_per_token=None, engines=tuple(engines)),
        demand=tuple(IntervalDemand(rate, tuple(classes)) for rate in rps),
        slo=SLO,
        affinity=affinity,
        priority=priority,
        headroom=0.0,
        pd_ratio=pd_ratio,
        min_replicas=dict(min_replicas or {}),
        max_replicas=dict(max_replicas or {}),
        max_groups=max_groups,
        max_engines=max_engines,
        pin=tuple(pin),
        exclude=tuple(exclude),
        anti_affinity=tuple(anti_affinity),
        resilience=resilience,
        kv_transfer=kv_transfer,
        route_by_class=route_by_class,
    )


def horizon(intervals: int = 1, *, interval_s: int = 3600, cyclic: bool = True) -> Horizon:
    return Horizon(
        start=datetime(2026, 11, 23, tzinfo=ZoneInfo("UTC")),
        intervals=intervals,
        interval_s=interval_s,
        timezone="UTC",
        cyclic=cyclic,
    )


def scenario(
    workloads: Sequence[Workload] | None = None,
    *,
    in_fleet: Fleet | None = None,
    interval_s: int = 3600,
    cyclic: bool = True,
    objective: Objective = Objective.COST,
) -> Scenario:
    workloads = workloads if workloads is not None else [workload()]
    return Scenario(
        name="test",
        fleet=in_fleet or fleet(),
        horizon=horizon(len(workloads[0].demand), interval_s=interval_s, cyclic=cyclic),
        objective=objective,
        workloads=tuple(workloads),
        inputs_sha256="0" * 64,
    )


def candidates(
    of: Scenario, *, by_class: Mapping[tuple[str, str], float] | None = None
) -> tuple[Candidate, ...]:
    """Each engine on each node type with its GPU, at its given capacity in every interval.

    `by_class` gives {(engine, class): requests/s} where classes differ.
    """
    found = []
    for load in of.workloads:
        for made in load.profile.engines:
            for shape in of.fleet.node_types:
                if shape.gpu.name != made.gpu:
                    continue
                points = tuple(
                    tuple(
                        OperatingPoint(
                            (by_class or {}).get((made.name, kind.name), made.capacity_rps or 0.0),
                            Limit.GIVEN,
                        )
                        for kind in interval.classes
                    )
                    for interval in load.demand
                )
                found.append(Candidate(load.name, made, shape.name, points))
    return tuple(found)
