"""Traces that tell windows, each of a workload -> rates for the fluid level.

No single request is drawn: a window is a rate, and all its requests have its mean lengths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Workload
from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.forecasting.steps.opened import ReadOptions, opened
from heteroplan.forecasting.steps.stamps import EPOCH, US_PER_S
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.simulation.arrivals.completing import hit_rate
from heteroplan.simulation.arrivals.drawn import horizon_s
from heteroplan.simulation.arrivals.flows import (
    Flow,
    from_windows,
    joined,
    planned_flow,
    planned_mixes,
)
from heteroplan.simulation.arrivals.rates import intervals_at
from heteroplan.simulation.arrivals.traces import Scaling, begin_note, check_scaling
from heteroplan.simulation.arrivals.windows import tells_lengths
from heteroplan.simulation.rate_stream import Mix, RateStream
from heteroplan.text import percent


@dataclass(frozen=True, slots=True)
class TraceWindows:
    """All windows of one trace."""

    windows: Windows
    notes: tuple[str, ...]

    @property
    def length_s(self) -> float:
        """From the start of the first window to the end of the last one [s]."""
        return float(self.windows.end_us[-1] - self.windows.start_us[0]) / US_PER_S

    @property
    def requests(self) -> float:
        """Of all windows."""
        return float(np.nansum(self.windows.requests))

    @property
    def mean_rps(self) -> float:
        """Requests over the length, time without a window included."""
        return self.requests / self.length_s


def read_windows(
    traces: Mapping[str, Sequence[str]], reading: ReadOptions, *, by_date: bool
) -> dict[str, TraceWindows] | None:
    """By workload; None if any of the traces tells single requests, or is standard input.

    Raises InputError and UsageError.
    """
    if not by_date and reading.start is None:
        reading = replace(reading, start=EPOCH)
    found = {}
    for name, files in traces.items():
        if "-" in files:
            return None
        with opened(files, reading) as trace:
            if not trace.has_windows:
                return None
            windows = trace.windows()
            found[name] = TraceWindows(windows, tuple(trace.notes))
    return found


def flows_of_windows(
    scenario: Scenario,
    traces: Mapping[str, TraceWindows],
    *,
    seed: int,
    scaling: Scaling,
    burstiness: float = 1.0,
) -> RateStream:
    """The rates of the windows, and of the planned demand for workloads without a trace.

    The factor on demand multiplies both. The replay lasts as `scaling` says; where it leaves that
    open, until the last window of all traces ends. Raises InputError where nothing arrives, and
    UsageError for options that do not fit.
    """
    check_scaling(scaling, burstiness)
    if scaling.scale_to_demand:
        raise UsageError(
            "--scale-to-demand: windows have no single requests to choose from at the fluid "
            "level; leave out --trace for the planned rates, or take --rate or --demand-factor"
        )
    slower = 1.0
    if scaling.rate_rps is not None:
        slower = sum(trace.mean_rps for trace in traces.values()) / scaling.rate_rps
    duration_s = scaling.duration_s
    if duration_s is None and scaling.align:
        duration_s = float(horizon_s(scenario))
    if duration_s is None:
        duration_s = max(slower * trace.length_s for trace in traces.values())
    flows, notes = [], []
    for workload in scenario.workloads:
        if (trace := traces.get(workload.name)) is None:
            flows.append(planned_flow(scenario, workload, scaling.planned, seed, duration_s))
            own = ["there is no trace: rates are those of the planned demand"]
        else:
            flow, own = _flow(scenario, workload, trace, scaling, slower, seed, duration_s)
            flows.append(flow)
        notes += [f"{workload.name}: {note}" for note in own]
    with_trace = [
        flow.rps.any()
        for flow, load in zip(flows, scenario.workloads, strict=True)
        if load.name in traces
    ]
    if not any(with_trace):
        remedy = f"none of its requests comes in the replay: {'; '.join(notes)}"
        raise InputError(InputProblem(name, 0, "", "", remedy) for name in traces)
    if burstiness != 1.0:
        notes.append(f"gaps between arrivals have a coefficient of variation of {burstiness:g}")
    return joined(scenario, flows, duration_s, burstiness, notes)


def _flow(
    scenario: Scenario,
    workload: Workload,
    trace: TraceWindows,
    scaling: Scaling,
    slower: float,
    seed: int,
    duration_s: float,
) -> tuple[Flow, list[str]]:
    """The rates of a trace, and sentences on them."""
    begin = EPOCH + timedelta(microseconds=int(trace.windows.start_us[0]))
    start_s = (begin - scenario.horizon.start).total_seconds() if scaling.align else 0.0
    flow = from_windows(trace.windows, duration_s, start_s, slower)
    factor = scaling.planned.factor
    flow = replace(flow, rps=flow.rps * factor)
    notes = [
        f"rates are those of {len(trace.windows.start_us):,} windows with {trace.requests:,.0f} "
        "requests, all with the mean lengths of the window; none where no window was recorded",
        *trace.notes,
    ]
    if slower != 1.0:
        notes.append(f"its time is multiplied by {slower:.6g}")
    if factor != 1.0:
        notes.append(f"its rates are multiplied by {factor:g}")
    left_out = trace.requests - float(flow.rps @ np.diff(flow.edges_s)) / factor
    if round(left_out) > 0:
        notes.append(f"left out before and after the replay: {left_out:,.0f} requests")
        if scaling.align:
            notes.append(begin_note(begin, scenario.horizon))
    flow, filled = _filled(scenario, workload, trace.windows, flow, seed)
    return flow, notes + filled


def _filled(
    scenario: Scenario, workload: Workload, windows: Windows, flow: Flow, seed: int
) -> tuple[Flow, list[str]]:
    """Lengths and prefix hits that the windows do not tell are those of the planned demand."""
    middle_s = (flow.edges_s[:-1] + flow.edges_s[1:]) / 2.0
    interval = intervals_at(middle_s, scenario.horizon)
    notes, mixes, mix = [], list(flow.mixes), flow.mix.copy()
    if windows.cached_tokens is None:
        rates = np.array([hit_rate(each) for each in workload.demand])
        if rates.any():
            notes.append("it tells no prefix hits: input tokens are cached as planned")
            for piece in np.flatnonzero(flow.rps):
                found = mixes[mix[piece]]
                cached = np.rint(found.isl * rates[interval[piece]]).astype(np.int64)
                mixes.append(Mix(found.isl, np.minimum(cached, found.isl - 1), found.osl))
                mix[piece] = len(mixes) - 1
    unknown = (flow.rps > 0.0) & ~tells_lengths(windows)[flow.mix]
    if unknown.any():
        seconds = np.diff(flow.edges_s)
        share = float((flow.rps * seconds)[unknown].sum() / (flow.rps * seconds).sum())
        notes.append(f"{percent(share)} of the requests tell no lengths: those of the classes hold")
        planned, of_interval = planned_mixes(workload, seed)
        mix[unknown] = of_interval[interval[unknown]] + len(mixes)
        mixes.extend(planned)
    used, mix = np.unique(mix, return_inverse=True)
    return replace(flow, mixes=tuple(mixes[n] for n in used), mix=mix), notes
