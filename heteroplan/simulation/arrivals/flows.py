"""Rates for the fluid level: of the planned demand, of requests, or of windows of a trace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from heteroplan.entities.scenario import Horizon, Scenario
from heteroplan.entities.workload import RequestClass, Workload
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.simulation.arrivals.drawn import check_drawing, horizon_s, random_streams
from heteroplan.simulation.arrivals.lengths import lengths
from heteroplan.simulation.arrivals.rates import Planned, intervals_at
from heteroplan.simulation.arrivals.windows import mean_requests, window_rates
from heteroplan.simulation.rate_stream import Mix, RateStream
from heteroplan.simulation.requests import Floats, Integers, RequestStream

SAMPLE = 16384
"""Requests that stand for a mix of classes."""
KEPT = 2048
"""Requests of an interval that stand for all of it, at most."""
COUNTED_S = 60.0
"""Over which the requests of a stream are counted: within it they come at random [s]."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Rates of one workload."""

    edges_s: Floats
    """[piece + 1] ascending from 0 to the end of the replay [s]."""
    rps: Floats
    """[piece]"""
    mixes: tuple[Mix, ...]
    mix: Integers
    """[piece]"""
    rejected: Mapping[str, int] = field(default_factory=dict)


def from_demand(
    scenario: Scenario,
    *,
    seed: int,
    planned: Planned,
    burstiness: float = 1.0,
    duration_s: float | None = None,
) -> RateStream:
    """The planned demand as it is planned, without a request that is drawn. Raises UsageError."""
    length_s = float(horizon_s(scenario) if duration_s is None else duration_s)
    check_drawing(burstiness, planned.factor, length_s)
    flows = [
        planned_flow(scenario, workload, planned, seed, length_s) for workload in scenario.workloads
    ]
    return joined(scenario, flows, length_s, burstiness, ["rates are those of the planned demand"])


def planned_flow(
    scenario: Scenario, workload: Workload, planned: Planned, seed: int, duration_s: float
) -> Flow:
    """The planned rates of one workload."""
    rates = planned.rates(workload, scenario.horizon, duration_s)
    mixes, of_interval = planned_mixes(workload, seed)
    numbers = intervals_at(rates.edges_s[:-1], scenario.horizon)
    return Flow(rates.edges_s, rates.rps, mixes, of_interval[numbers])


def planned_mixes(workload: Workload, seed: int) -> tuple[tuple[Mix, ...], Integers]:
    """The mixes of classes that are planned for a workload, and which is whose [interval]."""
    _, of_class, of_length = random_streams(workload, seed)
    kinds = [each.classes for each in workload.demand]
    of = {classes: n for n, classes in enumerate(dict.fromkeys(kinds))}
    mixes = []
    for classes in of:
        found = lengths([classes], np.zeros(SAMPLE, np.int64), of_class, of_length)
        mixes.append(Mix(found.isl, found.cached, found.osl))
    return tuple(mixes), np.array([of[each] for each in kinds], np.int64)


def from_requests(
    stream: RequestStream, horizon: Horizon, counted_s: float = COUNTED_S
) -> RateStream:
    """The requests of a stream, counted over `counted_s`; within it they come at random."""
    pieces = max(1, int(np.ceil(stream.duration_s / counted_s)))
    edges_s = np.minimum(np.arange(pieces + 1) * counted_s, stream.duration_s)
    interval = (edges_s[:-1] // horizon.interval_s).astype(np.int64)
    rps = np.zeros((len(stream.workloads), pieces))
    mixes: list[tuple[Mix, ...]] = []
    mix = np.zeros(rps.shape, np.int64)
    for number in range(len(rps)):
        own = np.flatnonzero(stream.workload == number)
        piece = np.minimum((stream.arrival_s[own] // counted_s).astype(np.int64), pieces - 1)
        rps[number] = np.bincount(piece, minlength=pieces) / np.diff(edges_s)
        ends = np.searchsorted(interval[piece], np.arange(int(interval[-1]) + 2))
        found: list[Mix] = []
        for first, last in pairwise(ends):
            mix[number, interval == len(found)] = len(found)
            chosen = own[first : last : max(1, -(-(last - first) // KEPT))]
            found.append(Mix(stream.isl[chosen], stream.cached[chosen], stream.osl[chosen]))
        mixes.append(tuple(found))
    note = f"rates are counts of requests over {counted_s:g} s each, Poisson arrivals within"
    return RateStream(
        workloads=stream.workloads,
        edges_s=edges_s,
        rps=rps,
        mixes=tuple(mixes),
        mix=mix,
        rejected=stream.rejected,
        notes=(*stream.notes, note),
    )


def from_windows(
    windows: Windows, duration_s: float, start_s: float = 0.0, slower: float = 1.0
) -> Flow:
    """Windows of a trace, the first one at `start_s`, whose requests all have its mean lengths.

    It lasts `slower` times as long, with as many requests. Nothing arrives where no window was
    recorded, before `start_s` and after the last window.
    """
    rates, window_of = window_rates(windows)
    edges_s = np.concatenate([[0.0], start_s + slower * rates.edges_s, [duration_s]])
    edges_s = np.clip(edges_s, 0.0, duration_s)
    rps = np.concatenate([[0.0], rates.rps / slower, [0.0]])
    mix = np.concatenate([[0], window_of, [0]])
    some = np.diff(edges_s) > 0.0
    mixes = tuple(_mean_mix(each) for each in mean_requests(windows))
    return Flow(np.append(edges_s[:-1][some], duration_s), rps[some], mixes, mix[some])


def _mean_mix(of: RequestClass) -> Mix:
    isl = max(1, round(of.isl))
    cached = min(isl - 1, round(of.isl - of.missed_tokens))
    return Mix(np.array([isl]), np.array([cached]), np.array([max(1, round(of.osl))]))


def joined(
    scenario: Scenario,
    flows: Sequence[Flow],
    duration_s: float,
    burstiness: float = 1.0,
    notes: Sequence[str] = (),
) -> RateStream:
    """The rates of all workloads, `flows` in their order, on the edges of all of them."""
    edges_s = np.unique(np.concatenate([[0.0, duration_s], *(each.edges_s for each in flows)]))
    middle_s = (edges_s[:-1] + edges_s[1:]) / 2.0
    piece = [np.searchsorted(each.edges_s, middle_s, side="right") - 1 for each in flows]
    rejected: dict[str, int] = {}
    for flow in flows:
        for reason, amount in flow.rejected.items():
            rejected[reason] = rejected.get(reason, 0) + amount
    return RateStream(
        workloads=tuple(each.name for each in scenario.workloads),
        edges_s=edges_s,
        rps=np.array([flow.rps[at] for flow, at in zip(flows, piece, strict=True)]),
        mixes=tuple(each.mixes for each in flows),
        mix=np.array([flow.mix[at] for flow, at in zip(flows, piece, strict=True)]),
        burstiness=burstiness,
        rejected=rejected,
        notes=tuple(notes),
    )
