from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.queueing.batching import Batches, BatchQueue, Prompts, full_batch_ms, steady
from heteroplan.queueing.lengths import gamma_parts
from heteroplan.queueing.waiting import Budget, ReplicaPool, Service, lateness

EACH_MS, FIXED_MS = 10.0, 50.0


def prompts(budget_ms: float, cv: float = 0.0, each_ms: float = EACH_MS) -> Prompts:
    shares, lengths = gamma_parts(cv)
    return Prompts(shares, each_ms * lengths, np.full(len(shares), budget_ms))


def greatest_rps(queue: BatchQueue, percentile: float) -> float:
    def late(rate: float) -> float:
        return lateness(queue.at(rate).late_share(), percentile)

    return 1000.0 * largest_meeting(late, queue.most_per_ms, 1e-4)


def drawn(
    rate_rps: float, cv: float, together: float, count: int
) -> tuple[list[float], list[float]]:
    """Arrivals [ms] in geometric batches, and their work [ms]."""
    random = np.random.default_rng(3)
    sizes = random.geometric(1.0 / together, count)
    batches = np.cumsum(random.exponential(1000.0 * together / rate_rps, count))
    arrivals = np.repeat(batches, sizes)[:count]
    works = EACH_MS * (random.gamma(1 / cv**2, cv**2, count) if cv else np.ones(count))
    return arrivals.tolist(), works.tolist()


def simulated_late(
    arrivals: Sequence[float], works: Sequence[float], most_ms: float, budget_ms: float
) -> float:
    """Share of prompts that are late: batches of what waits, of no more than `most_ms` together."""
    count, late, now, first = len(arrivals), 0, 0.0, 0
    while first < count:
        now = max(now, arrivals[first])
        last, work = first + 1, works[first]
        while last < count and arrivals[last] <= now and work + works[last] <= most_ms:
            work += works[last]
            last += 1
        now += FIXED_MS + work
        late += sum(now - at > budget_ms for at in arrivals[first:last])
        first = last
    return late / count


@pytest.mark.parametrize(
    ("most", "budgets", "percentile", "cv", "together"),
    [
        (4, 3.0, 0.9, 0.0, 1.0),
        (4, 6.0, 0.95, 0.7, 1.0),
        (16, 6.0, 0.95, 1.0, 1.0),
        (4, 10.0, 0.99, 0.0, 1.0),
        (8, 10.0, 0.95, 0.7, 3.0),
    ],
)
def test_as_many_are_in_time_as_promised(
    most: int, budgets: float, percentile: float, cv: float, together: float
) -> None:
    """And what is granted is not far below what could be."""
    budget_ms, most_ms = budgets * 60.0, EACH_MS * most
    given = prompts(budget_ms, cv)
    full_ms, _ = full_batch_ms(given.shares, given.works_ms, given.works_ms, most_ms)
    batches = Batches(FIXED_MS, full_ms, alone_ms=most_ms)
    rate_rps = greatest_rps(BatchQueue(given, batches, together), percentile)
    arrivals, works = drawn(1.0, cv, together, 60_000)

    def late(at_rps: float) -> float:
        return simulated_late([at / at_rps for at in arrivals], works, most_ms, budget_ms)

    assert late(0.95 * rate_rps) <= 1.0 - percentile
    assert late(1.25 * rate_rps) > 1.0 - percentile


def test_one_prompt_a_batch_is_the_queue_of_constant_service() -> None:
    """400 ms are 340 of waiting."""
    alone = greatest_rps(BatchQueue(prompts(400.0), Batches(FIXED_MS, EACH_MS)), 0.95)
    queue = ReplicaPool([Service(1.0, 60.0, 0.0)])
    busy = queue.greatest_utilization([Budget(1.0, 340.0)], 0.95)
    assert alone * 0.06 == pytest.approx(busy, rel=0.05)


def test_batches_serve_more() -> None:
    one, eight = (
        greatest_rps(BatchQueue(prompts(400.0), Batches(FIXED_MS, EACH_MS * k)), 0.95)
        for k in (1, 8)
    )
    assert eight > 3 * one


def test_what_takes_longer_than_the_budget_is_not_promised() -> None:
    queue = BatchQueue(prompts(59.0), Batches(FIXED_MS, 8 * EACH_MS))
    assert queue.at(1e-9).late_share() == pytest.approx(1.0)


def test_a_queue_that_cannot_be_worked_off_is_late() -> None:
    """Batches of 8 take 130 ms: more than 61.5 prompts/s are never served."""
    queue = BatchQueue(prompts(1e4), Batches(FIXED_MS, 8 * EACH_MS))
    assert queue.at(0.062).late_share() == 1.0
    assert queue.at(0.040).late_share() < 0.01


