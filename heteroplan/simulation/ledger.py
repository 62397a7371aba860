"""What became of requests and replicas -> the figures of one policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.lifecycle import Life
from heteroplan.simulation.requests import Floats, Integers, RequestStream
from heteroplan.simulation.results import (
    OUTCOMES,
    Attainment,
    IntervalTable,
    Percentiles,
    RequestTable,
)
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL, ROLES
from heteroplan.simulation.system import ServingSystem

MS = 1000.0
S_PER_HOUR = 3600.0
FINISHED = OUTCOMES.index("finished")


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of finished requests; arrays [finished]."""

    workload: Integers
    interval: Integers
    """Of the replay, in which they arrived."""
    ttft_ms: Floats
    itl_ms: Floats
    """Mean time between tokens; 0 of a single token."""
    e2e_ms: Floats
    in_ttft: NDArray[np.bool_]
    in_itl: NDArray[np.bool_]


def latencies(
    system: ServingSystem, stream: RequestStream, table: RequestTable, interval_s: float
) -> Latencies:
    """How long the finished requests took, and whether they kept their SLO."""
    done = table.outcome == FINISHED
    workload, arrival_s = stream.workload[done], stream.arrival_s[done]
    first_s, last_s = table.first_token_s[done], table.last_token_s[done]
    ttft_ms = (first_s - arrival_s) * MS
    gaps = stream.osl[done] - 1
    itl_ms = (last_s - first_s) * MS / np.maximum(gaps, 1)
    slos = [load.slo for load in system.scenario.workloads]
    ttft_slo, itl_slo = (
        np.array([getattr(slo, name) for slo in slos]) for name in ("ttft_ms", "itl_ms")
    )
    return Latencies(
        workload=workload,
        interval=(arrival_s // interval_s).astype(np.int64),
        ttft_ms=ttft_ms,
        itl_ms=itl_ms,
        e2e_ms=(last_s - arrival_s) * MS,
        in_ttft=ttft_ms <= ttft_slo[workload],
        in_itl=itl_ms <= itl_slo[workload],
    )


def percentiles(values: Floats) -> Percentiles:
    """Of all values; NaN of none."""
    if not len(values):
        return Percentiles(*[float("nan")] * 4)
    return Percentiles(*(float(each) for each in np.percentile(values, [50, 90, 95, 99])))


def attainment(found: Latencies, requests: int) -> Attainment:
    """Of `requests` in all, rejected and unfinished ones included."""
    finished = len(found.workload)
    if not requests:
        return Attainment(*[float("nan")] * 3)
    return Attainment(
        ttft=float(found.in_ttft.mean()) if finished else float("nan"),
        itl=float(found.in_itl.mean()) if finished else float("nan"),
        both=float((found.in_ttft & found.in_itl).sum() / requests),
    )


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
    starts, ends = np.array(spans).T
    ends = np.maximum(np.minimum(ends, edges[-1]), starts)
    before = np.array(
        [
            (np.clip(edge - starts, 0.0, None) - np.clip(edge - ends, 0.0, None)).sum()
            for edge in edges
        ]
    )
    return np.diff(before)


def interval_table(
    system: ServingSystem,
    stream: RequestStream,
    found: Latencies,
    used: Usage,
    waiting_s: Floats,
    interval_s: float,
) -> IntervalTable:
    """By workload and interval; `waiting_s` [W, interval] request-seconds in queues."""
    workloads, intervals = used.gpu_s.shape
    lengths = np.minimum(interval_s, stream.duration_s - np.arange(intervals) * interval_s)
    cell = found.workload * intervals + found.interval

    def counted(cells: Integers) -> Integers:
        return np.bincount(cells, minlength=workloads * intervals).reshape(workloads, intervals)

    arrived = stream.workload * intervals + (stream.arrival_s // interval_s).astype(np.int64)
    slos = [load.slo.percentile for load in system.scenario.workloads]
    ttft = _cell_percentiles(cell, found.ttft_ms, slos, (workloads, intervals))
    itl = _cell_percentiles(cell, found.itl_ms, slos, (workloads, intervals))
    ready, rate = used.ready_s / lengths, used.capacity / lengths
    return IntervalTable(
        requests=counted(arrived),
        finished=counted(cell),
        attained_ttft=counted(cell[found.in_ttft]),
        attained_itl=counted(cell[found.in_itl]),
        attained_both=counted(cell[found.in_ttft & found.in_itl]),
        ttft_p50_ms=ttft[0],
        ttft_percentile_ms=ttft[1],
        itl_p50_ms=itl[0],
        itl_percentile_ms=itl[1],
        capacity_rps=np.minimum(rate[:, PREFILL], rate[:, DECODE]) + rate[:, AGGREGATED],
        prefill_replicas=ready[:, PREFILL],
        decode_replicas=ready[:, DECODE],
        aggregated_replicas=ready[:, AGGREGATED],
        gpus=used.gpu_s / lengths,
        waiting=waiting_s / lengths,
    )


def _cell_percentiles(
    cells: Integers, values: Floats, percentile: Sequence[float], shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """[W, interval] medians, and values at each workload's percentile; NaN of empty cells."""
    order = np.lexsort((values, cells))
    cells, values = cells[order], values[order]
    starts = np.searchsorted(cells, np.arange(shape[0] * shape[1]))
    amounts = np.diff(np.append(starts, len(cells)))
    shares = np.repeat(np.asarray(percentile), shape[1])
    found = []
    for share in (np.full(len(shares), 0.5), shares):
        result = np.full(len(shares), np.nan)
        some = amounts > 0
        rank = share[some] * (amounts[some] - 1)
        low = starts[some] + rank.astype(np.int64)
        high = np.minimum(low + 1, starts[some] + amounts[some] - 1)
        part = rank - rank.astype(np.int64)
        result[some] = values[low] * (1.0 - part) + values[high] * part
        found.append(result.reshape(shape))
    return found[0], found[1]


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
