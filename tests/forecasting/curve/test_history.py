"""The past laid on local days: what is unknown, idle, or lost."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from heteroplan.forecasting.curve.events import Event
from heteroplan.forecasting.curve.history import (
    INPUT_RATE,
    MISSED_RATE,
    OUTPUT_RATE,
    RPS,
    History,
    history,
    hours_text,
)
from heteroplan.forecasting.steps.local_days import day_start_us
from heteroplan.forecasting.steps.steps import Steps

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 11, 2)
LOST = "without any request, where like days have many, are assumed to be missing data"


def steps_of(
    *hours: float,
    zone: ZoneInfo = UTC_ZONE,
    first: date = MONDAY,
    unknown: range = range(0),
    lengths: tuple[float, float, float] = (100, 10, 0),
    with_lengths: float = 1.0,
    window_s: int = 0,
) -> Steps:
    """Requests of each hour; a share of them with isl, osl and cached tokens."""
    requests = np.array(hours, float)
    told = requests * with_lengths
    counts = np.stack([requests, told, *(told * each for each in lengths)], axis=1)
    known = np.array([i not in unknown for i in range(len(hours))])
    start_us = day_start_us(first, zone)
    return Steps(start_us, 3600, counts, known, None, lengths[2] > 0, window_s, ("told",))


def lost(found: History) -> list[tuple[int, int]]:
    """Day and hour of what is not known."""
    return [(int(d), int(h)) for d, h in np.argwhere(np.isnan(found.rates[RPS]))]


def test_steps_are_laid_on_days_as_rates() -> None:
    """3600 requests in an hour are one a second, with 100 + 10 tokens of which 40 are cached."""
    found = history(steps_of(*[3600] * 48, lengths=(100, 10, 40)), UTC_ZONE)
    assert found.days == (MONDAY, date(2026, 11, 3))
    assert found.rates.shape == (4, 2, 24)
    for kind, rate in ((RPS, 1), (INPUT_RATE, 100), (OUTPUT_RATE, 10), (MISSED_RATE, 60)):
        assert (found.rates[kind] == rate).all()
    assert (found.has_lengths, found.last_day, found.notes) == (True, date(2026, 11, 3), ("told",))


def test_unknown_steps_stay_unknown_and_the_last_day_is_one_that_is_known() -> None:
    found = history(steps_of(*[7] * 48, unknown=range(20, 48)), UTC_ZONE)
    assert len(lost(found)) == 28
    assert found.last_day == MONDAY


def test_requests_without_lengths_are_as_long_as_the_others() -> None:
    """A quarter has lengths, and hour 5 none at all: 100 input tokens a request everywhere."""
    steps = steps_of(*[3600] * 24, with_lengths=0.25)
    steps.counts[5, 1:] = 0.0
    found = history(steps, UTC_ZONE)
    assert found.has_lengths
    assert found.rates[INPUT_RATE] == pytest.approx(np.full((1, 24), 100.0))


def test_without_any_lengths_tokens_are_unknown() -> None:
    found = history(steps_of(*[3600] * 24, with_lengths=0.0), UTC_ZONE)
    assert not found.has_lengths
    assert np.isnan(found.rates[INPUT_RATE:]).all()


def by_wall_hour(day: str, came: Sequence[int], unknown: range = range(0)) -> list[int | None]:
    """Requests by what Berlin's clocks show, of those that came in each hour of a day."""
    steps = steps_of(*came, zone=BERLIN, first=date.fromisoformat(day), unknown=unknown)
    found = history(steps, BERLIN)
    return [None if np.isnan(each) else round(each * 3600) for each in found.rates[RPS, 0]]


def test_an_hour_that_clocks_skip_is_unknown() -> None:
    """Berlin, 29 March 2026: after 01:59 comes 03:00."""
    assert by_wall_hour("2026-03-29", range(1, 24)) == [1, 2, None, *range(3, 24)]


