"""Checked schemas -> entities."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, time, timedelta
from math import inf
from typing import Self
from zoneinfo import ZoneInfo

from heteroplan.entities.arrivals import POISSON, Arrivals, ArrivalsSource, Dispersion
from heteroplan.entities.fleet import Failures, Fleet, GpuType, NodeType, Outage
from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.scenario import Horizon
from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.targets import TargetRule
from heteroplan.entities.workload import (
    DecodeCoefficients,
    DemandError,
    Engine,
    IntervalDemand,
    KvTransfer,
    Loss,
    Part,
    PrefillCoefficients,
    Profile,
    RatioBand,
    RequestClass,
    Resilience,
    Role,
    Routing,
    Source,
    SourceKind,
    Span,
    Stability,
    TtftCoefficients,
    Workload,
)
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs.gpu_types import built_in
from heteroplan.inputs.schemas.base import RatioSpec
from heteroplan.inputs.schemas.demand import TraceSpec
from heteroplan.inputs.schemas.fleet import FailuresSpec, FleetFile
from heteroplan.inputs.schemas.profile import EngineSpec, PartSpec, SourceSpec
from heteroplan.inputs.schemas.scenario import HorizonSpec
from heteroplan.inputs.schemas.targets import TargetSpec
from heteroplan.inputs.schemas.workload import (
    DispersionSpec,
    ResilienceSpec,
    SloSpec,
    StabilitySpec,
    WorkloadRules,
    WorkloadSpec,
)
from heteroplan.inputs.tables.align import AlignedDemand
from heteroplan.reading.durations import parse_duration_s
from heteroplan.reading.local_time import first_moment, localized

MAX_INTERVALS = 100_000
_MAX_DAYS = 366
DEFAULT_PERCENTILE = 0.99
OLD_QUEUES = {"per_replica": Routing.RANDOM, "shared": Routing.SHARED}
"""What `prefill_queue` means as a routing of prefill."""
ASSUMED_CV = 1.0
"""Coefficient of variation of input and output tokens where only their means are known, as of one
application (docs/how-to/demand-from-traces.md has those of public traces)."""
ASSUMED_LENGTHS = (
    f"only the mean lengths of requests are known: isl_cv {ASSUMED_CV:g} and osl_cv "
    f"{ASSUMED_CV:g} are assumed; give them, 0 for constant lengths"
)
LEAST_RPS = 1e-6
"""Demand of an interval below this is none [requests/s]: less than one request in 11 days."""


class FieldError(ValueError):
    """A field that no entity can be made of; `field` names it."""

    def __init__(self, field: str, remedy: str) -> None:
        super().__init__(remedy)
        self.field = field


def horizon(spec: HorizonSpec) -> Horizon:
    """The horizon. Raises FieldError: no such moment, or an interval that does not divide it."""
    zone = ZoneInfo(spec.timezone)
    try:
        start = localized(spec.start, zone)
    except ValueError as error:
        raise FieldError("start", str(error)) from None
    interval_s = parse_duration_s(spec.interval)
    intervals = spec.intervals or _intervals(start, zone, spec.days or 1, interval_s)
    if intervals > MAX_INTERVALS or intervals * interval_s > (_MAX_DAYS + 1) * 86_400:
        remedy = f"the horizon has more than {MAX_INTERVALS} intervals or {_MAX_DAYS} days"
        raise FieldError("interval", f"{remedy}; shorten it")
    return Horizon(start, intervals, interval_s, spec.timezone, spec.cyclic)


def _intervals(start: datetime, zone: ZoneInfo, days: int, interval_s: int) -> int:
    """Intervals in `days` local calendar days, of which a clock change makes one 23 or 25 h.

    A day whose midnight the clocks skip is whole from its first moment on.
    """
    wall = start.replace(tzinfo=None)
    if start == first_moment(wall.date(), zone):
        wall = datetime.combine(wall.date(), time())
    end = (wall + timedelta(days=days)).replace(tzinfo=zone).astimezone(UTC)
    total_s = int((end - start).total_seconds())
    if total_s % interval_s:
        remedy = f"does not divide the horizon of {total_s / 3600:g} h; write one that does"
        raise FieldError("interval", f"{remedy}, such as {_dividing(total_s, interval_s)}")
    return total_s // interval_s


def _dividing(total_s: int, interval_s: int) -> str:
    """The longest interval up to `interval_s` that divides `total_s`: hours, or a part of one."""
    divisors = (
        each
        for each in range(interval_s // 60, 0, -1)
        if total_s % (60 * each) == 0 and (each % 60 == 0 or 60 % each == 0)
    )
    minutes = next(divisors, 1)
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"


def gpu_types(spec: FleetFile) -> dict[str, GpuType]:
    """GPU types that a fleet may name: the built-in ones and its own."""
    return built_in() | {own.name: GpuType(own.name, own.memory_gib) for own in spec.gpu_types}


def leaves(spec: FleetFile) -> tuple[Leaf, ...]:
    """Leaves in file order; one leaf, spine and cluster of the fleet's name without a network."""
    if spec.network is None:
        return (Leaf(spec.name, spec.name, spec.name, dict(spec.nodes or {})),)
    return tuple(
        Leaf(leaf.leaf, spine.spine, cluster.cluster, dict(leaf.nodes))
        for cluster in spec.network
        for spine in cluster.spines
        for leaf in spine.leaves
    )


