"""Requests of a trace -> requests to replicas: what it leaves open filled in, others rejected."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from heteroplan.entities.scenario import Horizon
from heteroplan.entities.workload import IntervalDemand, Workload
from heteroplan.forecasting.traces.requests import UNKNOWN
from heteroplan.simulation.arrivals.lengths import lengths, rounded
from heteroplan.simulation.arrivals.merging import WorkloadRequests
from heteroplan.simulation.arrivals.rates import intervals_at
from heteroplan.simulation.arrivals.reading import TraceRequests
from heteroplan.simulation.arrivals.scaling import Scaled
from heteroplan.simulation.requests import Floats, Integers
from heteroplan.text import percent

NO_INPUT = "no input tokens"
NO_OUTPUT = "no output tokens"


def completed(
    workload: Workload,
    horizon: Horizon,
    trace: TraceRequests,
    scaled: Scaled,
    streams: Sequence[np.random.Generator],
) -> WorkloadRequests:
    """The requests in `scaled`.

    Lengths that the trace does not tell are drawn from the workload's classes; cached tokens are
    the trace's own, or else the planned share of the input tokens. Requests without input or
    output tokens are rejected.
    """
    interval = intervals_at(scaled.arrival_s, horizon)
    isl, osl = trace.isl[scaled.chosen], trace.osl[scaled.chosen]
    notes = list(trace.notes)
    notes += _fill_lengths(workload, interval, isl, osl, streams)
    if trace.cached is None:
        hit_rates = np.array([hit_rate(each) for each in workload.demand])
        cached = rounded(isl * hit_rates[interval], streams[2])
        notes += _hit_rate_notes(trace, hit_rates)
    else:
        cached = trace.cached[scaled.chosen]
    cached = np.clip(cached, 0, np.maximum(isl - 1, 0))
    kept = (isl > 0) & (osl > 0)
    rejected = Counter({NO_INPUT: int((isl == 0).sum())})
    rejected[NO_OUTPUT] = int(((isl > 0) & (osl == 0)).sum())
    return WorkloadRequests(
        scaled.arrival_s[kept], isl[kept], cached[kept], osl[kept], +rejected, tuple(notes)
    )


def _fill_lengths(
    workload: Workload,
    interval: Integers,
    isl: Integers,
    osl: Integers,
    streams: Sequence[np.random.Generator],
) -> list[str]:
    """Draw what is unknown in `isl` and `osl`; says so."""
    unknown = (isl == UNKNOWN) | (osl == UNKNOWN)
    if not unknown.any():
        return []
    mixes = [each.classes for each in workload.demand]
    drawn = lengths(mixes, interval[unknown], streams[1], streams[2])
    for found, of_class in ((isl, drawn.isl), (osl, drawn.osl)):
        found[unknown] = np.where(found[unknown] == UNKNOWN, of_class, found[unknown])
    share = percent(float(unknown.mean()))
    return [f"{share} of the requests tell no lengths; these are drawn from the workload's classes"]


def hit_rate(demand: IntervalDemand) -> float:
    """Share of the input tokens of all classes that is found in the prefix cache."""
    tokens: Floats = np.array([each.share * each.isl for each in demand.classes])
    rates = np.array([each.prefix_hit_rate for each in demand.classes])
    return float(tokens @ rates / tokens.sum())


def _hit_rate_notes(trace: TraceRequests, hit_rates: Floats) -> list[str]:
    if trace.tells_blocks:
        remedy = "; with --prefix-cache TOKENS a cache of that size is played on its prefix blocks"
    elif hit_rates.any():
        remedy = ""
    else:
        return []
    low, high = percent(float(hit_rates.min())), percent(float(hit_rates.max()))
    shown = low if low == high else f"{low} to {high}"
    return [f"it tells no prefix hits: {shown} of the input tokens are cached, as planned{remedy}"]
