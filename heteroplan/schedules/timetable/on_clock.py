"""The clock of a zone, and by it the sizes of a schedule that repeats."""

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.schedules.timetable.timetable import Ints, Timetable

_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1)


def on_clock(table: Timetable, sizes: Ints, start: datetime, minutes: int) -> Ints:
    """[M] of `sizes` [minute of the timetable], at each minute from `start` (UTC) on."""
    first = _clock_minutes(table.zone, table.start, 1)
    since = _clock_minutes(table.zone, start, minutes) - first
    return np.asarray(sizes[since % len(sizes)])


def wall_clock(at: datetime, zone: str) -> datetime:
    """What clocks of a zone show, without an offset."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@lru_cache(maxsize=16)
def wall_clocks(start: datetime, minutes: int, zone: str) -> tuple[datetime, ...]:
    """What clocks show at each of the minutes of elapsed time from `start` on."""
    return tuple(wall_clock(start + m * _MINUTE, zone) for m in range(minutes))


@lru_cache(maxsize=64)
def _clock_minutes(zone: str, start: datetime, minutes: int) -> Ints:
    """[M] what clocks show, in minutes since 1970."""
    clocks = (wall_clock(start + m * _MINUTE, zone) for m in range(minutes))
    return np.array([(clock - _EPOCH) // _MINUTE for clock in clocks], dtype=np.int64)
