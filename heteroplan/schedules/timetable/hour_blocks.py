"""Changes for a search that goes in whole hours, on days on which clocks change by half an hour.

robfig/cron and its forks look for the next time in steps of an hour of elapsed time. Once clocks
have changed by half an hour (Lord Howe), the steps of that day come at half past, so the search
passes over the first half of each hour. Until midnight only the other minutes can be said.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from heteroplan.schedules.timetable.changes import Change

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


def day_end(at: datetime) -> datetime:
    """Midnight after the wall clock `at`."""
    return datetime.combine(at.date() + timedelta(days=1), time())


def in_blocks(found: Sequence[Change], after: datetime, odd: timedelta) -> tuple[Change, ...]:
    """The changes, where from the wall clock `after` to midnight none is early in an hour.

    What is the greatest size in the first minutes of an hour, `odd` long, holds from the minute
    before the hour until they are over.
    """
    if not found:
        return ()
    times, sizes = [change.at for change in found], [change.replicas for change in found]

    def size(at: datetime) -> int | None:
        index = bisect_right(times, at)
        return sizes[index - 1] if index else found[0].before

    hours = []
    hour = after.replace(minute=0) + (_HOUR if after.minute else timedelta())
    while hour < day_end(after):
        hours.append(hour)
        hour += _HOUR
    steps = dict(zip(times, sizes, strict=True))
    for hour in hours:
        begin, end = hour - _MINUTE, hour + odd
        inside = [at for at in times if begin <= at < end]
        at_end = size(end)
        if not inside or at_end is None:
            continue
        greatest = max(s for s in (size(begin), *map(size, inside)) if s is not None)
        for at in inside:
            del steps[at]
        steps |= {begin: greatest, end: at_end}
    return _changes(steps, found[0].before)


def _changes(steps: dict[datetime, int], before: int | None) -> tuple[Change, ...]:
    found = []
    for at, size in sorted(steps.items()):
        if size != before:
            found.append(Change(at, before, size))
        before = size
    return tuple(found)
