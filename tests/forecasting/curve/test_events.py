from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.forecasting.curve.events import Event, multipliers

START = datetime(2026, 11, 23, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000
HOUR = timedelta(hours=1)


def event(start_h: float, end_h: float, multiplier: float) -> Event:
    return Event("sale", START + start_h * HOUR, START + end_h * HOUR, multiplier)


def hourly(*events: Event, hours: int = 6) -> list[float]:
    found: list[float] = multipliers(events, START_US, 3600, hours).tolist()
    return found


def test_without_events_nothing_is_multiplied() -> None:
    assert hourly() == [1.0] * 6


def test_an_event_counts_from_its_start_to_its_end() -> None:
    """From 1:00 to 3:00: the hours that begin at 1 and 2."""
    assert hourly(event(1, 3, 2.5)) == [1, 2.5, 2.5, 1, 1, 1]


def test_a_step_that_is_only_touched_counts_whole() -> None:
    """From 1:59 to 3:01: hours 1 and 3 by a minute each."""
    assert hourly(event(1 + 59 / 60, 3 + 1 / 60, 2)) == [1, 2, 2, 2, 1, 1]


def test_events_together_are_the_product() -> None:
    """3 from 0 to 4, a half from 2 to 6: 3, 3, 1.5, 1.5, 0.5, 0.5."""
    assert hourly(event(0, 4, 3), event(2, 6, 0.5)) == [3, 3, 1.5, 1.5, 0.5, 0.5]


def test_events_outside_change_nothing() -> None:
    assert hourly(event(-9, 0, 7), event(6, 9, 7)) == [1.0] * 6


@given(
    st.lists(
        st.tuples(st.integers(-120, 480), st.integers(1, 200), st.sampled_from([0.5, 2, 3])),
        max_size=4,
    ),
    st.sampled_from([300, 900, 3600]),
)
def test_as_a_loop_over_steps_and_events(told: list[tuple[int, int, float]], step_s: int) -> None:
    """Minutes of start and length: an event counts in a step where they have a second together."""
    events = [event(start / 60, (start + length) / 60, each) for start, length, each in told]
    expected = np.ones(12)
    for start, length, multiplier in told:
        seconds = range(start * 60, (start + length) * 60)
        for i in range(12):
            step = range(i * step_s, (i + 1) * step_s)
            if max(seconds.start, step.start) < min(seconds.stop, step.stop):
                expected[i] *= multiplier
    assert multipliers(events, START_US, step_s, 12) == pytest.approx(expected)
