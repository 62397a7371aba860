"""A crontab of `kubectl scale` lines."""

import shlex

from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.changes import changes, wall_clock_end
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable


def crontab(schedule: Schedule, options: ExportOptions) -> str:
    """One line a change of a pool's size, each under a comment that says what it does."""
    document, tables = schedule.document, [entry.timetable for entry in schedule.entries]
    dated = any(table.recurrence is Recurrence.DATED for table in tables)
    lines = [
        f"# Schedule of the plan {document.scenario!r} (inputs {document.inputs_sha256[:12]}).",
        "# CRON_TZ works in cronie and fcron; where cron ignores it, run cron in this zone.",
        *(_dated_header(tables[0]) if dated else []),
        *(f"# {note}" for note in [extrapolated_in_use(document), shares_needed(document)] if note),
        f"CRON_TZ={document.horizon.timezone}",
    ]
    for entry in schedule.entries:
        lines += ["", *_pool_lines(entry)]
    return "\n".join(lines) + "\n"


def _dated_header(table: Timetable) -> list[str]:
    end = f"{wall_clock_end(table):%Y-%m-%d %H:%M}"
    return [
        f"# Nothing changes back after {end}: pools keep their last size.",
        "# Dated lines come again a year later: replace this file before.",
    ]


def _pool_lines(entry: Entry) -> list[str]:
    pool, table, name = entry.pool, entry.timetable, entry.target.name
    early = f", grows {table.lead_minutes} min early to be ready" if table.lead_minutes else ""
    lines = [
        f"# {pool.workload} {pool.role.value}: {pool.engine} on {pool.node_type} in {pool.domain}, "
        f"{table.recurrence.value}{early}"
    ]
    for change in changes(table):
        when = "%a %H:%M" if table.recurrence is Recurrence.WEEKLY else "%H:%M"
        when = "%Y-%m-%d %H:%M" if table.recurrence is Recurrence.DATED else when
        size = (
            f"{change.replicas}"
            if change.before is None
            else f"{change.before} -> {change.replicas}"
        )
        lines += [
            f"# {change.at.strftime(when)} {name}: {size} replicas",
            f"{change.cron(table.recurrence)} {_command(entry.target, change.replicas)}",
        ]
    return lines


def _command(target: Target, replicas: int) -> str:
    """The shell command; cron reads an unescaped % as a line break."""
    words = ["kubectl"]
    words += [f"--context={target.context}"] if target.context else []
    words += [f"--namespace={target.namespace}"] if target.namespace else []
    words += ["scale", f"{target.kind.lower()}/{target.name}", f"--replicas={replicas}"]
    return shlex.join(words).replace("%", r"\%")
