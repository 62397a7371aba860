import csv
import io
import math
from dataclasses import replace
from datetime import datetime

import pandas as pd

from heteroplan.entities.plan import Baseline, BaselineKind, Coverage
from heteroplan.errors import InputProblem
from heteroplan.outputs.plan.check_report import CheckRow
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.frames import (
    engines_frame,
    pools_frame,
    savings_frame,
    scenarios_frame,
    schedule_frame,
    teams_frame,
    workloads_frame,
)
from heteroplan.outputs.plan.schedule_csv import schedule_csv
from tests.plans import baseline, day_scenario, horizon, plan, pool, shown_plan

FRAMES = (pools_frame, schedule_frame, workloads_frame, savings_frame, engines_frame)


def two_pools(timezone: str = "Asia/Singapore") -> PlanDocument:
    """Two quarters of an hour; 1 and 3 replicas of 4 GPUs, and 0 and 2."""
    during = horizon(2, interval_s=900, timezone=timezone)
    pools = [pool([1, 3]), pool([0, 2], domain="b")]
    return document_of(plan(day_scenario(during, rps=[10.0, 20.0]), pools))


def test_a_pool_is_a_row() -> None:
    """1 + 3 replicas of 4 GPUs for a quarter of an hour each are 4 GPU-hours."""
    first, second = pools_frame(two_pools()).to_dict("records")
    assert first == {
        "workload": "chat-1",
        "role": "decode",
        "engine": "h100-tp4-decode",
        "node_type": "h100x8",
        "gpus_per_replica": 4,
        "domain": "a-s1",
        "level": "spine",
        "group": "chat-1@a-s1",
        "least_replicas": 1,
        "peak_replicas": 3,
        "peak_gpus": 12,
        "serving_gpu_hours": 4.0,
    }
    assert (second["domain"], second["least_replicas"], second["serving_gpu_hours"]) == ("b", 0, 2)


def test_the_schedule_is_that_of_the_csv() -> None:
    document = document_of(shown_plan())
    frame = schedule_frame(document)
    rows = list(csv.DictReader(io.StringIO(schedule_csv(document))))
    assert list(frame.columns) == [name for name in rows[0] if name != "plan"]
    assert [each.isoformat() for each in frame["interval_start"]] == [
        row["interval_start"] for row in rows
    ]
    for name in frame.columns[1:]:
        assert [str(value) for value in frame[name]] == [row[name] for row in rows], name


def test_a_workload_and_interval_is_a_row() -> None:
    """Capacity is a fifth more than what is served; half as many prefill as decode replicas."""
    frame = workloads_frame(two_pools())
    assert frame["demand_rps"].tolist() == frame["served_rps"].tolist() == [10.0, 20.0]
    assert frame["capacity_rps"].tolist() == [12.0, 24.0]
    assert frame["pd_ratio"].tolist() == [0.5, 0.5]
    assert [str(start) for start in frame["interval_start"]] == [
        "2026-11-23 00:00:00+08:00",
        "2026-11-23 00:15:00+08:00",
    ]


def test_a_team_is_a_row_by_cost_and_what_has_none_is_the_last() -> None:
    """1, 9 and 3 replicas of 4 GPUs for an hour, at 2 USD; two workloads are of one team."""
    of = day_scenario(horizon(1), workloads=4)
    teams = ("search", None, "chat", "search")
    loads = tuple(replace(a, team=b) for a, b in zip(of.workloads, teams, strict=True))
    pools = [pool([count], of=load.name) for count, load in zip((1, 9, 3, 4), loads, strict=True)]
    made = plan(replace(of, workloads=loads), pools)
    usd = of.fleet.node_type("h100x8").usd_per_gpu_hour
    frame = teams_frame(document_of(made))
    assert frame.to_dict("list") == {
        "team": ["search", "chat", ""],
        "workloads": [2, 1, 1],
        "gpu_hours": [20.0, 12.0, 36.0],
        "cost_usd": [20.0 * usd, 12.0 * usd, 36.0 * usd],
    }
    assert frame["cost_usd"].sum() == made.totals.cost_usd
    assert [load.team for load in document_of(made).given.workloads] == list(teams)


