"""Schedules as they are asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import ExportOptions
from heteroplan.schedules.formats.prepared import prepared, tolerance_cost
from heteroplan.schedules.timetable.handover import Handover
from heteroplan.schedules.timetable.schedule import Schedule, schedule_of
from tests.plans import day_scenario, horizon, plan, pool


def schedule(replicas: list[int], *, startup_s: float = 120.0, cyclic: bool = True) -> Schedule:
    during = horizon(
        len(replicas), start=datetime(2026, 11, 23), timezone="Asia/Singapore", cyclic=cyclic
    )
    made = plan(day_scenario(during, startup_s=startup_s), [pool(replicas)])
    return schedule_of(document_of(made), ExportOptions())


def growth(of: Schedule) -> list[str]:
    """The clock of UTC at each minute that asks for more than the minute before."""
    table = of.entries[0].timetable
    sizes = table.asked
    return [
        f"{table.start + timedelta(minutes=m):%H:%M}"
        for m in range(1, len(sizes))
        if sizes[m] > sizes[m - 1]
    ]


def test_systems_that_look_now_and_then_are_asked_a_minute_earlier() -> None:
    """08:00 is 00:00 UTC; two minutes of start-up."""
    of = schedule([2] * 8 + [9] * 16)
    assert growth(prepared(of, "crontab", 0.1)) == ["23:58"]
    for form in ("keda", "kserve", "hpa", "kubernetes-cronjob", "aibrix"):
        assert growth(prepared(of, form, 0.1)) == ["23:57"]


def test_a_schedule_with_dates_begins_a_minute_earlier_and_is_on_utc() -> None:
    of = schedule([2, 9], cyclic=False)
    (before,), (after,) = of.entries, prepared(of, "keda", 0.1).entries
    assert after.timetable.start == before.timetable.start - timedelta(minutes=1)
    assert after.timetable.end == before.timetable.end
    assert after.timetable.planned.tolist() == [0, *before.timetable.planned.tolist()]
    assert after.timetable.zone == "Etc/UTC"
    assert prepared(of, "crontab", 0.1).entries[0].timetable.zone == "Asia/Singapore"
    daily = prepared(schedule([2] * 12 + [9] * 12), "keda", 0.1)
    assert daily.entries[0].timetable.zone == "Asia/Singapore"


def test_a_file_must_be_applied_a_minute_earlier_too() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    of = replace(
        schedule([2, 9], cyclic=False),
        handover=Handover(at, at - timedelta(hours=2), at - timedelta(minutes=2)),
    )
    for form, minutes in (("crontab", 2), ("keda", 3)):
        handover = prepared(of, form, 0.1).handover
        assert handover is not None
        assert handover.latest == at - timedelta(minutes=minutes)


def test_only_sizes_that_are_metrics_are_rounded_for_the_tolerance() -> None:
    of = schedule([10] * 12 + [20] * 6 + [21] * 6)
    sizes = {
        form: set(prepared(of, form, 0.1).entries[0].timetable.asked)
        for form in ("keda", "kserve", "hpa", "kubernetes-cronjob")
    }
    assert sizes["keda"] == sizes["kserve"] == {10, 21}
    assert sizes["hpa"] == sizes["kubernetes-cronjob"] == {10, 20, 21}


def test_what_the_tolerance_costs() -> None:
    """21 in place of 20 for six hours, four H100 each: 24 GPU-hours."""
    of = schedule([10] * 12 + [20] * 6 + [21] * 6)
    cost = tolerance_cost(of, "keda", 0.1)
    price = of.document.given.fleet.node_type("h100x8").usd_per_gpu_hour
    assert cost.gpu_hours == pytest.approx(24.0)
    assert cost.usd == pytest.approx(24.0 * price)
    assert tolerance_cost(of, "hpa", 0.1).gpu_hours == 0.0
    assert tolerance_cost(of, "keda", 0.0).gpu_hours == 0.0
