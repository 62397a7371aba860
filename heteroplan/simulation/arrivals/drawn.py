"""Requests drawn from the planned demand: bursts or renewal arrivals, lengths by class."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Workload
from heteroplan.errors import UsageError
from heteroplan.simulation.arrivals.bursts import clustered, clusters_of
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
    burstiness: float | None = None,
    factor: float = 1.0,
    duration_s: float | None = None,
    with_headroom: bool = False,
) -> RequestStream:
    """Requests of all workloads, as many a second as planned without headroom, times `factor`.

    They arrive with the dispersion that the workload is planned for (`bursts`), or as a renewal
    process if `burstiness` is given: the coefficient of variation of the gaps between arrivals, 1
    for Poisson ones. The replay lasts `duration_s`, or the horizon. Raises UsageError.
    """
    length_s = float(horizon_s(scenario) if duration_s is None else duration_s)
    check_drawing(burstiness, factor, length_s)
    planned = Planned(factor, with_headroom)
    parts = [
        drawn_requests(scenario, workload, planned, burstiness, seed, length_s)
        for workload in scenario.workloads
    ]
    return merged(
        scenario, parts, length_s, [drawing_note(planned, burstiness, scenario.workloads)]
    )


def drawn_requests(
    scenario: Scenario,
    workload: Workload,
    planned: Planned,
    burstiness: float | None,
    seed: int,
    duration_s: float,
) -> WorkloadRequests:
    """Requests of one workload, from random streams of its own."""
    of_arrival, of_class, of_length = random_streams(workload, seed)
    rates = planned.rates(workload, scenario.horizon, duration_s)
    if burstiness is None and workload.arrivals.points:
        arrival_s = clustered(rates, clusters_of(workload), of_arrival)
    else:
        arrival_s = arrivals(rates, 1.0 if burstiness is None else burstiness, of_arrival)
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


def check_drawing(burstiness: float | None, factor: float, duration_s: float | None) -> None:
    """Raise UsageError for what nothing can be drawn from."""
    if burstiness is not None and not 0.0 <= burstiness <= MOST_BURSTINESS:
        raise UsageError(
            f"burstiness {burstiness:g}: write 0 to {MOST_BURSTINESS:g}, 1 for Poisson arrivals"
        )
    for name, value in (("factor on demand", factor), ("duration [s]", duration_s)):
        if value is not None and not (value > 0.0 and isfinite(value)):
            raise UsageError(f"{name} {value:g}: write a number above 0")


def drawing_note(planned: Planned, burstiness: float | None, workloads: Sequence[Workload]) -> str:
    """How requests are drawn, in a sentence."""
    bursty = [each.name for each in workloads if each.arrivals.points]
    if burstiness is None and bursty:
        kind = f"bursts of the dispersion planned for ({', '.join(bursty)})"
        if len(bursty) < len(workloads):
            kind += ", Poisson arrivals of others"
    elif burstiness is None or burstiness == 1.0:
        kind = "Poisson arrivals"
    else:
        kind = f"arrivals with gamma gaps of coefficient of variation {burstiness:g}"
    headroom = "with headroom" if planned.with_headroom else "without headroom"
    times = "" if planned.factor == 1.0 else f", times {planned.factor:g}"
    return f"requests are drawn from the planned demand {headroom}{times}: {kind}"
