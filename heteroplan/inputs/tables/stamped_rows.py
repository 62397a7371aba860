"""Rows of CSV files that stand for equal steps of elapsed time: when each one starts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from heteroplan.entities.scenario import Horizon
from heteroplan.reading.file_problems import FileProblems
from heteroplan.reading.local_time import row_start

FIELD = "interval_start"


@dataclass(frozen=True, slots=True)
class StampedRow:
    """A row, or the first of several that share a stamp."""

    line: int
    stamp: str


def row_starts(rows: Sequence[StampedRow], zone: ZoneInfo, found: FileProblems) -> list[datetime]:
    """Moment of each row; rows without one, or not after the row before, are problems.

    In UTC, because Python compares two moments of one zone by their wall clocks.
    """
    starts: list[datetime] = []
    for row in rows:
        last = starts[-1] if starts else None
        try:
            moment = row_start(row.stamp, zone, last)
            if moment.microsecond:
                raise ValueError("not a whole second")
            if last is not None and moment == last:
                raise ValueError("appears twice; keep one row per step")
            if last is not None and moment < last:
                raise ValueError("earlier than the row before; sort the rows")
        except ValueError as error:
            found.problem(row.line, FIELD, row.stamp, str(error))
        else:
            starts.append(moment)
    return starts


def common_step_s(starts: Sequence[datetime]) -> int:
    """The most frequent step [s] of two moments or more, the smallest of equals."""
    steps = Counter(_elapsed_s(a, b) for a, b in pairwise(starts))
    return min(steps, key=lambda step: (-steps[step], step))


def check_regular(
    rows: Sequence[StampedRow], starts: Sequence[datetime], step_s: int, found: FileProblems
) -> None:
    """Note rows that do not come a step after the one before."""
    for row, (before, moment) in zip(rows[1:], pairwise(starts), strict=True):
        if (elapsed_s := _elapsed_s(before, moment)) != step_s:
            remedy = (
                f"{elapsed_s} s after the row before, the file's step is {step_s} s; "
                "write one row per step (clocks set back repeat an hour)"
            )
            found.problem(row.line, FIELD, row.stamp, remedy)


def check_covered(
    starts: Sequence[datetime], step_s: int, horizon: Horizon, found: FileProblems
) -> None:
    """Note that the rows do not span the horizon."""
    zone = ZoneInfo(horizon.timezone)
    boundaries = horizon.boundaries()
    start, end = boundaries[0], boundaries[-1]
    first = starts[0].astimezone(zone)
    last = (starts[-1] + timedelta(seconds=step_s)).astimezone(zone)
    if _elapsed_s(first, start) >= 0 and _elapsed_s(end, last) >= 0:
        return
    elsewhere = _elapsed_s(last, start) >= 0 or _elapsed_s(end, first) >= 0
    covers = f"covers {_iso(first)} to {_iso(last)}, the horizon is {_iso(start)} to {_iso(end)}; "
    if elsewhere and not (last - first) % timedelta(days=1):
        remedy = (
            "these are whole days of other dates: set horizon.start to "
            f"{first.date()}, or write the horizon's dates into interval_start"
        )
    else:
        remedy = "add the missing rows, or move or shorten the horizon"
    found.problem(0, FIELD, "", covers + remedy)


def _elapsed_s(start: datetime, end: datetime) -> int:
    return int(end.timestamp()) - int(start.timestamp())


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
