"""AIBrix PodAutoscalers with schedules.

Read in AIBrix (config/crd, pkg/utils/paschedules, pkg/controller/podautoscaler). A schedule sets
the bounds from HH:MM until before HH:MM on the clock of one zone, not across midnight, so the
minute from 23:59 on belongs to none: the bounds of the object hold then. Those do not start a
target that is at 0; bounds that a schedule sets do. No greatest size may be 0. The
controller looks every 10 s, and wants a metric, which does not count where both bounds are equal.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.formats.kubernetes.manifests import (
    check_pools,
    metadata,
    object_names,
    pool_annotations,
    scale_target_ref,
    yaml_text,
)
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Ints, Timetable

_DAY_MINUTES = 24 * 60
_LAST = _DAY_MINUTES - 1
"""The minute from 23:59 on."""
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ROLES_OF = "StormService"
_METRIC = {"metricSourceType": "resource", "targetMetric": "cpu", "targetValue": "80"}


def aibrix(schedule: Schedule, options: ExportOptions) -> str:
    """One PodAutoscaler a pool. Raises UsageError for no pools, for dates, and for parts."""
    document, entries = schedule.document, schedule.entries
    check_pools(entries, "AIBrix")
    if any(entry.timetable.recurrence is Recurrence.DATED for entry in entries):
        raise UsageError(
            "AIBrix schedules have no dates, and this plan is not of one cyclic day or week "
            "without a clock change; plan a cyclic day, or export keda or kubernetes-cronjob"
        )
    for target in (entry.target for entry in entries):
        _check(target)
    objects = [
        _autoscaler(document, entry, name)
        for name, entry in zip(object_names(entries), entries, strict=True)
    ]
    return yaml_text(objects, [extrapolated_in_use(document), shares_needed(document)])


def _check(target: Target) -> None:
    if target.component and target.kind != _ROLES_OF:
        raise UsageError(
            f"AIBrix scales a role of a {_ROLES_OF}, not {target.component!r} of the "
            f"{target.kind} {target.name}; name an object of its own for each part"
        )


def _autoscaler(document: PlanDocument, entry: Entry, name: str) -> dict[str, Any]:
    target, by_day = entry.target, _by_day(entry.timetable)
    last = int(by_day[:, _LAST].max())
    role = {"subTargetSelector": {"roleName": target.component}} if target.component else {}
    return {
        "apiVersion": "autoscaling.aibrix.ai/v1alpha1",
        "kind": "PodAutoscaler",
        "metadata": metadata(document, name, target, pool_annotations(entry)),
        "spec": {
            "scaleTargetRef": scale_target_ref(target),
            **role,
            "scalingStrategy": "APA",
            "minReplicas": last,
            "maxReplicas": max(1, last),
            "metricsSources": [dict(_METRIC)],
            "schedules": list(_schedules(by_day, entry.timetable.zone)),
        },
    }


def _by_day(table: Timetable) -> Ints:
    """[D, 1440] sizes on the clock, of every day (D = 1) or from Monday to Sunday.

    A target that leaves 0 in the last minute of a day is asked for one minute earlier.
    """
    clock = table.start.astimezone(ZoneInfo(table.zone)).replace(tzinfo=None)
    days = len(table.asked) // _DAY_MINUTES
    origin = datetime.combine(clock.date(), datetime.min.time(), UTC)
    if days > 1:
        origin -= timedelta(days=clock.weekday())
    minutes = (clock.replace(tzinfo=UTC) - origin) // timedelta(minutes=1)
    by_day = np.roll(table.asked, minutes).reshape(days, _DAY_MINUTES).copy()
    starts = by_day[:, _LAST - 1] == 0
    by_day[starts, _LAST - 1] = by_day[starts, _LAST]
    return by_day


def _schedules(by_day: Ints, zone: str) -> Iterator[dict[str, Any]]:
    """The bounds of every minute but the last of each day, alike days together."""
    alike: dict[bytes, list[int]] = {}
    for day, sizes in enumerate(by_day):
        alike.setdefault(sizes[:_LAST].tobytes(), []).append(day)
    for days in alike.values():
        names = [_WEEKDAYS[day] for day in days]
        every = len(days) == len(by_day)
        prefix = "daily" if every else "-".join(names).lower()
        for start, end, size in _runs(by_day[days[0], :_LAST]):
            yield {
                "name": f"{prefix}-{_clock(start, '')}",
                **({} if every else {"daysOfWeek": names}),
                "timezone": zone,
                "startTime": _clock(start),
                "endTime": _clock(end),
                "minReplicas": size,
                "maxReplicas": max(1, size),
            }


def _runs(sizes: Ints) -> Iterator[tuple[int, int, int]]:
    """First minute, minute after the last, and size."""
    firsts = [0, *(np.flatnonzero(np.diff(sizes)) + 1).tolist()]
    for first, end in zip(firsts, [*firsts[1:], len(sizes)], strict=True):
        yield first, end, int(sizes[first])


def _clock(minute: int, between: str = ":") -> str:
    return f"{minute // 60:02d}{between}{minute % 60:02d}"
