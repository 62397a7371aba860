from datetime import UTC, datetime

import numpy as np
import pytest

from heteroplan.errors import UsageError
from heteroplan.forecasting.steps.stamps import EPOCH, US_PER_DAY, US_PER_S, TraceClock

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
START_US = int((START - EPOCH).total_seconds()) * US_PER_S


def placed(clock: TraceClock, *seconds: int) -> list[float]:
    """Seconds after START."""
    found = clock.placed(np.array(seconds, dtype=np.int64) * US_PER_S)
    return [(each - START_US) / US_PER_S for each in found.tolist()]


def test_a_trace_without_dates_needs_a_start() -> None:
    with pytest.raises(UsageError, match="has no date; say when it starts"):
        placed(TraceClock(False, None, []), 0)


def test_the_clock_of_an_undated_trace_is_zero_at_its_start() -> None:
    assert placed(TraceClock(False, START, []), 82, 90) == [82, 90]


def test_the_first_request_of_a_dated_trace_may_be_moved_to_a_start() -> None:
    assert placed(TraceClock(True, START, []), 1_700_000_000, 1_700_000_005) == [0, 5]


def test_where_both_are_possible_the_first_stamp_tells() -> None:
    moment = int(START_US / US_PER_S) + 7
    assert placed(TraceClock(None, None, []), moment) == [7]
    assert placed(TraceClock(None, START, []), 7) == [7]


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_clock_that_starts_again_goes_on_at_the_same_time_of_day(cut: int) -> None:
    """A week of seconds, then from 82 s again: laid seven days later; in whatever chunks."""
    notes: list[str] = []
    clock = TraceClock(False, START, notes)
    stamps = (0, 50_000, 604_700, 82, 90_000, 95_000)
    found = placed(clock, *stamps[:cut]) + placed(clock, *stamps[cut:])
    week = 7 * US_PER_DAY // US_PER_S
    assert found == [0, 50_000, 604_700, week + 82, week + 90_000, week + 95_000]
    assert notes == [
        "the clock of the trace starts again at request 4; later requests are moved by 7 day(s)"
    ]


def test_a_little_disorder_is_no_new_start() -> None:
    notes: list[str] = []
    assert placed(TraceClock(False, START, notes), 0, 5000, 4500, 9000, 8000) == [
        0, 5000, 4500, 9000, 8000
    ]  # fmt: skip
    assert notes == []


@pytest.mark.parametrize(("shown", "back"), [(1000, 600), (5000, 2500)])
def test_a_new_start_falls_back_by_ten_minutes_and_half_of_what_was_shown(
    shown: int, back: int
) -> None:
    """A second more than that is one; a trace that has shown 0 to `shown` seconds."""
    notes: list[str] = []
    assert placed(TraceClock(False, START, notes), 0, shown, shown - back)[-1] == shown - back
    assert notes == []
    later = placed(TraceClock(False, START, notes), 0, shown, shown - back - 1)[-1]
    assert later == 86_400 + shown - back - 1
    assert len(notes) == 1


def test_a_shuffled_trace_is_told_to_be_sorted() -> None:
    with pytest.raises(UsageError, match="jumps back again and again; sort its rows"):
        placed(TraceClock(False, START, []), *([0, 10_000] * 200))


def test_a_trace_with_the_newest_first_is_told_to_be_sorted() -> None:
    with pytest.raises(UsageError, match="sort its rows"):
        placed(TraceClock(False, START, []), *range(3600, 0, -10))


def test_jumps_say_from_where_to_where() -> None:
    clock = TraceClock(False, START, [])
    placed(clock, 0, 50_000, 10)
    assert clock.jumps == [(START_US + 50_000 * US_PER_S, START_US + US_PER_DAY + 10 * US_PER_S)]
