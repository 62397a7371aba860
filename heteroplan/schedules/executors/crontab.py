"""What cron daemons make of a crontab of `kubectl scale` lines.

Daemons differ on days on which clocks change. Read in cronie's src/cron.c and man/cron.8, and in
Debian's cron(8):

- cronie where the machine's clock does not change (UTC) and `CRON_TZ` names the zone: the clock of
  `CRON_TZ` is compared at each minute, so lines in a skipped hour do not run and those in a doubled
  hour run twice (`find_jobs`: "There will be jobs missed or run twice"). So do daemons that only
  compare clocks, such as BusyBox crond.
- cronie where the machine is in the zone: lines with `CRON_TZ` are not made up for after a skipped
  hour (`vGMToff != GMToff`), and in a doubled hour they run in the first pass only.
- Vixie's and Debian's cron, which ignore `CRON_TZ`, in the zone: lines in a skipped hour run
  immediately after it, in their order; in a doubled hour they run in the first pass only.
"""

import re
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum

import numpy as np

from heteroplan.schedules.executors.cron_fields import Lines
from heteroplan.schedules.targets.kubectl import scale_words
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.on_clock import wall_clock, wall_clocks
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints

_LINE = re.compile(r"((?:\S+ ){5})(kubectl .*)")
_REPLICAS = "--replicas="
_MINUTE = timedelta(minutes=1)
_MEMORY = timedelta(hours=3)
"""A clock that jumps by more is taken as set anew; no zone does."""


class Daemon(Enum):
    """How a cron daemon takes a day on which clocks change."""

    EACH_PASS = "compares clocks: skipped lines do not run, doubled lines run twice"
    FIRST_PASS = "skipped lines do not run, doubled lines run once"
    CATCHES_UP = "skipped lines run late, doubled lines run once"


def sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """[M] replicas of the target at each minute, the least of all daemons."""
    found = [sizes_by(each, text, entry, start, minutes, before) for each in Daemon]
    return np.asarray(np.stack(found).min(axis=0))


def sizes_by(
    daemon: Daemon, text: str, entry: Entry, start: datetime, minutes: int, before: int
) -> Ints:
    """[M] replicas of the target at each minute under one daemon."""
    zone, lines = _read(text, entry.target)
    found, size = np.empty(minutes, dtype=np.int64), before
    for m, clocks in enumerate(_clocks(daemon, zone, start, minutes)):
        for clock in clocks:
            size = [size, *lines.run(clock)][-1]
        found[m] = size
    return found


def _clocks(daemon: Daemon, zone: str, start: datetime, minutes: int) -> Iterator[list[datetime]]:
    """Clock times whose lines run at each minute."""
    known = int(_MEMORY / _MINUTE)
    latest = wall_clock(start - _MEMORY, zone)
    for m, clock in enumerate(wall_clocks(start - _MEMORY, known + minutes, zone), -known):
        if daemon is Daemon.EACH_PASS:
            due = [clock]
        elif clock <= latest:
            due = []
        elif daemon is Daemon.FIRST_PASS:
            due = [clock]
        else:
            due = [latest + n * _MINUTE for n in range(1, int((clock - latest) / _MINUTE) + 1)]
        latest = max(latest, clock)
        if m >= 0:
            yield due


def _read(text: str, target: Target) -> tuple[str, Lines[int]]:
    zone, found = "UTC", []
    for line in text.splitlines():
        if line.startswith("CRON_TZ="):
            zone = line.removeprefix("CRON_TZ=")
        elif match := _LINE.fullmatch(line):
            words = shlex.split(match[2].replace(r"\%", "%"))
            if words[:-1] == scale_words(target) and words[-1].startswith(_REPLICAS):
                found.append((match[1].strip(), int(words[-1].removeprefix(_REPLICAS))))
    return zone, Lines(found)
