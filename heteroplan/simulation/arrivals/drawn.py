"""Requests drawn from the planned demand: renewal arrivals, lengths by class."""

from math import isfinite

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Workload
from heteroplan.errors import UsageError
from heteroplan.simulation.arrivals.lengths import lengths
from heteroplan.simulation.arrivals.merging import WorkloadRequests, merged
from heteroplan.simulation.arrivals.rates import Planned, intervals_at
from heteroplan.simulation.arrivals.renewal import arrivals
from heteroplan.simulation.requests import RequestStream

MOST_BURSTINESS = 30.0
"""More is no traffic: 900 requests at once, then none for as long as 900 take."""


def drawn(
    scenario: Scenario,
    *,
    seed: int,
    burstiness: float = 1.0,
    factor: float = 1.0,
    duration_s: float | None = None,
    with_headroom: bool = False,
) -> RequestStream:
    """Requests of all workloads, as many a second as planned without headroom, times `factor`.

    `burstiness` is the coefficient of variation of the gaps between the arrivals of a workload, 1
    for Poisson arrivals. The replay lasts `duration_s`, or the horizon. Raises UsageError.
    """
    length_s = float(horizon_s(scenario) if duration_s is None else duration_s)
    check_drawing(burstiness, factor, length_s)
    planned = Planned(factor, with_headroom)
    parts = [
        drawn_requests(scenario, workload, planned, burstiness, seed, length_s)
        for workload in scenario.workloads
    ]
    return merged(scenario, parts, length_s, [drawing_note(planned, burstiness)])


def drawn_requests(
    scenario: Scenario,
    workload: Workload,
    planned: Planned,
    burstiness: float,
    seed: int,
    duration_s: float,
) -> WorkloadRequests:
    """Requests of one workload, from random streams of its own."""
    of_arrival, of_class, of_length = random_streams(workload, seed)
    rates = planned.rates(workload, scenario.horizon, duration_s)
    arrival_s = arrivals(rates, burstiness, of_arrival)
    mixes = [each.classes for each in workload.demand]
    interval = intervals_at(arrival_s, scenario.horizon)
    tokens = lengths(mixes, interval, of_class, of_length)
    return WorkloadRequests(arrival_s, tokens.isl, tokens.cached, tokens.osl, kind=tokens.kind)


def random_streams(workload: Workload, seed: int) -> list[np.random.Generator]:
    """Of a workload, by its name: for arrivals, classes and lengths."""
    seeds = np.random.SeedSequence(seed, spawn_key=tuple(workload.name.encode()))
    return [np.random.Generator(np.random.PCG64(each)) for each in seeds.spawn(3)]


def horizon_s(scenario: Scenario) -> int:
    """Length of the horizon [s]."""
    return scenario.horizon.intervals * scenario.horizon.interval_s


def check_drawing(burstiness: float, factor: float, duration_s: float | None) -> None:
    """Raise UsageError for what nothing can be drawn from."""
    if not 0.0 <= burstiness <= MOST_BURSTINESS:
        raise UsageError(
            f"burstiness {burstiness:g}: write 0 to {MOST_BURSTINESS:g}, 1 for Poisson arrivals"
        )
    for name, value in (("factor on demand", factor), ("duration [s]", duration_s)):
        if value is not None and not (value > 0.0 and isfinite(value)):
            raise UsageError(f"{name} {value:g}: write a number above 0")


def drawing_note(planned: Planned, burstiness: float) -> str:
    """How requests are drawn, in a sentence."""
    if burstiness == 1.0:
        kind = "Poisson arrivals"
    else:
        kind = f"arrivals with gamma gaps of coefficient of variation {burstiness:g}"
    headroom = "with headroom" if planned.with_headroom else "without headroom"
    times = "" if planned.factor == 1.0 else f", times {planned.factor:g}"
    return f"requests are drawn from the planned demand {headroom}{times}: {kind}"
