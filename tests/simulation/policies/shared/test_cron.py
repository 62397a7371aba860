"""Cron lines and windows over clock changes, midnights and weeks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.errors import UsageError
from heteroplan.simulation.policies.shared.cron import Cron, Window
from tests.cron import fires

TABLE = Path(__file__).with_name("robfig.csv")
"""Written by robfig/main.go."""
BERLIN = ZoneInfo("Europe/Berlin")
SINGAPORE = ZoneInfo("Asia/Singapore")


def times(text: str, after: datetime, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    line, found = Cron(text, zone), []
    for _ in range(count):
        following = line.next(after)
        assert following is not None
        after = following
        found.append(after.astimezone(zone).isoformat())
    return found


class TestNext:
    def test_a_time_that_clocks_skip_is_skipped(self) -> None:
        # Berlin, 29 March 2026: 02:00 to 03:00 does not exist
        after = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
        assert times("30 2 * * *", after, 1) == ["2026-03-30T02:30:00+02:00"]

    def test_a_time_that_clocks_show_twice_fires_twice(self) -> None:
        # Berlin, 25 October 2026: 02:00 to 03:00 comes twice
        after = datetime(2026, 10, 24, 12, tzinfo=BERLIN)
        assert times("30 2 * * *", after, 3) == [
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-26T02:30:00+01:00",
        ]

    def test_the_next_time_is_later_than_now(self) -> None:
        after = datetime(2026, 6, 1, 8, 0, tzinfo=BERLIN)
        assert times("0 8 * * *", after, 1) == ["2026-06-02T08:00:00+02:00"]

    @pytest.mark.parametrize("text", ["*/20 8-9 * * 1-5", "0,45 0 1 jan *", "15 3 13 * fri"])
    def test_ranges_steps_lists_and_names(self, text: str) -> None:
        line = Cron(text, SINGAPORE)
        at = datetime(2026, 1, 1, 0, 0, tzinfo=SINGAPORE)
        following = line.next(at)
        assert following is not None
        local = following.astimezone(SINGAPORE)
        expected = {
            "*/20 8-9 * * 1-5": datetime(2026, 1, 1, 8, 0),
            "0,45 0 1 jan *": datetime(2026, 1, 1, 0, 45),
            # both fields for days are restricted: either of them is enough
            "15 3 13 * fri": datetime(2026, 1, 2, 3, 15),
        }
        assert local.replace(tzinfo=None) == expected[text]

    def test_a_day_that_never_comes_has_no_next_time(self) -> None:
        assert Cron("0 0 30 2 *", BERLIN).next(datetime(2026, 1, 1, tzinfo=UTC)) is None

    @pytest.mark.parametrize("zone", [BERLIN, ZoneInfo("America/St_Johns"), SINGAPORE])
    def test_agrees_with_a_reader_that_looks_at_every_minute(self, zone: ZoneInfo) -> None:
        for start in (datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)):
            after, end = start, start + timedelta(days=12)
            seen = []
            while (following := Cron("30 1 * * *", zone).next(after)) and following < end:
                seen.append(following)
                after = following
            minutes = (start + timedelta(minutes=m) for m in range(1, 12 * 24 * 60))
            assert seen == [at for at in minutes if fires("30 1 * * *", at.astimezone(zone))]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("0 8 * *", "five fields"),
            ("61 8 * * *", "no minute from 0 to 59"),
            ("0 8 * * funday", "cannot read 'funday' as day of week"),
            ("0 9-8 * * *", "no hour"),
            ("*/0 8 * * *", "no minute"),
            ("@daily 1 2 3 4", "cannot read '@daily' as minute"),
        ],
    )
    def test_what_cannot_be_read_is_told(self, text: str, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            Cron(text, BERLIN)


def window(start: str, end: str, zone: ZoneInfo = BERLIN) -> Window:
    return Window(Cron(start, zone), Cron(end, zone))


class TestLibrary:
    """Against robfig/cron itself, beside clock changes of whole and of half hours."""

    def test_each_activation_is_that_of_the_library(self) -> None:
        rows = [line.split(";") for line in TABLE.read_text().splitlines() if line[0] != "#"]
        assert len(rows) > 400
        wrong = [
            row for row in rows if Cron(row[2], ZoneInfo(row[0])).next_s(int(row[1])) != int(row[3])
        ]
        assert not wrong

    @settings(deadline=None, max_examples=25)
    @given(
        st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "UTC"]),
        st.sampled_from(
            [
                datetime(2026, 4, 4, 6, tzinfo=UTC),
                datetime(2026, 10, 3, 9, tzinfo=UTC),
                datetime(2024, 4, 24, 20, tzinfo=UTC),
            ]
        ),
        st.sampled_from(["* * *", "* * 5", "5 4 *", "26 4 *"]),
        st.integers(0, 59),
        st.integers(0, 23),
    )
    def test_all_minutes_at_once_are_those_asked_one_by_one(
        self, zone: str, start: datetime, days: str, minute: int, hour: int
    ) -> None:
        line, start_s = Cron(f"{minute} {hour} {days}", ZoneInfo(zone)), int(start.timestamp())
        found = line.upcoming(start_s, 2000)
        for m in range(0, 2000, 13):
            assert found[m] == line.next_s(start_s + 60 * m)


class TestWindow:
    def test_open_from_its_start_until_its_end(self) -> None:
        day = window("0 8 * * *", "0 18 * * *")
        seen = {
            hour: day.is_open(datetime(2026, 6, 1, hour, 0, tzinfo=BERLIN)) for hour in range(24)
        }
        assert [hour for hour, is_open in seen.items() if is_open] == list(range(8, 18))

    def test_over_midnight(self) -> None:
        night = window("0 22 * * *", "0 6 * * *")
        opened = [night.is_open(datetime(2026, 6, 1, hour, 0, tzinfo=BERLIN)) for hour in range(24)]
        assert [hour for hour, is_open in enumerate(opened) if is_open] == [
            *range(6),
            22,
            23,
        ]

    def test_asked_again_for_an_earlier_time_it_still_knows(self) -> None:
        day = window("0 8 * * *", "0 18 * * *")
        assert day.is_open(datetime(2026, 6, 2, 9, 0, tzinfo=BERLIN))
        assert not day.is_open(datetime(2026, 6, 1, 7, 0, tzinfo=BERLIN))

    def test_a_start_in_the_gap_looks_open_from_the_end_before(self) -> None:
        # 29 March 2026 has no 02:30, so the next start is that of the 30th, and the end comes first
        skipped = window("30 2 * * *", "0 4 * * *")
        assert not skipped.is_open(datetime(2026, 3, 28, 1, 0, tzinfo=BERLIN))
        assert skipped.is_open(datetime(2026, 3, 28, 3, 0, tzinfo=BERLIN))
        assert skipped.is_open(datetime(2026, 3, 29, 1, 0, tzinfo=BERLIN))
        assert skipped.is_open(datetime(2026, 3, 28, 4, 30, tzinfo=BERLIN))
        assert not skipped.is_open(datetime(2026, 3, 29, 4, 30, tzinfo=BERLIN))

    def test_an_hour_that_comes_twice_opens_twice(self) -> None:
        twice = window("0 2 * * *", "30 2 * * *")
        at = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
        opened = [twice.is_open(at + timedelta(minutes=m)) for m in range(0, 120, 15)]
        assert opened == [True, True, False, False] * 2
