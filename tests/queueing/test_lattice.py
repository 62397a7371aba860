"""Waits on evenly spaced points, from the residual times of a service."""

import numpy as np
import pytest

from heteroplan.queueing.lattice import Lattice
from heteroplan.queueing.services import constant_residual

SHARES, TIMES = np.array([0.75, 0.25]), np.array([0.5, 2.5])


def test_what_is_left_of_constant_services_by_hand() -> None:
    """At 1 a quarter has 1.5 left of 2.5; at 0.25 three quarters also 0.25 of 0.5; order is no
    matter."""
    at = np.array([0.0, 0.25, 1.0, 2.5, 3.0])
    wanted = [1.0, 0.75 * 0.25 + 0.25 * 2.25, 0.25 * 1.5, 0.0, 0.0]
    for order in ([0, 1], [1, 0]):
        found = constant_residual(SHARES[order], TIMES[order], at)
        assert found == pytest.approx(wanted)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_mean_waits_are_those_of_pollaczek_and_khinchine(load: float) -> None:
    """load / (1 - load) * second moment / (2 * mean): what lies below the tail."""
    of = Lattice(lambda at: constant_residual(SHARES, TIMES, at), 200.0, 2047)
    second = float(SHARES @ TIMES**2)
    tail = of.tail(load)
    assert tail[0] == pytest.approx(load, abs=0.02)
    below = (float(tail.sum()) - load / 2) * of.step
    assert below == pytest.approx(load / (1.0 - load) * second / 2.0, rel=0.01)
