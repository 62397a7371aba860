from math import exp

import numpy as np
import pytest
from numpy.typing import NDArray

from heteroplan.queueing.gaps import Gaps

type Floats = NDArray[np.float64]
STEP_MS = 20.0


def late(gaps: Gaps, rate_rps: float, waiting: float = 0.0) -> float:
    """Share of late requests where steps take 20 ms and a prompt waits so often at the begin."""

    def left(works_ms: Floats) -> Floats:
        return np.where(works_ms < gaps.works_ms[0], 1.0 - waiting, 1.0)

    def beyond(times_ms: Floats, _: Floats) -> Floats:
        return np.where(times_ms < STEP_MS, 1.0, 0.0)

    joined = gaps.joined(rate_rps / 1000.0, STEP_MS)
    beside = gaps.beside(rate_rps / 1000.0, left, joined)
    return gaps.late_share(beside, beyond, joined, gaps.target_ms)


def of(count: float, work_ms: float, step_ms: float = np.inf) -> Gaps:
    """Requests of so many gaps with a target of 40 ms, and prompts of so much prefill."""
    one = np.ones(1)
    return Gaps(one, count * one, one, work_ms * one, 40.0, step_ms)


def test_one_gap_is_late_where_a_prompt_waits() -> None:
    """20 ms are left beside a step: a prompt of 30 ms is late, one of 10 ms is not."""
    assert late(of(1.0, 30.0), 5.0, waiting=0.3) == pytest.approx(0.3, abs=0.01)
    assert late(of(1.0, 10.0), 5.0, waiting=0.3) == pytest.approx(0.0, abs=0.01)


def test_prompts_that_come_meanwhile_count() -> None:
    """Ten gaps leave 200 ms: a prompt of 230 ms in 9 gaps of 40 ms at 2/s makes 1 - exp(-0.72)."""
    assert late(of(10.0, 230.0), 2.0) == pytest.approx(1.0 - exp(-0.72), abs=0.01)
    assert late(of(10.0, 150.0), 2.0) == pytest.approx(1.0 - exp(-0.72) * 1.72, abs=0.02)


def test_steps_hold_no_more_than_a_chunk() -> None:
    """Chunks of 15 ms never make a gap longer than 35 ms, chunks of 25 ms do."""
    assert late(of(10.0, 230.0, step_ms=15.0), 20.0) == pytest.approx(0.0, abs=1e-6)
    assert late(of(10.0, 230.0, step_ms=25.0), 20.0) > 0.5


def test_a_step_holds_one_prompt() -> None:
    """Two gaps hold two prompts of 15 ms: 35 ms a gap, however many wait."""
    assert late(of(2.0, 15.0), 200.0, waiting=1.0) == pytest.approx(0.0, abs=1e-6)


def test_requests_that_come_meanwhile_lengthen_steps() -> None:
    """Each adds 2 ms to half of ten gaps, 10 ms: as a prefill of so much."""
    one = np.ones(1)
    gaps = Gaps(one, 10.0 * one, one, 0.0 * one, 40.0, slope_ms=2.0)
    joined = gaps.joined(0.01, 20.0)
    assert joined.mean_ms == pytest.approx([0.01 * 20.0 * 9.0 * 1.0])
    assert joined.variance_ms2 == pytest.approx([0.01 * 20.0 * 9.0 * 1.0])
