"""Moments -> local days, hours of the week and seconds of the day."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.steps.stamps import US_PER_S

type _Ints = NDArray[np.int64]

S_PER_HOUR, S_PER_DAY = 3600, 86_400
HOURS_PER_DAY = 24


def midnight_us(moment_us: int, zone: ZoneInfo) -> int:
    """The local midnight before a moment [microseconds since 1970 UTC]."""
    local = datetime.fromtimestamp(moment_us // US_PER_S, zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int(midnight.timestamp()) * US_PER_S


def day_start_us(day: date, zone: ZoneInfo) -> int:
    """Local midnight [microseconds since 1970 UTC]."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * US_PER_S


def wall_seconds(start_us: int, step_s: int, steps: int, zone: ZoneInfo) -> _Ints:
    """Start of each step by the wall clock [s since 1970, as if the zone were UTC]."""
    utc_s = start_us // US_PER_S + np.arange(steps, dtype=np.int64) * step_s
    days = utc_s // S_PER_DAY
    ahead_s = np.empty(steps, np.int64)
    firsts = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
    for first, last in pairwise([*firsts.tolist(), steps]):
        begin_s = int(days[first]) * S_PER_DAY
        of_day = {_ahead_s(begin_s + hour * S_PER_HOUR, zone) for hour in (0, 6, 12, 18, 24)}
        ahead_s[first:last] = (
            of_day.pop()
            if len(of_day) == 1
            else [_ahead_s(moment_s, zone) for moment_s in utc_s[first:last].tolist()]
        )
    return utc_s + ahead_s


def hours_of_week(start_us: int, step_s: int, steps: int, zone: ZoneInfo) -> _Ints:
    """Hour of the week in which each step starts, 0 from Monday 00:00."""
    wall_s = wall_seconds(start_us, step_s, steps, zone)
    days, seconds = np.divmod(wall_s, S_PER_DAY)
    thursday = 3
    hours: _Ints = (days + thursday) % 7 * HOURS_PER_DAY + seconds // S_PER_HOUR
    return hours


def _ahead_s(moment_s: int, zone: ZoneInfo) -> int:
    """What wall clocks are ahead of UTC [s]."""
    ahead = datetime.fromtimestamp(moment_s, zone).utcoffset() or timedelta()
    return int(ahead.total_seconds())
