"""Rates for the fluid level."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.forecasting.traces.requests import Windows
from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.arrivals.flows import from_demand, from_requests, from_windows, joined
from heteroplan.simulation.arrivals.rates import Planned
from tests import builders

VARIED = replace(builders.SHAPE, isl_cv=1.0, prefix_hit_rate=0.5)


def test_rates_of_the_demand_are_those_of_the_intervals() -> None:
    made = builders.scenario([builders.workload(rps=[10.0, 20.0], classes=[VARIED])])
    stream = from_demand(made, seed=0, planned=Planned(factor=2.0), duration_s=5400.0)
    assert stream.edges_s.tolist() == [0.0, 3600.0, 5400.0]
    assert stream.rps.tolist() == [[20.0, 40.0]]
    assert stream.asked == 20 * 3600 + 40 * 1800
    assert stream.by_interval(3600.0).tolist() == [[72000.0, 72000.0]]


def test_intervals_of_the_same_classes_share_a_mix() -> None:
    other = replace(VARIED, osl=400.0)
    load = builders.workload(rps=[1.0, 2.0, 3.0], classes=[VARIED])
    demand = (load.demand[0], replace(load.demand[1], classes=(other,)), load.demand[2])
    stream = from_demand(
        builders.scenario([replace(load, demand=demand)]), seed=0, planned=Planned()
    )
    assert stream.mix.tolist() == [[0, 1, 0]]
    (first, second) = stream.mixes[0]
    assert first.osl.mean() == pytest.approx(200.0)
    assert second.osl.mean() == pytest.approx(400.0)
    assert (first.isl - first.cached).mean() == pytest.approx(500.0, rel=0.03)


def test_requests_are_counted_and_none_is_lost() -> None:
    loads = [
        builders.workload(name, rps=[rps, rps], classes=[VARIED])
        for name, rps in (("a", 3.0), ("b", 1.0))
    ]
    made = builders.scenario(loads)
    single = drawn(made, seed=1, duration_s=5000.0)
    stream = from_requests(single, made.horizon, 60.0)
    assert stream.asked == len(single)
    assert stream.duration_s == 5000.0
    for number in range(2):
        own = single.workload == number
        hours = np.bincount((single.arrival_s[own] // 3600).astype(int))
        assert stream.by_interval(3600.0)[number] == pytest.approx(hours)
        assert stream.mix[number, [0, 59, 60, 83]].tolist() == [0, 0, 1, 1]
        inside = own & (single.arrival_s >= 3600.0)
        mean = single.isl[inside].mean()
        assert stream.mixes[number][1].isl.mean() == pytest.approx(mean, rel=0.05)


def windows() -> Windows:
    """60 requests in the first minute, none recorded in the second, 30 in the third."""
    minute = 60_000_000
    return Windows(
        start_us=np.array([0, 2 * minute]),
        end_us=np.array([minute, 3 * minute]),
        requests=np.array([60.0, 30.0]),
        with_lengths=np.array([60.0, 30.0]),
        input_tokens=np.array([60_000.0, 6_000.0]),
        output_tokens=np.array([6_000.0, 6_000.0]),
        cached_tokens=np.array([30_000.0, 0.0]),
    )


def test_windows_are_rates_without_a_request_that_is_drawn() -> None:
    flow = from_windows(windows(), 240.0, start_s=30.0)
    assert flow.edges_s.tolist() == [0.0, 30.0, 90.0, 150.0, 210.0, 240.0]
    assert flow.rps.tolist() == [0.0, 1.0, 0.0, 0.5, 0.0]
    first, second = (flow.mixes[flow.mix[piece]] for piece in (1, 3))
    assert (first.isl[0], first.cached[0], first.osl[0]) == (1000, 500, 100)
    assert (second.isl[0], second.cached[0], second.osl[0]) == (200, 0, 200)


def test_windows_after_the_end_are_cut_off() -> None:
    flow = from_windows(windows(), 75.0)
    assert flow.edges_s.tolist() == [0.0, 60.0, 75.0]
    assert flow.rps.tolist() == [1.0, 0.0]


def test_flows_of_several_workloads_change_at_the_edges_of_all() -> None:
    made = builders.scenario([builders.workload("a"), builders.workload("b")])
    flows = [from_windows(windows(), 240.0), from_windows(windows(), 240.0, start_s=30.0)]
    stream = joined(made, flows, 240.0)
    assert stream.asked == 180
    assert stream.edges_s.tolist() == [0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 210.0, 240.0]
    assert stream.rps[1].tolist() == [0.0, 1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.0]
