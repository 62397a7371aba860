import numpy as np
import pytest

from heteroplan.queueing.batching import BatchQueue
from heteroplan.queueing.waiting import Budget, ReplicaPool, Service


def simulated_late(queue: BatchQueue, rate_rps: float, budget_ms: float, cv: float = 0.0) -> float:
    """Share of 100,000 prompts, taken as they wait, that are late: an event simulation.

    With `cv`, lengths are gammas and a batch takes its base time and the sum of its lengths.
    """
    random = np.random.default_rng(3)
    count, most = 100_000, len(queue.service_ms)
    arrivals = np.cumsum(random.exponential(1000.0 / rate_rps, count)).tolist()
    lengths = (random.gamma(1 / cv**2, cv**2, count) if cv else np.ones(count)).tolist()
    each_ms = 10.0
    late, now, first = 0, 0.0, 0
    while first < count:
        now = max(now, arrivals[first])
        last = first + 1
        while last < min(first + most, count) and arrivals[last] <= now:
            last += 1
        now += 50.0 + each_ms * sum(lengths[first:last])
        late += sum(now - at > budget_ms for at in arrivals[first:last])
        first = last
    return late / count


def of_fixed(most: int) -> BatchQueue:
    """50 ms a batch and 10 ms a prompt."""
    return BatchQueue(tuple(50.0 + 10.0 * k for k in range(1, most + 1)))


@pytest.mark.parametrize(
    "most", [4, pytest.param(2, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("budgets", "percentile"), [(3.0, 0.9), (6.0, 0.95), (10.0, 0.99)])
def test_as_many_are_in_time_as_promised(most: int, budgets: float, percentile: float) -> None:
    """Within a tenth of the late share, and what is granted is not far below what could be."""
    queue, budget_ms = of_fixed(most), budgets * 60.0
    rate_rps = queue.greatest_rate_rps(budget_ms, percentile)
    assert simulated_late(queue, rate_rps, budget_ms) <= 1.15 * (1.0 - percentile)
    if budget_ms > 2.5 * queue.service_ms[-1]:
        assert simulated_late(queue, 1.1 * rate_rps, budget_ms) > 1.0 - percentile


@pytest.mark.parametrize("cv", [0.5, 1.0])
def test_lengths_a_deviation_longer_are_safe(cv: float) -> None:
    queue = BatchQueue(tuple(50.0 + 10.0 * k * (1 + cv / k**0.5) for k in range(1, 9)))
    rate_rps = queue.greatest_rate_rps(360.0, 0.95)
    assert simulated_late(queue, rate_rps, 360.0, cv) < 0.05


def test_one_prompt_a_batch_is_the_queue_of_constant_service() -> None:
    """400 ms are 340 of waiting."""
    alone = BatchQueue((60.0,)).greatest_rate_rps(400.0, 0.95)
    queue = ReplicaPool([Service(1.0, 60.0, 0.0)])
    busy = queue.greatest_utilization([Budget(1.0, 340.0)], 0.95)
    assert alone * 0.06 == pytest.approx(busy, rel=0.02)


def test_batches_serve_more() -> None:
    assert of_fixed(8).greatest_rate_rps(400.0, 0.95) > 3 * of_fixed(1).greatest_rate_rps(
        400.0, 0.95
    )


def test_what_takes_longer_than_the_budget_is_not_promised() -> None:
    assert of_fixed(8).greatest_rate_rps(59.0, 0.5) == 0.0
