"""Schedules that repeat, over the days on which clocks change: nothing is asked for too late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.schedules.timetable.clock_changes import clock_changes
from heteroplan.schedules.timetable.schedule import Schedule
from tests.cron import aibrix_sizes, cronjob_sizes, keda_sizes
from tests.schedule_cases import objects_of, one, text_of

BERLIN = "Europe/Berlin"
LORD_HOWE = "Australia/Lord_Howe"
DAYS = {
    BERLIN: [datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)],
    "America/New_York": [
        datetime(2027, 3, 14, 7, tzinfo=UTC),
        datetime(2027, 11, 7, 6, tzinfo=UTC),
    ],
    LORD_HOWE: [
        datetime(2027, 4, 3, 15, tzinfo=UTC),
        datetime(2027, 10, 2, 15, 30, tzinfo=UTC),
    ],
}
"""Moments at which clocks change after the plan's day, by zone."""
MOMENTS = [(zone, at) for zone, days in DAYS.items() for at in days]
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Case:
    """Runs of equal sizes in quarters of an hour of a day, or in hours of a week."""

    moment: int
    """Index of `MOMENTS`."""
    weekly: bool
    runs: tuple[tuple[int, int], ...]
    """First step and size, in the order of steps from midnight before clocks change on."""
    lead_s: int

    @property
    def at(self) -> datetime:
        return MOMENTS[self.moment][1]

    def schedule(self) -> Schedule:
        steps, step_s = (168, 3600) if self.weekly else (96, 900)
        ends = [*(first for first, _ in self.runs[1:]), steps]
        replicas = [
            size
            for (first, size), end in zip(self.runs, ends, strict=True)
            for _ in range(end - first)
        ]
        if self.weekly:  # the plan begins on a Monday, clocks change on a Sunday
            replicas = replicas[24:] + replicas[:24]
        zone = MOMENTS[self.moment][0]
        return one(replicas, interval_s=step_s, startup_s=self.lead_s, timezone=zone)


@st.composite
def cases(draw: st.DrawFn, *, half_hours: bool = True) -> Case:
    """With changes of size close to midnight, where clocks change, and elsewhere."""
    moments = [i for i, (zone, _) in enumerate(MOMENTS) if half_hours or zone != LORD_HOWE]
    weekly = draw(st.booleans())
    steps = 168 if weekly else 96
    near = draw(st.lists(st.integers(0, 20), max_size=4, unique=True))
    cuts = draw(st.lists(st.integers(0, steps - 1), max_size=3, unique=True))
    firsts = sorted({0, *near, *cuts})
    runs = tuple((first, draw(st.integers(0, 5))) for first in firsts)
    lead_s = draw(st.sampled_from([0, 60, 600, 2700]))
    return Case(draw(st.sampled_from(moments)), weekly, runs, lead_s)


