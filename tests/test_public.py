"""The public Python surface: what `import heteroplan` gives."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from inspect import getdoc, signature
from pathlib import Path
from typing import Any

import pytest

import heteroplan
from heteroplan.errors import ExitCode, InputError, NoPlanError, UsageError
from tests.forecasting.made_traces import hourly
from tests.scenario_files import ScenarioFiles

FUNCTIONS = (
    *("check", "compare", "demand", "fit", "plan", "replay", "size", "stress", "study"),
    "sweep",
)


@pytest.fixture
def files(tmp_path: Path) -> ScenarioFiles:
    made = ScenarioFiles(tmp_path)
    made.write()
    return made


def in_python(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A script in a process of its own, without the guard that a worker process would need."""
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )


def test_every_public_name_is_there_and_documented() -> None:
    assert set(heteroplan.__all__) <= set(dir(heteroplan))
    for name in heteroplan.__all__:
        assert getdoc(getattr(heteroplan, name)), name
    with pytest.raises(AttributeError, match="has no attribute 'plam'"):
        _ = heteroplan.plam


def test_no_module_hides_a_function() -> None:
    """Importing a submodule sets its name in the package."""
    assert not set(FUNCTIONS) & {each.name for each in pkgutil.iter_modules(heteroplan.__path__)}
    for each in pkgutil.walk_packages(heteroplan.__path__, "heteroplan."):
        if each.name != "heteroplan.__main__":
            importlib.import_module(each.name)
    for name in FUNCTIONS:
        found = getattr(heteroplan, name)
        assert found is getattr(importlib.import_module(f"heteroplan.pipelines.{name}"), name)
        assert callable(found)


def test_functions_show_their_options() -> None:
    assert signature(heteroplan.plan).parameters["gap"].default == 0.01
    assert signature(heteroplan.fit).parameters["ttft_ms"].default is None
    with pytest.raises(TypeError, match="gapp"):
        heteroplan.plan(".", gapp=0.01)  # type: ignore[call-arg]


def test_the_package_and_its_functions_import_nothing_heavy(tmp_path: Path) -> None:
    heavy = {"numpy", "pandas", "plotly", "pulp", "highspy", "pydantic", "rich", "scipy", "typer"}
    script = f"""
import sys, heteroplan
assert "heteroplan.pipelines" not in sys.modules
heteroplan.plan, heteroplan.check, heteroplan.demand, heteroplan.fit
print(sorted({heavy!r} & set(sys.modules)))
"""
    assert in_python(script, tmp_path).stdout == "[]\n"


def test_nothing_prints_and_only_frames_import_pandas(files: ScenarioFiles) -> None:
    """Solvers write to the stream itself, so that only another process sees it."""
    script = """
import sys, heteroplan
result = heteroplan.plan(".", gap=0.05)
result.write("out", placement=True)
heteroplan.check(".", min_headroom=0.1)
assert "pandas" not in sys.modules
assert len(result.schedule_frame()) == 4
assert "pandas" in sys.modules
"""
    done = in_python(script, files.folder)
    assert (done.stdout, done.stderr) == ("", "")
    assert {path.name for path in (files.folder / "out").iterdir()} == {
        "placement.csv",
        "plan.json",
        "report.html",
        "schedule.csv",
    }


def test_a_plan_has_frames_that_agree(files: ScenarioFiles) -> None:
    """One prefill and one decode replica of 4 GPUs at 10 requests/s serve 5 and then 8."""
    result = heteroplan.plan(files.folder)
    assert result.coverage == "covered"
    schedule = result.schedule_frame()
    assert schedule["gpus"].tolist() == [4, 4, 4, 4]
    assert result.workloads_frame()["served_rps"].tolist() == [5.0, 8.0]
    hours = (result.pools_frame()["serving_gpu_hours"]).sum()
    assert hours == schedule["gpus"].sum() == result.plan.totals.gpu_hours == 16
    assert result.engines_frame()["greatest_capacity_rps"].tolist() == [10.0, 10.0]
    assert "static_peak" in result.savings_frame()["baseline"].tolist()


def test_options_are_those_of_the_command(files: ScenarioFiles) -> None:
    """A field is set; two intervals of half an hour are the first hour, at 5 and half as much."""
    result = heteroplan.plan(
        files.folder, overrides="workloads.chat.headroom=0.5", interval="30min"
    )
    assert result.workloads_frame()["demand_rps"].tolist() == [7.5, 7.5]


