"""A cron reader of a few lines, independent of the exporters: an oracle for what they write."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import yaml

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
    """What the ScaledObject `name` makes of its pool at each minute of `over`.

    A trigger is on from its start to its end; the greatest of the triggers and
    `minReplicaCount` holds.
    """
    found: list[dict[str, Any]] = [
        item for item in yaml.safe_load_all(text) if item["metadata"]["name"] == name
    ]
    (spec,) = (item["spec"] for item in found)
    triggers = [trigger["metadata"] for trigger in spec["triggers"]]
    on = [False] * len(triggers)
    sizes = []
    for at in over:
        for i, trigger in enumerate(triggers):
            local = at.astimezone(ZoneInfo(trigger["timezone"]))
            if fires(trigger["end"], local):
                on[i] = False
            if fires(trigger["start"], local):
                on[i] = True
        wanted = [int(t["desiredReplicas"]) for t, up in zip(triggers, on, strict=True) if up]
        sizes.append(Scaled(max([spec["minReplicaCount"], *wanted]), sum(on)))
    return sizes


def planned_sizes(
    replicas: Sequence[int], interval_minutes: int, lead_minutes: int, *, cyclic: bool
) -> list[int]:
    """Size each minute of the period, growing `lead_minutes` early: plain look-ahead."""
    per_minute = [size for size in replicas for _ in range(interval_minutes)]
    n = len(per_minute)
    after = per_minute * 2 if cyclic else per_minute + [per_minute[-1]] * (lead_minutes + 1)
    return [max(after[m : m + lead_minutes + 1]) for m in range(n)]
