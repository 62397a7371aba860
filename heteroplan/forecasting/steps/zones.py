"""Whether the days of a forecast are those of the clock that a trace was written by."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

UTC_NAMES = ("UTC", "Etc/UTC")
_USUAL = (
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)
"""Zones of which one may be an example."""


def zone_note(offsets: Sequence[str], zone: ZoneInfo, moment_s: int) -> str:
    """What to say where days are those of UTC and stamps carry other offsets; empty elsewhere.

    `offsets` are such as `+02:00`, or names of zones. `moment_s` is in the trace [Unix s].
    """
    if not offsets or str(zone) not in UTC_NAMES:
        return ""
    example = next((each for each in _USUAL if _offset(each, moment_s) in offsets), offsets[0])
    usual = f"such as {example}" if "/" in example else "the one of the users, by its IANA name"
    carried = " and ".join(offsets[:2])
    return (
        f"stamps carry {carried}, but days and weekdays are those of UTC; give --timezone, {usual}"
    )


def _offset(zone: str, moment_s: int) -> str:
    ahead = datetime.fromtimestamp(moment_s, ZoneInfo(zone)).utcoffset() or timedelta()
    minutes = abs(ahead) // timedelta(minutes=1)
    return f"{'-' if ahead < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"
