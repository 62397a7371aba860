"""A mix of service times."""

import math

import numpy as np
import pytest

from heteroplan.queueing.services import Mix, Service


@pytest.mark.parametrize(
    ("services", "overlap"),
    [
        ([Service(1.0, 70.0, 0.0)], 1.0),
        ([Service(1.0, 70.0, 1.0)], 0.5),
        ([Service(1.0, 20.0, 0.0), Service(1.0, 60.0, 0.0)], 0.75),
    ],
)
def test_what_the_shorter_of_two_services_takes(services: list[Service], overlap: float) -> None:
    """Of 20 and 60 at 1:1 both are long in a quarter of the pairs: (3 * 20 + 60) / 4 of 40."""
    assert Mix(services).overlap == pytest.approx(overlap, rel=2e-3)


def test_what_the_shorter_of_two_gammas_takes() -> None:
    """Half their mean difference less, of form k G(k + 1/2) / (G(k + 1) sqrt(pi)): 0.375 at 2."""
    assert Mix([Service(1.0, 5.0, math.sqrt(0.5))]).overlap == pytest.approx(0.625, rel=2e-3)


def test_spread_and_rest_of_a_mix_by_hand() -> None:
    """0.75 of 0.5 and 0.25 of 2.5, mean 1: E S^2 = 1.75; at 1 the rest is 0.25 * 1.5."""
    mix = Mix([Service(3.0, 50.0, 0.0), Service(1.0, 250.0, 0.0)])
    assert mix.mean_ms == 100.0
    assert mix.scv == pytest.approx(0.75)
    assert mix.residual(np.array([0.0, 1.0, 3.0])) == pytest.approx([1.0, 0.375, 0.0])
    assert not mix.exponential
    assert Mix([Service(1.0, 9.0, 1.0), Service(2.0, 9.0, 1.0)]).exponential
