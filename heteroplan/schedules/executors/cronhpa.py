"""What kubernetes-cronhpa-controller makes of CronHorizontalPodAutoscalers.

Read in AliyunContainerService/kubernetes-cronhpa-controller, pkg/controller/cronexecutor.go, and
ringtail/go-cron, a fork of robfig/cron whose search for the next time is the same: each job sleeps
until its next time, so times that clocks skip are skipped, and times that they show twice run
twice. Nothing is made up for. Jobs of one minute run beside each other; the smaller size counts.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml

from heteroplan.schedules.formats.kubernetes.cronhpa import KIND, ZONE
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints
from heteroplan.simulation.policies.shared.cron import Cron

_MINUTE = timedelta(minutes=1)


def sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """[M] replicas of the target at each minute, with the controller in the schedule's zone."""
    set_at: dict[int, int] = {}
    for item in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if item["kind"] == KIND and _scales(item, entry.target):
            zone = ZoneInfo(item["metadata"]["annotations"][ZONE])
            for job in item["spec"]["jobs"]:
                _run(job, zone, start, minutes, set_at)
    found, size = np.empty(minutes, dtype=np.int64), before
    for m in range(minutes):
        size = set_at.get(m, size)
        found[m] = size
    return found


def _scales(item: dict[str, Any], target: Target) -> bool:
    wanted = {"apiVersion": target.api_version, "kind": target.kind, "name": target.name}
    same_place = item["metadata"].get("namespace", "") == target.namespace
    return bool(same_place and item["spec"]["scaleTargetRef"] == wanted)


def _run(
    job: dict[str, Any], zone: ZoneInfo, start: datetime, minutes: int, set_at: dict[int, int]
) -> None:
    """Note the minutes at which a job runs."""
    second, _, fields = job["schedule"].partition(" ")
    if second != "0":
        raise ValueError(f"job {job['name']}: runs at second {second} and not at 0")
    line, at = Cron(fields, zone), start - timedelta(seconds=1)
    while (following := line.next(at)) is not None:
        minute = int((following - start) / _MINUTE)
        if minute >= minutes:
            return
        set_at[minute] = min(job["targetSize"], set_at.get(minute, job["targetSize"]))
        if job.get("runOnce"):
            return
        at = following
