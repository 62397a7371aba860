"""The planned replicas for Prometheus, so that a dashboard draws plan against real.

Recording rules yield them at any time: PromQL's `time()` is turned into the seconds since the day
or week of the plan began on the clock of its zone, and each change adds what it changes. Offsets of
the zone are those of a year from the start of the plan. The text form has the numbers of one
moment, for node_exporter's textfile collector. Source: Prometheus documentation, recording rules,
PromQL operators and text-based exposition format.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

from heteroplan.errors import UsageError
from heteroplan.schedules.formats.manifests import yaml_text
from heteroplan.schedules.routing.weights import interval_at
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.clock_windows import COVERED, clock_changes, wall_clock
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable

METRIC = "heteroplan_planned_replicas"
_HELP = "Replicas that the plan has serve."
_MINUTE_S = 60


def prometheus(schedule: Schedule, options: ExportOptions) -> str:
    """A rule file with one recording rule a pool. Raises UsageError for no pools."""
    document = schedule.document
    _check_pools(schedule)
    rules = [
        {"record": METRIC, "expr": expression(entry.timetable), "labels": _labels(entry)}
        for entry in schedule.entries
    ]
    group = {"name": "heteroplan", "interval": "1m", "rules": rules}
    repeated = [
        each.timetable
        for each in schedule.entries
        if each.timetable.recurrence is not Recurrence.DATED
        and clock_changes(each.timetable.start, each.timetable.zone)
    ]
    until = [f"{table.start + COVERED:%Y-%m-%d}" for table in repeated]
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


def expression(table: Timetable) -> str:
    """PromQL of the planned replicas; without a result before and after a plan with dates."""
    sizes = table.planned
    at = np.flatnonzero(np.diff(sizes, prepend=sizes[0]))
    if table.recurrence is Recurrence.DATED:
        first, last = _seconds(table.start), _seconds(table.end)
        terms = _terms("time()", [first + int(m) * _MINUTE_S for m in at], table)
        return f"vector({terms}) and (vector(time()) >= {first} < {last})"
    clock = f"({_since(table)} % {len(sizes) * _MINUTE_S})"
    return f"vector({_terms(clock, [int(m) * _MINUTE_S for m in at], table)})"


def _terms(clock: str, times_s: list[int], table: Timetable) -> str:
    """The first size, and what each change adds from its time on."""
    sizes = table.planned.tolist()
    begin = _seconds(table.start) if table.recurrence is Recurrence.DATED else 0
    found = f"{sizes[0]}"
    for at_s in times_s:
        m = (at_s - begin) // _MINUTE_S
        added = sizes[m] - sizes[m - 1]
        found += f" {'+' if added > 0 else '-'} {abs(added)} * ({clock} >= bool {at_s})"
    return found


def _since(table: Timetable) -> str:
    """Seconds on the clock of the zone since a day or week began, as the plan counts them."""
    period_s = len(table.planned) * _MINUTE_S
    begin_s = _seconds(wall_clock(table.start, table.zone).replace(tzinfo=UTC)) % period_s
    offset_s = _offset_s(table.start, table.zone)
    found = f"time() + {offset_s + period_s - begin_s}"
    for moment in clock_changes(table.start, table.zone):
        now_s = _offset_s(moment, table.zone)
        added = now_s - offset_s
        found += f" {'+' if added > 0 else '-'} {abs(added)} * (time() >= bool {_seconds(moment)})"
        offset_s = now_s
    return f"({found})"


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
