"""What systems do with schedules in a few lines, independent of the exporters: their oracle."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from heteroplan.simulation.policies.shared.cron import Cron, Window

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LINE = re.compile(r"^(\S+ \S+ \S+ \S+ \S+) kubectl .*scale (\S+) --replicas=(\d+)$")


def fires(fields: str, at: datetime) -> bool:
    """Whether a line with these five fields runs in the minute `at` (numbers, and * for days)."""
    minute, hour, day, month, weekday = _numbers(fields)
    return (
        minute == at.minute
        and hour == at.hour
        and day in (None, at.day)
        and month in (None, at.month)
        and weekday in (None, at.isoweekday() % 7)
    )


def documents(text: str) -> Iterator[dict[str, Any]]:
    """Those of a YAML file."""
    yield from yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@lru_cache(maxsize=1000)
def _numbers(fields: str) -> tuple[int | None, ...]:
    return tuple(None if field == "*" else int(field) for field in fields.split())


def minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every minute of elapsed time from `start` until before `end`, in the zone of `start`."""
    at = start.astimezone(UTC)
    while at < end.astimezone(UTC):
        yield at.astimezone(start.tzinfo)
        at += timedelta(minutes=1)


def crontab_sizes(
    text: str, target: str, over: Sequence[datetime], *, twice: bool = True
) -> list[int | None]:
    """Replicas of `target` at each minute; None before the first line ran.

    `twice` says whether lines of an hour that clocks show twice run in both passes.
    """
    lines = [match for match in map(LINE.match, text.splitlines()) if match]
    jobs = [(match[1], int(match[3])) for match in lines if match[2] == target]
    sizes: list[int | None] = []
    size: int | None = None
    for at in over:
        for fields, replicas in jobs:
            if fires(fields, at) and (twice or not at.fold):
                size = replicas
        sizes.append(size)
    return sizes


@dataclass
class Scaled:
    """A pool under KEDA at one minute."""

    replicas: int
    active: int
    """Triggers in their window."""


def keda_sizes(text: str, name: str, over: Sequence[datetime]) -> list[Scaled]:
    """What the ScaledObject `name` makes of its pool at each minute of `over`."""
    found: list[dict[str, Any]] = [
        item for item in documents(text) if item["metadata"]["name"] == name
    ]
    (spec,) = (item["spec"] for item in found)
    return trigger_sizes(spec["minReplicaCount"], spec["triggers"], over)


def trigger_sizes(
    least: int, triggers: Sequence[dict[str, Any]], over: Sequence[datetime]
) -> list[Scaled]:
    """The greatest of `least` and of the cron triggers that are on; robfig/cron says which are."""
    windows = []
    for trigger in (each["metadata"] for each in triggers):
        zone = ZoneInfo(trigger["timezone"])
        window = Window(Cron(trigger["start"], zone), Cron(trigger["end"], zone))
        windows.append((window, int(trigger["desiredReplicas"])))
    sizes = []
    for at in over:
        on = [size for window, size in windows if window.is_open(at)]
        sizes.append(Scaled(max([least, *on]), len(on)))
    return sizes


def kubectl_lines(text: str) -> list[tuple[str, ZoneInfo, list[str]]]:
    """Cron fields, zone and words after kubectl of each container of each CronJob."""
    return [
        (item["spec"]["schedule"], ZoneInfo(item["spec"]["timeZone"]), container["args"])
        for item in documents(text)
        if item["kind"] == "CronJob"
        for container in item["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    ]


def cronjob_sizes(
    text: str, target: str, over: Sequence[datetime], *, hpa: str = "", before: int | None = None
) -> list[int | None]:
    """Replicas of `target` at each minute; None before the first job ran, unless `before` is known.

    `kubectl scale` sets them. An HPA named `hpa` keeps them within the bounds that were patched,
    but for 0.
    """
    lines: dict[tuple[ZoneInfo, str, str], list[tuple[str, list[str]]]] = defaultdict(list)
    for fields, zone, words in kubectl_lines(text):
        if target in words or f"horizontalpodautoscaler.autoscaling/{hpa}" in words:
            minute, hour, *_ = fields.split()
            lines[zone, minute, hour].append((fields, words))
    zones = {zone for zone, _, _ in lines}
    bounds: tuple[int, int] | None = None
    size, sizes = before, []
    for at in over:
        clocks = [(zone, at.astimezone(zone)) for zone in zones]
        due = [
            (line, local)
            for zone, local in clocks
            for line in lines.get((zone, str(local.minute), str(local.hour)), ())
        ]
        for (fields, words), local in due:
            if not fires(fields, local):
                continue
            if words[0] == "scale":
                size = int(words[1].removeprefix("--replicas="))
            else:
                spec = json.loads(words[2].removeprefix("--patch="))["spec"]
                bounds = spec["minReplicas"], spec["maxReplicas"]
        if bounds and size != 0:
            size = bounds[0] if size is None else min(max(size, bounds[0]), bounds[1])
        sizes.append(size)
    return sizes


def aibrix_sizes(spec: dict[str, Any], over: Sequence[datetime]) -> list[int]:
    """The least size that a PodAutoscaler's bounds allow at each minute; its base starts no 0."""
    rules = []
    for each in spec["schedules"]:
        days = each.get("daysOfWeek", _WEEKDAYS)
        span = range(*(_minute_of_day(each[key]) for key in ("startTime", "endTime")))
        rules.append(({_WEEKDAYS.index(day) for day in days}, span, each["minReplicas"]))
    (zone,) = {ZoneInfo(each["timezone"]) for each in spec["schedules"]}
    size, sizes = spec["minReplicas"], []
    for at in over:
        local = at.astimezone(zone)
        day, minute = local.weekday(), 60 * local.hour + local.minute
        active = [least for days, span, least in rules if day in days and minute in span]
        assert len(active) <= 1
        if active:
            (size,) = active
        elif size:
            size = spec["minReplicas"]
        sizes.append(size)
    return sizes


def _minute_of_day(clock: str) -> int:
    hour, minute = clock.split(":")
    return 60 * int(hour) + int(minute)


def planned_sizes(
    replicas: Sequence[int], interval_minutes: int, lead_minutes: int, *, cyclic: bool
) -> list[int]:
    """Size each minute of the period, growing `lead_minutes` early: plain look-ahead."""
    per_minute = [size for size in replicas for _ in range(interval_minutes)]
    n = len(per_minute)
    after = per_minute * 2 if cyclic else per_minute + [per_minute[-1]] * (lead_minutes + 1)
    return [max(after[m : m + lead_minutes + 1]) for m in range(n)]
