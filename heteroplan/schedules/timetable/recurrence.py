"""How a schedule repeats, and the fields that cron has for it."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from heteroplan.outputs.plan.document.parts import HorizonPart

_DAY = timedelta(days=1)


class Recurrence(StrEnum):
    """How a schedule repeats."""

    DAILY = "every day"
    WEEKLY = "every week"
    DATED = "once"


PERIODS = {Recurrence.DAILY: _DAY, Recurrence.WEEKLY: 7 * _DAY}
"""After which schedules repeat, on the clock."""


def cron_fields(at: datetime, recurrence: Recurrence) -> str:
    """Five cron fields for the wall clock `at`."""
    days = {
        Recurrence.DAILY: "* * *",
        Recurrence.WEEKLY: f"* * {at.isoweekday() % 7}",
        Recurrence.DATED: f"{at.day} {at.month} *",
    }
    return f"{at.minute} {at.hour} {days[recurrence]}"


def recurrence(horizon: HorizonPart) -> Recurrence:
    """Daily or weekly where the plan is a cyclic day or week without a clock change; or once."""
    moments = horizon.boundaries()
    steady = len({moment.utcoffset() for moment in moments}) == 1
    length = moments[-1].astimezone(UTC) - moments[0].astimezone(UTC)
    if horizon.cyclic and steady and length == _DAY:
        return Recurrence.DAILY
    if horizon.cyclic and steady and length == 7 * _DAY:
        return Recurrence.WEEKLY
    return Recurrence.DATED
