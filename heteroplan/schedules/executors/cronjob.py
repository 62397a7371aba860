"""When CronJobs of Kubernetes run kubectl, and what becomes of a target.

Source: kubernetes pkg/controller/cronjob (the next run is searched from the last one, by
robfig/cron in the CronJob's `timeZone`). A run is taken to be done within a minute. Which of two
runs of one minute comes last is open: here the one with fewer replicas.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.schedules.executors.documents import missing, of_kind
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints
from heteroplan.simulation.policies.shared.cron import NEVER, Cron

_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Command:
    """What one run of kubectl does to one object."""

    object: str
    """Type, a slash and the name."""
    least: int
    """Replicas, or the bounds of an HPA's replicas."""
    most: int


def sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """An `Executor` of CronJobs that run `kubectl scale`."""
    name = kubectl_name(entry.target)

    def scaled(size: int, command: Command) -> int:
        return command.least if command.object == name else size

    return after_commands(runs(text, entry.target, start, minutes, {name}), scaled, minutes, before)


def kubectl_name(target: Target) -> str:
    """As kubectl takes it: type with group, a slash and the name."""
    group = target.api_version.rpartition("/")[0]
    return f"{target.kind.lower()}{'.' if group else ''}{group}/{target.name}"


def runs(
    text: str, target: Target, start: datetime, minutes: int, names: set[str]
) -> dict[int, list[Command]]:
    """Commands for any of `names`, by the minute after `start` at which their CronJob runs.

    Raises UsageError where no CronJob has one.
    """
    start_s = round(start.timestamp())
    found: dict[int, list[Command]] = defaultdict(list)
    any_job = False
    for document in of_kind(text, "CronJob", target):
        commands = [each for each in _commands(document["spec"]) if each.object in names]
        if not commands:
            continue
        any_job = True
        spec = document["spec"]
        line = Cron(str(spec["schedule"]), ZoneInfo(str(spec.get("timeZone", "UTC"))))
        for minute in _minutes(line, start_s, minutes):
            found[minute] += commands
    if not any_job:
        raise missing("CronJob", target)
    return found


def after_commands(
    by_minute: Mapping[int, Sequence[Command]],
    after: Callable[[int, Command], int],
    minutes: int,
    before: int,
) -> Ints:
    """[M] the least size of each minute, where `after` has the size after a command.

    In the minute of a command the target still may have the size before it.
    """
    found, size, last = np.empty(minutes, dtype=np.int64), before, 0
    for minute in sorted(by_minute):
        found[last:minute] = size
        reached = size
        for command in sorted(by_minute[minute], key=lambda command: -command.least):
            reached = after(reached, command)
        found[minute], size, last = min(size, reached), reached, minute + 1
    found[last:] = size
    return found


def _commands(spec: Mapping[str, Any]) -> Iterator[Command]:
    template = spec["jobTemplate"]["spec"]["template"]["spec"]
    for container in template["containers"]:
        verb, *words = container["args"]
        options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        if verb == "scale":
            least = most = int(options["replicas"])
        elif verb == "patch":
            bounds = json.loads(options["patch"])["spec"]
            least, most = int(bounds["minReplicas"]), int(bounds["maxReplicas"])
        else:
            continue
        for word in words:
            if not word.startswith("--"):
                yield Command(word, least, most)


@lru_cache(maxsize=4096)
def _minutes(line: Cron, start_s: int, minutes: int) -> tuple[int, ...]:
    """After `start_s`, at which a line fires, each time searched from the last one."""
    found = []
    at_s = start_s - 1
    while (at_s := line.next_s(at_s)) != NEVER and at_s < start_s + _MINUTE_S * minutes:
        found.append((at_s - start_s) // _MINUTE_S)
    return tuple(found)
