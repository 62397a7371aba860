"""Rows of CSV files that stand for equal steps of elapsed time: when each one starts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from heteroplan.entities.scenario import Horizon
from heteroplan.errors import MOST_NOTED, InputProblem
from heteroplan.reading.local_time import row_start

FIELD = "interval_start"


@dataclass(frozen=True, slots=True)
class StampedRow:
    """A row, or the first of several that share a stamp."""

    line: int
    stamp: str


def moments(
    rows: Sequence[StampedRow], file: str, zone: ZoneInfo, problems: list[InputProblem]
) -> list[datetime]:
    """Moment of each row; rows without one, or not after the row before, are problems.

    None are looked at after enough problems. In UTC, because Python compares two moments of one
    zone by their wall clocks.
    """
    found: list[datetime] = []
    for row in rows:
        if len(problems) >= MOST_NOTED:
            break
        last = found[-1] if found else None
        try:
            moment = row_start(row.stamp, zone, last)
            if moment.microsecond:
                raise ValueError("not a whole second")
            if last is not None and moment == last:
                raise ValueError("stands twice; keep one row a step")
            if last is not None and moment < last:
                raise ValueError("earlier than the row before; sort the rows")
        except ValueError as error:
            problems.append(InputProblem(file, row.line, FIELD, row.stamp, str(error)))
        else:
            found.append(moment)
    return found


def step_of(starts: Sequence[datetime]) -> int:
    """The most frequent step [s] of two moments or more, the smallest of equals."""
    steps = Counter(_elapsed_s(a, b) for a, b in pairwise(starts))
    return min(steps, key=lambda step: (-steps[step], step))


def irregular(
    rows: Sequence[StampedRow], starts: Sequence[datetime], step_s: int, file: str
) -> Iterator[InputProblem]:
    """Rows that do not come a step after the one before."""
    for row, (before, moment) in zip(rows[1:], pairwise(starts), strict=True):
        if (found := _elapsed_s(before, moment)) != step_s:
            remedy = (
                f"{found} s after the row before, the file's step is {step_s} s; "
                "write one row a step (clocks set back repeat an hour)"
            )
            yield InputProblem(file, row.line, FIELD, row.stamp, remedy)


def uncovered(
    starts: Sequence[datetime], step_s: int, horizon: Horizon, file: str
) -> Iterator[InputProblem]:
    """Where the rows do not span the horizon."""
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
    yield InputProblem(file, 0, FIELD, "", covers + remedy)


def _elapsed_s(start: datetime, end: datetime) -> int:
    return int(end.timestamp()) - int(start.timestamp())


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
