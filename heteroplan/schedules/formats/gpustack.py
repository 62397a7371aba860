"""GPUStack's scheduled scaling: a `scaling_schedule` for each model.

Read in gpustack/gpustack, gpustack/schemas/models.py (`ScalingSchedule`, `ScalingScheduleRule`) and
gpustack/server/scaling_scheduler.py. A rule opens a window when `start_cron` fires; of the windows
that are open, the one that started last counts, and of those that started together the greatest.
So each rule says one change, and its window stays open long enough for the next change to come.
Crons are on the clock of `GPUSTACK_TIMEZONE`, the same for all models. Replicas are set at the next
round of the scheduler, up to 30 s later, so pools grow a minute earlier than elsewhere. A schedule
has one number of replicas: prefill and decode are models of their own.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.manifests import yaml_text
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.cron_lines import CronLine, covered_until, cron_lines
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Schedule
from heteroplan.schedules.timetable.timetable import Timetable, early

ZONE_NOTE = "Run the GPUStack server with GPUSTACK_TIMEZONE="
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_OPEN = {Recurrence.DAILY: 2 * _DAY + timedelta(hours=2), Recurrence.WEEKLY: 15 * _DAY}
"""Of a rule that repeats: until it comes again, even if it is left out once."""
_AFTER = _DAY
"""How long the last size of a dated plan is kept."""


def gpustack(schedule: Schedule, options: ExportOptions) -> str:
    """One document a model: its name and its schedule. Raises UsageError for no pools."""
    document, entries = schedule.document, schedule.entries
    if not entries:
        raise UsageError("the plan has no pools: there is nothing for GPUStack to scale")
    until = [day for each in entries if (day := covered_until(each.timetable)) is not None]
    notes = [
        f"{ZONE_NOTE}{document.horizon.timezone}.",
        "Each document is a model: set its scaling_schedule through the models API.",
        f"Right on days on which clocks change until {min(until)}." if until else "",
        extrapolated_in_use(document),
        shares_needed(document),
    ]
    models = [
        {"name": entry.target.name, "scaling_schedule": _scaling_schedule(entry.timetable)}
        for entry in entries
    ]
    return yaml_text(models, notes)


def _scaling_schedule(given: Timetable) -> dict[str, Any]:
    table = _a_minute_earlier(given)
    return {
        "enabled": True,
        "baseline_replicas": max(int(table.asked[0]), int(table.asked[-1])),
        "rules": [
            {
                "start_cron": line.fields,
                "duration_seconds": int(_open(table, line).total_seconds()),
                "replicas": line.change.replicas,
            }
            for line in cron_lines(table)
        ],
    }


def _open(table: Timetable, line: CronLine) -> timedelta:
    if table.recurrence is not Recurrence.DATED:
        return _OPEN[table.recurrence]
    return table.end - line.change.at.replace(tzinfo=ZoneInfo(table.zone)) + _AFTER


def _a_minute_earlier(table: Timetable) -> Timetable:
    """With growth a minute earlier."""
    lead, repeats = table.lead_minutes + 1, table.recurrence is not Recurrence.DATED
    start, planned = table.start, table.planned
    if not repeats:
        start, planned = start - _MINUTE, np.concatenate([np.zeros(1, dtype=np.int64), planned])
    asked = early(planned, lead, cyclic=repeats)
    return replace(table, start=start, planned=planned, asked=asked, lead_minutes=lead)
