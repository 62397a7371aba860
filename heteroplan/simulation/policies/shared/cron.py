"""When a cron line fires, and whether a window between two lines is open, as KEDA sees it.

Source: robfig/cron v3 (KEDA's parser: five fields) and kedacore/keda pkg/scalers/cron_scaler.go.
Times that clocks skip are skipped, times that they show twice fire twice.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from heteroplan.errors import UsageError

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
_MOST_DAYS = 5 * 366
"""Until the next time: robfig/cron gives up after five years."""


@dataclass(frozen=True)
class Cron:
    """A cron line of five fields in a zone. Raises UsageError for one that cannot be read."""

    text: str
    zone: ZoneInfo
    _sets: tuple[frozenset[int], ...] = field(init=False, repr=False)
    _any_day: bool = field(init=False, repr=False)
    """Whether one of the two fields for days leaves all days open: then both must match."""

    def __post_init__(self) -> None:
        parts = self.text.lower().split()
        if len(parts) != len(_FIELDS):
            raise UsageError(f"cron {self.text!r}: write five fields, minute first")
        sets = tuple(_values(self.text, part, i) for i, part in enumerate(parts))
        object.__setattr__(self, "_sets", sets)
        object.__setattr__(self, "_any_day", parts[2][0] in "*?" or parts[4][0] in "*?")

    @cached_property
    def _clock(self) -> tuple[time, ...]:
        """Times of a day."""
        return tuple(time(h, m) for h in sorted(self._sets[1]) for m in sorted(self._sets[0]))

    def next(self, after: datetime) -> datetime | None:
        """The first time later than `after` (zone-aware), in UTC; None if there is none soon."""
        local = after.astimezone(self.zone)
        day = local.date() - timedelta(days=1)
        for _ in range(_MOST_DAYS):
            if self._on(datetime.combine(day, time())):
                found = [
                    at
                    for clock in self._clock
                    for at in self._moments(datetime.combine(day, clock))
                    if at > after
                ]
                if found:
                    return min(found)
            day += timedelta(days=1)
        return None

    def _on(self, day: datetime) -> bool:
        if day.month not in self._sets[3]:
            return False
        of_month = day.day in self._sets[2]
        of_week = day.isoweekday() % 7 in self._sets[4]
        return (of_month and of_week) if self._any_day else (of_month or of_week)

    def _moments(self, clock: datetime) -> list[datetime]:
        """In UTC, when clocks of the zone show `clock`: never, once or twice."""
        moments = []
        for fold in (0, 1):
            at = clock.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)
            if at.astimezone(self.zone).replace(tzinfo=None) == clock and at not in moments:
                moments.append(at)
        return moments


def _values(text: str, part: str, index: int) -> frozenset[int]:
    """Numbers of one field: *, numbers, names, ranges, steps and lists of them."""
    name, low, high, _ = _FIELDS[index]
    found: set[int] = set()
    for item in part.split(","):
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
        self._next: list[datetime | None] = [None, None]
        self._asked: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether the next end is not later than the next start.

        Quick where `at` (zone-aware) only grows. A line that never fires again counts as never.
        """
        for i, line in enumerate(self._lines):
            known = self._next[i]
            if self._asked is None or at < self._asked or (known is not None and known <= at):
                self._next[i] = line.next(at)
        self._asked = at
        start, end = self._next
        return end is not None and (start is None or end <= start)
