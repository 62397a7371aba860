"""CronJobs of Kubernetes that run kubectl when sizes change, and what they may do.

Read in Kubernetes (pkg/controller/cronjob, which counts with robfig/cron/v3) and in kubectl
(pkg/cmd/scale: it gets the object and patches its scale). One CronJob for each minute and
namespace makes all changes of that minute, those of one command in one container, so that one
that fails is tried again alone. No job can run when the next change of its targets is due.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.schedules.formats.kubernetes.manifests import labels, metadata
from heteroplan.schedules.targets.options import ExportOptions, rfc_1123_label
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.changes import Change, changes, wall_clock_end
from heteroplan.schedules.timetable.recurrence import PERIODS, Recurrence
from heteroplan.schedules.timetable.repairs import repairs
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Timetable

_MOST_CHARACTERS = 52
"""Of a CronJob's name: its Jobs add eleven."""
_DAY = timedelta(days=1)
_REPAIR_GAP = timedelta(minutes=2)
"""The least until the next change after a repair."""
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NOBODY = 65_534
_RETRIES = 20
_LEAST_DEADLINE_S, _MOST_DEADLINE_S = 30, 6 * 3600
"""The controller looks every 10 s."""

type Place = tuple[str, str]
"""Context and namespace."""
type Command = tuple[str, ...]
"""Words after kubectl, without the objects."""


@dataclass(frozen=True, slots=True)
class Order:
    """One command for one object."""

    command: Command
    object: str
    """As kubectl takes it: type, a slash and the name."""


type Orders = Callable[[Entry, Change], Sequence[Order]]
"""What a change needs."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What jobs may do with one object, or with a part of it such as its scale."""

    group: str
    resource: str
    """Plural, lower case; with a slash and the part."""
    name: str
    verb: str


def place(target: Target) -> Place:
    """Where a target's objects are."""
    return (target.context, target.namespace)


def kubectl_name(target: Target) -> str:
    """Type with group, a slash and the name."""
    group = f".{_group(target)}" if _group(target) else ""
    return f"{target.kind.lower()}{group}/{target.name}"


def scale_permissions(target: Target) -> tuple[Permission, Permission]:
    """What `kubectl scale` does."""
    kind, group = _plural(target.kind), _group(target)
    return (
        Permission(group, kind, target.name, "get"),
        Permission(group, f"{kind}/scale", target.name, "patch"),
    )


def _group(target: Target) -> str:
    return target.api_version.rpartition("/")[0]


def _plural(kind: str) -> str:
    """As Kubernetes itself guesses it."""
    name = kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def cron_jobs(
    document: PlanDocument, entries: Sequence[Entry], orders: Orders, options: ExportOptions
) -> list[dict[str, Any]]:
    """One for each minute and place, in the order of the clock."""
    jobs: dict[tuple[Place, str, str], list[_Due]] = defaultdict(list)
    for entry in entries:
        for due in _due(entry):
            jobs[place(entry.target), due.zone, due.change.cron(due.recurrence)].append(due)
    by_clock = sorted(jobs.items(), key=lambda item: (item[0][0], item[1][0].change.at))
    return [_cron_job(document, fields, of, orders, options) for (_, _, fields), of in by_clock]


@dataclass(frozen=True, slots=True)
class _Due:
    entry: Entry
    change: Change
    """On the clock of `zone`."""
    gap: timedelta
    """Until the target's next change."""
    recurrence: Recurrence
    zone: str


def _due(entry: Entry) -> Iterator[_Due]:
    """All changes, and with their dates what sets them right around changes of clocks."""
    table, times = entry.timetable, changes(entry.timetable)
    for change, gap in zip(times, _gaps(table, times), strict=True):
        yield _Due(entry, change, gap, table.recurrence, table.zone)
    for repair in repairs(table, times):
        said = Change(repair.at, None, repair.replicas)
        yield _Due(entry, said, _REPAIR_GAP, Recurrence.DATED, "Etc/UTC")


