"""How long requests took, one by one -> shares that kept the SLO, and percentiles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.figures.promises import Promises
from heteroplan.simulation.requests import Floats, Integers, RequestStream
from heteroplan.simulation.results import OUTCOMES, Attainment, Percentiles, RequestTable
from heteroplan.units import MS_PER_S

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
    kept: NDArray[np.bool_]
    """In time in all that is promised."""
    itl_weight: Floats
    """What a request counts in the share that kept the ITL: 1 of a request of finished ones, and
    where gaps are judged, its gaps over the mean of its workload."""
    itl_share: Floats
    """Share of its gaps in time where they are judged; otherwise whether it kept the ITL."""


def of_requests(
    promised: Promises, stream: RequestStream, table: RequestTable, interval_s: float
) -> Latencies:
    """How long the finished requests took, and whether they kept what was promised."""
    done = table.outcome == FINISHED
    workload, arrival_s = stream.workload[done], table.arrived_s[done]
    ttft_ms = (table.first_token_s - table.arrived_s) * MS_PER_S
    gaps = stream.osl - 1
    itl_ms = (table.last_token_s - table.first_token_s) * MS_PER_S / np.maximum(gaps, 1)
    in_ttft, in_itl = promised.in_ttft(ttft_ms, table), promised.in_itl(itl_ms, table, gaps)
    e2e_ms = (table.last_token_s - table.arrived_s) * MS_PER_S
    kept = in_ttft & in_itl & promised.in_e2e(e2e_ms, table, gaps)
    by_gap = promised.by_gap[done]
    weight, share = np.ones(len(workload)), in_itl[done].astype(np.float64)
    if by_gap.any():
        amount = np.bincount(workload[by_gap], gaps[done][by_gap], len(stream.workloads))
        requests = np.bincount(workload[by_gap], minlength=len(stream.workloads))
        mean = np.maximum(amount, 1.0) / np.maximum(requests, 1)
        weight = np.where(by_gap, gaps[done] / mean[workload], 1.0)
        in_time = 1.0 - table.late_gaps[done] / np.maximum(gaps[done], 1)
        share = np.where(by_gap, in_time, share)
    return Latencies(
        workload=workload,
        interval=(arrival_s // interval_s).astype(np.int64),
        ttft_ms=ttft_ms[done],
        itl_ms=itl_ms[done],
        e2e_ms=e2e_ms[done],
        in_ttft=in_ttft[done],
        in_itl=in_itl[done],
        kept=kept[done],
        itl_weight=weight,
        itl_share=share,
    )


def of_items(found: Sequence[Latencies], item: Integers) -> Latencies:
    """Of latencies judged by several SLOs: each workload's by the one that `item` [W] says."""
    first = found[0]
    chosen = (item[first.workload], np.arange(len(first.workload)))
    return replace(
        first,
        in_ttft=np.stack([each.in_ttft for each in found])[chosen],
        in_itl=np.stack([each.in_itl for each in found])[chosen],
        kept=np.stack([each.kept for each in found])[chosen],
        itl_weight=np.stack([each.itl_weight for each in found])[chosen],
        itl_share=np.stack([each.itl_share for each in found])[chosen],
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
        itl=_share_in_itl(found),
        both=float(found.kept.sum() / requests),
    )


def _share_in_itl(found: Latencies) -> float:
    whole = float(found.itl_weight.sum())
    return float(found.itl_share @ found.itl_weight) / whole if whole > 0.0 else float("nan")


def counted(workload: Integers, interval: Integers, shape: tuple[int, int]) -> Integers:
    """[W, interval] requests, of which the workload and the interval are given."""
    cells = workload * shape[1] + interval
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)


def cell_percentiles(
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
