"""The replicas that a study loads."""

import numpy as np
import pytest

from heteroplan.errors import UsageError
from heteroplan.simulation.study.station import MOST_REPLICAS, station
from tests import builders
from tests.signal_studies import CAPACITY_RPS, small_station

LARGE = builders.fleet({"l1": {"h100x8": 40}})


def test_replicas_are_in_the_ratio_of_the_plan_and_not_more_than_16() -> None:
    """20 and 60: a quarter of 16 prefills."""
    made = small_station(20.0, 60.0)
    assert made.counts() == {"prefill on h100x8": 2, "decode on h100x8": 6}
    scenario = builders.scenario(in_fleet=LARGE)
    wide = station(scenario, 0, builders.candidates(scenario), np.array([20.0, 60.0, 0.0]))
    assert wide.counts() == {"prefill on h100x8": 4, "decode on h100x8": 12}
    assert int(wide.replicas.sum()) == MOST_REPLICAS


def test_a_small_plan_is_studied_as_it_is() -> None:
    made = small_station(1.0, 3.0)
    assert made.counts() == {"prefill on h100x8": 1, "decode on h100x8": 3}


def test_each_role_has_a_replica_and_capacity_is_that_of_the_lesser() -> None:
    made = small_station(0.2, 3.8)
    assert made.counts() == {"prefill on h100x8": 1, "decode on h100x8": 3}
    assert made.capacity_rps == pytest.approx(CAPACITY_RPS)
    assert made.scenario.workloads[0].demand[0].rps == made.capacity_rps


def test_a_plan_without_replicas_is_not_studied() -> None:
    with pytest.raises(UsageError, match="the plan has no whole engines of w to study"):
        small_station(0.0, 0.0)
