"""When the clocks of a zone are set forward or back."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
YEAR_DAYS = 366


@dataclass(frozen=True, slots=True)
class ClockChange:
    """At `moment` (UTC) clocks would show `before` and show `after` instead, without an offset."""

    moment: datetime
    before: datetime
    after: datetime

    @property
    def forward(self) -> bool:
        """Whether the times from `before` until `after` are skipped; if not, they come twice."""
        return self.after > self.before

    @property
    def first(self) -> datetime:
        """Of the times that are skipped or come twice."""
        return min(self.before, self.after)

    @property
    def end(self) -> datetime:
        """After the times that are skipped or come twice."""
        return max(self.before, self.after)

    @property
    def odd_minutes(self) -> int:
        """Minutes of the change beyond whole hours."""
        return (self.end - self.first) // _MINUTE % 60

    def has(self, clock: datetime) -> bool:
        """Whether the clock time `clock` is skipped or comes twice."""
        return self.first <= clock < self.end


@lru_cache(maxsize=100)
def clock_changes(zone: str, start: datetime, days: int = YEAR_DAYS) -> tuple[ClockChange, ...]:
    """Those of `days` days from `start` (UTC) on, in their order."""
    info = ZoneInfo(zone)

    def offset(at: datetime) -> timedelta:
        return at.astimezone(info).utcoffset() or timedelta()

    first = start.astimezone(UTC).replace(second=0, microsecond=0)
    found = []
    for day in range(days):
        low, high = first + day * _DAY, first + (day + 1) * _DAY
        if offset(low) == offset(high):
            continue
        was = offset(low)
        while high - low > _MINUTE:
            middle = low + (high - low) // _MINUTE // 2 * _MINUTE
            low, high = (middle, high) if offset(middle) == was else (low, middle)
        clock = high.replace(tzinfo=None)
        found.append(ClockChange(high, clock + was, clock + offset(high)))
    return tuple(found)
