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