def test_a_step_that_goes_on_without_prompts_is_waited_for() -> None:
    """A lone prompt waits for half of a step of 100 ms on average, and takes 60 ms then."""
    batches = Batches(FIXED_MS, 8 * EACH_MS, idle_ms=100.0)
    late = [
        BatchQueue(prompts(budget_ms), batches).at(1e-9).late_share()
        for budget_ms in (59.0, 110.0, 161.0)
    ]
    assert late == pytest.approx([1.0, 0.5, 0.0], abs=0.01)


def test_as_many_prompts_come_with_each_batch_where_they_are_paced() -> None:
    """0.01 a ms in batches of 80 ms on average: none with exp(-0.8) of them, however long each is.

    With time, fewer come while a batch without prompts runs, which takes 50 ms.
    """
    paced, timed = (
        BatchQueue(prompts(400.0), Batches(FIXED_MS, 64 * EACH_MS, idle_ms=50.0), paced=share)
        .at(0.01, 80.0)
        .starts[0]
        for share in (1.0, 0.0)
    )
    assert paced == pytest.approx(np.exp(-0.8), rel=1e-6)
    assert timed > paced


def test_what_waits_when_a_prompt_is_done() -> None:
    """Nothing where hardly any come; else what came while it waited and was worked on."""
    queue = BatchQueue(prompts(400.0), Batches(FIXED_MS, EACH_MS))
    law = queue.at(1e-9).left_at_ends()
    assert law[0] == pytest.approx(1.0)
    busy = queue.at(0.5 / 60.0)
    found = busy.left_at_ends() @ (queue.points.step * np.arange(queue.points.size))
    waits = ReplicaPool([Service(1.0, 60.0, 0.0)]).beyond(5000.0)
    times = np.arange(0.0, 5000.0, 1.0)
    mean_ms = float(waits(0.5, times).sum())
    assert found / EACH_MS == pytest.approx(0.5 / 60.0 * (mean_ms + 60.0), rel=0.1)


def test_pools_wait_less() -> None:
    """Of more replicas with as much each; never less than one alone."""
    batches = Batches(FIXED_MS, 4 * EACH_MS)
    rates = [
        greatest_rps(BatchQueue(prompts(240.0), batches, servers=servers), 0.95)
        for servers in (1, 2, 8)
    ]
    assert all(more > less for less, more in pairwise(rates))


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([0.0, 0.5, 1.0, 1.5]),
    st.floats(1.0, 4.0),
    st.floats(0.05, 0.9),
    st.integers(1, 4),
)
def test_more_load_bursts_and_less_time_make_more_late(
    cv: float, together: float, load: float, servers: int
) -> None:
    def late(budget_ms: float, load: float, together: float) -> float:
        batches = Batches(FIXED_MS, 6 * EACH_MS)
        queue = BatchQueue(prompts(budget_ms, cv), batches, together, servers)
        return queue.at(load * queue.most_per_ms).late_share()

    least = late(400.0, load, together)
    assert least <= late(300.0, load, together) + 0.02
    assert least <= late(400.0, 1.1 * load, together) + 0.02
    assert least <= late(400.0, load, together + 1.0) + 0.02


def test_full_batches_have_what_fits() -> None:
    """Of prompts of 1,000 tokens two fit 2,048; of 3,000 none does."""
    shares, tokens = np.array([1.0]), np.array([1000.0])
    assert full_batch_ms(shares, tokens, tokens / 10, 2048.0) == pytest.approx((200.0, 2.0))
    assert full_batch_ms(shares, 3 * tokens, tokens, 2048.0) == (0.0, 0.0)


def test_long_prompts_have_a_batch_of_their_own() -> None:
    """Ten times a full batch, alone: 50 + 400 ms; in time within 451 ms."""
    given = replace(prompts(451.0), works_ms=np.array([400.0]))
    queue = BatchQueue(given, Batches(FIXED_MS, 4 * EACH_MS, alone_ms=45.0))
    assert queue.at(1e-9).late_share() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("size", [2, 64, 65, 200])
def test_the_law_of_a_chain_is_the_same_after_a_move(size: int) -> None:
    """Left out in blocks or not; the last state is never entered."""
    moves = np.random.default_rng(size).random((size, size)) ** 4
    moves[:, -1] = 0.0
    moves /= moves.sum(axis=1, keepdims=True)
    law = steady(moves)
    assert law.sum() == pytest.approx(1.0)
    assert law @ moves == pytest.approx(law, abs=1e-14)
    assert law[-1] == 0.0
