"""Wall-clock stamps in a zone -> moments, where clocks may jump."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


class SkippedTimeError(ValueError):
    """A wall-clock time that does not exist because clocks are set forward over it."""


def parse_stamp(text: str) -> datetime:
    """An ISO 8601 date or time, with or without offset. Raises ValueError with what to write."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a date or time; write 2026-11-23 or 2026-11-23T06:00") from None


def check_year(moment: date) -> None:
    """Raise ValueError far from our time, where arithmetic on moments may fail."""
    if not 1970 <= moment.year < 2200:
        raise ValueError("year is not between 1970 and 2199")


def localized(text: str, zone: ZoneInfo, after: datetime | None = None) -> datetime:
    """The moment of an ISO 8601 stamp, in `zone`.

    A stamp without an offset is wall-clock time. Where clocks are set back it happens twice:
    the first time is meant, unless `after` (the stamp before) is not earlier than that.
    Raises ValueError for another text, SkippedTimeError where the clocks skip it.
    """
    stamp = parse_stamp(text)
    if stamp.tzinfo is not None:
        return stamp.astimezone(zone)
    wall = stamp.replace(tzinfo=zone)
    moment = wall.astimezone(UTC)
    back = moment.astimezone(zone)
    if back.replace(tzinfo=None) != stamp:
        raise SkippedTimeError(
            f"does not exist in {zone.key}, where clocks are set forward over it; "
            f"write {back.replace(tzinfo=None).isoformat(timespec='minutes')} or another time"
        )
    if after is not None and moment <= after:
        wall = wall.replace(fold=1)
    return wall.astimezone(UTC).astimezone(zone)


def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in `zone`: at midnight, or later where clocks are set forward over it."""
    return datetime.combine(day, time(), zone).astimezone(UTC).astimezone(zone)


def row_start(text: str, zone: ZoneInfo, after: datetime | None) -> datetime:
    """The moment in UTC at which the row of a table starts; `after` is the row before.

    Raises ValueError with what is wrong, as `localized` finds it.
    """
    try:
        moment = localized(text, zone, after).astimezone(UTC)
    except SkippedTimeError:
        remedy = f"clocks in {zone.key} skip this time; leave the row out"
        raise ValueError(remedy) from None
    except OverflowError:
        moment = datetime.min
    check_year(moment)
    return moment
