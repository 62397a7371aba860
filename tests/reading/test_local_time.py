from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from heteroplan.reading.local_time import localized

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
