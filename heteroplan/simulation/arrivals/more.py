"""More or fewer of the requests of a trace, at the times of day at which they came."""

from dataclasses import replace

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.simulation.arrivals.merging import WorkloadRequests, merged
from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.arrivals.reading import TraceRequests
from heteroplan.simulation.arrivals.scaling import to_rates
from heteroplan.simulation.requests import RequestStream


def times(scenario: Scenario, stream: RequestStream, factor: float) -> RequestStream:
    """`factor` times the requests in each interval, their time there stretched or squeezed evenly.

    Each workload's requests are taken one after the other, and from the first one again when they
    are used up, as by `scaling.to_rates`: gaps within an interval keep their proportions.
    """
    if factor == 1.0:
        return stream
    interval_s = float(scenario.horizon.interval_s)
    pieces = int(np.ceil(stream.duration_s / interval_s))
    edges_s = np.minimum(np.arange(pieces + 1) * interval_s, stream.duration_s)
    parts = []
    for number in range(len(stream.workloads)):
        own = np.flatnonzero(stream.workload == number)
        chosen, arrival_s = own, stream.arrival_s[own]
        if len(own):
            counts = np.histogram(arrival_s, edges_s)[0]
            after_s = arrival_s - arrival_s[0]
            trace = TraceRequests(0, after_s, stream.isl[own], stream.osl[own], None, False, ())
            scaled = to_rates(trace, Rates(edges_s, counts * factor / np.diff(edges_s)))
            chosen, arrival_s = own[scaled.chosen], scaled.arrival_s
        parts.append(
            WorkloadRequests(
                arrival_s, stream.isl[chosen], stream.cached[chosen], stream.osl[chosen]
            )
        )
    found = merged(scenario, parts, stream.duration_s, stream.notes)
    return replace(found, rejected=stream.rejected)
