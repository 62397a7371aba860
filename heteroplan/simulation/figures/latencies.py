"""How long requests took, one by one -> shares that kept the SLO, and percentiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.slo import Slo
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


def of_requests(
    slos: Sequence[Slo], stream: RequestStream, table: RequestTable, interval_s: float
) -> Latencies:
    """How long the finished requests took, and whether they kept their SLO."""
    done = table.outcome == FINISHED
    workload, arrival_s = stream.workload[done], table.arrived_s[done]
    first_s, last_s = table.first_token_s[done], table.last_token_s[done]
    ttft_ms = (first_s - arrival_s) * MS_PER_S
    gaps = stream.osl[done] - 1
    itl_ms = (last_s - first_s) * MS_PER_S / np.maximum(gaps, 1)
    ttft_slo, itl_slo = (
        np.array([getattr(slo, name) for slo in slos]) for name in ("ttft_ms", "itl_ms")
    )
    return Latencies(
        workload=workload,
        interval=(arrival_s // interval_s).astype(np.int64),
        ttft_ms=ttft_ms,
        itl_ms=itl_ms,
        e2e_ms=(last_s - arrival_s) * MS_PER_S,
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
