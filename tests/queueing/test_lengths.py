"""The lengths of requests of which only the mean and the spread are known."""

from math import exp, log

import numpy as np
import pytest

from heteroplan.queueing.lengths import TAIL, Resolution, either_parts, gamma_parts

BODY = Resolution().body


@pytest.mark.parametrize("cv", [0.1, 0.5, 1.0, 2.0, 3.0])
def test_parts_of_a_gamma_keep_its_mean_and_nearly_its_spread(cv: float) -> None:
    """Of all but the longest tenth each has as many requests; in each only the mean is told."""
    shares, means = gamma_parts(cv)
    assert shares.sum() == pytest.approx(1.0)
    assert shares @ means == pytest.approx(1.0)
    assert shares @ means**2 == pytest.approx(1.0 + cv**2, rel=0.01)
    assert shares @ means**2 < 1.0 + cv**2
    assert shares[:BODY] == pytest.approx([(1.0 - TAIL) / BODY] * BODY)
    assert (np.diff(means) > 0).all()


def test_parts_of_an_exponential_by_hand() -> None:
    """Between a and b it has e^-a - e^-b of the requests and (a + 1) e^-a - (b + 1) e^-b of the
    tokens; a share of p is shorter than -ln(1 - p)."""
    shares, means = gamma_parts(1.0)
    for i in (0, 1, BODY // 2, BODY - 1):
        a, b = (-log(1.0 - (1.0 - TAIL) * each / BODY) for each in (i, i + 1))
        tokens = (a + 1) * exp(-a) - (b + 1) * exp(-b)
        assert shares[i] * means[i] == pytest.approx(tokens)


def test_one_length_is_one_part() -> None:
    assert [each.tolist() for each in gamma_parts(0.0)] == [[1.0], [1.0]]


def test_parts_of_either_are_half_of_each() -> None:
    """Below a fifth of the mean a gamma of cv 1 has more requests than a lognormal."""
    shares, means = either_parts(1.0, Resolution(body=12, tail=4, finest=1e-3))
    half = len(shares) // 2
    assert shares[:half].sum() == pytest.approx(0.5)
    assert shares @ means == pytest.approx(1.0, rel=0.01)
    assert shares[:half][means[:half] < 0.2].sum() > shares[half:][means[half:] < 0.2].sum()
