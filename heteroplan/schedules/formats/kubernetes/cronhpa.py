"""Alibaba's CronHorizontalPodAutoscalers (kubernetes-cronhpa-controller).

Read in AliyunContainerService/kubernetes-cronhpa-controller, pkg/apis/autoscaling/v1beta1 and
pkg/controller. A job has six cron fields, seconds first, on the clock of the controller's own
process: objects name no zone. `excludeDates` is not used, because `IsTodayOff` compares month and
hour of the next excluded time and not its day. Jobs with a date run once (`runOnce`). The scale
target needs an API group.
"""

from typing import Any

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.manifests import yaml_text
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.cron_lines import CronLine, covered_until, cron_lines
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule

API_VERSION = "autoscaling.alibabacloud.com/v1beta1"
KIND = "CronHorizontalPodAutoscaler"
ZONE = "heteroplan/timezone"
"""Annotation: the zone in which the controller must run."""


def cronhpa(schedule: Schedule, options: ExportOptions) -> str:
    """One object a pool, as documents of one YAML file.

    Raises UsageError for no pools, and for targets of the core API group.
    """
    document, entries = schedule.document, schedule.entries
    if not entries:
        raise UsageError("the plan has no pools: there is nothing for CronHPA to scale")
    if core := [each.target for each in entries if "/" not in each.target.api_version]:
        shown = ", ".join(f"{target.kind} {target.name}" for target in core)
        raise UsageError(
            f"CronHPA scales no objects without an API group: {shown}; choose another format such "
            "as crontab"
        )
    until = [day for each in entries if (day := covered_until(each.timetable)) is not None]
    notes = [
        f"Run kubernetes-cronhpa-controller with TZ={document.horizon.timezone}.",
        f"Right on days on which clocks change until {min(until)}." if until else "",
        extrapolated_in_use(document),
        shares_needed(document),
    ]
    return yaml_text([_object(document, entry) for entry in entries], notes)


def _object(document: PlanDocument, entry: Entry) -> dict[str, Any]:
    target, pool, table = entry.target, entry.pool, entry.timetable
    lines = cron_lines(table, hourly=True)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": target.name,
            **({"namespace": target.namespace} if target.namespace else {}),
            "annotations": {
                "heteroplan/scenario": document.scenario,
                "heteroplan/inputs-sha256": document.inputs_sha256,
                "heteroplan/pool": f"{pool.group} {pool.role.value} {pool.engine}",
                "heteroplan/repeats": table.recurrence.value,
                ZONE: table.zone,
            },
        },
        "spec": {
            "scaleTargetRef": {
                "apiVersion": target.api_version,
                "kind": target.kind,
                "name": target.name,
            },
            "jobs": [_job(number, line) for number, line in enumerate(lines, 1)],
        },
    }


def _job(number: int, line: CronLine) -> dict[str, Any]:
    """Names differ within an object; one with a date keeps its name from file to file."""
    forms = {Recurrence.DAILY: "%H%M", Recurrence.WEEKLY: "%a-%H%M"}
    when = line.change.at.strftime(forms.get(line.recurrence, "%Y-%m-%d-%H%M")).lower()
    once = line.recurrence is Recurrence.DATED
    return {
        "name": f"{when}-to-{line.change.replicas}" + ("" if once else f"-{number}"),
        "schedule": f"0 {line.fields}",
        "targetSize": line.change.replicas,
        **({"runOnce": True} if once else {}),
    }
