from datetime import UTC, datetime

import pytest
import yaml

from heteroplan.schedules.executors.cronhpa import sizes
from heteroplan.schedules.timetable.recurrence import Recurrence
from tests.clock_days import CHANGES, ORDINARY, RECURRENCES, case


@pytest.mark.parametrize("recurrence", RECURRENCES)
@pytest.mark.parametrize(("zone", "day"), [*CHANGES, *ORDINARY])
def test_no_minute_is_short(zone: str, day: datetime, recurrence: Recurrence) -> None:
    played = case(zone, day, recurrence).played("cronhpa", sizes)
    assert played.short == []
    assert played.over() == 0 or (zone, day) in CHANGES


def test_jobs_of_skipped_times_do_not_run_and_those_of_doubled_times_run_twice() -> None:
    """5 replicas at 02:30 and 2 at 02:45, from 01:00 of 28 March and 02:00 of 31 October."""
    some = case(*ORDINARY[0], Recurrence.DAILY)
    (item,) = yaml.safe_load_all(some.text("cronhpa"))
    item["spec"]["jobs"] = [
        {"name": "a", "schedule": "0 30 2 * * *", "targetSize": 5},
        {"name": "b", "schedule": "0 45 2 * * *", "targetSize": 2},
    ]
    text = yaml.safe_dump(item)
    at = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
    assert sizes(text, some.entry, at, 120, 1).tolist() == [1] * 120
    at = datetime(2027, 10, 31, 0, 0, tzinfo=UTC)
    assert sizes(text, some.entry, at, 120, 1).tolist() == (
        [1] * 30 + [5] * 15 + [2] * 45 + [5] * 15 + [2] * 15
    )
    item["spec"]["jobs"][0]["runOnce"] = True
    assert sizes(yaml.safe_dump(item), some.entry, at, 120, 1).tolist() == (
        [1] * 30 + [5] * 15 + [2] * 75
    )