def fleet(spec: FleetFile, zone: ZoneInfo) -> Fleet:
    """The fleet; stamps without an offset are local to `zone`. The fleet's checks have passed.

    Outages are in UTC: Python compares two moments of one zone by their wall clocks, which is
    wrong in an hour that clocks repeat.
    """
    gpus = gpu_types(spec)
    return Fleet(
        name=spec.name,
        node_types=tuple(
            NodeType(
                **dict(each)
                | {"gpu": gpus[each.gpu], "failures": failures(each.failures or spec.failures)}
            )
            for each in spec.node_types
        ),
        network=Network(leaves(spec)),
        outages=tuple(
            Outage(
                each.leaf,
                each.node_type,
                each.nodes,
                localized(each.start, zone).astimezone(UTC),
                localized(each.end, zone).astimezone(UTC),
            )
            for each in spec.unavailable
        ),
        across_leaves=spec.bandwidth.across_leaves,
        across_spines=spec.bandwidth.across_spines,
        regions={
            each.cluster: each.region for each in spec.network or () if each.region is not None
        },
        latency_ms={frozenset(each.between): each.round_trip_ms for each in spec.latency},
        egress_usd_per_gb={
            way: price for each in spec.latency for way, price in each.egress.items()
        },
    )


def failures(spec: FailuresSpec | None) -> Failures | None:
    """None where nothing is said."""
    return None if spec is None else Failures(**dict(spec))


def engines(spec: EngineSpec) -> tuple[Engine, ...]:
    """The engine, or one for each part; without coefficients where it is still to be fitted."""
    if spec.gpu is None or spec.gpus is None:
        made = tuple(_half(spec, i, part) for i, part in enumerate(spec.parts or []))
    else:
        made = (_whole(spec, spec.gpu, spec.gpus),)
    return tuple(each.times_as_fast(spec.speed_factor) for each in made)


def _whole(spec: EngineSpec, gpu: str, gpus: int) -> Engine:
    return Engine(
        name=spec.name,
        role=Role(spec.role),
        gpu=gpu,
        gpus=gpus,
        source=_source(spec.source),
        startup_s=spec.startup_s,
        drain_s=spec.drain_s,
        prefill=None if spec.prefill is None else PrefillCoefficients(**dict(spec.prefill)),
        decode=None if spec.decode is None else DecodeCoefficients(**dict(spec.decode)),
        ttft=None if spec.ttft is None else TtftCoefficients(**dict(spec.ttft)),
        kv_tokens=spec.kv_tokens,
        max_sequences=spec.max_sequences,
        max_batch_tokens=spec.max_batch_tokens,
        batch_tokens_range=_span(spec.range.batch_tokens),
        batch_range=_span(spec.range.batch),
        context_range=_span(spec.range.context),
        kv_tokens_range=_span(spec.range.kv_tokens),
        capacity_rps=spec.capacity_rps,
    )


def _half(spec: EngineSpec, index: int, part: PartSpec) -> Engine:
    return Engine(
        name=f"{spec.name}-{part.name}",
        role=Role(spec.role),
        gpu=part.gpu,
        gpus=part.gpus,
        source=_source(spec.source),
        startup_s=spec.startup_s if part.startup_s is None else part.startup_s,
        drain_s=spec.drain_s if part.drain_s is None else part.drain_s,
        capacity_rps=part.capacity_rps,
        part=Part(of=spec.name, name=part.name, index=index, ratio=_band(spec.part_ratio)),
    )


def _source(spec: SourceSpec | None) -> Source:
    if spec is None:
        return Source(SourceKind.GIVEN)
    return Source(**dict(spec) | {"kind": SourceKind(spec.kind), "sha256": tuple(spec.sha256)})


def _band(spec: RatioSpec | None) -> RatioBand | None:
    return None if spec is None else RatioBand(spec.min, spec.max)


def _span(ends: list[float] | None) -> Span | None:
    return None if ends is None else Span(*ends)


