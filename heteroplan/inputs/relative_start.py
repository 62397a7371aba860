"""`horizon.start: today` or `tomorrow` -> the date, by the calendar of the horizon's time zone."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from heteroplan.inputs.schemas.scenario import DAYS_AHEAD, HorizonSpec
from heteroplan.reading.local_time import first_moment
from heteroplan.reading.yaml_source import Document

_START = ("horizon", "start")
_PATH = "horizon.start="


def resolve_start(document: Document, now: datetime) -> str | None:
    """Put the date in the place of the word; the option that would have set it.

    None where the start is no word, or where the time zone is wrong, which others report. A day
    whose midnight the clocks skip starts at its first moment.
    """
    word = document.value(_START)
    if not isinstance(word, str) or word not in DAYS_AHEAD:
        return None
    zone_name = document.value(("horizon", "timezone"))
    if zone_name is None:
        zone_name = HorizonSpec.model_fields["timezone"].default
    try:
        zone = ZoneInfo(zone_name)
    except (KeyError, ValueError, OSError, TypeError):
        return None
    day = now.astimezone(zone).date() + timedelta(days=DAYS_AHEAD[word])
    begin = first_moment(day, zone).replace(tzinfo=None)
    start = day.isoformat() if begin.time() == time() else begin.isoformat(timespec="minutes")
    document.data["horizon"]["start"] = start
    return f"{_PATH}{start}"


def without_start(overrides: Sequence[str]) -> list[str]:
    """The overrides that set something else than the horizon's start."""
    return [each for each in overrides if not each.startswith(_PATH)]