@pytest.mark.parametrize("twice", [(3, 4), (4, 3)])
def test_of_an_hour_that_comes_twice_the_greater_counts(twice: tuple[int, int]) -> None:
    """Berlin, 25 October 2026: after 02:59 comes 02:00 again, busier or quieter than before."""
    came = [1, 2, *twice, *range(5, 26)]
    assert by_wall_hour("2026-10-25", came) == [1, 2, 4, *range(5, 26)]


@pytest.mark.parametrize("unknown", [2, 3])
def test_of_an_hour_that_comes_twice_the_known_one_counts(unknown: int) -> None:
    came = [1, 2, 7, 7, *range(5, 26)]
    found = by_wall_hour("2026-10-25", came, range(unknown, unknown + 1))
    assert found == [1, 2, 7, *range(5, 26)]


def test_an_event_is_taken_out_of_the_past() -> None:
    """A sale tripled hours 12 to 14."""
    hours = [30 if 12 <= h < 15 else 10 for h in range(24)]
    start, end = (datetime(2026, 11, 2, h, tzinfo=UTC) for h in (12, 15))
    found = history(steps_of(*hours), UTC_ZONE, [Event("sale", start, end, 3.0)])
    assert found.rates[RPS] * 3600 == pytest.approx(np.full((1, 24), 10.0))


def test_an_outage_in_busy_hours_is_lost() -> None:
    """10 requests an hour on workdays; on Wednesday none in hours 10 and 11, where 20 were due."""
    hours = [0 if day == 2 and h in (10, 11) else 10 for day in range(5) for h in range(24)]
    found = history(steps_of(*hours), UTC_ZONE)
    assert lost(found) == [(2, 10), (2, 11)]
    assert np.isnan(found.rates[:, 2, 10:12]).all()
    assert found.notes[-1] == f"2.0 h {LOST}"


def test_a_short_gap_may_be_chance() -> None:
    """One hour in which 10 requests were due, fewer than 20."""
    hours = [0 if day == 2 and h == 10 else 10 for day in range(5) for h in range(24)]
    assert lost(history(steps_of(*hours), UTC_ZONE)) == []


def test_an_outage_over_midnight_is_one() -> None:
    """Hour 23 of Monday and hour 0 of Tuesday: 10 each, 20 together."""
    hours = [0 if i in (23, 24) else 10 for i in range(96)]
    assert lost(history(steps_of(*hours), UTC_ZONE)) == [(0, 23), (1, 0)]


def test_nights_without_requests_are_idle() -> None:
    found = history(steps_of(*([0] * 8 + [100] * 16) * 5), UTC_ZONE)
    assert (lost(found), found.notes) == ([], ("told",))


def test_weekends_without_requests_are_idle() -> None:
    """Two weeks of workdays, and nothing on both weekends."""
    hours = [100 if day % 7 < 5 else 0 for day in range(14) for _ in range(24)]
    assert lost(history(steps_of(*hours), UTC_ZONE)) == []


def test_a_weekend_that_is_missing_where_the_other_was_busy_is_lost_in_half() -> None:
    """Of four weekend days two have 100 an hour: their median is 50, so the two empty ones are."""
    hours = [0 if day in (12, 13) else 100 for day in range(14) for _ in range(24)]
    found = history(steps_of(*hours), UTC_ZONE)
    assert {day for day, _ in lost(found)} == {12, 13}


def test_of_one_day_nothing_is_lost() -> None:
    """There is no like day to tell that its gap is none of its own."""
    hours = [0 if 10 <= h < 16 else 500 for h in range(24)]
    assert lost(history(steps_of(*hours), UTC_ZONE)) == []


def test_windows_without_requests_where_like_ones_have_many_are_an_outage() -> None:
    hours = [0 if day == 2 and h in (10, 11) else 10 for day in range(5) for h in range(24)]
    assert lost(history(steps_of(*hours, window_s=3600), UTC_ZONE)) == [(2, 10), (2, 11)]


def test_lengths_of_time_in_words() -> None:
    assert [hours_text(each) for each in (300, 7140, 7200, 99_000)] == [
        "5 min", "119 min", "2.0 h", "27.5 h"
    ]  # fmt: skip