def wanted(made: Schedule, over: Sequence[datetime]) -> list[int]:
    """What the clock of the zone says at each minute."""
    table = made.entries[0].timetable
    start = table.start.astimezone(ZoneInfo(table.zone)).replace(tzinfo=None)
    n = len(table.asked)
    found = []
    for at in over:
        clock = at.astimezone(ZoneInfo(table.zone)).replace(tzinfo=None)
        found.append(int(table.asked[(clock - start) // timedelta(minutes=1) % n]))
    return found


def around(at: datetime, before_hours: int = 30, after_hours: int = 30) -> list[datetime]:
    first, minutes = at - before_hours * HOUR, (before_hours + after_hours) * 60
    return [first + timedelta(minutes=m) for m in range(minutes)]


def short(got: Sequence[int | None], made: Schedule, over: Sequence[datetime]) -> list[str]:
    """On the clock, where more is wanted than asked for."""
    zone = ZoneInfo(made.entries[0].timetable.zone)
    return [
        f"{at.astimezone(zone):%d %H:%M%z}: {has} of {want}"
        for at, has, want in zip(over, got, wanted(made, over), strict=True)
        if has is None or has < want
    ]


@settings(max_examples=30, deadline=None)
@given(cases())
def test_keda_never_asks_for_too_few(case: Case) -> None:
    made, over = case.schedule(), around(case.at)
    got = [each.replicas for each in keda_sizes(text_of(made, "keda"), "p", over)]
    assert not short(got, made, over)


@settings(max_examples=20, deadline=None)
@given(cases(half_hours=False))
def test_jobs_follow_the_clock(case: Case) -> None:
    """What they did before the times that come twice does not last through the second time.

    Before clocks change they may ask for more: for what is planned after it.
    """
    made, over = case.schedule(), around(case.at, before_hours=8 * 24)
    text, known = text_of(made, "kubernetes-cronjob"), 7 * 24 * 60
    got = cronjob_sizes(text, "deployment.apps/p", over)[known:]
    assert not short(got, made, over[known:])
    before = (timedelta(seconds=case.lead_s) + timedelta(minutes=2), timedelta())
    for at, has, want in zip(over[known:], got, wanted(made, over[known:]), strict=True):
        assert has == want or -before[0] <= at - case.at <= before[1]


@settings(max_examples=20, deadline=None)
@given(cases())
def test_aibrix_follows_the_clock(case: Case) -> None:
    """But for the last minute of a day, for which there is one size only, and the one before."""
    made, over = case.schedule(), around(case.at)
    (item,) = objects_of(text_of(made, "aibrix"), "PodAutoscaler")
    zone = ZoneInfo(made.entries[0].timetable.zone)
    got = aibrix_sizes(item["spec"], over)
    assert not short(got, made, over)
    for moment, has, want in zip(over, got, wanted(made, over), strict=True):
        assert has == want or f"{moment.astimezone(zone):%H:%M}" in ("23:58", "23:59")


def test_an_end_that_clocks_skip_gets_a_window_with_a_date() -> None:
    """Berlin: 4 replicas from 22:00 until 02:30, which 28 March 2027 has not.

    KEDA's next end would then be a day later than its next start from 22:00 on.
    """
    replicas = [4] * 10 + [1] * 78 + [4] * 8
    text = text_of(one(replicas, interval_s=900, timezone=BERLIN), "keda")
    (item,) = yaml.safe_load_all(text)
    fields = [trigger["metadata"] for trigger in item["spec"]["triggers"]]
    assert [(each["start"], each["end"]) for each in fields] == [
        ("0 22 * * *", "30 2 * * *"),
        ("0 22 27 3 *", "0 3 28 3 *"),
    ]


def test_a_start_that_comes_twice_gets_a_window_with_a_date() -> None:
    """Berlin: 4 replicas from 02:30 until 08:00; 31 October 2027 has 02:00 to 03:00 twice."""
    replicas = [1] * 10 + [4] * 22 + [1] * 64
    (item,) = yaml.safe_load_all(text_of(one(replicas, interval_s=900, timezone=BERLIN), "keda"))
    fields = [trigger["metadata"] for trigger in item["spec"]["triggers"]]
    assert [(each["start"], each["end"]) for each in fields] == [
        ("30 2 * * *", "0 8 * * *"),
        ("59 1 31 10 *", "0 3 31 10 *"),
    ]


@pytest.mark.parametrize("zone", [*DAYS, "Asia/Singapore", "UTC"])
def test_changes_of_clocks_of_the_coming_year(zone: str) -> None:
    """Those of Lord Howe are of half an hour: until 01:30 again, and from 02:00 to 02:30."""
    found = clock_changes(zone, datetime(2026, 11, 23, tzinfo=UTC))
    told = {
        BERLIN: ["2027-03-28 02:00 forward 60", "2027-10-31 03:00 back 60"],
        "America/New_York": ["2027-03-14 02:00 forward 60", "2027-11-07 02:00 back 60"],
        "Australia/Lord_Howe": ["2027-04-04 02:00 back 30", "2027-10-03 02:00 forward 30"],
    }
    assert [
        f"{each.before:%Y-%m-%d %H:%M} {'forward' if each.forward else 'back'} "
        f"{(each.end - each.first) // timedelta(minutes=1)}"
        for each in found
    ] == told.get(zone, [])
    assert all(each.has(each.first) and not each.has(each.end) for each in found)
