"""The naive simulator against queueing theory: tokens are milliseconds, decode takes no time."""

from collections.abc import Callable, Sequence
from random import Random
from statistics import fmean

import pytest

from tests.simulation.naive import simulate
from tests.simulation.naive_case import (
    Case,
    NaiveDecode,
    NaiveRequest,
    NaiveWorkload,
    Routing,
    StepTime,
)
from tests.simulation.naive_words import PREFILL


def constant(_: Random) -> float:
    return 1000.0


def exponential(random: Random) -> float:
    return random.expovariate(1 / 1000.0)


def long_or_short(random: Random) -> float:
    """One in five of 3 s, the others of half a second: second moment 2 s^2."""
    return 3000.0 if random.random() < 0.2 else 500.0


def waits_one_by_one(requests: Sequence[NaiveRequest], replicas: int) -> list[float]:
    """By the recursion of Lindley, Kiefer and Wolfowitz [s]."""
    free, waits = [0.0] * replicas, []
    for request in requests:
        first = min(range(replicas), key=free.__getitem__)
        begin = max(free[first], request.arrival_s)
        free[first] = begin + request.isl / 1000.0
        waits.append(begin - request.arrival_s)
    return waits


@pytest.mark.parametrize(
    ("tokens", "replicas", "rate_rps", "mean_s", "error"),
    [
        pytest.param(constant, 1, 0.7, 0.7 / (2 * 0.3), 0.05, id="M/D/1"),
        pytest.param(exponential, 1, 0.6, 0.6 / 0.4, 0.08, id="M/M/1"),
        pytest.param(exponential, 2, 1.2, 0.6**2 / (1 - 0.6**2), 0.08, id="M/M/2"),
        pytest.param(long_or_short, 1, 0.6, 0.6 * 2.0 / (2 * 0.4), 0.06, id="M/G/1"),
    ],
)
def test_waits_are_those_of_queueing_theory(
    tokens: Callable[[Random], float], replicas: int, rate_rps: float, mean_s: float, error: float
) -> None:
    """The mean of 10,000 waits in one shared queue is the closed form within three times the
    relative standard deviation of such means; each wait is that of the recursion."""
    random = Random(1)
    at_s, requests = 0.0, []
    for _ in range(10_000):
        at_s += random.expovariate(rate_rps)
        requests.append(NaiveRequest(at_s, max(1, round(tokens(random))), 1))
    outcome = simulate(
        Case(
            (*[PREFILL] * replicas, NaiveDecode(StepTime())),
            tuple(requests),
            workloads=(NaiveWorkload(Routing.SHARED),),
        )
    )
    waits = [
        got.first_token_s - each.arrival_s - each.isl / 1000.0
        for each, got in zip(requests, outcome.requests, strict=True)
    ]
    wanted = waits_one_by_one(requests, replicas)
    assert max(abs(a - b) for a, b in zip(waits, wanted, strict=True)) < 1e-5
    assert fmean(waits) == pytest.approx(mean_s, rel=3 * error)
