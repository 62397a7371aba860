"""Demand CSV (`interval_start,rps[,isl,osl]`) -> a regular series of demand."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from heteroplan.entities.scenario import Horizon
from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs import csv_rows
from heteroplan.inputs.local_time import SkippedTimeError, localized

_COLUMNS = ("interval_start", "rps", "isl", "osl")
_MAX_NUMBER = 1e9


@dataclass(frozen=True, slots=True)
class DemandSeries:
    """Demand in equal steps of elapsed time."""

    start_s: int
    """Start of the first step [Unix s]."""
    step_s: int
    """Length of a step [s]."""
    rps: tuple[float, ...]
    """Requests a second, one a step."""
    isl: tuple[float, ...] | None
    """Mean input tokens a request, one a step; None where the file has none."""
    osl: tuple[float, ...] | None
    """Mean output tokens a request, likewise."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    stamp: str
    numbers: tuple[float, ...]
    """rps, then isl and osl where the file has them."""


def read_demand(
    text: str, file: str, zone: ZoneInfo | None, horizon: Horizon | None
) -> DemandSeries | None:
    """The series in `text`.

    Stamps without an offset are wall-clock time in `zone`. Without a zone or a horizon only
    what needs neither is checked and None returned.
    Raises InputError with the problems of all rows (the first 20).
    """
    problems: list[InputProblem] = []
    rows = _rows(text, file, problems)
    moments = [] if zone is None else _moments(rows, file, zone, problems)
    if problems:
        raise InputError(csv_rows.bounded(problems, file))
    if zone is None or horizon is None:
        return None
    step_s = _step_s(moments)
    problems.extend(_irregular(rows, moments, step_s, file))
    if not problems:
        problems.extend(_uncovered(moments, step_s, horizon, file))
    if problems:
        raise InputError(csv_rows.bounded(problems, file))
    columns = tuple(zip(*(row.numbers for row in rows), strict=True))
    isl, osl = columns[1:] if len(columns) > 1 else (None, None)
    return DemandSeries(int(moments[0].timestamp()), step_s, columns[0], isl, osl)


def _rows(text: str, file: str, problems: list[InputProblem]) -> list[_Row]:
    found = [
        _row(cells, line, file, problems)
        for line, cells in csv_rows.rows(text, file, _COLUMNS, _needed, problems)
    ]
    if len(found) < 2 and not problems:
        remedy = (
            "one row; write at least two, because one does not say how long a step is"
            if found
            else "no rows; write one a step under interval_start,rps"
        )
        problems.append(InputProblem(file, 0, "", "", remedy))
    return found


def _needed(header: Sequence[str]) -> Sequence[str]:
    return _COLUMNS if {"isl", "osl"} & set(header) else _COLUMNS[:2]


def _row(row: dict[str, str], line: int, file: str, problems: list[InputProblem]) -> _Row:
    numbers = []
    for name in _COLUMNS[1:]:
        if name not in row:
            continue
        try:
            numbers.append(_number(row[name].strip(), least=0.0 if name == "rps" else 1.0))
        except ValueError as error:
            problems.append(InputProblem(file, line, name, row[name], str(error)))
    return _Row(line, row["interval_start"].strip(), tuple(numbers))


def _number(text: str, least: float) -> float:
    if not text:
        raise ValueError("empty; write a number")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number) or "_" in text or not text.isascii():
        raise ValueError("not a number")
    if not least <= number <= _MAX_NUMBER:
        raise ValueError(f"must be between {least:g} and {_MAX_NUMBER:g}")
    return number


def _moments(
    rows: Sequence[_Row], file: str, zone: ZoneInfo, problems: list[InputProblem]
) -> list[datetime]:
    """Moment of each row; rows without one, or not after the row before, are problems.

    In UTC, because Python compares two moments of one zone by their wall clocks.
    """
    moments: list[datetime] = []
    for row in rows:
        last = moments[-1] if moments else None
        try:
            moment = localized(row.stamp, zone, last).astimezone(UTC)
            if not 1970 <= moment.year < 2200:
                raise ValueError("year is not between 1970 and 2199")
            if moment.microsecond:
                raise ValueError("not a whole second")
            if last is not None and moment == last:
                raise ValueError("stands twice; keep one row a step")
            if last is not None and moment < last:
                raise ValueError("earlier than the row before; sort the rows")
        except SkippedTimeError:
            remedy = f"clocks in {zone.key} skip this time; leave the row out"
            problems.append(InputProblem(file, row.line, "interval_start", row.stamp, remedy))
        except (ValueError, OverflowError) as error:
            problems.append(InputProblem(file, row.line, "interval_start", row.stamp, str(error)))
        else:
            moments.append(moment)
    return moments


def _step_s(moments: Sequence[datetime]) -> int:
    """The most frequent step [s] of two moments or more, the smallest of equals."""
    steps = Counter(_elapsed_s(a, b) for a, b in pairwise(moments))
    return min(steps, key=lambda step: (-steps[step], step))


def _irregular(
    rows: Sequence[_Row], moments: Sequence[datetime], step_s: int, file: str
) -> Iterator[InputProblem]:
    for row, (before, moment) in zip(rows[1:], pairwise(moments), strict=True):
        if (found := _elapsed_s(before, moment)) != step_s:
            remedy = (
                f"{found} s after the row before, the file's step is {step_s} s; "
                "write one row a step (clocks set back repeat an hour)"
            )
            yield InputProblem(file, row.line, "interval_start", row.stamp, remedy)


def _uncovered(
    moments: Sequence[datetime], step_s: int, horizon: Horizon, file: str
) -> Iterator[InputProblem]:
    zone = ZoneInfo(horizon.timezone)
    boundaries = horizon.boundaries()
    start, end = boundaries[0], boundaries[-1]
    first = moments[0].astimezone(zone)
    last = (moments[-1] + timedelta(seconds=step_s)).astimezone(zone)
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
    yield InputProblem(file, 0, "interval_start", "", covers + remedy)


def _elapsed_s(start: datetime, end: datetime) -> int:
    return int(end.timestamp()) - int(start.timestamp())


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
