"""A crontab of `kubectl scale` lines."""

import shlex

from heteroplan.outputs.exporters.changes import PoolSchedule, Recurrence, pool_schedule
from heteroplan.outputs.exporters.options import ExportOptions
from heteroplan.outputs.exporters.weights import shares_needed
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.outputs.plan.sentences import extrapolated_in_use


def crontab(document: PlanDocument, options: ExportOptions) -> str:
    """One line a change of a pool's size, each under a comment that says what it does.

    Raises UsageError as `pool_schedule` and `ExportOptions.names` do.
    """
    schedules = [pool_schedule(document, pool) for pool in document.pools]
    dated = any(schedule.recurrence is Recurrence.DATED for schedule in schedules)
    lines = [
        f"# Schedule of the plan {document.scenario!r} (inputs {document.inputs_sha256[:12]}).",
        "# CRON_TZ works in cronie and fcron; where cron ignores it, run cron in this zone.",
        *(_dated_header(schedules[0]) if dated else []),
        *(f"# {note}" for note in [extrapolated_in_use(document), shares_needed(document)] if note),
        f"CRON_TZ={document.horizon.timezone}",
    ]
    names = options.names(document.pools)
    for name, pool, schedule in zip(names, document.pools, schedules, strict=True):
        lines += ["", *_pool_lines(name, pool, schedule, options)]
    return "\n".join(lines) + "\n"


def _dated_header(schedule: PoolSchedule) -> list[str]:
    return [
        f"# Nothing changes back after {schedule.end:%Y-%m-%d %H:%M}: pools keep their last size.",
        "# Dated lines come again a year later: replace this file before.",
    ]


def _pool_lines(
    name: str, pool: PoolPart, schedule: PoolSchedule, options: ExportOptions
) -> list[str]:
    early = (
        f", grows {schedule.lead_minutes} min early to be ready" if schedule.lead_minutes else ""
    )
    lines = [
        f"# {pool.workload} {pool.role.value}: {pool.engine} on {pool.node_type} in {pool.domain}, "
        f"{schedule.recurrence.value}{early}"
    ]
    for change in schedule.changes:
        when = "%a %H:%M" if schedule.recurrence is Recurrence.WEEKLY else "%H:%M"
        when = "%Y-%m-%d %H:%M" if schedule.recurrence is Recurrence.DATED else when
        size = (
            f"{change.replicas}"
            if change.before is None
            else f"{change.before} -> {change.replicas}"
        )
        lines += [
            f"# {change.at.strftime(when)} {name}: {size} replicas",
            f"{change.cron(schedule.recurrence)} {_command(name, change.replicas, options)}",
        ]
    return lines


def _command(name: str, replicas: int, options: ExportOptions) -> str:
    """The shell command; cron reads an unescaped % as a line break."""
    words = ["kubectl"]
    words += [f"--context={options.context}"] if options.context else []
    words += [f"--namespace={options.namespace}"] if options.namespace else []
    words += ["scale", f"{options.target_kind.lower()}/{name}", f"--replicas={replicas}"]
    return shlex.join(words).replace("%", r"\%")
