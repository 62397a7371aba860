"""The busiest time of a horizon."""

from pathlib import Path

import pytest

from heteroplan.entities.scenario import Scenario
from heteroplan.simulation.span.busiest import Stretch, busiest, busiest_within
from tests.scenario_files import ScenarioFiles


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    """Four hours of 5, 15, 10 and 2 requests/s: 18,000, 54,000, 36,000 and 7,200 requests."""
    files = ScenarioFiles(tmp_path)
    files.scenario["horizon"]["intervals"] = 4
    rows = [f"2026-11-23T0{hour}:00,{rps}\n" for hour, rps in enumerate((5, 15, 10, 2))]
    files.demand = "interval_start,rps\n" + "".join(rows)
    return files.load().scenario


@pytest.mark.parametrize(
    ("duration_s", "found"),
    [
        (3600.0, Stretch(1, 3600.0)),
        (5400.0, Stretch(1, 5400.0)),
        (3 * 3600.0, Stretch(0, 3 * 3600.0)),
        (48 * 3600.0, Stretch(0, 4 * 3600.0)),
    ],
)
def test_most_demand_of_a_duration(scenario: Scenario, duration_s: float, found: Stretch) -> None:
    """90 minutes touch two hours, of which 1:00 and 2:00 have most: 90,000."""
    assert busiest(scenario, duration_s) == found


@pytest.mark.parametrize(
    ("requests", "found"),
    [
        (200_000, Stretch(0, 4 * 3600.0)),
        (110_000, Stretch(0, 3 * 3600.0)),
        (100_000, Stretch(1, 2 * 3600.0)),
        (27_000, Stretch(1, 1800.0)),
        (1, Stretch(1, 60.0)),
    ],
)
def test_as_long_as_has_so_many_requests(scenario: Scenario, requests: int, found: Stretch) -> None:
    """All have 115,200, the busiest three hours 108,000, two 90,000, and half an hour 27,000."""
    assert busiest_within(scenario, requests) == found


def test_headroom_is_not_replayed(tmp_path: Path) -> None:
    """8 requests/s of an hour are 28,800 without headroom, of both 46,800."""
    files = ScenarioFiles(tmp_path)
    files.workload["headroom"] = 0.2
    scenario = files.load().scenario
    assert busiest_within(scenario, 46_800).duration_s == 7200.0
    assert busiest_within(scenario, 28_800) == Stretch(1, 3600.0)
