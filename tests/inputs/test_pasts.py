"""Traces that several loads share, and how uncertain a scenario says its inputs are."""

import pytest

from heteroplan.entities.fleet import Failures
from heteroplan.entities.workload import DemandError, Workload
from heteroplan.inputs import Pasts, load
from tests.forecasting.made_traces import hourly
from tests.inputs.test_trace_demand import with_demand
from tests.scenario_files import ScenarioFiles


def workload(files: ScenarioFiles, *overrides: str) -> Workload:
    (found,) = files.load(*overrides).scenario.workloads
    return found


def test_another_quantile_needs_no_trace_again(files: ScenarioFiles) -> None:
    """Days of 10 and 20: 15 at the median, as in `test_trace_demand`, both from one past."""
    hourly(files.folder, [[10] * 24, [20] * 24])
    folder = str(with_demand(files, trace="demand.csv").write())
    hourly(files.folder, [[10] * 24, [20] * 24])
    pasts = Pasts()
    first = load(folder, pasts=pasts)
    (past,) = pasts.histories.values()
    again = load(folder, overrides=["workloads[0].demand.quantile=0.5"], pasts=pasts)
    assert list(pasts.histories.values()) == [past]
    assert pasts.used["chat"][0] is past
    assert pasts.used["chat"][1].quantile == 0.5
    assert again.scenario.workloads[0].demand[0].rps == pytest.approx(15)
    assert first.scenario.workloads[0].demand[0].rps > 15


def test_a_trace_that_was_changed_is_read_again(files: ScenarioFiles) -> None:
    folder = str(with_demand(files, trace="demand.csv").write())
    pasts = Pasts()
    for rate in (10, 30):
        hourly(files.folder, [[rate] * 24] * 3)
        (found,) = load(folder, pasts=pasts).scenario.workloads
        assert found.demand[0].rps == pytest.approx(rate)


def test_what_is_read_otherwise_is_another_past(files: ScenarioFiles) -> None:
    folder = str(with_demand(files, trace="demand.csv").write())
    hourly(files.folder, [[10] * 24] * 3)
    pasts = Pasts()
    load(folder, pasts=pasts)
    load(folder, overrides=["workloads[0].demand.peak=30min"], pasts=pasts)
    load(folder, interval="2h", pasts=pasts)
    assert len(pasts.histories) == 3


def test_how_far_demand_errs(files: ScenarioFiles) -> None:
    files.workload["demand_error"] = {"day": "10%", "interval": 0.05, "quantile": "50%"}
    assert workload(files).demand_error == DemandError(0.1, 0.05, 0.5)
    assert workload(files).shortage_usd_per_1000_requests is None
    found = workload(files, "workloads.chat.shortage_usd_per_1000_requests=12.5")
    assert found.shortage_usd_per_1000_requests == 12.5


def test_a_curve_is_some_quantile_and_a_trace_has_its_own(files: ScenarioFiles) -> None:
    files.workload["demand_error"] = {"day": 0.1}
    (problem,) = files.problems()
    assert problem == (
        'scenario.yaml: workloads[0].demand_error: {"day": 0.1}: give quantile, which says how '
        "often demand stays below the CSV: 0.5 for half of the time, 0.95 where it was made for P95"
    )
    with_demand(files, trace="demand.csv", quantile=0.9).write()
    hourly(files.folder, [[10] * 24] * 3)
    (found,) = load(str(files.folder)).scenario.workloads
    assert found.demand_error == DemandError(0.1, 0.0, 0.9)
    files.workload["demand_error"]["quantile"] = 0.5
    assert "leave quantile out" in files.problems()[0]


def test_nodes_fail_as_their_type_or_the_fleet_says(files: ScenarioFiles) -> None:
    def failures() -> list[Failures | None]:
        return [each.failures for each in files.load().scenario.fleet.node_types]

    assert failures() == [None]
    files.fleet["failures"] = {"nodes_per_1000_days": 4, "repair_hours": 24}
    assert failures() == [Failures(4.0, 24.0)]
    files.fleet["node_types"][0]["failures"] = {"nodes_per_1000_days": 1, "repair_hours": 2}
    assert failures() == [Failures(1.0, 2.0)]
