"""What systemd and a shell make of timers and services that set a size.

Source: systemd.time(7) and systemd.timer(5). A time of `OnCalendar` that clocks of its zone skip
does not come on that day, and one that they show twice comes the first time only
(`systemd-analyze calendar` of systemd 257 says so; tests compare). The service looks its size up by
the clock and by the time in UTC.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.schedules.formats.systemd import SCRIPT, quoted, unit_files, unit_name
from heteroplan.schedules.targets.kubectl import scale_words
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints

_CALENDAR = re.compile(
    r"OnCalendar=(?:(\w{3}) )?(\*-\*-\*|\d{4}-\d\d-\d\d) (\d\d:\d\d):00 (\S+)", re.MULTILINE
)
_ENVIRONMENT = re.compile(r'^Environment="?(\w+)=([^"\n]*)"?$', re.MULTILINE)
_EXEC = re.compile(r"^ExecStart=(.*)$", re.MULTILINE)
_MINUTE = timedelta(minutes=1)


def sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """[M] replicas of the target at each minute."""
    files, name = unit_files(text), unit_name(entry.target)
    service = files.get(f"{name}.service", "")
    command = quoted(["/bin/sh", "-c", SCRIPT, "sh", *scale_words(entry.target)])
    if command not in _EXEC.findall(service):
        return np.full(minutes, before, dtype=np.int64)
    environment = dict(_ENVIRONMENT.findall(service))
    times = {match.groups() for match in _CALENDAR.finditer(files[f"{name}.timer"])}
    zones = {zone: ZoneInfo(zone) for *_, zone in times}
    found, size = np.empty(minutes, dtype=np.int64), before
    for m in range(minutes):
        at = start + m * _MINUTE
        if any(_comes(at.astimezone(info), times, zone) for zone, info in zones.items()):
            looked_up = _size(environment, at)
            size = size if looked_up == "" else int(looked_up)
        found[m] = size
    return found


def _comes(local: datetime, times: set[tuple[str | None, ...]], zone: str) -> bool:
    """Whether a time of `OnCalendar` comes in the minute `local` of its zone."""
    if local.fold:
        return False
    clock = f"{local:%H:%M}"
    return any(
        (day, date, clock, zone) in times
        for day in (None, f"{local:%a}")
        for date in ("*-*-*", f"{local:%Y-%m-%d}")
    )


def _size(environment: dict[str, str], at: datetime) -> str:
    """What the script of the service finds; empty where it sets nothing."""
    local = at.astimezone(ZoneInfo(environment["TZ"]))
    clock = int(local.strftime(environment["FORM"].replace("%%", "%")))
    size = _last(environment["CLOCK"].split(), clock)
    return _last(environment["UTC"].split(), int(f"{at:%Y%m%d%H%M}")) or size


def _last(steps: Sequence[str], now: int) -> str:
    size = ""
    for step in steps:
        at, _, replicas = step.partition("=")
        if now >= int(at):
            size = replicas
    return size