def test_what_is_lost_is_unknown_by_elapsed_time_as_well() -> None:
    """Five hours of the second day, in which the others bring 500; it is the day that is filled."""
    days = [100.0] * 24 + [100.0] * 8 + [0.0] * 5 + [100.0] * 11 + [100.0] * 24
    found = history(steps_of(*days), UTC_ZONE)
    assert lost(found) == [(1, hour) for hour in range(8, 13)]
    assert np.flatnonzero(~found.steps.known).tolist() == list(range(32, 37))


@pytest.mark.parametrize(
    ("start_h", "end_h", "spans"),
    [(-2, 0, False), (-2, 0.5, True), (29.5, 40, True), (30, 40, False), (-1, 50, True),
     (3, 4, True)],
)  # fmt: skip
def test_a_trace_reaches_into_what_it_shares_time_with(
    start_h: float, end_h: float, spans: bool
) -> None:
    found = history(steps_of(*[1] * 30), UTC_ZONE)
    begin_s = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
    assert found.spans(begin_s + start_h * 3600, begin_s + end_h * 3600) == spans


def test_missing_is_what_is_unknown_between_known_steps() -> None:
    """Known are hours 2 to 4, 7 and 8, and 10: two hours and one between them."""
    steps = steps_of(*[1] * 24)
    known = [2, 3, 4, 7, 8, 10]
    steps.known[:] = [hour in known for hour in range(24)]
    found = history(steps, UTC_ZONE)
    assert found.notes == (
        "told",
        "3.0 h of the trace are missing, not zero traffic",
    )
    steps.known[9] = True
    steps.known[5] = True
    found = history(steps, UTC_ZONE)
    assert found.notes == (
        "told",
        "60 min of the trace are missing, not zero traffic",
    )


def test_the_last_day_is_the_last_that_tells_anything() -> None:
    """Of four days the second and the first hour of the third are known."""
    steps = steps_of(*[1] * 96)
    steps.known[:] = [24 <= hour < 49 for hour in range(96)]
    found = history(steps, UTC_ZONE)
    assert found.last_day == date(2026, 11, 4)
    assert [found.days[0], found.days[-1]] == [MONDAY, date(2026, 11, 5)]


def test_tokens_of_an_event_are_taken_out_too() -> None:
    start, end = (datetime(2026, 11, 2, h, tzinfo=UTC) for h in (12, 15))
    hours = [30 if 12 <= h < 15 else 10 for h in range(24)]
    steps = steps_of(*hours, lengths=(100, 10, 40))
    found = history(steps, UTC_ZONE, [Event("sale", start, end, 3.0)])
    for kind, tokens in ((INPUT_RATE, 100), (OUTPUT_RATE, 10), (MISSED_RATE, 60)):
        assert found.rates[kind] * 3600 == pytest.approx(np.full((1, 24), 10.0 * tokens))


def test_requests_of_untold_lengths_are_as_long_as_the_mean_of_all_that_tell_them() -> None:
    """Of 10 requests 100 + 10 tokens and of 30 others 300 + 20: 250 + 17.5, also in hour 2."""
    steps = steps_of(3600, 3600, 7200)
    steps.counts[:, 1:] = [[10, 1000, 100, 500], [30, 9000, 600, 0], [0, 0, 0, 0]]
    rates = history(steps, UTC_ZONE).rates[:, 0, :3]
    wanted = [[1, 1, 2], [100, 300, 500], [10, 20, 35], [50, 300, 2 * 237.5]]
    assert rates.tolist() == [pytest.approx(each) for each in wanted]


def test_what_was_lost_is_not_lost_from_the_trace_that_was_given() -> None:
    """Its own steps stay known."""
    steps = steps_of(*[0 if day == 2 and h in (10, 11) else 10 for day in range(5)
                       for h in range(24)])  # fmt: skip
    found = history(steps, UTC_ZONE)
    assert steps.known.all()
    assert np.flatnonzero(~found.steps.known).tolist() == [58, 59]
    steps.known[100] = False
    assert np.flatnonzero(~history(steps, UTC_ZONE).steps.known).tolist() == [58, 59, 100]
