"""Entries of one pool, for executors that look at the target alone."""

from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Entry, schedule_of
from tests.plans import day_scenario, horizon, plan, pool


def entry(
    name: str, namespace: str = "", *, kind: str = "Deployment", component: str = ""
) -> Entry:
    """With a timetable that no executor may heed."""
    made = plan(day_scenario(horizon(24)), [pool([1] * 24)])
    (of,) = schedule_of(document_of(made), ExportOptions()).entries
    target = Target("apps/v1", kind, name, namespace, component=component)
    return Entry(target, of.pool, of.timetable)