def target_rule(spec: TargetSpec) -> TargetRule:
    """Which pools, and what stands for them; what is not said is empty text."""
    return TargetRule(**{name: text for name, text in spec if text is not None})


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a scenario says for workloads that do not say so themselves."""

    resilience: ResilienceSpec | None = None
    stability: StabilitySpec | None = None

    def of(self, spec: WorkloadRules) -> Self:
        """What holds for a workload."""
        own = {
            each.name: getattr(spec, each.name)
            for each in fields(self)
            if each.name in spec.model_fields_set
        }
        return replace(self, **own)


def workload(
    spec: WorkloadSpec,
    of: Profile,
    demand: Iterable[AlignedDemand],
    defaults: Defaults,
    demand_notes: tuple[str, ...] = (),
    arriving: Arrivals = POISSON,
    growth: float = 1.0,
) -> Workload:
    """The workload; `demand` has one entry a planning interval, without headroom and growth.

    `growth` is that of the scenario; the workload's own is beside it. Seven parameters, as callers
    leave out what they do not know.
    """
    factor = growth * spec.growth
    planned = tuple(_with_shapes(spec, demand, factor))
    if factor != 1.0:
        demand_notes = (*demand_notes, f"rates multiplied by {factor:g}")
    mixes = {each.classes: tuple(map(varied_lengths, each.classes)) for each in planned}
    assumed = any(mix != told for told, mix in mixes.items())
    made = planned_workload(
        spec,
        of,
        tuple(replace(each, classes=mixes[each.classes]) for each in planned),
        defaults.of(spec),
        (*demand_notes, ASSUMED_LENGTHS) if assumed else demand_notes,
        arriving,
    )
    return replace(made, demand_error=_demand_error(spec))


def _demand_error(spec: WorkloadSpec) -> DemandError | None:
    """As stated, at the quantile of the CSV or of the trace."""
    stated = spec.demand_error
    if stated is None:
        return None
    quantile = spec.demand.quantile if isinstance(spec.demand, TraceSpec) else stated.quantile
    assert quantile is not None, "the schema asks for it"
    return DemandError(stated.day, stated.interval, quantile)


def planned_workload(
    spec: WorkloadRules,
    of: Profile,
    demand: tuple[IntervalDemand, ...],
    rules: Defaults,
    demand_notes: tuple[str, ...],
    arriving: Arrivals,
) -> Workload:
    """The workload with the demand of every planning interval, headroom applied."""
    return Workload(
        name=spec.name,
        profile=of,
        demand=demand,
        slo=slos(spec.slo),
        affinity=Affinity(spec.affinity),
        priority=spec.priority,
        headroom=spec.headroom,
        pd_ratio=_band(spec.pd_ratio),
        min_replicas={Role(role): count for role, count in spec.min_replicas if count},
        max_replicas={Role(role): count for role, count in spec.max_replicas if count is not None},
        allow_extrapolation=spec.allow_extrapolation,
        max_groups=spec.max_groups,
        max_engines=spec.max_engines,
        pin=tuple(spec.pin),
        exclude=tuple(spec.exclude),
        anti_affinity=tuple(spec.anti_affinity),
        resilience=_resilience(rules.resilience),
        stability=_stability(rules.stability),
        kv_transfer=KvTransfer(spec.kv_transfer),
        route_by_class=spec.route_by_class,
        routing=_routing(spec),
        arrivals=arriving,
        demand_notes=demand_notes,
        team=spec.team,
        shortage_usd_per_1000_requests=spec.shortage_usd_per_1000_requests,
    )


def arrivals(spec: DispersionSpec | str) -> Arrivals:
    """Arrivals that the scenario states itself; Poisson ones otherwise."""
    if isinstance(spec, str):
        return POISSON
    point = Dispersion(1.0, DEFAULT_PERCENTILE, spec.dispersion, spec.dispersion)
    return Arrivals((point,), ArrivalsSource.STATED)


type Slos = SloSpec | tuple[SloSpec, ...]
"""One SLO, or several that hold at once."""


def slos(spec: Slos, of_workload: Slos | None = None) -> Slo:
    """All SLOs of a workload or of one of its classes.

    Items of a class leave out what the workload's item of their number has, or its last one. Where
    there are several the ITL is that of a request.
    """
    written = spec if isinstance(spec, tuple) else (spec,)
    above = of_workload if isinstance(of_workload, tuple) else (of_workload,)
    found = [slo(each, above[min(k, len(above) - 1)]) for k, each in enumerate(written)]
    if len(found) > 1:
        found = [replace(each, itl_of=ItlOf.REQUEST) for each in found]
    return replace(found[0], also=tuple(found[1:]))


def slo(spec: SloSpec, of_workload: SloSpec | None = None) -> Slo:
    """The targets; a class without percentiles or `itl_of` has those of the workload."""
    percentiles = [
        getattr(each, name)
        for name in ("percentile", "ttft_percentile", "itl_percentile")
        for each in [spec if of_workload is None or _has_percentile(spec) else of_workload]
    ]
    both, ttft, itl = percentiles
    if both is None:
        both = DEFAULT_PERCENTILE if ttft is None or itl is None else ttft * itl
    measured = spec
    if of_workload is not None and "itl_of" not in spec.model_fields_set:
        measured = of_workload
    return Slo(
        inf if spec.ttft_ms is None else spec.ttft_ms,
        inf if spec.itl_ms is None else spec.itl_ms,
        both,
        ttft,
        itl,
        ItlOf(measured.itl_of),
        inf if spec.ttft_slowdown is None else spec.ttft_slowdown,
        inf if spec.itl_slowdown is None else spec.itl_slowdown,
        inf if spec.e2e_slowdown is None else spec.e2e_slowdown,
    )


def _has_percentile(spec: SloSpec) -> bool:
    return any(
        each is not None for each in (spec.percentile, spec.ttft_percentile, spec.itl_percentile)
    )


def _routing(spec: WorkloadRules) -> dict[Role, Routing]:
    found = {Role(role): Routing(name) for role, name in spec.routing}
    if spec.prefill_queue is not None:
        found[Role.PREFILL] = OLD_QUEUES[spec.prefill_queue]
    return found


def _stability(spec: StabilitySpec | None) -> Stability:
    if spec is None:
        return Stability()
    return Stability(
        min_run_s=0 if spec.min_run is None else parse_duration_s(spec.min_run),
        max_changes=spec.max_changes,
        change_cost_usd=spec.change_cost_usd,
    )


def _resilience(spec: ResilienceSpec | None) -> Resilience | None:
    return None if spec is None else Resilience(Loss(spec.lose), spec.serve)


def _with_shapes(
    spec: WorkloadSpec, demand: Iterable[AlignedDemand], growth: float
) -> Iterator[IntervalDemand]:
    """Demand with growth, headroom and request shapes; equal shapes are one object.

    The one place that says what is no demand: a forecast's growth and quantile come before it.
    """
    shapes = _shapes(spec)
    seen: dict[tuple[StepShape, ...], tuple[RequestClass, ...]] = {}
    for interval in demand:
        grown = interval.rps * growth * (1 + spec.headroom)
        rps = grown if grown >= LEAST_RPS else 0.0
        if interval.shapes is None:
            yield IntervalDemand(rps, shapes)
            continue
        if interval.shapes not in seen:
            seen[interval.shapes] = tuple(_told(each, shapes, spec) for each in interval.shapes)
        yield IntervalDemand(rps, seen[interval.shapes])


def _told(shape: StepShape, written: Sequence[RequestClass], spec: WorkloadSpec) -> RequestClass:
    """A class as the demand tells it; what that leaves out is as the scenario's `requests` say."""
    default = written[0] if written else None
    hits, isl_cv, osl_cv = shape.prefix_hit_rate, shape.isl_cv, shape.osl_cv
    if default is not None:
        hits = default.prefix_hit_rate if hits is None else hits
        isl_cv = default.isl_cv if isl_cv is None else isl_cv
        osl_cv = default.osl_cv if osl_cv is None else osl_cv
    own = None if default is None else default.slo
    if shape.targets:
        own = slos(SloSpec.model_validate(dict(shape.targets)), spec.slo)
    return RequestClass(
        shape.name,
        shape.share,
        shape.isl,
        shape.osl,
        hits or 0.0,
        isl_cv,
        shape.context,
        shape.context_cv,
        osl_cv,
        own,
    )


def varied_lengths(shape: RequestClass) -> RequestClass:
    """With the spread of lengths that is assumed where none is known."""
    isl_cv = ASSUMED_CV if shape.isl_cv is None else shape.isl_cv
    unknown = shape.osl_cv is None and shape.context is None
    return replace(shape, isl_cv=isl_cv, osl_cv=ASSUMED_CV if unknown else shape.osl_cv)


def _shapes(spec: WorkloadSpec) -> tuple[RequestClass, ...]:
    if spec.requests is not None:
        return (RequestClass("default", 1.0, **dict(spec.requests)),)
    written = spec.classes if isinstance(spec.classes, list) else []
    return tuple(
        RequestClass(**dict(each) | {"slo": each.slo and slos(each.slo, spec.slo)})
        for each in written
    )
