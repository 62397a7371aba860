"""Pieces put together: what of an interval must be known, and what it then is."""

import numpy as np
import pytest

from heteroplan.forecasting.curve.intervals import (
    ANY,
    covered,
    means_of,
    median_over_days,
    peaks_of,
)

NAN = float("nan")


def pieces(known: int, of: int) -> np.ndarray:
    """1, 2, ... up to `known`, and unknown ones in front of them."""
    return np.array([NAN] * (of - known) + [float(i + 1) for i in range(known)])


@pytest.mark.parametrize("of", [2, 4, 100])
def test_an_interval_is_known_where_half_of_its_pieces_are(of: int) -> None:
    """The greatest and the mean of those that are known: of 1 to n, n and (n + 1) / 2."""
    half = of // 2
    assert peaks_of(pieces(half, of), of).tolist() == [half]
    assert means_of(pieces(half, of), of).tolist() == [(half + 1) / 2]
    for reduced in (peaks_of, means_of):
        assert np.isnan(reduced(pieces(half - 1, of), of)).all()


def test_one_known_piece_of_many_will_do_where_any_does() -> None:
    assert peaks_of(pieces(1, 288), 288, ANY).tolist() == [1]
    assert means_of(pieces(1, 288), 288, ANY).tolist() == [1]
    assert np.isnan(peaks_of(pieces(0, 288), 288, ANY)).all()


def test_pieces_are_put_together_along_the_last_axis() -> None:
    """Two days of four pieces, two an interval."""
    rates = np.array([[1.0, 3.0, 5.0, NAN], [NAN, NAN, 2.0, 8.0]])
    np.testing.assert_array_equal(peaks_of(rates, 2), [[3.0, 5.0], [NAN, 8.0]])
    np.testing.assert_array_equal(means_of(rates, 2), [[2.0, 5.0], [NAN, 5.0]])


def test_the_median_is_of_the_days_that_are_known() -> None:
    values = np.array([[1.0, NAN, NAN], [4.0, 6.0, NAN], [2.0, NAN, NAN]])
    np.testing.assert_array_equal(median_over_days(values), [2.0, 6.0, NAN])


def test_what_came_is_covered_but_for_rounding() -> None:
    came = np.array([1.0, 1.0, 1.0 + 1e-12, 1.0 + 1e-6])
    assert covered(came, np.array([2.0, 1.0, 1.0, 1.0])).tolist() == [True, True, True, False]
