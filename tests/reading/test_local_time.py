from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from heteroplan.reading.local_time import localized, row_start

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_stamp_without_offset_is_wall_clock_time() -> None:
    assert localized("2026-11-23", BERLIN).isoformat() == "2026-11-23T00:00:00+01:00"


def test_a_stamp_with_offset_is_moved_to_the_zone() -> None:
    assert localized("2026-07-01T00:00Z", BERLIN).isoformat() == "2026-07-01T02:00:00+02:00"


def test_an_hour_that_clocks_skip_does_not_exist() -> None:
    with pytest.raises(
        ValueError, match=r"does not exist in Europe/Berlin.*write 2026-03-29T03:30"
    ):
        localized("2026-03-29T02:30", BERLIN)


def test_an_hour_that_clocks_repeat_is_the_second_one_after_the_first() -> None:
    """On 25 October 02:30 is 00:30 UTC and again 01:30 UTC."""
    first = localized("2026-10-25T02:30", BERLIN)
    second = localized("2026-10-25T02:30", BERLIN, after=first)
    assert (first.isoformat(), second.isoformat()) == (
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
    )
    assert second.timestamp() - first.timestamp() == 3600
    assert datetime.fromisoformat("2026-10-25T01:30:00Z").timestamp() == second.timestamp()


def test_rows_start_in_utc_and_the_second_of_two_hours_follows_the_first() -> None:
    first = row_start("2026-10-25T02:30", BERLIN, None)
    second = row_start("2026-10-25T02:30", BERLIN, first)
    assert (first.isoformat(), second.isoformat()) == (
        "2026-10-25T00:30:00+00:00",
        "2026-10-25T01:30:00+00:00",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("noon", "not a date or time; write 2026-11-23 or 2026-11-23T06:00"),
        ("2026-03-29T02:30", "clocks in Europe/Berlin skip this time; leave the row out"),
        ("0001-01-01", "year is not between 1970 and 2199"),
        ("9999-12-31T23:59-23:00", "year is not between 1970 and 2199"),
        ("2200-01-01T00:00Z", "year is not between 1970 and 2199"),
    ],
)
def test_a_row_that_starts_at_no_time_is_told_why(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}$"):
        row_start(text, BERLIN, None)
