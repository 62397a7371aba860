"""`plan --replay`: what policies would have needed, on requests of the busiest time.

The scenario of `tests.scenario_files`: 5, then 8 requests/s for an hour each, for which one prefill
and one decode replica of 4 GPUs at 2.50 USD an hour run all day; so does the static peak.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from heteroplan.errors import UsageError
from heteroplan.pipelines import plan as pipeline
from tests.cli.conftest import Run
from tests.cli.test_planning import stable
from tests.scenario_files import ScenarioFiles

REPLAY = ("--replay", "--replay-duration", "10min")


def policies(text: str) -> dict[str, Any]:
    savings = json.loads(text)["savings"]
    return {name: each for name, each in savings.items() if each["replayed"] is not None}


def test_policies_stand_among_the_savings(files: ScenarioFiles, run: Run) -> None:
    """8 GPUs for ten minutes, at 2.50 USD an hour; some 8 x 600 requests, give or take 4 of the
    standard deviations of 69."""
    ended = run("plan", ".", "--json", *REPLAY)
    assert ended.code == 0
    found = policies(ended.out)
    assert list(found) == [
        f"replayed:{name}"
        for name in ("plan", "plan+feedback", "static_peak", "proportional", "hpa")
    ]
    plan, static = found["replayed:plan"], found["replayed:static_peak"]
    for each in (plan, static):
        assert each["gpu_hours"] == pytest.approx(8 / 6)
        assert each["cost_usd"] == pytest.approx(2.5 * each["gpu_hours"])
        assert each["saved_fraction"] == 0.0
        assert each["replayed"]["start"] == "2026-11-23T01:00:00+00:00"
        assert each["replayed"]["duration_s"] == 600.0
        assert abs(each["replayed"]["requests"] - 4800) < 4 * 69
    assert plan["replayed"]["slo_kept"]
    assert 0.99 < plan["replayed"]["attainment"]["both"] <= 1.0


def test_what_is_saved_is_against_the_plan_over_the_same_time(
    files: ScenarioFiles, run: Run
) -> None:
    found = policies(run("plan", ".", "--json", *REPLAY).out)
    plan = found["replayed:plan"]
    for each in found.values():
        assert each["saved_gpu_hours"] == pytest.approx(each["gpu_hours"] - plan["gpu_hours"])
        assert each["saved_fraction"] == pytest.approx(1 - plan["cost_usd"] / each["cost_usd"])


def test_other_baselines_and_all_else_are_as_without_a_replay(
    files: ScenarioFiles, run: Run
) -> None:
    plain, replayed = (json.loads(run("plan", ".", "--json", *more).out) for more in ((), REPLAY))
    assert plain["plan_id"] != replayed["plan_id"]
    for each in (plain, replayed):
        del each["plan_id"], each["solver"]["seconds"]
        for name in [name for name in each["savings"] if name.startswith("replayed:")]:
            del each["savings"][name]
    assert plain == replayed


def test_the_same_inputs_give_the_same_plan(files: ScenarioFiles, run: Run) -> None:
    first, second = (run("plan", ".", "--json", *REPLAY).out for _ in range(2))
    assert stable(first) == stable(second)


def test_terminal_and_report_show_the_policies(files: ScenarioFiles, run: Run) -> None:
    ended = run("plan", ".", *REPLAY, "--out", "out")
    text = " ".join(ended.out.split())
    assert "policy, replayed SLO in time GPU-hours cost USD saved" in text
    assert "Replayed 2026-11-23 01:00 to 01:10, the busiest part of the horizon, on" in text
    assert "replayed:plan" not in text
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert "Autoscaling policies, replayed" in page
    assert "plan+feedback" in page
    for reads in (("explain", "out/plan.json"), ("export", "out/plan.json", "--format", "csv")):
        assert run(*reads).code == 0


def test_a_static_peak_that_no_fleet_serves_is_left_out(files: ScenarioFiles, run: Run) -> None:
    """30 requests/s on a fleet that serves 20."""
    files.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,30\n"
    files.write()
    ended = run("plan", ".", "--json", *REPLAY)
    assert ended.code == 1
    assert "replayed:static_peak" not in policies(ended.out)


def test_without_a_duration_the_busiest_requests_are_replayed(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,800 requests at 8 a second are ten minutes."""
    monkeypatch.setattr("heteroplan.pipelines.plan_replay.MOST_REQUESTS", 4800)
    result = pipeline.plan(files.folder, replay=True)
    assert result.replay is not None
    assert result.replay.replay.duration_s == 600.0
    assert len(result.replay.policies_frame()) == 5
    frame = result.savings_frame()
    (share,) = frame.loc[frame["baseline"] == "replayed:plan", "in_time_share"].tolist()
    assert share > 0.99


def test_a_replay_that_is_stopped_leaves_the_plan(files: ScenarioFiles) -> None:
    heard: list[str] = []
    result = pipeline.plan(
        files.folder, replay=True, replay_duration_s=600.0, stop=lambda: bool(heard),
        replay_progress=lambda policy, share: heard.append(policy),
    )  # fmt: skip
    assert heard == ["plan"]
    assert result.replay is None
    assert result.plan.covered


def test_a_duration_needs_a_replay(files: ScenarioFiles, run: Run) -> None:
    ended = run("plan", ".", "--replay-duration", "1h")
    assert (ended.code, ended.out) == (2, "")
    assert "give --replay as well" in " ".join(ended.err.split())


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan")])
def test_a_duration_is_a_minute_or_more(files: ScenarioFiles, duration_s: float) -> None:
    with pytest.raises(UsageError, match="replay_duration_s"):
        pipeline.plan(files.folder, replay=True, replay_duration_s=duration_s)
