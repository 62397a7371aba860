"""Knative's algorithm, against the cases of knative/serving autoscaler_test.go and of its docs.

The cases are named as there. They have a target of 10 or of 1 a pod, and rates of 10 up and down.
"""

import math

import numpy as np
import pytest

from heteroplan.simulation.policies.shared.kpa_rules import Kpa, KpaRules, Windows
from heteroplan.simulation.requests import Floats

RULES = KpaRules(most_up_rate=10.0, most_down_rate=10.0)


def one(value: float) -> Floats:
    return np.array([[value]])


def scale(
    kpa: Kpa, at_s: float, ready: float, stable: float, panic: float, target: float = 10.0
) -> float:
    return float(kpa.decide(at_s, one(ready), one(stable / target), one(panic / target))[0, 0])


@pytest.mark.parametrize(
    ("ready", "stable", "panic", "target", "wanted"),
    [
        (1, 0, 0, 10, 0),  # AutoscalerNoDataAtZeroNoAutoscale
        (1, 21, 26, 181, 1),  # AutoscalerStableModeUnlimitedTBC
        (1, 50, 49, 10, 5),  # Autoscaler0TBC
        (1, 50, 50, 10, 5),  # AutoscalerStableModeNoChange
        (1, 50, 100, 10, 10),  # AutoscalerPanicModeDoublePodCount
        (1, 1000, 1001, 10, 10),  # TestAutoscalerRateLimitScaleUp, first step
        (0, 1000, 888, 10, 10),  # TestAutoscalerUseOnePodAsMinimumIfEndpointsNotFound
    ],
)
def test_cases_of_testautoscalerscale(
    ready: float, stable: float, panic: float, target: float, wanted: float
) -> None:
    assert scale(Kpa(RULES), 0.0, ready, stable, panic, target) == wanted


def calm(rules: KpaRules, ready: float) -> Kpa:
    """An autoscaler that was made at one pod, and so does not begin in panic."""
    kpa = Kpa(rules)
    kpa.decide(-1000.0, one(1.0), one(1.0), one(1.0))
    return kpa


def test_stable_mode_decrease() -> None:  # TestAutoscalerStableModeDecrease
    kpa = calm(RULES, 8)
    assert scale(kpa, 0.0, 8, 100, 100) == 10.0
    assert scale(kpa, 0.0, 8, 50, 50) == 5.0


def test_small_rates_still_move_by_one_pod() -> None:
    # AutoscalerStableModeIncreaseWithSmallScaleUpRate, ...DecreaseWithSmallScaleDownRate
    assert scale(calm(KpaRules(most_up_rate=1.1), 2), 0.0, 2, 3, 3.1, 1.0) == 3.0
    assert scale(calm(KpaRules(most_down_rate=1.1), 100), 0.0, 100, 1, 1) == 90.0


def test_rate_limit_scale_down() -> None:  # TestAutoscalerRateLimitScaleDown
    kpa = calm(RULES, 100)
    assert scale(kpa, 0.0, 100, 1, 1) == 10.0
    assert scale(kpa, 0.0, 10, 1, 1) == 1.0


def test_documentation_a_revision_goes_from_n_to_2n_or_to_half_at_most() -> None:
    # kpa-specific.md, "Scale rates": with 2.0, from N to 2 N and from N to N / 2
    rules = KpaRules(most_up_rate=2.0, most_down_rate=2.0, panic_threshold=1000.0)
    assert scale(calm(rules, 7), 0.0, 7, 1000, 1000, 1.0) == 14.0
    assert scale(calm(rules, 7), 0.0, 7, 0, 0, 1.0) == 3.0


def test_panic_then_unpanic_scale_down() -> None:  # TestAutoscalerPanicThenUnPanicScaleDown
    kpa = Kpa(RULES)
    assert scale(kpa, 0.0, 1, 100, 100) == 10.0
    assert scale(kpa, 0.0, 10, 100, 1000) == 100.0
    assert scale(kpa, 30.0, 10, 1, 1) == 100.0
    assert scale(kpa, 61.0, 10, 1, 1) == 1.0


def test_unpanic_after_slow_increase() -> None:  # TestAutoscalerUnpanicAfterSlowIncrease
    kpa = calm(RULES, 10)
    assert scale(kpa, 0.0, 10, 11, 25, 1.0) == 25.0
    assert scale(kpa, 30.0, 40, 30, 41, 1.0) == 41.0
    assert scale(kpa, 62.0, 55, 50, 56, 1.0) == 50.0


def test_extend_panic_window() -> None:  # TestAutoscalerExtendPanicWindow
    kpa = calm(RULES, 10)
    assert scale(kpa, 0.0, 10, 11, 25, 1.0) == 25.0
    assert scale(kpa, 30.0, 40, 30, 80, 1.0) == 80.0
    assert scale(kpa, 89.0, 80, 10, 10, 1.0) == 80.0


def test_start_in_panic_mode_above_one_pod() -> None:  # TestStartInPanicMode
    assert scale(Kpa(RULES), 0.0, 2, 10, 10) == 2.0
    assert scale(Kpa(RULES), 0.0, 1, 10, 10) == 1.0


def test_scale_down_delay() -> None:  # TestAutoscalerScaleDownDelay, "simple" and "gradual"
    kpa = Kpa(
        KpaRules(
            most_up_rate=10.0, most_down_rate=10.0, panic_threshold=100.0, scale_down_delay_s=300.0
        )
    )
    assert scale(kpa, 2.0, 1, 40, 40) == 4.0
    assert scale(kpa, 300.0, 1, 0, 0) == 4.0
    assert scale(kpa, 302.0, 1, 0, 0) == 0.0
    loads = ((540.0, 40.0, 4.0), (600.0, 30.0, 4.0), (660.0, 0.0, 4.0))
    assert [scale(kpa, at, 1, load, load) for at, load, _ in loads] == [s for _, _, s in loads]
    assert scale(kpa, 840.0, 1, 0, 0) == 3.0
    assert scale(kpa, 900.0, 1, 0, 0) == 0.0


def test_no_data_no_autoscale() -> None:  # TestAutoscalerNoDataNoAutoscale
    kpa = calm(RULES, 4)
    assert math.isnan(scale(kpa, 0.0, 4, math.nan, math.nan))
    assert scale(kpa, 2.0, 4, 50, 50) == 5.0


class TestWindows:
    def test_means_of_the_last_60_and_of_the_last_6_seconds(self) -> None:
        windows = Windows(KpaRules())
        for value in range(40):
            stable, panic = windows.add(one(float(value)))
        assert stable[0, 0] == np.mean(range(10, 40))
        assert panic[0, 0] == 38.0

    def test_what_was_not_measured_is_left_out(self) -> None:
        windows = Windows(KpaRules())
        windows.add(one(4.0))
        stable, panic = windows.add(one(math.nan))
        assert stable[0, 0] == panic[0, 0] == 4.0
