"""What replicas held and what became of the requests -> the figures of one policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.level import Served
from heteroplan.simulation.replicas.lifecycle import Life
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.results import IntervalTable
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL, ROLES
from heteroplan.simulation.system import ServingSystem

S_PER_HOUR = 3600.0
CELLS = 1 << 18
"""Edges times spans that are compared at a time."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the replicas held and offered; arrays [W, role, interval] unless said otherwise."""

    ready_s: Floats
    """Replica-seconds in routing."""
    capacity: Floats
    """Requests that they could serve at the SLO."""
    gpu_s: Floats
    """[W, interval] GPU-seconds held."""
    gpu_hours: float
    cost_usd: float
    ready_gpu_s: Floats
    """[role] GPU-seconds in routing."""


def usage(
    system: ServingSystem, lives: Sequence[Life], duration_s: float, interval_s: float
) -> Usage:
    """Of all replicas over the replay."""
    intervals = int(np.ceil(duration_s / interval_s))
    edges = np.minimum(np.arange(intervals + 1) * interval_s, duration_s)
    shape = (len(system.scenario.workloads), len(ROLES), intervals)
    ready_s, capacity = np.zeros(shape), np.zeros(shape)
    gpu_s, cost_usd = np.zeros((shape[0], intervals)), 0.0
    ready_gpu_s = np.zeros(len(ROLES))
    by_deployment: dict[int, list[Life]] = {}
    for life in lives:
        by_deployment.setdefault(life.deployment, []).append(life)
    for number, mine in by_deployment.items():
        option = system.options[system.deployments[number].option]
        held = _overlap(edges, [(life.ordered_s, life.gone_s) for life in mine])
        ready = _overlap(edges, [(life.ready_s, life.withdrawn_s) for life in mine])
        at = (option.workload, option.role)
        gpu_s[option.workload] += held * option.engine.gpus
        cost_usd += float(held.sum()) / S_PER_HOUR * option.usd_per_hour
        ready_gpu_s[option.role] += ready.sum() * option.engine.gpus
        if option.engine.counts:
            ready_s[at] += ready
            capacity[at] += ready * option.capacity_rps
    return Usage(ready_s, capacity, gpu_s, float(gpu_s.sum()) / S_PER_HOUR, cost_usd, ready_gpu_s)


def _overlap(edges: Floats, spans: Sequence[tuple[float, float]]) -> Floats:
    """[interval] seconds that the spans have in each interval between `edges`, together."""
    starts, ends = np.array(spans).T.copy()
    ends = np.maximum(np.minimum(ends, edges[-1]), starts)
    before = np.empty(len(edges))
    rows = max(1, CELLS // len(starts))
    for first in range(0, len(edges), rows):
        some = edges[first : first + rows, None]
        spent = np.maximum(some - starts, 0.0) - np.maximum(some - ends, 0.0)
        before[first : first + rows] = spent.sum(axis=1)
    return np.diff(before)


def interval_table(
    served: Served, used: Usage, waiting_s: Floats, duration_s: float, interval_s: float
) -> IntervalTable:
    """By workload and interval; `waiting_s` [W, interval] request-seconds in queues."""
    lengths = np.minimum(interval_s, duration_s - np.arange(waiting_s.shape[1]) * interval_s)
    ready, rate = used.ready_s / lengths, used.capacity / lengths
    return IntervalTable(
        requests=served.requests,
        finished=served.finished,
        attained_ttft=served.attained_ttft,
        attained_itl=served.attained_itl,
        attained_both=served.attained_both,
        ttft_p50_ms=served.ttft_p50_ms,
        ttft_percentile_ms=served.ttft_percentile_ms,
        itl_p50_ms=served.itl_p50_ms,
        itl_percentile_ms=served.itl_percentile_ms,
        capacity_rps=np.minimum(rate[:, PREFILL], rate[:, DECODE]) + rate[:, AGGREGATED],
        prefill_replicas=ready[:, PREFILL],
        decode_replicas=ready[:, DECODE],
        aggregated_replicas=ready[:, AGGREGATED],
        gpus=used.gpu_s / lengths,
        waiting=waiting_s / lengths,
    )


def intervals_met(table: IntervalTable, percentile: Sequence[float]) -> float:
    """Share of workload-intervals with requests in which `both` reaches the percentile."""
    some = table.requests > 0
    if not some.any():
        return float("nan")
    share = table.attained_both / np.maximum(table.requests, 1)
    return float((share >= np.asarray(percentile)[:, None] - 1e-12)[some].mean())


def utilization(system: ServingSystem, used: Usage, busy_s: Floats) -> Mapping[str, float]:
    """Busy share of replicas in routing, weighted by GPUs; `busy_s` [option] replica-seconds."""
    busy = np.zeros(len(ROLES))
    for option, seconds in zip(system.options, busy_s, strict=True):
        busy[option.role] += seconds * option.engine.gpus
    return {
        role.value: float(min(1.0, busy[n] / used.ready_gpu_s[n]))
        for n, role in enumerate(ROLES)
        if used.ready_gpu_s[n] > 0.0
    }
