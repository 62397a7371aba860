import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.workload import DecodeCoefficients, PrefillCoefficients
from heteroplan.profiles.capacity.latency import (
    batch_within,
    gamma_quantile,
    normal_quantile,
    prefill_ms,
    step_ms,
)


def test_prefill_time() -> None:
    """10 + 0.05 * 2000 + 1e-6 * 4e6 = 10 + 100 + 4."""
    assert prefill_ms(PrefillCoefficients(10.0, 0.05, 1e-6), 2000.0) == pytest.approx(114.0)


def test_step_time() -> None:
    """22 + 0.1 * 10 + 2e-5 * 10 * 1000 = 22 + 1 + 0.2."""
    assert step_ms(DecodeCoefficients(22.0, 0.1, 2e-5), 10.0, 1000.0) == pytest.approx(23.2)


@given(st.floats(1.0, 1e4), st.floats(0.0, 2.0), st.floats(0.0, 1e3), st.floats(0.1, 10.0))
def test_batch_within_is_as_long_as_it_may(
    context: float, each: float, left_ms: float, root: float
) -> None:
    values = DecodeCoefficients(20.0, each, 1e-4, ms_per_root_sequence=root)
    batch = batch_within(values, context, 20.0 + left_ms)
    assert step_ms(values, batch, context) == pytest.approx(20.0 + left_ms)


def test_normal_quantile() -> None:
    """Tables: z(0.95) = 1.64485; below the median there is nothing to leave room for."""
    assert normal_quantile(0.95) == pytest.approx(1.64485, abs=1e-5)
    assert normal_quantile(0.3) == 0.0


def test_gamma_quantile() -> None:
    """Variance = mean^2 is exponential: P95 = mean * ln 20. Shape 4: 95 % of chi-square of 8 df
    are below 15.507, so of a mean 8 and a variance of 16. Large shapes are normal.
    """
    assert gamma_quantile(3.0, 9.0, 0.95) == pytest.approx(3.0 * 2.995732)
    assert gamma_quantile(8.0, 16.0, 0.95) == pytest.approx(15.507, abs=1e-3)
    assert gamma_quantile(1e6, 1e6, 0.95) == pytest.approx(1e6 + 1644.85, abs=1.0)


@pytest.mark.parametrize("mean", [2.0, 1e6, 1e300])
@pytest.mark.parametrize("variance", [5e-324, 1e-310, 1e-18])
def test_a_number_that_does_not_vary_stays_at_its_mean(mean: float, variance: float) -> None:
    assert gamma_quantile(mean, variance, 0.95) == pytest.approx(mean, rel=1e-8, abs=0.0)


def test_a_number_that_varies_a_little_stays_a_little_above_its_mean() -> None:
    """Standard deviation 1e-6, as good as normal: 1.64485e-6 above 2."""
    assert gamma_quantile(2.0, 1e-12, 0.95) - 2.0 == pytest.approx(1.64485e-6, rel=1e-4)


@given(st.floats(0.0, 1e6), st.floats(0.0, 1e6), st.floats(0.01, 0.9999))
def test_no_quantile_is_below_the_mean(mean: float, variance: float, percentile: float) -> None:
    assert gamma_quantile(mean, variance, percentile) >= mean
    assert gamma_quantile(mean, variance, 0.5) == mean
