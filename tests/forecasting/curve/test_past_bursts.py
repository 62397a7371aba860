"""From trace files to the dispersion to plan with."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from heteroplan.entities.arrivals import ArrivalsSource
from heteroplan.forecasting.bursts.counted import UNKNOWN
from heteroplan.forecasting.curve.curve import Curve, CurveOptions, past, planned
from heteroplan.forecasting.curve.events import Event
from heteroplan.forecasting.curve.forecast import Forecast
from heteroplan.forecasting.curve.past_bursts import planned_rates
from heteroplan.forecasting.steps.steps import TraceOptions
from tests.forecasting.bursts.made import batches, exponential
from tests.forecasting.made_traces import hourly
from tests.realdata import DATA, needs_data

ZONE = ZoneInfo("UTC")
START = datetime(2026, 11, 2, tzinfo=UTC)
TRACE = TraceOptions(step_s=300, zone=ZONE, stamp_zone=ZONE, start=START)
RECORDED = CurveOptions(quantile=None, max_class_error=1.0)


def trace(folder: Path, times_s: NDArray[np.float64]) -> str:
    prompts, answers = exponential(len(times_s)), exponential(len(times_s), 2)
    rows = [
        f"{at:.4f},{max(1, round(isl))},{max(1, round(osl))}"
        for at, isl, osl in zip(times_s, prompts, answers, strict=True)
    ]
    path = folder / "trace.csv"
    path.write_text("\n".join(["arrived_at,num_prefill_tokens,num_decode_tokens", *rows]) + "\n")
    return str(path)


def recorded(path: str) -> Curve:
    return planned(past([path], TRACE), RECORDED)


def test_poisson_arrivals_over_their_busiest_minutes(tmp_path: Path) -> None:
    """About 1 at all scales: at the longest ones what is planned already covers them."""
    bursts = recorded(trace(tmp_path, batches(5.0, 1.0, hours=3))).bursts
    assert bursts.arrivals.source is ArrivalsSource.MEASURED
    assert bursts.notes == ()
    for each in bursts.windows:
        if each.window_s <= 10:
            assert each.requests == pytest.approx(1.0, abs=0.2)
    for point in bursts.arrivals.points:
        if point.percentile > 0.5:
            assert 1.0 <= point.prefill < 2.5
            assert 1.0 <= point.decode < 2.5


def test_batches_over_their_busiest_minutes(tmp_path: Path) -> None:
    bursts = recorded(trace(tmp_path, batches(20.0, 5.0, hours=3))).bursts
    assert bursts.arrivals.prefill(0.5, 0.95) == pytest.approx(9.0, rel=0.25)
    assert bursts.arrivals.decode(0.5, 0.95) == pytest.approx(5.0, rel=0.25)


def test_whole_intervals_are_planned_for_their_own_busiest_piece(tmp_path: Path) -> None:
    """A request a second for 20 minutes from 0:10 on, two in the last five minutes of 0:15."""
    times_s = np.concatenate([np.arange(600.0, 1800.0), np.arange(1500.5, 1800.5)])
    found = past([trace(tmp_path, np.sort(times_s))], TRACE)
    assert found.steps.sampled is not None
    rates = planned_rates(found, found.steps.sampled, None)
    assert (rates.starts_us // 1_000_000 - START.timestamp()).tolist() == [900]
    assert rates.rps.tolist() == [2.0]


def test_a_past_event_raises_what_its_intervals_are_planned_for(tmp_path: Path) -> None:
    """Three like days; the second one is told to have had twice the usual demand."""
    hours = np.arange(0.0, 3 * 86_400.0, 60.0)
    path = trace(tmp_path, hours)
    day = START + timedelta(days=1)
    event = Event("launch", day, day + timedelta(days=1), 2.0)
    options = CurveOptions(max_class_error=1.0, events=(event,))
    found = past([path], TRACE, options.events)
    assert found.steps.sampled is not None
    rates = planned_rates(found, found.steps.sampled, Forecast(found, options), options.events)
    days = (rates.starts_us // 1_000_000 - int(START.timestamp())) // 86_400
    means = [rates.rps[days == each].mean() for each in range(3)]
    assert means[1] == pytest.approx(2.0 * means[0])


def test_stamps_in_coarse_steps_are_told(tmp_path: Path) -> None:
    times_s = np.floor(batches(5.0, 1.0, hours=1) / 3.0) * 3.0
    (note,) = recorded(trace(tmp_path, times_s)).bursts.notes
    assert note.startswith("stamps come in steps of about 3.0 s")


def test_counts_in_windows_leave_bursts_unknown(tmp_path: Path) -> None:
    path = hourly(tmp_path, [[4] * 24] * 3)
    curve = planned(past([path], TRACE), CurveOptions(interval_s=3600))
    assert curve.bursts.arrivals.source is ArrivalsSource.ASSUMED
    assert curve.bursts.arrivals.prefill(1.0, 0.95) == pytest.approx(UNKNOWN)
    assert curve.bursts.needs == ()
    assert any("of 3600 s and no single requests" in note for note in curve.notes)


@needs_data
def test_azure_code_comes_in_bursts_and_is_not_steady() -> None:
    curve = recorded(str(DATA / "traces/azure_llm_2023_code.csv"))
    at = {each.window_s: each for each in curve.bursts.windows}
    assert at[1.0].requests == pytest.approx(13, abs=2)
    assert at[100.0].requests > 50
    assert any(note.startswith("the trace is not steady") for note in curve.notes)


@needs_data
def test_ragpulse_comes_as_poisson_arrivals_do() -> None:
    curve = recorded(str(DATA / "traces/ragpulse_week.jsonl.gz"))
    assert max(each.prefill for each in curve.bursts.arrivals.points) < 2
    assert not any("not steady" in note for note in curve.notes)
