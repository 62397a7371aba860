"""AIBrix' schedules on the clock of their zone."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml

from heteroplan.schedules.executors.aibrix import sizes
from tests.schedules.executors.entries import entry

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def found(
    *schedules: dict[str, Any],
    base: int,
    before: int,
    start: datetime = MONDAY,
    minutes: int = 1440,
) -> dict[int, int]:
    document = {
        "kind": "PodAutoscaler",
        "metadata": {"name": "any"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "p"},
            "minReplicas": base,
            "schedules": list(schedules),
        },
    }
    got = sizes(yaml.safe_dump(document), entry("p"), start, minutes, before)
    known = np.concatenate([[before], got])
    return {int(m): int(known[m + 1]) for m in np.flatnonzero(np.diff(known))}


def schedule(start: str, end: str, size: int, **fields: Any) -> dict[str, Any]:
    return {"startTime": start, "endTime": end, "minReplicas": size, "timezone": "UTC", **fields}


def test_from_the_start_until_before_the_end() -> None:
    day = (schedule("08:00", "20:00", 5), schedule("20:00", "23:59", 3))
    assert found(*day, base=2, before=2) == {481: 5, 1200: 3, 1439: 2}


def test_the_bounds_of_the_object_do_not_start_a_target() -> None:
    assert found(schedule("08:00", "09:00", 0), base=2, before=0) == {}
    assert found(schedule("08:00", "09:00", 1), base=2, before=0) == {481: 1, 541: 2}


def test_only_on_the_days_that_it_names() -> None:
    tuesday = schedule("08:00", "20:00", 5, daysOfWeek=["Tue"])
    assert found(tuesday, base=2, before=2, minutes=3 * 1440) == {1921: 5, 2640: 2}


def test_on_the_clock_of_the_zone_when_it_changes() -> None:
    """Berlin, 25 October 2026: 02:00 to 03:00 comes twice, at 00:00 and 01:00 UTC."""
    start = datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    twice = schedule("02:00", "02:30", 5, timezone="Europe/Berlin")
    assert found(twice, base=2, before=2, start=start, minutes=300) == {
        121: 5,
        150: 2,
        181: 5,
        210: 2,
    }
