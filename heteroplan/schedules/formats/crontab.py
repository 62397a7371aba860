"""A crontab of `kubectl scale` lines."""

import shlex

from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.kubectl import scale_words
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.changes import wall_clock_end
from heteroplan.schedules.timetable.cron_lines import CronLine, covered_until, cron_lines
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable


def crontab(schedule: Schedule, options: ExportOptions) -> str:
    """A line or more for each change of a pool's size, under a comment that says what it does."""
    document, tables = schedule.document, [entry.timetable for entry in schedule.entries]
    dated = any(table.recurrence is Recurrence.DATED for table in tables)
    until = [day for table in tables if (day := covered_until(table)) is not None]
    lines = [
        f"# Schedule of the plan {document.scenario!r} (inputs {document.inputs_sha256[:12]}).",
        "# CRON_TZ works in cronie and fcron; where cron ignores it, run cron in this zone.",
        *(_dated_header(tables[0]) if dated else []),
        *([f"# Right on days on which clocks change until {min(until)}."] if until else []),
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
    told = ""
    for line in cron_lines(table):
        if (comment := f"# {_when(line)} {name}: {_size(line)} replicas") != told:
            lines.append(comment)
        lines.append(f"{line.fields} {_command(entry.target, line.change.replicas)}")
        told = comment
    return lines


def _when(line: CronLine) -> str:
    forms = {Recurrence.DAILY: "%H:%M", Recurrence.WEEKLY: "%a %H:%M"}
    return line.change.at.strftime(forms.get(line.recurrence, "%Y-%m-%d %H:%M"))


def _size(line: CronLine) -> str:
    before = "" if line.change.before is None else f"{line.change.before} -> "
    return f"{before}{line.change.replicas}"


def _command(target: Target, replicas: int) -> str:
    """The shell command; cron reads an unescaped % as a line break."""
    return shlex.join([*scale_words(target), f"--replicas={replicas}"]).replace("%", r"\%")
