"""A fleet by itself."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from heteroplan.errors import InputError
from heteroplan.inputs.fleet_files import read_fleet
from tests.scenario_files import ScenarioFiles

OUTAGE = {
    "leaf": "l1",
    "node_type": "h100x8",
    "nodes": 1,
    "start": "2026-11-23T08:00",
    "end": "2026-11-23T09:00",
}


@pytest.fixture
def files(tmp_path: Path) -> ScenarioFiles:
    made = ScenarioFiles(tmp_path)
    made.fleet["unavailable"] = [OUTAGE]
    return made


def test_a_scenario_gives_its_fleet_and_its_time_zone(files: ScenarioFiles) -> None:
    """08:00 in Singapore is midnight in UTC; without a scenario the stamp is in UTC."""
    files.scenario["horizon"]["timezone"] = "Asia/Singapore"
    folder = files.write()
    of_scenario = read_fleet(str(folder))
    assert of_scenario.gpus == 16
    assert of_scenario == read_fleet(str(folder / "scenario.yaml"))
    assert of_scenario.outages[0].start == datetime(2026, 11, 23, tzinfo=UTC)
    alone = read_fleet(str(folder / "fleet.yaml"))
    assert alone.outages[0].start == datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_a_folder_without_a_scenario_may_hold_a_fleet(files: ScenarioFiles) -> None:
    folder = files.write()
    (folder / "scenario.yaml").unlink()
    assert read_fleet(str(folder)).name == "two-nodes"


def problems(name: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_fleet(name)
    return [each.remedy for each in caught.value.problems]


def test_what_is_wrong_is_told(files: ScenarioFiles) -> None:
    folder = files.write()
    assert problems(str(folder / "nowhere.yaml")) == ["no such file"]
    assert problems(str(folder / "profile.yaml")) == [
        "this looks like a profile file; name a fleet file instead"
    ]
    broken: dict[str, Any] = files.fleet | {"unavailable": [OUTAGE | {"nodes": 3}]}
    (folder / "fleet.yaml").write_text(yaml.safe_dump(broken), encoding="utf-8")
    assert "more than there are" in problems(str(folder))[0]
    files.scenario["horizon"]["timezone"] = "Mars"
    files.write()
    assert "unknown time zone" in problems(str(folder))[0]
