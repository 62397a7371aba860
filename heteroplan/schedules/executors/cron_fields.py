"""The five fields of a cron line: numbers, ranges and lists of them, or *."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

_SUNDAY = 7


@dataclass(frozen=True, slots=True)
class CronFields:
    """When a line runs, on a clock without an offset."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    any_day: bool
    """Whether the field of the day of month, or of the day of week, is *: then both must fit, and
    either of them otherwise."""

    @classmethod
    def of(cls, text: str) -> "CronFields":
        """Of fields such as `30 2 1-24,26-31 10 *`. Raises ValueError for others."""
        minute, hour, day, month, weekday = text.split()
        return cls(
            _numbers(minute, 0, 59),
            _numbers(hour, 0, 23),
            _numbers(day, 1, 31),
            _numbers(month, 1, 12),
            frozenset(number % _SUNDAY for number in _numbers(weekday, 0, _SUNDAY)),
            "*" in (day, weekday),
        )

    def runs(self, at: datetime) -> bool:
        """Whether the line runs in the minute `at` of the clock."""
        if at.minute not in self.minutes or at.hour not in self.hours:
            return False
        return at.month in self.months and self._on(at)

    def _on(self, at: datetime) -> bool:
        day, weekday = at.day in self.days, at.isoweekday() % _SUNDAY in self.weekdays
        return day and weekday if self.any_day else day or weekday


class Lines[T]:
    """Cron lines by the minute of the day, so that few are asked at a minute."""

    def __init__(self, lines: Iterable[tuple[str, T]]) -> None:
        self._by_clock: dict[tuple[int, int], list[tuple[CronFields, T]]] = defaultdict(list)
        for text, what in lines:
            fields = CronFields.of(text)
            for hour in fields.hours:
                for minute in fields.minutes:
                    self._by_clock[hour, minute].append((fields, what))

    def run(self, at: datetime) -> Sequence[T]:
        """What lines of the minute `at` say, in the order in which they are written."""
        found = self._by_clock.get((at.hour, at.minute), [])
        return [what for fields, what in found if fields.runs(at)]


def _numbers(text: str, low: int, high: int) -> frozenset[int]:
    if text == "*":
        return frozenset(range(low, high + 1))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    if not found <= set(range(low, high + 1)):
        raise ValueError(f"{text!r} is not from {low} to {high}")
    return frozenset(found)
