"""A replay may begin with a later interval."""

from pathlib import Path

import pytest

from heteroplan.entities.scenario import Scenario
from heteroplan.errors import UsageError
from heteroplan.simulation.span.begin import from_interval, interval_at
from tests.scenario_files import ScenarioFiles

DEMAND = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,15\n2026-11-23T02:00,10\n"


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    files = ScenarioFiles(tmp_path)
    files.demand = DEMAND
    return files.load().scenario


@pytest.mark.parametrize(("text", "interval"), [("00:00", 0), ("1:00", None), ("01:00", 1)])
def test_a_clock_time_is_that_of_an_interval(
    scenario: Scenario, text: str, interval: int | None
) -> None:
    if interval is None:
        with pytest.raises(UsageError, match="no interval begins then"):
            interval_at(text, scenario.horizon)
    else:
        assert interval_at(text, scenario.horizon) == interval


def test_a_date_and_time_is_that_of_an_interval(scenario: Scenario) -> None:
    assert interval_at("2026-11-23T01:00", scenario.horizon) == 1
    with pytest.raises(UsageError, match=r"--from '2026-11-24T01:00': no interval begins then"):
        interval_at("2026-11-24T01:00", scenario.horizon)


def test_a_cyclic_day_goes_round(scenario: Scenario) -> None:
    found = from_interval(scenario, 1)
    rates = [each.rps for each in found.workloads[0].demand]
    before = [each.rps for each in scenario.workloads[0].demand]
    assert found.horizon.start == scenario.horizon.boundaries()[1]
    if scenario.horizon.cyclic:
        assert rates == [*before[1:], before[0]]
    else:
        assert rates == before[1:]
    assert found.horizon.intervals == len(rates)
