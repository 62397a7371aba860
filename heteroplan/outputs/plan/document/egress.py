"""Traffic between regions: what a plan serves away from where its requests come from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Horizon
from heteroplan.entities.workload import Origin, Role, Workload
from heteroplan.outputs.plan.document.plan_document import EgressPairPart, EgressPart
from heteroplan.units import BYTES_PER_GB, s_to_days


def egress_of(plan: Plan) -> EgressPart | None:
    """By workload and region; None where no workload has an origin."""
    scenario = plan.scenario
    if all(load.origin is None for load in scenario.workloads):
        return None
    pairs = tuple(
        pair
        for load in scenario.workloads
        if load.origin is not None
        for pair in _pairs(load, load.origin, plan)
    )
    gb = sum(each.gb for each in pairs)
    known = [each.usd for each in pairs if each.usd is not None]
    usd = sum(known) if len(known) == len(pairs) else None
    days = _days(scenario.horizon)
    return EgressPart(
        gb=gb,
        usd=usd,
        gb_a_day=gb / days,
        usd_a_day=None if usd is None else usd / days,
        pairs=pairs,
    )


def _pairs(workload: Workload, origin: Origin, plan: Plan) -> Iterator[EgressPairPart]:
    """One of each other region that serves some of it, in the order of pools."""
    fleet, horizon = plan.scenario.fleet, plan.scenario.horizon
    by_region: dict[str, list[Pool]] = defaultdict(list)
    for pool in _finishing(workload, plan.pools):
        by_region[_region(fleet, pool)].append(pool)
    days = _days(horizon)
    for region, pools in by_region.items():
        requests, inputs, outputs = _served(workload, pools, horizon.interval_s)
        if region == origin.region or requests == 0.0:
            continue
        request_gb = inputs * origin.bytes_per_input_token / BYTES_PER_GB
        answer_gb = outputs * origin.bytes_per_output_token / BYTES_PER_GB
        gb = request_gb + answer_gb
        price = fleet.egress_usd_per_gb.get(frozenset((origin.region, region)))
        usd = None if price is None else gb * price
        yield EgressPairPart(
            workload=workload.name,
            origin=origin.region,
            region=region,
            requests=requests,
            request_gb=request_gb,
            answer_gb=answer_gb,
            usd_per_gb=price,
            gb=gb,
            usd=usd,
            gb_a_day=gb / days,
            usd_a_day=None if usd is None else usd / days,
        )


def _finishing(workload: Workload, pools: Iterable[Pool]) -> Iterator[Pool]:
    """Pools through which each of its requests goes once: those that make its answer."""
    counted = {engine.name for engine in workload.profile.engines if engine.counts}
    for pool in pools:
        of_workload = pool.workload == workload.name and pool.engine in counted
        if of_workload and pool.role is not Role.PREFILL:
            yield pool


def _region(fleet: Fleet, pool: Pool) -> str:
    """Where the pool's cluster stands; all clusters have a region where a workload has one."""
    cluster = fleet.network.domains(pool.level)[pool.domain][0].cluster
    return fleet.regions[cluster]


def _served(
    workload: Workload, pools: Iterable[Pool], interval_s: int
) -> tuple[float, float, float]:
    """Requests over the horizon, their input tokens and their output tokens."""
    requests = inputs = outputs = 0.0
    for pool in pools:
        for k, rates_rps in enumerate(pool.flow_rps):
            for demand, rps in zip(workload.demand, rates_rps, strict=True):
                kind = demand.classes[k]
                requests += rps * interval_s
                inputs += rps * interval_s * kind.isl
                outputs += rps * interval_s * kind.osl
    return requests, inputs, outputs


def _days(horizon: Horizon) -> float:
    return s_to_days(horizon.intervals * horizon.interval_s)
