"""How far days came out from what the days before let expect, by hand."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heteroplan.errors import UsageError
from heteroplan.forecasting.curve.curve import CurveOptions, past, zone_of
from heteroplan.forecasting.curve.day_errors import DayErrors, day_errors
from heteroplan.forecasting.steps.steps import TraceOptions
from tests.forecasting.made_traces import hourly

UTC = zone_of("UTC")


def errors(folder: Path, *days: list[int], interval_s: int = 3600, **options: Any) -> DayErrors:
    trace = TraceOptions(step_s=3600, interval_s=interval_s, zone=UTC, stamp_zone=UTC)
    found = past([hourly(folder, days)], trace)
    asked = CurveOptions(interval_s=interval_s, weekdays="alike", trend=1.0, **options)
    return day_errors(found, asked)


def test_each_day_of_the_last_half_from_all_before(tmp_path: Path) -> None:
    """Of six days the last three: 10, 10, 10, then 12, 15 and 8 a day. The median expects 10 of
    the fourth; of the fifth and the sixth a little more and much less than there came."""
    found = errors(tmp_path, *[[rate] * 24 for rate in (10, 10, 10, 12, 15, 8)])
    assert found.days == (date(2026, 11, 5), date(2026, 11, 6), date(2026, 11, 7))
    assert found.ratios.shape == (3, 24, 1)
    assert found.ratios[0] == pytest.approx(1.2)
    assert (found.ratios[1] > 1.4).all()
    assert (found.ratios[2] < 0.9).all()


def test_hours_of_a_day_keep_their_place(tmp_path: Path) -> None:
    """Hour 17 of the last day had half as many again."""
    last = [10] * 24
    last[17] = 15
    found = errors(tmp_path, *[[10] * 24] * 3, last)
    expected = np.ones((24, 1))
    expected[17] = 1.5
    assert found.ratios[-1] == pytest.approx(expected)


def test_pieces_of_an_interval_are_over_its_busiest(tmp_path: Path) -> None:
    """Two hours an interval, of which the second is half as busy in all days."""
    found = errors(tmp_path, *[[10, 5] * 12] * 4, interval_s=7200)
    assert found.ratios.shape == (2, 12, 2)
    assert found.ratios[:, :, 0] == pytest.approx(1.0)
    assert found.ratios[:, :, 1] == pytest.approx(0.5)


def test_growth_and_the_planned_quantile_are_no_errors(tmp_path: Path) -> None:
    days = [[rate] * 24 for rate in (10, 11, 9, 10, 12, 10)]
    plain = errors(tmp_path, *days)
    other = errors(tmp_path, *days, quantile=0.99, growth=2.0)
    assert (plain.ratios == other.ratios).all()


def test_missing_hours_came_as_the_rest_of_their_day(tmp_path: Path) -> None:
    """The last day ends at 20:00, at 30 instead of 10 requests/s."""
    found = errors(tmp_path, *[[10] * 24] * 3, [30] * 20)
    assert found.ratios[-1] == pytest.approx(3.0)


def test_too_few_days_tell_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the trace has 2 day\(s\), of which 1 can be forecast"):
        errors(tmp_path, [10] * 24, [12] * 24)
