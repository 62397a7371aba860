"""Wall clocks against the standard library's, moment by moment."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from heteroplan.forecasting.steps.local_days import (
    day_start_us,
    hours_of_week,
    midnight_us,
    wall_seconds,
)
from heteroplan.forecasting.steps.stamps import EPOCH, US_PER_S

NAIVE = datetime(1970, 1, 1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Apia",
    "Africa/Casablanca",
    "America/Havana",
)


def seconds_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


def plain(moment_s: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment_s, UTC).astimezone(zone)


@pytest.mark.parametrize("zone", [ZoneInfo(name) for name in ZONES], ids=ZONES)
@pytest.mark.parametrize("step_s", [300, 3600])
def test_wall_seconds_and_hours_of_the_week_of_a_year(zone: ZoneInfo, step_s: int) -> None:
    """60 random stretches of a few steps, 60 around changes of clocks (where the offset of a day
    differs from the next one's): each step as `datetime.astimezone` has it.
    """
    rng = random.Random(zone.key)
    first_s = seconds_of(datetime(2026, 1, 1, tzinfo=UTC))
    begins = [first_s + 300 * rng.randrange(366 * 288) for _ in range(60)]
    for day in range(366):
        moment_s = first_s + day * 86_400
        if plain(moment_s, zone).utcoffset() != plain(moment_s + 86_400, zone).utcoffset():
            begins += [moment_s + 300 * rng.randrange(288) for _ in range(30)]
    for begin_s in begins:
        size = rng.randrange(1, 40)
        walls = wall_seconds(begin_s * US_PER_S, step_s, size, zone)
        hours = hours_of_week(begin_s * US_PER_S, step_s, size, zone)
        for i, (wall, hour) in enumerate(zip(walls.tolist(), hours.tolist(), strict=True)):
            local = plain(begin_s + i * step_s, zone)
            assert NAIVE + timedelta(seconds=wall) == local.replace(tzinfo=None)
            assert hour == local.weekday() * 24 + local.hour


def test_clocks_of_lord_howe_are_set_back_by_half_an_hour() -> None:
    """On 5 April 2026 at 02:00 (+11:00) it is 01:30 again (+10:30), that is at 15:00 UTC."""
    zone = ZoneInfo("Australia/Lord_Howe")
    start_us = seconds_of(datetime(2026, 4, 4, 14, tzinfo=UTC)) * US_PER_S
    walls = wall_seconds(start_us, 1800, 5, zone)
    shown = [f"{NAIVE + timedelta(seconds=wall):%H:%M}" for wall in walls.tolist()]
    assert shown == ["01:00", "01:30", "01:30", "02:00", "02:30"]


@pytest.mark.parametrize("zone", [ZoneInfo(name) for name in ZONES], ids=ZONES)
def test_the_midnight_before_a_moment_is_of_its_own_day(zone: ZoneInfo) -> None:
    """A microsecond before the next midnight the day is still the same one, and the first moment
    of the day is at or after what its clock calls 00:00 (which some zones skip)."""
    for day in (date(2026, 3, 8) + timedelta(days=i) for i in range(40)):
        start_us = day_start_us(day, zone)
        next_us = day_start_us(day + timedelta(days=1), zone)
        assert 22 * 3600 <= (next_us - start_us) / US_PER_S <= 26 * 3600
        assert plain(start_us // US_PER_S + 3600, zone).date() == day
        for moment_us in (start_us + 3600 * US_PER_S, next_us - 1):
            assert midnight_us(moment_us, zone) == start_us


def test_a_day_on_which_clocks_change_has_an_hour_less_or_more() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    days = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 23)]
    hours = [
        (day_start_us(day + timedelta(days=1), berlin) - day_start_us(day, berlin)) // 3_600_000_000
        for day in days
    ]
    assert hours == [23, 25, 24]


def test_hour_zero_is_monday_midnight() -> None:
    """Monday 23 November 2026, 00:00 in Tokyo, and the Sunday hour before it."""
    zone = ZoneInfo("Asia/Tokyo")
    monday_us = day_start_us(date(2026, 11, 23), zone)
    assert hours_of_week(monday_us - 3600 * US_PER_S, 3600, 3, zone).tolist() == [167, 0, 1]
