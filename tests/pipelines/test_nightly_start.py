"""Which interval of the plan before is in force when the next one starts."""

from datetime import datetime

import pytest

from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.pipelines.nightly_start import interval_in_force


def horizon(start: str, timezone: str, hours: int, *, cyclic: bool) -> HorizonPart:
    moment = datetime.fromisoformat(start)
    return HorizonPart(
        start=moment, timezone=timezone, interval_s=3600, intervals=hours, cyclic=cyclic
    )


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("at", "cyclic", "interval"),
    [
        ("2026-10-23T13:59+02:00", False, 13),
        ("2026-10-24T00:00+02:00", False, 23),
        ("2026-10-24T05:00+02:00", False, 23),
        ("2026-10-24T00:00+02:00", True, 23),
        ("2026-10-24T05:30+02:00", True, 5),
        # Two days later the clocks have gone back: 5:30 on the wall is 54.5 hours on.
        ("2026-10-25T05:30+01:00", True, 5),
        ("2026-10-26T00:00+01:00", True, 0),
    ],
)
def test_a_day_in_berlin(at: str, cyclic: bool, interval: int) -> None:
    """Hours of 23 October; after it the last one, or by the wall clock where the day repeats."""
    day = horizon("2026-10-23T00:00+02:00", BERLIN, 24, cyclic=cyclic)
    assert interval_in_force(day, datetime.fromisoformat(at)) == interval


def test_a_day_on_which_clocks_change_does_not_repeat() -> None:
    """25 hours: the last one is in force from its end on, and 3:00 is the fifth."""
    day = horizon("2026-10-25T00:00+02:00", BERLIN, 25, cyclic=True)
    assert interval_in_force(day, datetime.fromisoformat("2026-10-25T03:00+01:00")) == 4
    assert interval_in_force(day, datetime.fromisoformat("2026-10-27T03:00+01:00")) == 24
