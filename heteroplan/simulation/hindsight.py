"""What a plan would have been that knew what came: the scenario with the requests of a replay."""

from dataclasses import replace

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.simulation.rate_stream import RateStream
from heteroplan.simulation.requests import Floats, RequestStream


def came_rps(scenario: Scenario, stream: RequestStream | RateStream) -> Floats:
    """[W, interval] mean rates that came in the intervals of the replay [requests/s]."""
    interval_s = float(scenario.horizon.interval_s)
    if isinstance(stream, RateStream):
        requests = stream.by_interval(interval_s)
    else:
        shape = (len(scenario.workloads), int(np.ceil(stream.duration_s / interval_s)))
        requests = np.zeros(shape)
        cells = (stream.workload, (stream.arrival_s // interval_s).astype(np.int64))
        np.add.at(requests, cells, 1.0)
    intervals = requests.shape[1]
    seconds = np.minimum(interval_s, stream.duration_s - np.arange(intervals) * interval_s)
    found: Floats = requests / seconds
    return found


def known(scenario: Scenario, stream: RequestStream | RateStream) -> Scenario:
    """The scenario with the rates that came, request mixes and all else as they were.

    Intervals that the replay does not reach keep their demand; a longer replay has the first
    intervals twice, of which the greater rate counts.
    """
    rates = came_rps(scenario, stream)
    intervals = scenario.horizon.intervals
    greatest = np.full((len(rates), intervals), -1.0)
    for start in range(0, rates.shape[1], intervals):
        part = rates[:, start : start + intervals]
        greatest[:, : part.shape[1]] = np.maximum(greatest[:, : part.shape[1]], part)
    workloads = tuple(
        replace(
            load,
            demand=tuple(
                each if rate < 0.0 else replace(each, rps=float(rate))
                for each, rate in zip(load.demand, row, strict=True)
            ),
        )
        for load, row in zip(scenario.workloads, greatest, strict=True)
    )
    return replace(scenario, workloads=workloads)