def test_without_teams_no_row_is_of_one() -> None:
    assert teams_frame(two_pools()).empty


def test_starts_are_local_where_the_clock_changes() -> None:
    """Berlin, 2026-10-25: an hour after 02:00+02:00 it is 02:00+01:00."""
    during = horizon(4, start=datetime(2026, 10, 25), timezone="Europe/Berlin")
    frame = schedule_frame(document_of(plan(day_scenario(during), [pool([1, 1, 1, 1])])))
    starts = frame["interval_start"]
    assert isinstance(starts.dtype, pd.DatetimeTZDtype)
    assert str(starts.dtype.tz) == "Europe/Berlin"
    assert [each.isoformat() for each in starts[2:]] == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
    ]


def test_a_baseline_is_a_row_and_what_it_does_not_say_is_nan() -> None:
    """Twice the plan's cost saves half of it; a bound on cost says nothing of GPU-hours."""
    made = plan(day_scenario(horizon(2)), [pool([1, 3])])
    peak = baseline(made, "static_peak", 2.0, gpu="H100")
    bound = Baseline(BaselineKind.LOWER_BOUND, None, 1.0, None, None, None, None)
    frame = savings_frame(document_of(replace(made, savings=(peak, bound))))
    assert frame["baseline"].tolist() == ["static_peak", "lower_bound"]
    assert frame["saved_fraction"].tolist()[0] == 0.5
    assert frame["note"].tolist() == ["H100", ""]
    assert frame["gpu_hours"].tolist()[0] == 2 * made.totals.gpu_hours
    assert math.isnan(frame["gpu_hours"][1])
    assert frame["gpu_hours"].dtype == float


def test_an_engine_is_a_row_with_its_least_and_greatest_capacity() -> None:
    document = two_pools()
    varied = document.engines[1].model_copy(update={"capacity_rps": (7.0, 5.0)})
    engines = [document.engines[0], varied]
    frame = engines_frame(document.model_copy(update={"engines": engines}))
    assert frame["engine"].tolist() == [each.engine for each in engines]
    assert frame["least_capacity_rps"].tolist() == [document.engines[0].capacity_rps, 5.0]
    assert frame["greatest_capacity_rps"].tolist() == [document.engines[0].capacity_rps, 7.0]
    assert frame["ttft_ms"].isna().all()
    assert frame["ttft_ms"].dtype == float


def test_a_plan_without_pools_has_frames_without_rows() -> None:
    document = document_of(plan(day_scenario(horizon(2)), []))
    full = document_of(shown_plan())
    for frame_of in FRAMES:
        assert list(frame_of(document).columns) == list(frame_of(full).columns)
    assert len(pools_frame(document)) == len(schedule_frame(document)) == 0
    assert isinstance(schedule_frame(document)["interval_start"].dtype, pd.DatetimeTZDtype)


def test_a_scenario_that_was_checked_is_a_row() -> None:
    covered = CheckRow("a", "a.yaml", Coverage.COVERED, headroom=0.2, min_headroom=0.2, gap=0.01)
    problem = InputProblem("b.yaml", 1, "fleet", "", "is missing")
    wrong = CheckRow("b", "b.yaml", Coverage.UNDECIDED, error=str(problem), problems=(problem,))
    frame = scenarios_frame([covered, wrong])
    assert frame["verdict"].tolist() == ["covered", "error"]
    assert frame["passed"].tolist() == [True, False]
    assert frame["headroom"].tolist()[0] == 0.2
    assert frame["headroom"].isna().tolist() == [False, True]
    assert frame["note"].tolist() == ["", "b.yaml:1: fleet: is missing"]
