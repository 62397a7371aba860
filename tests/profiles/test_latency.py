import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.workload import DecodeCoefficients, PrefillCoefficients
from heteroplan.profiles.latency import (
    mean_batch,
    normal_quantile,
    percentile_batch,
    prefill_ms,
    step_ms,
)


def test_prefill_time() -> None:
    """10 + 0.05 * 2000 + 1e-6 * 4e6 = 10 + 100 + 4."""
    assert prefill_ms(PrefillCoefficients(10.0, 0.05, 1e-6), 2000.0) == pytest.approx(114.0)


def test_step_time() -> None:
    """22 + 0.1 * 10 + 2e-5 * 10 * 1000 = 22 + 1 + 0.2."""
    assert step_ms(DecodeCoefficients(22.0, 0.1, 2e-5), 10.0, 1000.0) == pytest.approx(23.2)


def test_normal_quantile() -> None:
    """Tables: z(0.95) = 1.64485; below the median there is nothing to leave room for."""
    assert normal_quantile(0.95) == pytest.approx(1.64485, abs=1e-5)
    assert normal_quantile(0.3) == 0.0


@given(st.floats(1e-6, 1e6), st.floats(0.0, 4.0))
def test_mean_and_percentile_batch_undo_one_another(batch: float, deviations: float) -> None:
    mean = mean_batch(batch, deviations)
    assert 0 <= mean <= batch * (1 + 1e-9)
    assert percentile_batch(mean, deviations) == pytest.approx(batch, rel=1e-6)
