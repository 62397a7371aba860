import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.forecasting.bursts.inversion import (
    by_capacity,
    by_in_flight,
    capacity_for,
    others_for,
)
from heteroplan.profiles.capacity.latency import gamma_quantile


def one(value: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([value])


def test_capacity_of_a_single_server_of_exponential_work() -> None:
    """M/M/1 at utilization 1/2 and 1 request/s: half wait at all, exp(-1) of them over 1 s."""
    late = 0.5 * np.exp(-1.0)
    (found,) = by_capacity(one(2.0), one(1.0), 1.0, 1.0 - late, 1.0)
    assert found == pytest.approx(1.0, abs=1e-6)


@given(
    st.floats(1.0, 500.0), st.floats(0.0, 3.0), st.floats(1.01, 50.0), st.sampled_from([0.1, 2.0])
)
def test_capacity_gives_the_dispersion_back(
    dispersion: float, cv: float, capacity: float, wait_s: float
) -> None:
    batch = (dispersion + 1) / 2
    queued = 1 - (1 - 1 / capacity) / batch
    late = queued * np.exp(-2 * (capacity - 1) * 4.0 * wait_s / (dispersion + cv**2))
    if late > 1e-6:
        (found,) = by_capacity(one(capacity), one(4.0), wait_s, 1 - late, cv)
        assert found == pytest.approx(dispersion, rel=1e-3)


@given(st.floats(1.0, 200.0), st.floats(0.1, 1000.0), st.sampled_from([0.9, 0.95, 0.99]))
def test_numbers_in_flight_give_the_dispersion_back(
    dispersion: float, planned: float, percentile: float
) -> None:
    mean = planned + dispersion - 1
    others = gamma_quantile(mean, mean * dispersion, percentile)
    if others > mean:
        (found,) = by_in_flight(one(others), one(planned), percentile)
        assert found == pytest.approx(dispersion, rel=1e-3)


def test_what_a_dispersion_takes_is_what_it_was_found_by() -> None:
    capacity = capacity_for(13.0, 4.0, 2.0, 0.95, 0.7)
    assert by_capacity(one(capacity), one(4.0), 2.0, 0.95, 0.7) == pytest.approx([13.0])
    others = others_for(13.0, 8.0, 0.95)
    assert by_in_flight(one(others), one(8.0), 0.95) == pytest.approx([13.0])
    assert capacity_for(1.0, 1e9, 2.0, 0.95, 1.0) == pytest.approx(1.0)


def test_what_varies_less_is_planned_as_poisson() -> None:
    assert by_capacity(one(1.0), one(4.0), 1.0, 0.95, 1.0) == [1.0]
    assert by_in_flight(one(0.0), one(4.0), 0.95) == [1.0]
