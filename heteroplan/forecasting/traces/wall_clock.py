"""Wall-clock times of a zone -> moments, whole arrays at once."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np

    from heteroplan.forecasting.traces.requests import Integers

    type Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]

US_PER_MINUTE = 60_000_000
MINUTES_PER_DAY = 1440
US_PER_DAY = MINUTES_PER_DAY * US_PER_MINUTE
MANY_DAYS = 10_000
"""Days from the first to the last above which those without rows are not looked at."""
NO_TIME = -(2**63)
"""Stands for the offset of a minute that the clocks skip."""
_EPOCH = datetime(1970, 1, 1)
_US = timedelta(microseconds=1)


def utc_of(wall_us: "Integers", zone: ZoneInfo) -> tuple["Integers", "Mask | None"]:
    """Microseconds since 1970 UTC, and where clocks skip the time (None: nowhere).

    `wall_us` counts as if the zone were UTC, within the years 1 to 9999. In the hour that comes
    twice the first is meant.
    """
    import numpy as np

    if not len(wall_us):
        return wall_us, None
    first, last = int(wall_us.min()) // US_PER_DAY, int(wall_us.max()) // US_PER_DAY
    is_long = last - first > MANY_DAYS
    listed = np.unique(wall_us // US_PER_DAY).tolist() if is_long else range(first, last + 1)
    of_days = [_offset_of_day(zone, day) for day in listed]
    if len(set(of_days)) == 1 and of_days[0] is not None:
        return wall_us - of_days[0], None
    days = wall_us // US_PER_DAY
    known = np.array([offset or 0 for offset in of_days], np.int64)
    offsets = known[np.searchsorted(np.array(listed), days)]
    for day in (day for day, offset in zip(listed, of_days, strict=True) if offset is None):
        rows = np.flatnonzero(days == day)
        minutes = (wall_us[rows] - day * US_PER_DAY) // US_PER_MINUTE
        offsets[rows] = np.array(_offsets_of_minutes(zone, day), np.int64)[minutes]
    skipped = offsets == NO_TIME
    return wall_us - np.where(skipped, 0, offsets), skipped


@cache
def _offset_of_day(zone: ZoneInfo, day: int) -> int | None:
    """What wall clocks are ahead of UTC on a day [us]; None where that changes."""
    noon = _EPOCH + timedelta(days=day, hours=12)
    around = (noon + timedelta(hours=hours) for hours in (-12, -6, 0, 6, 12))
    offsets = {_ahead_us(wall.replace(fold=fold), zone) for wall in around for fold in (0, 1)}
    return offsets.pop() if len(offsets) == 1 else None


@cache
def _offsets_of_minutes(zone: ZoneInfo, day: int) -> list[int]:
    """What wall clocks are ahead of UTC in each minute of a day [us].

    Of a minute that comes twice the first counts; `NO_TIME` where clocks skip it.
    """
    midnight = _EPOCH + timedelta(days=day)
    walls = [midnight + timedelta(minutes=minute) for minute in range(MINUTES_PER_DAY)]
    return [_ahead_us(wall, zone) if _exists(wall, zone) else NO_TIME for wall in walls]


def _ahead_us(wall: datetime, zone: ZoneInfo) -> int:
    return (zone.utcoffset(wall) or timedelta()) // _US


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    return moment.astimezone(zone).replace(tzinfo=None) == wall
