"""The scenario that knows what came."""

from pathlib import Path

import numpy as np
import pytest

from heteroplan.entities.scenario import Scenario
from heteroplan.simulation.arrivals.flows import from_requests
from heteroplan.simulation.hindsight import came_rps, known
from heteroplan.simulation.requests import RequestStream
from tests.scenario_files import ScenarioFiles

DEMAND = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,15\n"


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    files = ScenarioFiles(tmp_path)
    files.demand = DEMAND
    return files.load().scenario


def stream(scenario: Scenario, arrival_s: list[float], duration_s: float) -> RequestStream:
    n = len(arrival_s)
    return RequestStream(
        workloads=tuple(load.name for load in scenario.workloads),
        duration_s=duration_s,
        workload=np.zeros(n, np.int64),
        arrival_s=np.array(arrival_s),
        isl=np.full(n, 100),
        cached=np.zeros(n, np.int64),
        osl=np.full(n, 10),
    )


def test_rates_are_those_that_came(scenario: Scenario) -> None:
    """1,800 requests in the first hour are 0.5 a second, 900 in the half hour after it too."""
    times = [*np.linspace(0.0, 3599.0, 1800), *np.linspace(3600.0, 5399.0, 900)]
    came = stream(scenario, times, 5400.0)
    assert came_rps(scenario, came)[0] == pytest.approx([0.5, 0.5])
    assert came_rps(scenario, from_requests(came, scenario.horizon))[0] == pytest.approx([0.5, 0.5])
    demand = known(scenario, came).workloads[0].demand
    assert [each.rps for each in demand] == pytest.approx([0.5, 0.5])
    assert demand[0].classes == scenario.workloads[0].demand[0].classes


def test_intervals_that_were_not_reached_keep_their_demand(scenario: Scenario) -> None:
    demand = known(scenario, stream(scenario, [0.0, 1.0], 3600.0)).workloads[0].demand
    planned = scenario.workloads[0].demand
    assert [each.rps for each in demand] == pytest.approx([2 / 3600, planned[1].rps])


def test_of_two_days_the_greater_rate_of_an_interval_counts(scenario: Scenario) -> None:
    """One request in the first hour, and two in the third, which is the first hour again."""
    came = stream(scenario, [0.0, 7200.0, 7201.0], 4 * 3600.0)
    demand = known(scenario, came).workloads[0].demand
    assert [each.rps for each in demand] == pytest.approx([2 / 3600, 0.0])
