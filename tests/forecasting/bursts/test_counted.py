import numpy as np
import pytest

from heteroplan.entities.arrivals import ArrivalsSource
from heteroplan.forecasting.bursts.counted import UNKNOWN, counted, window_dispersions
from heteroplan.forecasting.bursts.variance_time import WindowDispersion
from heteroplan.forecasting.traces.requests import Windows

US_PER_S = 1_000_000


def windows(counts: list[float], window_s: int = 60, gap_after: int | None = None) -> Windows:
    starts = np.arange(len(counts), dtype=np.int64) * window_s
    if gap_after is not None:
        starts[gap_after:] += window_s
    amounts = np.array(counts, float)
    ends = starts + window_s
    return Windows(starts * US_PER_S, ends * US_PER_S, amounts, amounts, amounts, amounts)


def test_neighbours_by_hand() -> None:
    """Differences of 2, 2 and 2: half their mean square is 2, over a mean count of 3."""
    (found,) = window_dispersions(windows([2, 4, 2, 4]), most_s=60)
    assert (found.window_s, found.requests) == (60.0, pytest.approx(2 / 3))
    assert found.prompts is None


def test_several_windows_in_a_row_are_one() -> None:
    """Of 1, 2, 3 and 10, 11, 12: sums of 6 and 33."""
    _, three = window_dispersions(windows([1, 2, 3, 10, 11, 12]), most_s=180)
    assert three.window_s == 180.0
    assert three.requests == pytest.approx((33 - 6) ** 2 / 2 / ((33 + 6) / 2))


def test_over_a_gap_there_are_no_neighbours() -> None:
    (found,) = window_dispersions(windows([3, 3, 30, 30], gap_after=2), most_s=60)
    assert found.requests == 0.0


def test_unknown_bursts_are_assumed_and_that_is_told() -> None:
    found = counted((WindowDispersion(600.0, 500.0, None, None),), 600)
    assert found.arrivals.source is ArrivalsSource.ASSUMED
    assert found.arrivals.prefill(2.0, 0.95) == pytest.approx(UNKNOWN)
    (note,) = found.notes
    assert "not known, a dispersion of 8 (Poisson: 1) is assumed" in note


def test_short_windows_that_vary_more_are_planned_for() -> None:
    found = counted((WindowDispersion(60.0, 50.0, None, None),), 60)
    assert found.arrivals.decode(10.0, 0.99) == pytest.approx(50.0)
