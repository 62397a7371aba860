"""Waiting and service at one server, of requests that each take a known time."""

from math import exp

import numpy as np
import pytest

from heteroplan.queueing.sojourns import Sojourns
from heteroplan.queueing.waiting import UTILIZATION_CAP


def queue(shares: list[float], times: list[float], horizon: float = 30.0) -> Sojourns:
    return Sojourns(np.array(shares), np.array(times), horizon)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_waits_behind_requests_of_one_length(load: float) -> None:
    """M/D/1, service 1: up to it P(wait <= t) = (1 - load) e^(load t)."""
    of = queue([1.0], [1.0])
    for wait in (0.1, 0.5, 0.9):
        late = 1.0 - (1.0 - load) * exp(load * wait)
        assert of.late_share(load, 1.0 + wait) == pytest.approx(late, abs=2e-3)
        assert of.longest(load, late) == pytest.approx(1.0 + wait, abs=0.02)
        assert of.greatest_load(1.0 + wait, late) == pytest.approx(load, abs=2e-3)


def test_service_beyond_the_budget_is_late_at_any_load() -> None:
    """A quarter takes 2.5, so a budget of 2 is missed by a quarter at least."""
    of = queue([0.75, 0.25], [0.5, 2.5])
    assert of.late_share(0.0, 2.0) == pytest.approx(0.25)
    assert of.greatest_load(2.0, 0.2) == 0.0
    assert 0.0 < of.greatest_load(2.0, 0.3) < UTILIZATION_CAP
    assert of.greatest_load(29.0, 0.5) == UTILIZATION_CAP
