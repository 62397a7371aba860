from itertools import pairwise
from math import exp

import numpy as np
import pytest
from numpy.typing import NDArray

from heteroplan.queueing.gaps import Gaps, Steps

type Floats = NDArray[np.float64]
STEPS = Steps(20.0, 0.0, 20.0)


def beyond(gaps: Gaps, rate_rps: float, waiting: float = 0.0, steps: Steps = STEPS) -> Floats:
    """Where a prompt waits so often at the begin."""

    def up_to(works_ms: Floats) -> Floats:
        return np.where(works_ms < gaps.works_ms[0], 1.0 - waiting, 1.0)

    return gaps.beyond(rate_rps / 1000.0, gaps.law(up_to), steps)


def late(gaps: Gaps, rate_rps: float, waiting: float = 0.0) -> float:
    """Share of late requests where steps take 20 ms."""
    return float(beyond(gaps, rate_rps, waiting)[-1])


def of(count: float, work_ms: float, step_ms: float = np.inf) -> Gaps:
    """Requests of so many gaps with a target of 40 ms, and prompts of so much prefill."""
    one = np.ones(1)
    return Gaps(one, count * one, one, work_ms * one, 40.0, step_ms)


def test_one_gap_is_late_where_a_prompt_waits() -> None:
    """20 ms are left beside a step: a prompt of 30 ms is late, one of 10 ms is not."""
    assert late(of(1.0, 30.0), 5.0, waiting=0.3) == pytest.approx(0.3, abs=0.01)
    assert late(of(1.0, 10.0), 5.0, waiting=0.3) == pytest.approx(0.0, abs=0.01)


def test_prompts_that_come_meanwhile_count() -> None:
    """Ten gaps leave 200 ms. A prompt of 230 ms that comes in 9 of 20 ms is too much, at 2/s with
    1 - exp(-0.36). One of 150 ms is not, if no other comes in 9 gaps of 35 ms either.
    """
    assert late(of(10.0, 230.0), 2.0) == pytest.approx(1.0 - exp(-0.36), abs=0.01)
    once = 0.36 * exp(-0.63)
    assert late(of(10.0, 150.0), 2.0) == pytest.approx(1.0 - exp(-0.36) - once, abs=0.01)


def decoded_ms(gaps: float, step_ms: float, work_ms: float, rate_per_ms: float, seed: int) -> float:
    """Steps and the prompts that come until all but the last of its steps' time is over."""
    random = np.random.default_rng(seed)
    busy_ms, at_ms = gaps * step_ms, 0.0
    part = (gaps - 1.0) / gaps
    while True:
        at_ms += random.exponential(1.0 / rate_per_ms)
        if at_ms > part * busy_ms:
            return busy_ms
        busy_ms += work_ms


@pytest.mark.parametrize(("work_ms", "rate_rps"), [(230.0, 2.0), (60.0, 6.0), (2.0, 150.0)])
def test_decoding_is_as_long_as_in_a_simulation(work_ms: float, rate_rps: float) -> None:
    """Of prompts longer and shorter than a part (10 gaps of 40 ms in 64: 6.25 ms)."""
    rate_per_ms = rate_rps / 1000.0
    each_ms = [decoded_ms(10.0, 20.0, work_ms, rate_per_ms, seed) / 10.0 for seed in range(4000)]
    gaps = of(10.0, work_ms, step_ms=1000.0)
    for part in (40, 48, 56, 64):
        share = float(np.mean(np.array(each_ms) > gaps.times_ms[part] + 1e-9))
        assert beyond(gaps, rate_rps)[part] == pytest.approx(share, abs=0.03)


def test_longer_targets_are_never_met_less_often() -> None:
    """Though more requests come within a longer target."""
    one = np.ones(1)
    shares = [
        late(Gaps(one, 19.0 * one, one, 209.0 * one, target_ms), 0.7)
        for target_ms in np.linspace(25.0, 32.0, 15).tolist()
    ]
    assert all(longer <= shorter + 0.002 for shorter, longer in pairwise(shares))


def test_steps_hold_no_more_than_a_chunk() -> None:
    """Chunks of 15 ms never make a gap longer than 35 ms, chunks of 25 ms do."""
    assert late(of(10.0, 230.0, step_ms=15.0), 20.0) == pytest.approx(0.0, abs=1e-6)
    assert late(of(10.0, 230.0, step_ms=25.0), 20.0) > 0.5


def test_a_step_holds_one_prompt() -> None:
    """Two gaps hold two prompts of 15 ms: 35 ms a gap, however many wait."""
    assert late(of(2.0, 15.0), 200.0, waiting=1.0) == pytest.approx(0.0, abs=1e-6)


def test_requests_that_come_meanwhile_lengthen_steps() -> None:
    """With time, each adds 2 ms to half of ten gaps, 10 ms. The mean step has what comes in 180 ms
    at 10/s already, 1.8 ms a gap; one that comes adds 1 ms to each gap.
    """
    one = np.ones(1)
    gaps = Gaps(one, 10.0 * one, one, 0.0 * one, 40.0, slope_ms=2.0)
    tails = beyond(gaps, 10.0, steps=Steps(21.8, 0.0, 20.0))
    mean_ms = float(tails[:-1].sum() + 0.5 * tails[-1]) * 40.0 / 64
    assert mean_ms == pytest.approx(21.8, abs=0.5)
    deviation = beyond(gaps, 10.0, steps=Steps(21.8, 5.0, 20.0))
    assert deviation[-1] > tails[-1]
