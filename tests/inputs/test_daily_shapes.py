"""Shapes of a day: rates at hours that are easy to compute, and what holds for all of them."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.scenario import Horizon
from heteroplan.inputs import build
from heteroplan.inputs.daily_shapes import SHAPES, DailyShape, parse_shape
from heteroplan.inputs.schemas.scenario import HorizonSpec
from heteroplan.reading.durations import parse_duration_s


def day(of: str = "2026-11-23", interval: str = "1h", timezone: str = "UTC") -> Horizon:
    return build.horizon(HorizonSpec(start=of, days=1, interval=interval, timezone=timezone))


def test_an_interval_of_day_night_has_its_greatest_rate() -> None:
    """Least 25 at 03:00, peak 100 at 15:00, a cosine between.

    09:00 is half way, (25 + 100) / 2; on the way up an hour has the rate of its end, on the way
    down that of its begin.
    """
    rates = list(DailyShape("day-night", 100.0).rates_rps(day()))
    assert rates[8] == pytest.approx(62.5)
    assert rates[14] == rates[15] == pytest.approx(100.0)
    assert rates[21] == pytest.approx(62.5)
    assert min(rates) == rates[2] == pytest.approx(25 + 75 * (1 - 0.9659258) / 2)


def test_office_hours_rise_from_7_to_9_in_a_straight_line() -> None:
    rates = list(DailyShape("office-hours", 10.0).rates_rps(day(interval="30min")))
    assert rates[0] == pytest.approx(1.0)
    assert rates[15] == pytest.approx(1.0 + 9.0 / 2), "07:30 to 08:00"
    assert rates[18:34] == [10.0] * 16, "09:00 to 17:00"


def test_without_a_peak_it_is_1() -> None:
    assert list(DailyShape("flat").rates_rps(day())) == [1.0] * 24


DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])


@given(st.sampled_from(sorted(SHAPES)), DAYS, ZONES, st.sampled_from(["5min", "15min", "1h"]))
@settings(max_examples=30, deadline=None)
def test_every_day_reaches_the_peak_and_no_interval_is_below_its_begin(
    name: str, of: date, timezone: str, interval: str
) -> None:
    """Also where clocks change: they do so at night."""
    horizon = day(of.isoformat(), interval, timezone)
    rates = list(DailyShape(name, 40.0).rates_rps(horizon))
    assert len(rates) == horizon.intervals
    assert max(rates) == pytest.approx(40.0)
    for start, rate in zip(horizon.boundaries(), rates, strict=False):
        hour = start.hour + start.minute / 60
        assert 40.0 * SHAPES[name](hour) - 1e-9 <= rate <= 40.0 + 1e-9


def test_texts() -> None:
    assert parse_shape("shape:day-night:40") == DailyShape("day-night", 40.0)
    assert parse_shape("shape:flat") == DailyShape("flat")
    with pytest.raises(ValueError, match=r"no shape 'night'; there are shape:day-night, shape:off"):
        parse_shape("shape:night:40")
    with pytest.raises(ValueError, match=r"peak '40rps': not a number; write requests/s"):
        parse_shape("shape:flat:40rps")
    with pytest.raises(ValueError, match=r"peak '0': must be between 0.001 and 1e\+09"):
        parse_shape("shape:flat:0")


def test_intervals_start_where_those_of_the_horizon_do() -> None:
    """A day of 25 hours has 25 rates; the hour that comes twice has the same twice."""
    horizon = day("2026-10-25", "1h", "Europe/Berlin")
    rates = list(DailyShape("day-night", 100.0).rates_rps(horizon))
    assert (len(rates), rates[2]) == (25, rates[3])
    assert horizon.boundaries()[3] == datetime(
        2026, 10, 25, 2, tzinfo=ZoneInfo("Europe/Berlin"), fold=1
    )
    assert horizon.interval_s == parse_duration_s("1h")
