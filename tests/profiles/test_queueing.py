import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.profiles.queueing import UTILIZATION_CAP, greatest_utilization, wait_ms


def test_tail_of_the_queue_is_met_exactly() -> None:
    """W/s = 5, 5 % may be late: 0.528 * e^-2.360 = 0.0498, 0.529 * e^-2.355 = 0.0502."""
    assert 0.528 < greatest_utilization(500.0, 100.0, 0.95) < 0.529


def test_without_time_to_wait_only_the_late_share_may_find_the_replica_busy() -> None:
    """P(wait > 0) = rho in M/M/1, so rho = 1 - 0.95."""
    assert greatest_utilization(0.0, 100.0, 0.95) == pytest.approx(0.05)


def test_utilization_is_capped_however_long_requests_may_wait() -> None:
    assert greatest_utilization(1e9, 1.0, 0.95) == UTILIZATION_CAP


def test_wait_at_a_utilization() -> None:
    """rho = 0.5, late 0.05: s * ln(10) / 0.5 = 2 * 2.302585 * s; below 0.05 nobody waits."""
    assert wait_ms(0.5, 100.0, 0.95) == pytest.approx(200.0 * math.log(10.0))
    assert wait_ms(0.04, 100.0, 0.95) == 0.0


@given(st.floats(0.0, 1e5), st.floats(0.0, 1e5), st.floats(0.1, 1e4), st.floats(0.5, 0.999))
def test_more_time_to_wait_never_means_less_utilization(
    budget_ms: float, more_ms: float, service_ms: float, percentile: float
) -> None:
    tight = greatest_utilization(budget_ms, service_ms, percentile)
    loose = greatest_utilization(budget_ms + more_ms, service_ms, percentile)
    assert 0.0 < tight <= loose <= UTILIZATION_CAP


@given(st.floats(0.0, 1e4), st.floats(0.1, 1e3), st.floats(0.5, 0.999))
def test_wait_undoes_utilization(budget_ms: float, service_ms: float, percentile: float) -> None:
    busy = greatest_utilization(budget_ms, service_ms, percentile)
    assert wait_ms(busy, service_ms, percentile) <= budget_ms + 1e-6 * (budget_ms + service_ms)
