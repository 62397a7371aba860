"""The planned replicas for Prometheus, so that a dashboard draws plan against real.

Recording rules yield them at any time. The first rule turns PromQL's `time()` into the seconds
since the day, week or time of the plan began, by the offsets that its zone has for a year. Those of
the pools come after it in the same group, so they see it, and each change adds what it changes.
(With the clock written out at each change, a day of quarter hours took half a second to evaluate,
a week seven; so it takes hundredths.) The text form has the numbers of one moment, for
node_exporter's textfile collector. Source: Prometheus documentation, recording rules, PromQL
operators and text-based exposition format.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

from heteroplan.errors import UsageError
from heteroplan.schedules.formats.kubernetes.manifests import yaml_text
from heteroplan.schedules.routing.weights import interval_at
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.clock_changes import YEAR_DAYS, clock_changes
from heteroplan.schedules.timetable.on_clock import wall_clock
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable

METRIC = "heteroplan_planned_replicas"
CLOCK = "heteroplan_plan_clock_seconds"
_HELP = "Replicas that the plan has serve."
_MINUTE_S = 60


def prometheus(schedule: Schedule, options: ExportOptions) -> str:
    """A rule file with one recording rule a pool. Raises UsageError for no pools."""
    document = schedule.document
    _check_pools(schedule)
    clocks = list(dict.fromkeys(clock_expression(each.timetable) for each in schedule.entries))
    rules = [
        {"record": CLOCK, "expr": expr, "labels": {"clock": str(number)}}
        for number, expr in enumerate(clocks)
    ]
    for entry in schedule.entries:
        number = clocks.index(clock_expression(entry.timetable))
        expr = _expression(entry.timetable, f'{CLOCK}{{clock="{number}"}}')
        rules.append({"record": METRIC, "expr": expr, "labels": _labels(entry)})
    group = {"name": "heteroplan", "interval": "1m", "rules": rules}
    repeated = [
        each.timetable
        for each in schedule.entries
        if each.timetable.recurrence is not Recurrence.DATED
        and clock_changes(each.timetable.zone, each.timetable.start)
    ]
    until = [f"{table.start + timedelta(days=YEAR_DAYS):%Y-%m-%d}" for table in repeated]
    notes = [
        f"Planned replicas of {document.scenario!r} (inputs {document.inputs_sha256[:12]}).",
        f"Right on days on which clocks change until {min(until)}." if until else "",
    ]
    return yaml_text([{"groups": [group]}], notes)


def prometheus_text(schedule: Schedule, options: ExportOptions) -> str:
    """The planned replicas of one moment, `--at`.

    Raises UsageError for no pools, and for a moment outside a plan that does not repeat.
    """
    _check_pools(schedule)
    interval = interval_at(schedule.document.horizon, options.at)
    lines = [f"# HELP {METRIC} {_HELP}", f"# TYPE {METRIC} gauge"]
    for entry in schedule.entries:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in _labels(entry).items())
        size = 0 if entry.given_up else entry.pool.replicas[interval]
        lines.append(f"{METRIC}{{{labels}}} {size}")
    return "\n".join(lines) + "\n"


def _expression(table: Timetable, clock: str) -> str:
    """PromQL of the planned replicas; without a result where the clock has none."""
    sizes = table.planned.tolist()
    found = f"{sizes[0]} + 0 * {clock}"
    for m in np.flatnonzero(np.diff(table.planned, prepend=sizes[0])).tolist():
        added = sizes[m] - sizes[m - 1]
        sign = "+" if added > 0 else "-"
        found += f" {sign} {abs(added)} * ({clock} >= bool {m * _MINUTE_S})"
    return f"sum({found})"


def clock_expression(table: Timetable) -> str:
    """PromQL of the seconds since a day or week began on the clock of the zone, as the plan counts.

    For a plan with dates, those since it began, without a result before and after.
    """
    period_s = len(table.planned) * _MINUTE_S
    if table.recurrence is Recurrence.DATED:
        return f"vector(time() - {_seconds(table.start)}) >= 0 < {period_s}"
    begin_s = _seconds(wall_clock(table.start, table.zone).replace(tzinfo=UTC)) % period_s
    offset_s = _offset_s(table.start, table.zone)
    found = f"time() + {offset_s + period_s - begin_s}"
    for moment in (each.moment for each in clock_changes(table.zone, table.start)):
        now_s = _offset_s(moment, table.zone)
        added = now_s - offset_s
        found += f" {'+' if added > 0 else '-'} {abs(added)} * (time() >= bool {_seconds(moment)})"
        offset_s = now_s
    return f"vector(({found}) % {period_s})"


def _offset_s(at: datetime, zone: str) -> int:
    return _seconds(wall_clock(at, zone).replace(tzinfo=UTC)) - _seconds(at)


def _seconds(at: datetime) -> int:
    """Since 1970."""
    return (at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def _labels(entry: Entry) -> dict[str, str]:
    pool = entry.pool
    return {
        "workload": pool.workload,
        "role": pool.role.value,
        "engine": pool.engine,
        "node_type": pool.node_type,
        "domain": pool.domain,
        "target": entry.target.name,
    }


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _check_pools(schedule: Schedule) -> None:
    if not schedule.entries:
        raise UsageError("the plan has no pools: there is nothing for Prometheus to record")
