"""Traffic between regions: what a plan serves away from where its requests come from.

Requests go from their origin to the region that serves them, answers come back; each is paid at the
price of what leaves its region. It is no part of a plan's cost.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.workload import Origin, Workload
from heteroplan.planning.flow import finishing_pools
from heteroplan.units import BYTES_PER_GB


@dataclass(frozen=True, slots=True)
class EgressPair:
    """Traffic of one workload between its origin and another region that serves some of it."""

    workload: str
    origin: str
    """Region that its requests come from."""
    region: str
    """Region that serves them."""
    requests: float
    """Served there over the horizon."""
    request_gb: float
    """From `origin` to `region` over the horizon [10^9 bytes]."""
    answer_gb: float
    """From `region` to `origin` over the horizon [10^9 bytes]."""
    request_usd_per_gb: float | None
    """None where the fleet gives no price."""
    answer_usd_per_gb: float | None
    """None where the fleet gives no price."""

    @property
    def gb(self) -> float:
        """Both ways."""
        return self.request_gb + self.answer_gb

    @property
    def usd(self) -> float | None:
        """What it costs; None where a price is not known."""
        if self.request_usd_per_gb is None or self.answer_usd_per_gb is None:
            return None
        return self.request_gb * self.request_usd_per_gb + self.answer_gb * self.answer_usd_per_gb


@dataclass(frozen=True, slots=True)
class Egress:
    """Traffic between regions over the horizon."""

    pairs: tuple[EgressPair, ...]
    """By workload and region that serves it; empty where all requests are served at home."""

    @property
    def gb(self) -> float:
        """Of all pairs [10^9 bytes]."""
        return sum(each.gb for each in self.pairs)

    @property
    def usd(self) -> float | None:
        """Of all pairs; None where the price of some of it is not known."""
        known = [each.usd for each in self.pairs if each.usd is not None]
        return sum(known) if len(known) == len(self.pairs) else None


def egress_of(plan: Plan) -> Egress | None:
    """None where no workload has an origin."""
    loads = [(load, load.origin) for load in plan.scenario.workloads if load.origin is not None]
    if not loads:
        return None
    return Egress(tuple(pair for load, origin in loads for pair in _pairs(load, origin, plan)))


def _pairs(workload: Workload, origin: Origin, plan: Plan) -> Iterator[EgressPair]:
    """One of each other region that serves some of it, in the order of pools."""
    fleet, horizon = plan.scenario.fleet, plan.scenario.horizon
    by_region: dict[str, list[Pool]] = defaultdict(list)
    for pool in finishing_pools(workload, plan.pools):
        by_region[_region(fleet, pool)].append(pool)
    for region, pools in by_region.items():
        requests, inputs, outputs = _served(workload, pools, horizon.interval_s)
        if region == origin.region or requests == 0.0:
            continue
        yield EgressPair(
            workload=workload.name,
            origin=origin.region,
            region=region,
            requests=requests,
            request_gb=inputs * origin.bytes_per_input_token / BYTES_PER_GB,
            answer_gb=outputs * origin.bytes_per_output_token / BYTES_PER_GB,
            request_usd_per_gb=fleet.egress_usd_per_gb.get((origin.region, region)),
            answer_usd_per_gb=fleet.egress_usd_per_gb.get((region, origin.region)),
        )


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
