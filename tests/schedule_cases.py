"""Schedules of pools with targets made by hand, and their text in a format."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from heteroplan.entities.plan import Pool
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import SCHEDULE_FORMATS, ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import timetable
from tests.cron import documents
from tests.plans import day_scenario, horizon, plan, pool

DEPLOYMENT = Target("apps/v1", "Deployment", "p", "llm")


def schedule(
    pools: Sequence[tuple[Target, Pool]],
    *,
    startup_s: float = 0.0,
    interval_s: int = 3600,
    name: str = "day",
    **when: Any,
) -> Schedule:
    """Of pools with the same number of intervals; `when` as `horizon` takes it."""
    during = horizon(len(pools[0][1].replicas), interval_s=interval_s, **when)
    of = day_scenario(during, startup_s=startup_s, name=name)
    document = document_of(plan(of, [each for _, each in pools]))
    return Schedule(
        document,
        tuple(
            Entry(target, part, timetable(document, part))
            for (target, _), part in zip(pools, document.pools, strict=True)
        ),
    )


def text_of(made: Schedule, format_name: str, **options: Any) -> str:
    return SCHEDULE_FORMATS[format_name](made, ExportOptions(**options))


def one(replicas: Sequence[int], target: Target = DEPLOYMENT, **when: Any) -> Schedule:
    """Of one decode pool."""
    return schedule([(target, pool(replicas))], **when)


def objects_of(text: str, kind: str) -> list[dict[str, Any]]:
    return [item for item in documents(text) if item["kind"] == kind]


CASES: dict[str, tuple[list[int], dict[str, Any]]] = {
    "daily": ([2] * 8 + [5] * 12 + [3] * 4, {"startup_s": 170, "timezone": "Asia/Singapore"}),
    "zero for parts of a day": ([0] * 8 + [5] * 12 + [0] * 4, {"startup_s": 170}),
    "constant": ([3] * 24, {}),
    "zero all day": ([0] * 24, {}),
    "weekly": ([1, 1, 3, 3, 2, 4, 0], {"interval_s": 86_400, "startup_s": 600}),
    "two days of one size in a week": ([1, 5, 5, 1, 1, 1, 2], {"interval_s": 86_400}),
    "dated": ([1] * 6 + [4] * 6, {"cyclic": False, "startup_s": 60}),
    "dated, clocks go back": (
        [1, 4, 2, 5, 1] * 5,
        {"start": datetime(2026, 10, 25), "timezone": "Europe/Berlin", "cyclic": False},
    ),
}
"""Replicas by interval, and when."""
