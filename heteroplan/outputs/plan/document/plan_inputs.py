"""`inputs` of plan.json: the scenario as it was planned, without the files that it came from.

`PlanInputs.of` writes a scenario down, `PlanInputs.scenario` makes it of what was written. Fleet,
engines and the rules of a workload have the form of the files that users write; demand is one rate
an interval, fitted coefficients stand in place of measurements.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from itertools import groupby
from math import inf
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field

from heteroplan.entities.arrivals import POISSON, Arrivals, ArrivalsSource, Dispersion
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.scenario import Objective, Running, Scenario
from heteroplan.entities.slo import Slo
from heteroplan.entities.targets import TargetRule
from heteroplan.entities.workload import (
    MAX_ORIGIN,
    Engine,
    IntervalDemand,
    Origin,
    Profile,
    RatioBand,
    RequestClass,
    Span,
    Stability,
    Workload,
)
from heteroplan.inputs import build
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.inputs.schemas.profile import EngineSpec, ProfileFile, RangeSpec
from heteroplan.inputs.schemas.targets import TargetSpec
from heteroplan.inputs.schemas.workload import SloSpec, SlosSpec, StabilitySpec, WorkloadRules
from heteroplan.outputs.plan.document.parts import (
    Amount,
    AmountOrNone,
    Amounts,
    Count,
    DocumentPart,
    HorizonPart,
    nine_digits,
)
from heteroplan.reading.durations import written_duration
from heteroplan.text import visible


class ClassPart(DocumentPart):
    """Lengths of a share of the requests."""

    name: Name
    share: Amount
    """Share of the requests; all shares of a mix sum to 1."""
    isl: Amount
    """Mean input tokens per request."""
    osl: Amount
    """Mean output tokens per request."""
    prefix_hit_rate: Amount
    """Share of the input tokens found in the prefix cache."""
    isl_cv: AmountOrNone = None
    """Coefficient of variation of the tokens that prefill computes."""
    context: AmountOrNone = None
    """Mean tokens in the KV cache per sequence and decode step."""
    context_cv: AmountOrNone = None
    """Coefficient of variation of `context` over decode steps."""
    osl_cv: AmountOrNone = None
    """Coefficient of variation of the output tokens."""
    slo: SlosSpec | None = None
    """Latency targets of the class, where it has its own."""


class DispersionPart(DocumentPart):
    """How bursty arrivals are at one time scale and percentile; 1 is Poisson."""

    scale_s: Amount
    """Time that a prompt may wait, or that a request decodes [s]."""
    percentile: Amount
    """Share of the requests that is to be in time."""
    prefill: Amount
    """Variance over mean of the missed input tokens."""
    decode: Amount
    """Variance over mean of the output tokens."""


class ArrivalsPart(DocumentPart):
    """How bursty arrivals are."""

    source: Literal["assumed", "stated", "measured"]
    """How that is known."""
    points: list[DispersionPart]
    """Every scale with every percentile."""


class OriginPart(DocumentPart):
    """Where requests come from, and what they weigh on the way to another region."""

    region: Name
    bytes_per_input_token: Amount
    """Of requests [bytes]."""
    bytes_per_output_token: Amount
    """Of answers [bytes]."""


class WorkloadInputs(WorkloadRules):
    """A workload with its demand in every interval, headroom included."""

    headroom: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Share added to the demand: 10 is 1000 %."""
    profile: Text
    """Key of its profile in `profiles`."""
    demand_rps: Amounts
    """Requests/s to plan for, headroom included."""
    mixes: list[list[ClassPart]]
    """Mixes of request classes; all have the same number of classes."""
    mix: list[Count]
    """Index in `mixes`, one per interval."""
    demand_notes: list[str] = Field([])
    """How demand was made from traces."""
    arrivals: ArrivalsPart | None = None
    """How bursty arrivals are; Poisson if absent."""
    origin: OriginPart | None = None
    """Where its requests come from, if known. Its targets and `exclude` have regard to it."""


class RunningPart(DocumentPart):
    """A replica that runs when the horizon starts."""

    workload: Name
    engine: Name
    node_type: Name
    leaf: Name
    nodes: tuple[Name, ...]
    """Its nodes; empty if unknown."""


