"""Requests of traces, each of a workload: as they came, or scaled to the scenario."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import isfinite
from zoneinfo import ZoneInfo

from numpy.random import Generator

from heteroplan.entities.scenario import Horizon, Scenario
from heteroplan.entities.workload import Workload
from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.forecasting.steps.opened import ReadOptions
from heteroplan.forecasting.steps.stamps import EPOCH
from heteroplan.profiles.capacity.targets import absolute_slo
from heteroplan.simulation.arrivals.completing import completed
from heteroplan.simulation.arrivals.drawn import (
    check_drawing,
    drawing_note,
    drawn_requests,
    horizon_s,
    random_streams,
)
from heteroplan.simulation.arrivals.merging import WorkloadRequests, merged
from heteroplan.simulation.arrivals.named import check_names
from heteroplan.simulation.arrivals.rates import Planned
from heteroplan.simulation.arrivals.reading import TraceRequests, read_trace
from heteroplan.simulation.arrivals.scaling import Scaled, shifted, to_rates
from heteroplan.simulation.requests import RequestStream
from heteroplan.units import MS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """When the requests of traces arrive; at most one of the first three.

    With none of them each trace's first request is at 0 s and its gaps are as they were.
    """

    align: bool = False
    """By date: requests arrive when they did, those before and after the replay are left out."""
    rate_rps: float | None = None
    """Mean rate of all traces together: all gaps are divided by one number [requests/s]."""
    scale_to_demand: bool = False
    """Each interval has the planned number of requests; see `scaling.to_rates`."""
    planned: Planned = field(default=Planned())
    """What `scale_to_demand` follows, and workloads that have no trace."""
    duration_s: float | None = None
    """Of the replay; requests after it are left out. Where not given, the horizon if aligned or
    scaled to demand, else until the last request that just keeps both SLOs has ended [s]."""


def from_traces(
    scenario: Scenario,
    traces: Mapping[str, Sequence[str]],
    *,
    seed: int,
    scaling: Scaling = Scaling(),
    reading: ReadOptions | None = None,
    burstiness: float | None = None,
) -> RequestStream:
    """The requests of `traces`, files by workload, in any format that demand is made from.

    Workloads without one get requests drawn from their planned demand (with `burstiness`, see
    `drawn`). Stamps without a zone are in that of the horizon unless `reading` says otherwise.
    Raises InputError for files, UsageError for options that do not fit.
    """
    check_names(scenario, traces)
    check_scaling(scaling, burstiness)
    reading = reading or ReadOptions(stamp_zone=ZoneInfo(scenario.horizon.timezone))
    streams = {each.name: random_streams(each, seed) for each in scenario.workloads}
    found = _read(traces, reading, scaling.align, streams)
    slower = _slower(found, scaling.rate_rps)
    duration_s = scaling.duration_s
    if duration_s is None and (scaling.align or scaling.scale_to_demand):
        duration_s = float(horizon_s(scenario))
    parts = {}
    for workload in scenario.workloads:
        if (trace := found.get(workload.name)) is not None:
            scaled, notes = _scaled(scenario, workload, trace, scaling, slower, duration_s)
            random = streams[workload.name]
            part = completed(workload, scenario.horizon, trace, scaled, random)
            parts[workload.name] = replace(part, notes=(*notes, *part.notes))
    if not any(len(part.arrival_s) for part in parts.values()):
        raise _nothing(traces, parts)
    if duration_s is None:
        duration_s = _served_s(scenario, parts)
    for workload in scenario.workloads:
        if workload.name not in parts:
            part = drawn_requests(scenario, workload, scaling.planned, burstiness, seed, duration_s)
            note = f"there is no trace: {drawing_note(scaling.planned, burstiness, [workload])}"
            parts[workload.name] = replace(part, notes=(note,))
    return merged(
        scenario, [_with_name(each.name, parts) for each in scenario.workloads], duration_s
    )


def check_scaling(scaling: Scaling, burstiness: float | None) -> None:
    """Raise UsageError for options that exclude each other and for numbers that cannot be."""
    asked = {
        "--align": scaling.align,
        "--rate": scaling.rate_rps is not None,
        "--scale-to-demand": scaling.scale_to_demand,
    }
    if sum(asked.values()) > 1:
        names = " and ".join(name for name, is_asked in asked.items() if is_asked)
        raise UsageError(f"{names} exclude each other; give one of them")
    check_drawing(burstiness, scaling.planned.factor, scaling.duration_s)
    rate = scaling.rate_rps
    if rate is not None and not (rate > 0.0 and isfinite(rate)):
        raise UsageError(f"--rate {rate:g}: write a number above 0")


def _read(
    traces: Mapping[str, Sequence[str]],
    reading: ReadOptions,
    by_date: bool,
    streams: Mapping[str, Sequence[Generator]],
) -> dict[str, TraceRequests]:
    """The requests of each workload that has a trace."""
    if not by_date and reading.start is None:
        reading = replace(reading, start=EPOCH)
    if not traces:
        raise UsageError("name a trace")
    found = {name: read_trace(files, reading, streams[name]) for name, files in traces.items()}
    if reading.cache_tokens is not None and not any(each.tells_blocks for each in found.values()):
        raise UsageError("no trace tells prefix blocks; leave out --prefix-cache")
    return found


def _slower(traces: Mapping[str, TraceRequests], rate_rps: float | None) -> float:
    """What gaps are multiplied by so that all traces together have the mean rate.

    Raises UsageError for a trace that has none.
    """
    if rate_rps is None:
        return 1.0
    for name, trace in traces.items():
        if trace.mean_gap_s == 0.0:
            raise UsageError(f"--rate: the trace of {name} has one moment of arrival and no rate")
    return sum(1.0 / trace.mean_gap_s for trace in traces.values()) / rate_rps


def _scaled(
    scenario: Scenario,
    workload: Workload,
    trace: TraceRequests,
    scaling: Scaling,
    slower: float,
    duration_s: float | None,
) -> tuple[Scaled, list[str]]:
    """When the requests of a trace arrive, and sentences on it. Raises UsageError."""
    size = len(trace.after_s)
    notes = [f"{size:,} requests in the trace"]
    if scaling.scale_to_demand:
        assert duration_s is not None
        rates = scaling.planned.rates(workload, scenario.horizon, duration_s)
        scaled = to_rates(trace, rates)
        times = len(scaled.arrival_s) / size
        notes.append(f"it is gone through {times:.3g} times to come at the planned rates")
        return scaled, notes
    begin = EPOCH + timedelta(microseconds=trace.start_us)
    start_s = (begin - scenario.horizon.start).total_seconds() if scaling.align else 0.0
    scaled = shifted(trace, start_s, slower)
    if slower != 1.0:
        notes.append(f"its gaps are multiplied by {slower:.6g}")
    kept = scaled if duration_s is None else scaled.within(duration_s)
    left_out = size - len(kept.arrival_s)
    if left_out:
        notes.append(f"left out before and after the replay: {left_out:,} of them")
    if left_out and scaling.align:
        notes.append(begin_note(begin, scenario.horizon))
    return kept, notes


def begin_note(begin: datetime, horizon: Horizon) -> str:
    """When the trace begins and when the replay, in a sentence."""
    first = begin.astimezone(ZoneInfo(horizon.timezone)).isoformat(timespec="seconds")
    start = horizon.start.isoformat(timespec="seconds")
    return f"the trace begins at {first}, the replay at {start}; --start moves the trace"


def _served_s(scenario: Scenario, parts: Mapping[str, WorkloadRequests]) -> float:
    """When the last request has ended if each just keeps both SLOs [s]."""
    ends = [0.0]
    for workload in scenario.workloads:
        part = parts.get(workload.name)
        if part is not None and len(part.arrival_s):
            slo = absolute_slo(workload)
            ends.append(
                float((part.arrival_s + (slo.ttft_ms + part.osl * slo.itl_ms) / MS_PER_S).max())
            )
    return max(ends)


def _nothing(
    traces: Mapping[str, Sequence[str]], parts: Mapping[str, WorkloadRequests]
) -> InputError:
    """No trace holds a request that arrives."""
    problems = []
    for name, part in parts.items():
        reasons = [f"{count:,} have {reason}" for reason, count in part.rejected.items()]
        said = "; ".join([*part.notes, *reasons])
        files = ", ".join(traces[name])
        remedy = f"none of its requests comes to a replica of {name} in the replay: {said}"
        problems.append(InputProblem(files, 0, "", "", remedy))
    return InputError(problems)


def _with_name(name: str, parts: Mapping[str, WorkloadRequests]) -> WorkloadRequests:
    """The requests of a workload, whose name stands in the notes."""
    part = parts[name]
    return replace(part, notes=tuple(f"{name}: {note}" for note in part.notes))