def test_a_fleet_too_small_is_no_error(files: ScenarioFiles) -> None:
    files.leaf["nodes"] = {"h100x8": 1}
    files.demand = files.demand.replace(",8", ",80")
    result = heteroplan.plan(files.write())
    assert result.coverage == "short"
    assert result.workloads_frame()["served_rps"].tolist() == [5.0, 10.0]


def test_errors_are_those_of_the_command(files: ScenarioFiles, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: no such file"):
        heteroplan.plan(tmp_path / "absent")
    with pytest.raises(UsageError, match="--gap 2: write a share"):
        heteroplan.plan(files.folder, gap=2)
    with pytest.raises(UsageError, match="unknown time zone"):
        heteroplan.demand("x.csv", timezone="Mars")
    with pytest.raises(UsageError, match="name a file of measurements"):
        heteroplan.fit(())
    files.workload["min_replicas"] = {"prefill": 3, "decode": 3}
    with pytest.raises(NoPlanError):
        heteroplan.plan(files.write())
    assert heteroplan.errors.InputError is InputError


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: heteroplan.check([]), "name a scenario"),
        (lambda: heteroplan.demand([]), "name a trace"),
        (lambda: heteroplan.demand("x", days=0), "days 0: must be between 1 and 366"),
        (lambda: heteroplan.demand("x", held_back_days=0), "held_back_days 0: must be"),
        (lambda: heteroplan.demand("x", first_day=date(9999, 12, 31)), "first_day 9999-12-31: "),
        (lambda: heteroplan.fit("x", tp=0), "tp 0: must be between 1 and 10000"),
        (lambda: heteroplan.fit("x", ttft_ms=float("nan")), "ttft_ms nan: must be between"),
        (lambda: heteroplan.fit("x", max_sequences=0), "max_sequences 0: must be"),
    ],
)
def test_what_the_command_would_refuse_is_refused(call: Callable[[], Any], message: str) -> None:
    """Before any file is read."""
    with pytest.raises(UsageError, match=message):
        call()


def test_check_takes_one_scenario_or_several(files: ScenarioFiles, tmp_path: Path) -> None:
    one = heteroplan.check(files.folder)
    assert (one.passed, one.exit_code) == (True, ExitCode.OK)
    assert one.scenarios_frame()["verdict"].tolist() == ["covered"]
    both = heteroplan.check([files.folder, str(tmp_path / "absent")])
    assert (both.passed, both.exit_code) == (False, ExitCode.BAD_INPUT)
    assert both.scenarios_frame()["verdict"].tolist() == ["covered", "error"]


def test_demand_has_frames_and_files(tmp_path: Path) -> None:
    """Two days at 2 requests/s let expect a third."""
    trace = hourly(tmp_path, [[2] * 24] * 2)
    result = heteroplan.demand(trace, interval_s=3600, first_day=date(2026, 11, 9))
    curve = result.curve_frame()
    assert curve["rps"].tolist() == [2.0] * 24
    assert str(curve["interval_start"][0]) == "2026-11-09 00:00:00+00:00"
    assert (result.classes_frame()["share"] == 1).all()
    result.write(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "arrivals.csv",
        "classes.csv",
        "demand.csv",
        "demand.html",
        "demand.json",
    }
    assert (tmp_path / "out" / "demand.csv").read_text().count("\n") == 25


def test_fit_has_frames(tmp_path: Path) -> None:
    """20 ms and 0.05 ms a token, measured without error."""
    path = tmp_path / "measured.csv"
    rows = (f"H100-SXM-80GB,4,prefill,1,{n},,{20 + 0.05 * n}," for n in (128, 256, 512, 1024))
    head = "gpu,gpus,phase,batch,tokens,context,latency_ms,source"
    path.write_text("\n".join([head, *rows, ""]))
    result = heteroplan.fit(path, isl=512, osl=100, ttft_ms=500, itl_ms=50)
    [engine] = result.engines_frame().to_dict("records")
    assert engine["prefill_overhead_ms"] == pytest.approx(20)
    assert engine["prefill_ms_per_token"] == pytest.approx(0.05)
    assert 0 < engine["capacity_rps"] < 1 / 0.0456
    points = result.points_frame()
    assert points["work"].tolist() == [128, 256, 512, 1024]
    assert points["error"].abs().max() < 1e-6
