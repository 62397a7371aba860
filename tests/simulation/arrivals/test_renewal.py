"""Arrivals of a renewal process against what is known of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.arrivals.renewal import arrivals, placed

HOUR_S = 3600.0


def rates(*rps: float, piece_s: float = HOUR_S) -> Rates:
    return Rates(np.linspace(0.0, len(rps) * piece_s, len(rps) + 1), np.array(rps))


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_poisson_counts_of_seconds_vary_by_their_mean() -> None:
    """Mean and variance 20 of 3600 counts: standard errors 0.075 and 0.47, five of each allowed."""
    counts = np.bincount(arrivals(rates(20.0), 1.0, random()).astype(int), minlength=3600)
    assert counts.mean() == pytest.approx(20.0, abs=0.38)
    assert counts.var() == pytest.approx(20.0, abs=2.4)


@pytest.mark.parametrize("burstiness", [0.3, 1.0, 2.5])
def test_gaps_are_gamma(burstiness: float) -> None:
    """72,000 gaps of mean 50 ms. Of gamma gaps of shape k = 1/cv^2 the square's mean is
    mean^2 (1 + cv^2), and the skewness is 2 cv."""
    gaps = np.diff(arrivals(rates(20.0), burstiness, random()))
    deviations = (gaps - gaps.mean()) / gaps.std()
    assert gaps.mean() == pytest.approx(0.05, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(burstiness, rel=0.03)
    assert (deviations**3).mean() == pytest.approx(2.0 * burstiness, rel=0.15)


def test_without_burstiness_gaps_are_equal() -> None:
    gaps = np.diff(arrivals(rates(4.0), 0.0, random()))
    assert gaps == pytest.approx(np.full(len(gaps), 0.25))


@pytest.mark.parametrize("burstiness", [0.0, 0.5, 4.0])
def test_the_mean_number_is_rate_times_time_from_the_start(burstiness: float) -> None:
    """In 2 s at 1 request/s two arrive in the mean of 8,000 replays. A process that began with a
    whole gap would have (cv^2 - 1) / 2 more: 7.5 more if it ran for long at cv 4, and fewer at 0.5.
    """
    generator = random()
    counts = [len(arrivals(rates(1.0, piece_s=2.0), burstiness, generator)) for _ in range(8_000)]
    error = float(np.std(counts)) / 8_000**0.5
    assert np.mean(counts) == pytest.approx(2.0, abs=5.0 * error + 1e-9)


def test_each_piece_has_its_rate_and_none_has_no_arrivals() -> None:
    """Poisson counts of 36,000, 0 and 144,000: five standard deviations allowed."""
    found = arrivals(rates(10.0, 0.0, 40.0), 1.0, random())
    first, none, last = np.histogram(found, [0.0, HOUR_S, 2 * HOUR_S, 3 * HOUR_S])[0]
    assert none == 0
    assert first == pytest.approx(36_000, abs=5 * 36_000**0.5)
    assert last == pytest.approx(144_000, abs=5 * 144_000**0.5)


def test_no_rate_has_no_arrivals() -> None:
    assert len(arrivals(rates(0.0, 0.0), 1.0, random())) == 0


def test_placed_by_hand() -> None:
    """2 requests/s for 10 s, none for 10 s, 1 a second for 10 s: 20 are expected in the first
    piece, so the 21st arrival of equal gaps, at 20.5, comes half a second into the third."""
    unit = np.array([0.5, 19.0, 20.5, 29.0])
    found = placed(unit, rates(2.0, 0.0, 1.0, piece_s=10.0))
    assert found.tolist() == [0.25, 9.5, 20.5, 29.0]


@settings(deadline=None)
@given(
    rps=st.lists(st.floats(0.0, 50.0), min_size=1, max_size=6),
    piece_s=st.floats(0.1, 100.0),
    burstiness=st.sampled_from([0.0, 0.2, 1.0, 5.0, 30.0]),
    seed=st.integers(0, 2**32),
)
def test_arrivals_are_ascending_and_where_there_is_a_rate(
    rps: list[float], piece_s: float, burstiness: float, seed: int
) -> None:
    of = rates(*rps, piece_s=piece_s)
    found = arrivals(of, burstiness, random(seed))
    assert (np.diff(found) >= 0.0).all()
    piece = np.searchsorted(of.edges_s, found, side="right") - 1
    assert (piece < len(rps)).all()
    assert (of.rps[piece] > 0.0).all()
