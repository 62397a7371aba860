from math import exp

import numpy as np
import pytest
from scipy.stats import poisson

from heteroplan.queueing.compound import Points, Stream

POINTS = Points(1.0, 64)
ONE = np.array([1.0]), np.array([1.0])


def test_laws_keep_means_between_the_points() -> None:
    law = POINTS.law(np.array([0.5, 0.5]), np.array([2.25, 6.0]))
    assert law[[2, 3, 6]] == pytest.approx([0.375, 0.125, 0.5])
    assert law @ np.arange(64) == pytest.approx(0.5 * 2.25 + 3.0)


def test_what_is_beyond_the_points_stands_at_the_last() -> None:
    law = POINTS.law(np.array([1.0]), np.array([1000.0]))
    assert law[-1] == pytest.approx(1.0)


def test_requests_that_come_one_by_one_are_poisson() -> None:
    law = POINTS.laws(Stream.of(POINTS, *ONE).within(np.array([3.0])))[0]
    assert law[:20] == pytest.approx(poisson.pmf(np.arange(20), 3.0), abs=1e-9)


def test_requests_that_come_together_are_geometric() -> None:
    """In half a batch of 2 on average: none come with probability exp(-0.5)."""
    stream = Stream.of(POINTS, *ONE, batch=2.0)
    law = POINTS.laws(stream.within(np.array([1.0])))[0]
    assert law[:2] == pytest.approx([exp(-0.5), exp(-0.5) * 0.5 * 0.5])
    assert law[2] == pytest.approx(exp(-0.5) * (0.5 * 0.25 + 0.125 * 0.25))
    assert POINTS.laws(stream.ahead)[:3] == pytest.approx([0.5, 0.25, 0.125], abs=1e-9)


@pytest.mark.parametrize("turns", [2, 3])
def test_each_so_manieth_request_of_a_poisson_stream(turns: int) -> None:
    """n come where M + U has n whole turns."""
    stream = Stream.of(POINTS, *ONE, turns=turns)
    law = POINTS.laws(stream.within(np.array([1.7])))[0]
    stages = poisson.pmf(np.arange(200), turns * 1.7)
    expected = np.zeros(200)
    for before in range(turns):
        np.add.at(expected, (np.arange(190) + before) // turns, stages[:190] / turns)
    assert law[:20] == pytest.approx(expected[:20], abs=1e-7)
    assert stream.nobody(np.array([1.7])) == pytest.approx(expected[:1])


@pytest.mark.parametrize("turns", [1, 3])
def test_evenly_spaced_times_are_those_of_within(turns: int) -> None:
    points = Points(1.0, 16)
    stream = Stream.of(points, np.array([0.5, 0.5]), np.array([1.0, 2.5]), 1.4, turns)
    each = np.array([0.3])
    expected = stream.within(each * np.arange(5))
    assert stream.evenly(each, 5) == pytest.approx(expected, abs=1e-9)


def test_the_diagonal_is_of_each_law_its_own_point() -> None:
    points = Points(1.0, 16)
    laws = np.random.default_rng(1).random((3, 16, 16))
    found = points.diagonal(points.spectrum(laws))
    assert found == pytest.approx(laws[:, np.arange(16), np.arange(16)])
