"""What GPUStack makes of a `scaling_schedule`.

Read in gpustack/gpustack, gpustack/server/scaling_scheduler.py (`compute_desired_replicas`): at
each round, every rule's last start is asked of croniter; among the rules whose window is open the
latest start counts, then the greater size; without any, `baseline_replicas`. Rounds are 30 s apart,
so in the minute of a change the smaller of both sizes counts.

croniter's last start differs by version on days on which clocks change (tests compare with 7.0, and
6.0 gave the same in the same test):

- from 7.0 on, a start that clocks skip is when the gap ends, and one that they show twice comes
  twice;
- until 6.0, a start that clocks skip is as much later as they skip, and one that they show twice
  comes the first time. The last start is looked for on the clock: in the second pass, starts later
  on the clock are those of the day before.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml

from heteroplan.schedules.executors.cron_fields import CronFields
from heteroplan.schedules.formats.gpustack import ZONE_NOTE
from heteroplan.schedules.timetable.on_clock import wall_clocks
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints

_ZONE = re.compile(rf"^# {re.escape(ZONE_NOTE)}(\S+)\.$", re.MULTILINE)
_MINUTE = timedelta(minutes=1)
_MOST_REPLICAS = 10**9
_DAY = timedelta(days=1)


def sizes(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """[M] replicas of the model at each minute: the least of both versions and of both rounds.

    `before` counts where the text has no schedule of the model: nothing is scaled then.
    """
    zone = _ZONE.search(text)
    if zone is None:
        raise ValueError("the text names no time zone of the GPUStack server")
    for model in yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if model["name"] == entry.target.name and model["scaling_schedule"]["enabled"]:
            schedule = model["scaling_schedule"]
            wanted = _wanted(schedule, zone[1], start - _MINUTE, minutes + 1)
            return np.minimum(wanted[1:], wanted[:-1])
    return np.full(minutes, before, dtype=np.int64)


def _wanted(schedule: dict[str, Any], zone: str, start: datetime, minutes: int) -> Ints:
    """[M] the least that both versions make of a schedule."""
    return np.asarray(_by_version(schedule, zone, start, minutes).min(axis=0))


def _by_version(schedule: dict[str, Any], zone: str, start: datetime, minutes: int) -> Ints:
    """[2, M] what croniter from 7.0 on and until 6.0 make of a schedule."""
    at = [start + m * _MINUTE for m in range(minutes)]
    times = np.array([_minute(each) for each in at], dtype=np.int64)
    shown = np.array([_minute(clock) for clock in wall_clocks(start, minutes, zone)])
    best = np.full((2, minutes), -1, dtype=np.int64)
    for rule in schedule["rules"]:
        open_for = rule["duration_seconds"] / 60
        days = int(open_for / 1440) + 1
        first, last = at[0].date() - (days + 1) * _DAY, at[-1].date() + 2 * _DAY
        clocks = _clocks(CronFields.of(rule["start_cron"]), first, last)
        found = [(clock, _times(clock, ZoneInfo(zone))) for clock in clocks]
        if not found:
            continue
        new = np.unique([_minute(each) for _, passes in found for each in passes])
        old = np.array([_minute(_first_pass(clock, zone)) for clock in clocks])
        index = np.searchsorted([_minute(clock) for clock in clocks], shown, "right") - 1
        for version, starts in enumerate(
            (new[np.searchsorted(new, times, "right") - 1], old[index])
        ):
            on_clock = _on_clock(starts, zone)
            is_open = (on_clock <= shown) & (times < starts + open_for)
            rank = on_clock * _MOST_REPLICAS + rule["replicas"]
            best[version] = np.maximum(best[version], np.where(is_open, rank, -1))
    return np.where(best >= 0, best % _MOST_REPLICAS, schedule["baseline_replicas"])


def _on_clock(starts: Ints, zone: str) -> Ints:
    """Starts as clocks show them: Python compares times of one zone without their offsets."""
    info = ZoneInfo(zone)
    distinct, where = np.unique(starts, return_inverse=True)
    shown = [
        _minute(datetime.fromtimestamp(int(each) * 60, info).replace(tzinfo=None))
        for each in distinct
    ]
    return np.array(shown, dtype=np.int64)[where]


def _minute(at: datetime) -> int:
    """Since 1970; of a clock without an offset, as if it were UTC."""
    known = at if at.tzinfo else at.replace(tzinfo=UTC)
    return int(known.timestamp()) // 60


def _first_pass(clock: datetime, zone: str) -> datetime:
    """With the offset before a change of clocks."""
    return clock.replace(tzinfo=ZoneInfo(zone), fold=0)


def _clocks(fields: CronFields, first: date, last: date) -> list[datetime]:
    """When a line would start on the clock, in order."""
    times = [
        time(hour, minute) for hour in sorted(fields.hours) for minute in sorted(fields.minutes)
    ]
    days = (first + n * _DAY for n in range((last - first).days + 1))
    found = (datetime.combine(day, at) for day in days for at in times)
    return [clock for clock in found if fields.runs(clock)]


def _times(clock: datetime, zone: ZoneInfo) -> set[datetime]:
    """UTC, when clocks show `clock`: once or twice, or the end of the gap that skips it."""
    passes = {clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    shown = {at for at in passes if at.astimezone(zone).replace(tzinfo=None) == clock}
    if shown:
        return shown
    late = max(passes)
    while (late - _MINUTE).astimezone(zone).replace(tzinfo=None) > clock:
        late -= _MINUTE
    return {late}
