"""Schedules that go on from what ran before, by hand and as a property of all sizes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.scenario import Running
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.handover import KNOWN, REPEATS
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Schedule, schedule_of
from tests.plans import day_scenario, horizon, plan, pool

MONDAY, TUESDAY = datetime(2026, 11, 23), datetime(2026, 11, 24)
DAY = 24 * 60


def document(
    sizes: dict[str, Sequence[int]], *, startup_s: float = 0.0, **when: Any
) -> PlanDocument:
    """Decode pools by spine; intervals of an hour unless `when` says otherwise."""
    during = horizon(len(next(iter(sizes.values()))), **when)
    scenario = day_scenario(during, startup_s=startup_s, leaves=("a-s1-l1", "a-s2-l1"))
    pools = [pool(replicas, domain=domain) for domain, replicas in sizes.items()]
    return document_of(plan(scenario, pools))


def by_spine(schedule: Schedule) -> dict[str, Any]:
    return {entry.pool.domain: entry for entry in schedule.entries}


def at(schedule: Schedule, domain: str, clock: str) -> int:
    """Replicas asked for at a moment, UTC."""
    table = by_spine(schedule)[domain].timetable
    minute = (datetime.fromisoformat(clock).replace(tzinfo=UTC) - table.start) // timedelta(
        minutes=1
    )
    return int(table.asked[minute])


def test_the_new_spine_serves_before_the_old_one_goes() -> None:
    """Yesterday 5 replicas on a-s1, today 4 on a-s2, three minutes of start-up.

    a-s2 is asked for from 23:57, a-s1 is given up at 00:00. The file may be applied from Monday
    00:00, when yesterday's plan begins, until 23:57.
    """
    old = document({"a-s1": [5] * 24}, startup_s=180, start=MONDAY, cyclic=False)
    new = document({"a-s2": [4] * 24}, startup_s=180, start=TUESDAY, cyclic=False)
    made = schedule_of(new, ExportOptions(), old)
    asked = [
        (at(made, "a-s1", when), at(made, "a-s2", when))
        for when in (
            "2026-11-23T00:00",
            "2026-11-23T23:56",
            "2026-11-23T23:57",
            "2026-11-23T23:59",
            "2026-11-24T00:00",
            "2026-11-24T23:59",
        )
    ]
    assert asked == [(5, 0), (5, 0), (5, 4), (5, 4), (0, 4), (0, 4)]
    assert [entry.pool.domain for entry in made.given_up] == ["a-s1"]
    assert made.handover is not None
    assert made.handover.starts == TUESDAY.replace(tzinfo=UTC)
    assert made.handover.earliest == MONDAY.replace(tzinfo=UTC)
    assert made.handover.latest == datetime(2026, 11, 23, 23, 57, tzinfo=UTC)
    assert made.notes == (
        "Goes on from what ran before and changes over at 2026-11-24 00:00. Apply it between "
        "2026-11-23 00:00 and 2026-11-23 23:57 (UTC): nothing is lost then.",
        "No longer planned: Deployment chat-1-decode-h100-tp4-decode-a-s1, 0 replicas from "
        "2026-11-24 00:00 on; remove it after that if it is not needed again.",
    )


def test_a_minimum_is_left_of_what_is_given_up() -> None:
    old = document({"a-s1": [5] * 24}, start=MONDAY, cyclic=False)
    new = document({"a-s2": [4] * 24}, start=TUESDAY, cyclic=False)
    made = schedule_of(new, ExportOptions(), old, least_given_up=1)
    assert by_spine(made)["a-s1"].timetable.planned[-DAY:].tolist() == [1] * DAY


def test_without_what_ran_before_nothing_is_known_of_it() -> None:
    made = schedule_of(document({"a-s1": [5] * 24}), ExportOptions())
    assert (made.handover, made.given_up, made.notes) == (None, (), ())


def test_a_plan_that_repeats_goes_on_until_the_new_one_begins() -> None:
    """A cyclic Saturday with 1 replica until noon and 3 after it, the new plan from Tuesday 06:00.

    On Monday noon, two days after the plan's own, it grows once more.
    """
    old = document({"a-s1": [1] * 12 + [3] * 12}, start=datetime(2026, 11, 21))
    new = document({"a-s1": [2] * 24}, start=datetime(2026, 11, 24, 6), cyclic=False)
    made = schedule_of(new, ExportOptions(), old)
    table = made.entries[0].timetable
    assert table.start == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert table.recurrence is Recurrence.DATED
    assert table.planned[:DAY].tolist() == [1] * 360 + [3] * 720 + [1] * 360
    assert table.planned[DAY:].tolist() == [2] * DAY


def test_a_plan_that_repeats_is_written_down_for_one_day_more() -> None:
    """Should the next night fail, Wednesday is as Tuesday."""
    old = document({"a-s1": [5] * 24}, start=MONDAY)
    new = document({"a-s1": [1] * 12 + [3] * 12}, start=TUESDAY)
    planned = schedule_of(new, ExportOptions(), old).entries[0].timetable.planned
    assert planned[DAY:].tolist() == ([1] * 720 + [3] * 720) * REPEATS


def test_a_gap_between_the_plans_keeps_the_last_sizes() -> None:
    """Four hours from Monday 00:00 end with 2 replicas, the new plan begins at 08:00 with 4."""
    old = document({"a-s1": [5, 5, 3, 2]}, start=MONDAY, cyclic=False)
    new = document({"a-s1": [4] * 4}, start=datetime(2026, 11, 23, 8), cyclic=False)
    planned = schedule_of(new, ExportOptions(), old).entries[0].timetable.planned
    assert planned.tolist() == [5] * 120 + [3] * 60 + [2] * 300 + [4] * 240


def test_the_zones_of_both_plans_may_differ() -> None:
    """Singapore is 8 h ahead: noon there is 04:00 UTC. The new plan begins at New York's midnight,
    05:00 UTC. So yesterday's 7 replicas from noon in Singapore on run for 1 h of that day.
    """
    old = document({"a-s1": [5] * 12 + [7] * 12}, start=MONDAY, timezone="Asia/Singapore")
    new = document({"a-s1": [6] * 24}, start=TUESDAY, timezone="America/New_York", cyclic=False)
    made = schedule_of(new, ExportOptions(), old)
    assert [
        at(made, "a-s1", f"2026-11-24T{clock}") for clock in ("03:59", "04:00", "04:59", "05:00")
    ] == [5, 7, 7, 6]


def test_a_plan_that_repeats_does_so_on_the_wall_clock() -> None:
    """In Berlin clocks go back on 2026-10-25 at 03:00. A day of October 24 whose pool grows at
    06:00 does so at 04:00 UTC then, and at 05:00 UTC two days later."""
    zone = "Europe/Berlin"
    old = document({"a-s1": [1] * 6 + [3] * 18}, start=datetime(2026, 10, 24), timezone=zone)
    new = document({"a-s1": [2] * 24}, start=datetime(2026, 10, 27), timezone=zone, cyclic=False)
    made = schedule_of(new, ExportOptions(), old)
    clocks = ("2026-10-26T04:59", "2026-10-26T05:00")
    assert [at(made, "a-s1", clock) for clock in clocks] == [1, 3]


def test_running_replicas_stay_until_the_plan_begins() -> None:
    """Three replicas on a-s1 and two on a-s2, of which the new plan keeps one on a-s1 alone."""
    new = document({"a-s1": [1] * 24}, startup_s=60, start=TUESDAY, cyclic=False)
    running = [
        *[Running("chat-1", "h100-tp4-decode", "h100x8", "a-s1-l1", ())] * 3,
        *[Running("chat-1", "h100-tp4-decode", "h100x8", "a-s2-l1", ())] * 2,
    ]
    made = schedule_of(new, ExportOptions(), running)
    spines = by_spine(made)
    before = KNOWN // timedelta(minutes=1)
    assert spines["a-s1"].timetable.planned.tolist() == [3] * before + [1] * DAY
    assert spines["a-s2"].timetable.planned.tolist() == [2] * before + [0] * DAY
    assert (spines["a-s1"].given_up, spines["a-s2"].given_up) == (False, True)
    assert made.handover is not None
    assert made.handover.latest == spines["a-s1"].timetable.end


def test_the_previous_plan_must_begin_before() -> None:
    both = [document({"a-s1": [1] * 24}, start=start, cyclic=False) for start in (TUESDAY, MONDAY)]
    with pytest.raises(UsageError, match="give the plan that was in force before"):
        schedule_of(both[1], ExportOptions(), both[0])


SIZES = st.lists(st.integers(0, 4), min_size=6, max_size=6)


@given(
    old=SIZES,
    new=SIZES,
    lead=st.integers(0, 130),
    cyclic=st.booleans(),
    moved=st.booleans(),
    applied=st.integers(0, 359),
)
def test_nothing_is_lost_whenever_it_is_applied(
    old: list[int], new: list[int], lead: int, cyclic: bool, moved: bool, applied: int
) -> None:
    """The old file until some minute of the window, the new one from then on: what is ready is
    never less than what is planned, and after the new plan began nothing else runs.

    What is ready is the least that was asked for in the `lead` minutes before.
    """
    old[0] = max(1, old[0])
    new[0] = max(1, new[0])
    first = document({"a-s1": old}, startup_s=60.0 * lead, start=MONDAY, cyclic=cyclic)
    begin = datetime(2026, 11, 23, 6)
    domain = "a-s2" if moved else "a-s1"
    second = document({domain: new}, startup_s=60.0 * lead, start=begin, cyclic=False)
    made = schedule_of(second, ExportOptions(), first)
    assert made.handover is not None
    window = (made.handover.latest - made.handover.earliest) // timedelta(minutes=1)
    switch = min(applied, window)
    alone = schedule_of(first, ExportOptions()).entries[0].timetable
    for entry in made.entries:
        table = entry.timetable
        since = (MONDAY.replace(tzinfo=UTC) - table.start) // timedelta(minutes=1)
        had = np.zeros_like(table.asked)
        if entry.pool.domain == "a-s1":
            shift = (table.start - alone.start) // timedelta(minutes=1)
            index = np.arange(len(had)) + shift
            had = alone.asked[np.clip(index, 0, len(alone.asked) - 1)]
            had[index >= len(alone.asked)] = alone.asked[-1]
        asked = np.where(np.arange(len(had)) < switch, had, table.asked)
        for minute in range(max(since, 0) + lead, len(asked)):
            ready = asked[max(0, minute - lead) : minute + 1].min()
            assert ready >= table.planned[minute]
        assert table.planned[-len(new) * 60 :].tolist() == (
            [0] * len(new) * 60 if entry.given_up else np.repeat(new, 60).tolist()
        )
