"""When a cron line fires, and whether a window between two lines is open, as KEDA sees it.

Source: robfig/cron v3.0.1, spec.go (`SpecSchedule.Next`) and parser.go, which KEDA and Kubernetes'
CronJobs use, with Go's `time.Date`; and kedacore/keda pkg/scalers/cron_scaler.go. Times that clocks
skip are skipped, times that they show twice fire twice. The search steps from hour to hour of
elapsed time, so where clocks change by half an hour (Lord Howe) it passes over times that exist.
Tests compare with the library.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError

NEVER = -1
"""In the place of an activation."""
_MINUTE_S, _HOUR_S, _DAY_S, _WEEK_S = 60, 3_600, 86_400, 604_800
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_PART = re.compile(r"(\*|\?|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/([0-9]+))?")
_MOST_YEARS = 5
"""Until the next time."""
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Cron:
    """A cron line of five fields in a zone. Raises UsageError for one that cannot be read."""

    text: str
    zone: ZoneInfo
    _sets: tuple[frozenset[int], ...] = field(init=False, repr=False, compare=False)
    _any_day: bool = field(init=False, repr=False, compare=False)
    """Whether one of the two fields for days leaves all days open: then both must match."""

    def __post_init__(self) -> None:
        parts = self.text.lower().split()
        if len(parts) != len(_FIELDS):
            raise UsageError(f"cron {self.text!r}: write five fields, minute first")
        sets = tuple(_values(self.text, part, i) for i, part in enumerate(parts))
        object.__setattr__(self, "_sets", sets)
        object.__setattr__(self, "_any_day", _any(parts[2]) or _any(parts[4]))

    def next(self, after: datetime) -> datetime | None:
        """The first time later than `after` (zone-aware), in UTC; None if there is none soon."""
        at_s = self.next_s(int(after.timestamp()))
        return None if at_s == NEVER else datetime.fromtimestamp(at_s, UTC)

    def next_s(self, after_s: int) -> int:
        """The activation after a time in s since 1970; `NEVER` if there is none soon."""
        at = self._local(after_s + 1)
        last_year, stepped = at.year + _MOST_YEARS, False
        while at.year <= last_year:
            for step in (self._to_month, self._to_day, self._to_hour, self._to_minute):
                at, stepped, again = step(at, stepped)
                if again:
                    break
            else:
                if at.second == 0:
                    return int(at.timestamp())
                at, stepped = self._local(_up(int(at.timestamp()), _MINUTE_S)), True
        return NEVER

    def upcoming(self, start_s: int, minutes: int) -> NDArray[np.int64]:
        """[M] the activation after each of the minutes from `start_s` on (s since 1970)."""
        found = np.empty(minutes, dtype=np.int64)
        m = 0
        while m < minutes:
            at_s = start_s + _MINUTE_S * m
            found_s = self.next_s(at_s)
            until_s = self._same_until(at_s, found_s)
            until = -(-(until_s - start_s) // _MINUTE_S)
            found[m : max(m + 1, until)] = found_s
            m = max(m + 1, until)
        return found

    def _same_until(self, at_s: int, found_s: int) -> int:
        """Until when a search that begins then has the same result.

        Between two changes of the clock: until that time. Beside one a search depends on the hour
        in which it begins, and on a day on which the line does not fire on that day alone.
        """
        at = self._local(at_s)
        fires_today = at.month in self._sets[3] and self._on(at)
        if found_s != NEVER:
            first_s = at_s - (2 * _HOUR_S if fires_today else _DAY_S + _HOUR_S)
            if self._same_offset(first_s, found_s + 2 * _HOUR_S):
                return found_s
        if not fires_today:
            day = at.replace(tzinfo=None, hour=0, minute=0, second=0, fold=0)
            midnight_s = int(self._date(day + timedelta(days=1)).timestamp())
            around = [self._local(midnight_s - s).date() for s in (1, 0)]
            if around == [at.date(), at.date() + timedelta(days=1)]:
                return midnight_s
        hour_s = at_s + _HOUR_S - _MINUTE_S * at.minute
        until_s = hour_s if self._same_offset(at_s, hour_s - 1) else at_s + _MINUTE_S
        return until_s if found_s == NEVER else min(until_s, found_s)

    def _same_offset(self, first_s: int, last_s: int) -> bool:
        """Whether clocks change nowhere between."""
        return all(
            self._local(s).utcoffset() == self._local(last_s).utcoffset()
            for s in range(first_s, last_s, _WEEK_S)
        )

    def _to_month(self, at: datetime, stepped: bool) -> tuple[datetime, bool, bool]:
        """These four: the time, whether any field has been stepped, and whether to begin again."""
        while at.month not in self._sets[3]:
            if not stepped:
                at, stepped = self._date(datetime(at.year, at.month, 1)), True
            wall = at.replace(tzinfo=None, day=1)
            following = wall.replace(year=wall.year + wall.month // 12, month=wall.month % 12 + 1)
            at = self._date(following + timedelta(days=at.day - 1))
            if at.month == 1:
                return at, stepped, True
        return at, stepped, False

    def _to_day(self, at: datetime, stepped: bool) -> tuple[datetime, bool, bool]:
        while not self._on(at):
            if not stepped:
                at, stepped = self._date(datetime(at.year, at.month, at.day)), True
            at = self._date(at.replace(tzinfo=None) + timedelta(days=1))
            if at.hour:
                hours = 24 - at.hour if at.hour > 12 else -at.hour
                at = self._local(int(at.timestamp()) + hours * _HOUR_S)
            if at.day == 1:
                return at, stepped, True
        return at, stepped, False

    def _to_hour(self, at: datetime, stepped: bool) -> tuple[datetime, bool, bool]:
        while at.hour not in self._sets[1]:
            if not stepped:
                at, stepped = self._date(datetime(at.year, at.month, at.day, at.hour)), True
            at = self._local(int(at.timestamp()) + _HOUR_S)
            if at.hour == 0:
                return at, stepped, True
        return at, stepped, False

    def _to_minute(self, at: datetime, stepped: bool) -> tuple[datetime, bool, bool]:
        while at.minute not in self._sets[0]:
            if not stepped:
                at, stepped = at.replace(second=0), True
            later = [minute for minute in self._sets[0] if minute > at.minute]
            minutes = min(later, default=60) - at.minute
            after = self._local(int(at.timestamp()) + _MINUTE_S * minutes)
            if after.utcoffset() != at.utcoffset():
                after = self._local(int(at.timestamp()) + _MINUTE_S)
            at = after
            if at.minute == 0:
                return at, stepped, True
        return at, stepped, False

    def _on(self, day: datetime) -> bool:
        of_month = day.day in self._sets[2]
        of_week = day.isoweekday() % 7 in self._sets[4]
        return (of_month and of_week) if self._any_day else (of_month or of_week)

    def _local(self, at_s: int) -> datetime:
        return datetime.fromtimestamp(at_s, self.zone)

    def _date(self, wall: datetime) -> datetime:
        """The time at which clocks show `wall`; where they skip it or show it twice, as Go has it.

        The offset is that of the zone at `wall` read as UTC, then at the time which that gives.
        """
        wall_s = round((wall - _EPOCH).total_seconds())
        guess = self._local(wall_s - _offset_s(self._local(wall_s)))
        return self._local(wall_s - _offset_s(guess))


def _offset_s(at: datetime) -> int:
    offset = at.utcoffset()
    return round(offset.total_seconds()) if offset is not None else 0


def _up(at_s: int, step_s: int) -> int:
    return -(-at_s // step_s) * step_s


def _any(part: str) -> bool:
    """Whether a field of days leaves all open: * or ?, also in a list, but no wider step."""
    return any(item[0] in "*?" and item.partition("/")[2] in ("", "1") for item in _items(part))


def _items(part: str) -> list[str]:
    return [item for item in part.split(",") if item]


def _values(text: str, part: str, index: int) -> frozenset[int]:
    """Numbers of one field: *, numbers, names, ranges, steps and lists of them."""
    name, low, high, _ = _FIELDS[index]
    found: set[int] = set()
    for item in _items(part):
        match = _PART.fullmatch(item)
        if match is None:
            raise UsageError(f"cron {text!r}: cannot read {item!r} as {name}")
        first, last, step = match.groups()
        start, end = low, high
        if first not in ("*", "?"):
            start = _number(text, first, index)
            end = _number(text, last, index) if last else high if step else start
        if not low <= start <= end <= high or step == "0":
            raise UsageError(f"cron {text!r}: {item!r} is no {name} from {low} to {high}")
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, word: str, index: int) -> int:
    name, low, _, names = _FIELDS[index]
    if word in names:
        return names.index(word) + low
    if word.isdigit():
        return int(word)
    raise UsageError(f"cron {text!r}: cannot read {word!r} as {name}")


class Window:
    """A cron trigger: open from its start until its end."""

    def __init__(self, start: Cron, end: Cron) -> None:
        self._lines = (start, end)
        self._first_s = 0
        self._open: list[bool] = []

    def is_open(self, at: datetime) -> bool:
        """At a time (zone-aware); quick where calls are for times of a few days."""
        minute = (int(at.timestamp()) - self._first_s) // _MINUTE_S
        if not 0 <= minute < len(self._open):
            self._first_s = int(at.timestamp()) // _MINUTE_S * _MINUTE_S
            self._open = self.open(self._first_s, _DAY_S // _MINUTE_S).tolist()
            minute = 0
        return self._open[minute]

    def open(self, start_s: int, minutes: int) -> NDArray[np.bool_]:
        """[M] in each of the minutes from `start_s` on (s since 1970, a whole minute).

        Open is a window whose next end is not later than its next start. A line that never fires
        again counts as never.
        """
        starts, ends = (_upcoming(line, start_s, minutes) for line in self._lines)
        return np.asarray((ends != NEVER) & ((starts == NEVER) | (ends <= starts)))


@lru_cache(maxsize=4096)
def _upcoming(line: Cron, start_s: int, minutes: int) -> NDArray[np.int64]:
    return line.upcoming(start_s, minutes)
