"""Where a time axis has its ticks: at round local times, on days of 23 and 25 hours too."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

MINUTES_PER_DAY = 1440
_STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720)
_STEPS_DAYS = (1, 2, 7, 14, 28, 56, 112)
_LONG = timedelta(hours=26)
"""What is longer has dates below it; no day is."""
_MANY_DAYS = timedelta(days=28)
"""Weekdays tell apart the days of less."""
_GAP = 3
"""Characters between two labels."""


def clock_ticks(moments: Sequence[datetime], room: int) -> list[tuple[int, str]]:
    """Indices of `moments` with their labels, as many as fit into `room` characters.

    `moments` are zone-aware and come one after the other. A tick is where the local clock first
    shows a round time; a new day is its date where there are several.
    """
    span = moments[-1].timestamp() - moments[0].timestamp()
    dates = ""
    if span > _LONG.total_seconds():
        dates = "%a %d" if span < _MANY_DAYS.total_seconds() else "%d %b"
    ticks: list[tuple[int, str]] = []
    for step_min in (*_STEPS_MIN, *(days * MINUTES_PER_DAY for days in _STEPS_DAYS)):
        ticks = _ticks(moments, step_min, dates)
        if sum(len(label) + _GAP for _, label in ticks) <= room:
            break
    return ticks or [(0, f"{moments[0]:%H:%M}")]


def clocks_change(moments: Sequence[datetime]) -> bool:
    """Whether the local clock is set forward or back between them."""
    return len({moment.utcoffset() for moment in moments}) > 1


def _ticks(moments: Sequence[datetime], step_min: int, dates: str) -> list[tuple[int, str]]:
    found = []
    if _minutes(moments[0]) % step_min == 0:
        found.append((0, _label(moments[0], moments[0].minute + moments[0].hour == 0, dates)))
    for i, (before, moment) in enumerate(pairwise(moments), start=1):
        if _minutes(before) // step_min != _minutes(moment) // step_min:
            found.append((i, _label(moment, before.date() != moment.date(), dates)))
    return found


def _label(moment: datetime, new_day: bool, dates: str) -> str:
    return moment.strftime(dates if new_day and dates else "%H:%M")


def _minutes(moment: datetime) -> int:
    """On the local clock, since a Monday."""
    return (moment.toordinal() - 1) * MINUTES_PER_DAY + moment.hour * 60 + moment.minute