def _gaps(table: Timetable, times: Sequence[Change]) -> list[timedelta]:
    period = PERIODS.get(table.recurrence)
    after = times[0].at + period if period else max(wall_clock_end(table), times[-1].at + _DAY)
    following = [*(change.at for change in times[1:]), after]
    return [later - change.at for change, later in zip(times, following, strict=True)]


def _cron_job(
    document: PlanDocument,
    fields: str,
    due: Sequence[_Due],
    orders: Orders,
    options: ExportOptions,
) -> dict[str, Any]:
    first = due[0]
    gap_s = min(each.gap for each in due) // timedelta(seconds=1)
    deadline_s = min(max(_LEAST_DEADLINE_S, gap_s // 2), _MOST_DEADLINE_S)
    by_command: dict[Command, list[str]] = defaultdict(list)
    for each in due:
        for order in orders(each.entry, each.change):
            by_command[order.command].append(order.object)
    template = {
        "metadata": {"labels": labels(document)},
        "spec": {
            "serviceAccountName": account_name(document),
            "restartPolicy": "OnFailure",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                _container(i, command, objects, options)
                for i, (command, objects) in enumerate(by_command.items())
            ],
        },
    }
    repeats = {"heteroplan/repeats": first.recurrence.value}
    name = _job_name(document, first.change.at, first.recurrence)
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(document, name, first.entry.target, repeats),
        "spec": {
            "schedule": fields,
            "timeZone": first.zone,
            "concurrencyPolicy": "Replace",
            "startingDeadlineSeconds": deadline_s,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {
                "spec": {
                    "activeDeadlineSeconds": deadline_s,
                    "backoffLimit": _RETRIES,
                    "template": template,
                }
            },
        },
    }


def _container(
    number: int, command: Command, objects: Sequence[str], options: ExportOptions
) -> dict[str, Any]:
    return {
        "name": f"{command[0]}-{number}",
        "image": options.kubectl_image,
        "args": [*command, *objects],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }


def account_name(document: PlanDocument) -> str:
    """Of the ServiceAccount of all jobs in a namespace, its Role and RoleBinding."""
    return f"heteroplan-{_instance(document)}"


def _instance(document: PlanDocument) -> str:
    """The scenario, short enough for a CronJob's name."""
    most = _MOST_CHARACTERS - len("heteroplan-") - len("-0101-0000")
    name = rfc_1123_label(document.scenario) or "unnamed"
    if len(name) > most:
        digest = sha256(document.scenario.encode()).hexdigest()[:8]
        name = f"{name[: most - len(digest) - 1].rstrip('-')}-{digest}"
    return name


def _job_name(document: PlanDocument, at: datetime, repeats: Recurrence) -> str:
    day = {
        Recurrence.DAILY: "",
        Recurrence.WEEKLY: f"{_WEEKDAYS[at.weekday()]}-",
        Recurrence.DATED: f"{at:%m%d}-",
    }
    return f"heteroplan-{_instance(document)}-{day[repeats]}{at:%H%M}"


def access(document: PlanDocument, of: Target, allowed: Iterable[Permission]) -> list[Any]:
    """ServiceAccount, Role and RoleBinding for the jobs in the place of `of`."""
    names: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for each in allowed:
        names[each.group, each.resource, each.verb].add(each.name)
    about = metadata(document, account_name(document), of, {})
    subject = {"kind": "ServiceAccount", "name": account_name(document)}
    # A RoleBinding without namespace is applied to the current one, and so is its subject's.
    where = {"namespace": of.namespace} if of.namespace else {}
    rules = [
        {"apiGroups": [group], "resources": [kind], "resourceNames": sorted(of), "verbs": [verb]}
        for (group, kind, verb), of in sorted(names.items())
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": about,
            "rules": rules,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": about,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": account_name(document),
            },
            "subjects": [{**subject, **where}],
        },
    ]


def with_access(
    document: PlanDocument,
    entries: Sequence[Entry],
    allowed: Callable[[Entry], Iterable[Permission]],
) -> list[Any]:
    """The objects of `access` for each place of the entries."""
    by_place: dict[Place, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_place[place(entry.target)].append(entry)
    return [
        item
        for of in by_place.values()
        for item in access(document, of[0].target, (p for each in of for p in allowed(each)))
    ]
