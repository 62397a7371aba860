"""CronJobs of Kubernetes that run `kubectl scale`."""

from collections.abc import Sequence

from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.cron_jobs import (
    Order,
    cron_jobs,
    kubectl_name,
    scale_permissions,
    with_access,
)
from heteroplan.schedules.formats.kubernetes.dated import dated_notes
from heteroplan.schedules.formats.kubernetes.manifests import (
    SCHEDULE_LABEL,
    check_whole_objects,
    yaml_text,
)
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.timetable.changes import Change
from heteroplan.schedules.timetable.schedule import Entry, Schedule

PRUNE = (
    "Apply it so that no job of an earlier schedule stays: kubectl apply --prune "
    f"--selector {SCHEDULE_LABEL}=NAME --filename FILE, with NAME as in the labels."
)


def kubernetes_cronjob(schedule: Schedule, options: ExportOptions) -> str:
    """A ServiceAccount with its Role for each namespace, then one CronJob a minute with changes.

    Raises UsageError for no pools, and for targets without a scale subresource.
    """
    document, entries = schedule.document, schedule.entries
    check_whole_objects(entries, "kubectl scale")
    objects = [
        *with_access(document, entries, lambda entry: scale_permissions(entry.target)),
        *cron_jobs(document, entries, _orders, options),
    ]
    notes = [PRUNE, *dated_notes(entries), extrapolated_in_use(document), shares_needed(document)]
    return yaml_text(objects, notes)


def _orders(entry: Entry, change: Change) -> Sequence[Order]:
    return (Order(("scale", f"--replicas={change.replicas}"), kubectl_name(entry.target)),)