class PlanInputs(DocumentPart):
    """All inputs of a plan."""

    name: Name
    """Name of the scenario."""
    fleet: FleetFile
    """The fleet, with every GPU type that it names."""
    horizon: HorizonPart
    objective: Objective
    profiles: dict[Text, ProfileFile] = Field(min_length=1)
    """Engines with their coefficients, by `profile` of the workloads."""
    workloads: tuple[WorkloadInputs, ...]
    current: tuple[RunningPart, ...] | None = None
    """Replicas that run when the horizon starts, if known."""
    targets: tuple[TargetSpec, ...] | None = None
    """Objects of the cluster that stand for pools, where the scenario says so."""
    surge: dict[Name, Count] = Field({})
    """GPUs of each node type that stay free in every spine, for rolling updates."""

    @classmethod
    def of(cls, scenario: Scenario) -> Self:
        """The scenario written down."""
        keys: dict[Profile, str] = {}
        for load in scenario.workloads:
            if load.profile not in keys:
                alike = sum(each.model == load.profile.model for each in keys)
                keys[load.profile] = f"{load.profile.model}{f' ({alike + 1})' if alike else ''}"
        current = scenario.current
        return cls(
            name=scenario.name,
            fleet=_fleet(scenario.fleet),
            horizon=HorizonPart.model_validate(scenario.horizon),
            objective=scenario.objective,
            profiles={key: _profile(each) for each, key in keys.items()},
            workloads=tuple(_workload(each, keys[each.profile]) for each in scenario.workloads),
            current=None if current is None else tuple(map(RunningPart.model_validate, current)),
            targets=tuple(map(_target, scenario.targets)) or None,
            **({"surge": dict(scenario.surge)} if scenario.surge else {}),
        )

    def written(self) -> dict[str, Any]:
        """As plan.json has it: absent fields of the files' schemas are left out, as in files."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)

    def scenario(self, inputs_sha256: str) -> Scenario:
        """The scenario that was written down, its numbers with nine digits."""
        profiles = {
            key: Profile(each.model, each.kv_bytes_per_token, engines_of(each))
            for key, each in self.profiles.items()
        }
        return Scenario(
            name=self.name,
            fleet=build.fleet(self.fleet, ZoneInfo(self.horizon.timezone)),
            horizon=self.horizon.horizon(),
            objective=self.objective,
            workloads=tuple(_planned(each, profiles[each.profile]) for each in self.workloads),
            inputs_sha256=inputs_sha256,
            current=None
            if self.current is None
            else tuple(Running(**dict(each)) for each in self.current),
            targets=tuple(map(build.target_rule, self.targets or ())),
            surge=tuple(self.surge.items()),
        )


def _planned(written: WorkloadInputs, profile: Profile) -> Workload:
    made = build.planned_workload(
        written,
        profile,
        _demand(written),
        build.Defaults(written.resilience, written.stability),
        tuple(written.demand_notes),
        _arrivals(written),
    )
    origin = None if written.origin is None else Origin(**dict(written.origin))
    return replace(made, origin=origin)


def engines_of(profile: ProfileFile) -> tuple[Engine, ...]:
    """The engines that a resolved profile describes."""
    return tuple(engine for spec in profile.engines for engine in build.engines(spec))


def _arrivals(written: WorkloadInputs) -> Arrivals:
    if written.arrivals is None:
        return POISSON
    points = tuple(Dispersion(**dict(each)) for each in written.arrivals.points)
    return Arrivals(points, ArrivalsSource(written.arrivals.source))


def _demand(written: WorkloadInputs) -> tuple[IntervalDemand, ...]:
    """Equal mixes are one object."""
    mixes = [tuple(_class(each, written.slo) for each in mix) for mix in written.mixes]
    pairs = zip(written.demand_rps, written.mix, strict=True)
    return tuple(IntervalDemand(rps, mixes[i]) for rps, i in pairs)


def _class(written: ClassPart, of_workload: build.Slos) -> RequestClass:
    own = None if written.slo is None else build.slos(written.slo, of_workload)
    return RequestClass(**dict(written) | {"slo": own})


def _fleet(fleet: Fleet) -> FleetFile:
    gpus = {shape.gpu.name: shape.gpu for shape in fleet.node_types}
    return FleetFile.model_validate(
        {
            "name": fleet.name,
            "gpu_types": [{"name": g.name, "memory_gib": g.memory_gib} for g in gpus.values()],
            "node_types": [{**_plain(each), "gpu": each.gpu.name} for each in fleet.node_types],
            **_network(fleet),
            "bandwidth": {
                "across_leaves": fleet.across_leaves,
                "across_spines": fleet.across_spines,
            },
            **({"latency": latency_fields(fleet)} if fleet.latency_ms else {}),
            "unavailable": [
                {**_plain(each), "start": each.start.isoformat(), "end": each.end.isoformat()}
                for each in fleet.outages
            ],
        }
    )


def _network(fleet: Fleet) -> dict[str, Any]:
    """Clusters, spines and leaves, or the nodes of a fleet that is one domain of its own name."""
    leaves = fleet.network.leaves
    if {(leaf.name, leaf.spine, leaf.cluster) for leaf in leaves} == {(fleet.name,) * 3}:
        return {"nodes": dict(leaves[0].nodes)}
    clusters: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for leaf in leaves:
        written = {"leaf": leaf.name, "nodes": dict(leaf.nodes)}
        clusters[leaf.cluster][leaf.spine].append(written)
    return {
        "network": [
            {
                "cluster": cluster,
                **({"region": fleet.regions[cluster]} if cluster in fleet.regions else {}),
                "spines": [{"spine": spine, "leaves": below} for spine, below in spines.items()],
            }
            for cluster, spines in clusters.items()
        ]
    }


def latency_fields(fleet: Fleet) -> list[dict[str, Any]]:
    """How far regions are apart, and what traffic between them costs, as a fleet file says it."""
    written = []
    for pair, ms in fleet.latency_ms.items():
        one, other = sorted(pair)
        prices = {
            way[0]: fleet.egress_usd_per_gb[way]
            for way in ((one, other), (other, one))
            if way in fleet.egress_usd_per_gb
        }
        price: dict[str, float] | float | None = prices or None
        if prices.get(one) == prices.get(other):
            price = prices.get(one)
        written.append({"between": [one, other], "round_trip_ms": ms, "egress_usd_per_gb": price})
    return written


def _profile(profile: Profile) -> ProfileFile:
    named = groupby(profile.engines, key=lambda each: each.part.of if each.part else each.name)
    return ProfileFile(
        model=profile.model,
        kv_bytes_per_token=profile.kv_bytes_per_token,
        engines=[_engine(list(engines)) for _, engines in named],
    )


def _engine(engines: list[Engine]) -> EngineSpec:
    """An engine, or both parts of a divided one."""
    first, *_ = written = [_plain(each) for each in engines]
    first["source"]["from"] = visible(first["source"].pop("origin"))[:MAX_ORIGIN]
    if part := first.pop("part"):
        own = ("gpu", "gpus", "capacity_rps", "startup_s", "drain_s")
        whole = {
            "name": part["of"],
            "role": first["role"],
            "source": first["source"],
            "part_ratio": part["ratio"],
            "parts": [
                {"name": engine.part.name, **{key: each[key] for key in own}}
                for engine, each in zip(engines, written, strict=True)
                if engine.part is not None
            ],
        }
    else:
        ranges = {key: first.pop(f"{key}_range") for key in RangeSpec.model_fields}
        whole = {**first, "range": ranges}
    return EngineSpec.model_validate(nine_digits(whole))


def _workload(workload: Workload, profile: str) -> WorkloadInputs:
    written = {
        classes: tuple(ClassPart.from_entity(each, slo=_slo(each.slo)) for each in classes)
        for classes in {each.classes: None for each in workload.demand}
    }
    mixes: dict[tuple[ClassPart, ...], int] = {}
    mix = [mixes.setdefault(written[each.classes], len(mixes)) for each in workload.demand]
    return WorkloadInputs(
        **{
            key: _plain(getattr(workload, key))
            for key in WorkloadRules.model_fields
            if key not in ("prefill_queue", "stability")
        },
        stability=_stability(workload.stability),
        profile=profile,
        demand_rps=tuple(each.rps for each in workload.demand),
        mixes=[list(classes) for classes in mixes],
        mix=mix,
        demand_notes=list(workload.demand_notes),
        arrivals=_plain(workload.arrivals) if workload.arrivals.points else None,
        origin=None if workload.origin is None else OriginPart.model_validate(workload.origin),
    )


def _stability(stability: Stability) -> StabilitySpec | None:
    if stability == Stability():
        return None
    return StabilitySpec(
        min_run=written_duration(stability.min_run_s) if stability.min_run_s else None,
        max_changes=stability.max_changes,
        change_cost_usd=stability.change_cost_usd,
    )


def _target(rule: TargetRule) -> TargetSpec:
    return TargetSpec.model_validate({key: text for key, text in _plain(rule).items() if text})


def _slo(slo: Slo | None) -> build.Slos | None:
    if slo is None:
        return None
    found = tuple(SloSpec.model_validate(_plain(each)) for each in slo.items)
    return found if slo.also else found[0]


def _plain(value: Any) -> Any:
    """An entity as the schemas of files take it."""
    match value:
        case RatioBand():
            return {"min": value.low, "max": value.high}
        case Span():
            return [value.low, value.high]
        case Slo() if value.also:
            return [_plain(each) for each in value.items]
        case Slo():
            written = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
            return {key: each for key, each in written.items() if each not in (None, inf, [])}
        case Enum():
            return value.value
        case _ if is_dataclass(value):
            return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        case Mapping():
            return {_plain(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
