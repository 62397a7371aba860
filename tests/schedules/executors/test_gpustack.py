from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml
from croniter import croniter

from heteroplan.schedules.executors.gpustack import _by_version, sizes
from heteroplan.schedules.formats.gpustack import ZONE_NOTE
from heteroplan.schedules.timetable.recurrence import Recurrence
from tests.clock_days import CHANGES, MINUTE, ORDINARY, RECURRENCES, case


@pytest.mark.parametrize("recurrence", RECURRENCES)
@pytest.mark.parametrize(("zone", "day"), [*CHANGES, *ORDINARY])
def test_no_minute_is_short(zone: str, day: datetime, recurrence: Recurrence) -> None:
    played = case(zone, day, recurrence).played("gpustack", sizes)
    assert played.short == []


PREVIOUS = [
    ("Europe/Berlin", datetime(2027, 3, 28)),
    ("Europe/Berlin", datetime(2027, 10, 31)),
    ("Australia/Lord_Howe", datetime(2027, 4, 4)),
    ("Australia/Lord_Howe", datetime(2027, 10, 3)),
]


@pytest.mark.parametrize(("zone", "day"), PREVIOUS)
def test_windows_are_those_of_croniter(zone: str, day: datetime) -> None:
    """Of rules at any quarter of an hour around the clock change, against the library itself.

    The loop is that of `compute_desired_replicas`, which compares times of one zone as clocks show
    them: the latest start whose window is open counts, then the greater size.
    """
    info = ZoneInfo(zone)
    some = case(zone, day, Recurrence.DAILY)
    (model,) = yaml.safe_load_all(some.text("gpustack"))
    rules: list[dict[str, Any]] = [
        {"start_cron": f"{m} {h} * * *", "duration_seconds": 1800 + 60 * h + m, "replicas": m + h}
        for h in (0, 1, 2, 3)
        for m in (0, 15, 30, 45)
    ]
    model["scaling_schedule"] |= {"rules": rules, "baseline_replicas": 99}
    text = f"# {ZONE_NOTE}{zone}.\n{yaml.safe_dump(model)}"
    start = day.replace(tzinfo=info).astimezone(UTC)
    wanted = []
    for m in range(-1, 240):
        now = (start + m * MINUTE + timedelta(seconds=1)).astimezone(info)
        best, replicas = None, 99
        for rule in rules:
            last = croniter(rule["start_cron"], now).get_prev(datetime)
            end = last.astimezone(UTC) + timedelta(seconds=int(rule["duration_seconds"]))
            if not last <= now < end:
                continue
            size = int(rule["replicas"])
            if best is None or last > best or (last == best and size > replicas):
                best, replicas = last, size
        wanted.append(replicas)
    by_times = _by_version(model["scaling_schedule"], zone, start - MINUTE, 241)[0]
    assert by_times.tolist() == wanted
    least = [min(pair) for pair in pairwise(wanted)]
    assert (sizes(text, some.entry, start, 240, 0) <= np.array(least)).all()


def test_latest_start_counts_then_the_greater_size() -> None:
    """2 from 08:00 for 2 h, 5 from 09:00 for half an hour, 7 and 3 from 12:00; 1 outside.

    A change down is seen in its minute, a change up may be seen at the end of it.
    """
    some = case(*ORDINARY[0], Recurrence.DAILY)
    (model,) = yaml.safe_load_all(some.text("gpustack"))
    model["scaling_schedule"] = {
        "enabled": True,
        "baseline_replicas": 1,
        "rules": [
            {"start_cron": "0 8 * * *", "duration_seconds": 7200, "replicas": 2},
            {"start_cron": "0 9 * * *", "duration_seconds": 1800, "replicas": 5},
            {"start_cron": "0 12 * * *", "duration_seconds": 60, "replicas": 7},
            {"start_cron": "0 12 * * *", "duration_seconds": 120, "replicas": 3},
        ],
    }
    text = f"# {ZONE_NOTE}Europe/Berlin.\n{yaml.safe_dump(model)}"
    got = sizes(text, some.entry, datetime(2027, 5, 9, 6, 0, tzinfo=UTC), 243, 0)
    assert got.tolist() == ([1] + [2] * 60 + [5] * 29 + [2] * 30 + [1] * 120 + [1] + [3] + [1])
