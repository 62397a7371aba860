"""How a signal follows the load."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.simulation.policies.proportional import Proportional, ProportionalOptions
from heteroplan.simulation.policies.shared.metrics import EIGHT_SIGNALS
from heteroplan.simulation.signals import DECODE
from heteroplan.simulation.study.curves import correlation, curve, scales_in
from tests.autoscaling import setting, signals, state

LOADS = np.arange(1, 13) / 10


def test_a_signal_in_proportion_to_load() -> None:
    """10 a step of load, samples 2 apart: a standard deviation of the root of 2."""
    samples = [np.array([100 * load - 1, 100 * load + 1]) for load in LOADS]
    found = curve("TPS", "tokens/s", LOADS, samples, in_threshold=0.2)
    assert found.correlation == pytest.approx(1.0)
    assert found.rank_correlation == pytest.approx(1.0)
    assert found.rising == 1.0
    assert found.signal_to_noise == pytest.approx(10 / np.sqrt(2))
    assert found.at_half == pytest.approx(0.5)
    assert (found.scales_in, found.scales_in_at) == (True, 0.7)


def test_a_signal_that_never_changes_tells_nothing() -> None:
    found = curve("busy", "", LOADS, [np.array([1.0, 1.0])] * 12, in_threshold=0.2)
    assert np.isnan([found.correlation, found.rank_correlation, found.signal_to_noise]).all()
    assert found.rising == 0.0
    assert (found.scales_in, found.scales_in_at) == (False, None)


def test_loads_above_capacity_do_not_count_and_neither_do_samples_without_a_value() -> None:
    samples = [np.array([load, np.nan, load]) for load in LOADS]
    samples[10] = samples[11] = np.array([-1000.0, 1000.0])
    found = curve("TTFT", "ms", LOADS, samples, in_threshold=0.2)
    assert found.correlation == pytest.approx(1.0)
    assert found.rising == 1.0


def test_a_falling_signal_rises_nowhere() -> None:
    found = curve("idle", "", LOADS, [np.array([5 - load] * 2) for load in LOADS], in_threshold=0.2)
    assert found.rank_correlation == pytest.approx(-1.0)
    assert found.rising == 0.0


def test_correlation_of_what_does_not_change_is_not_known() -> None:
    assert np.isnan(correlation(np.ones(3), np.arange(3.0)))
    assert correlation(np.arange(3.0), -np.arange(3.0)) == pytest.approx(-1.0)


@given(st.floats(0.0, 1.5), st.floats(0.05, 0.5))
def test_a_policy_scales_in_where_the_study_says_so(ratio: float, threshold: float) -> None:
    """The signal is `ratio` times its target: utilization 0.8 x ratio, with the target at 0.8."""
    if abs(ratio - (1.0 - threshold)) < 1e-6:
        return
    options = ProportionalOptions(
        metric="decode_gpu_utilization", target_share=0.8, in_threshold=threshold
    )
    policy = Proportional(setting(), options)
    made = policy.decide(signals(busy=0.8 * ratio), state(10.0, 20.0, now_s=10_000.0))
    fewer = made.replicas[0, DECODE] < 20.0
    assert bool(scales_in(np.array([ratio]), threshold)[0]) == fewer


def test_the_study_has_the_eight_signals_of_policies() -> None:
    from heteroplan.simulation.study.studied import SIGNALS

    assert set(SIGNALS) == set(EIGHT_SIGNALS)
