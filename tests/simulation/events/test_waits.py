"""Waits of 200,000 requests against queueing theory; a token is a microsecond of prefill."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from scipy.stats import poisson

from heteroplan.entities.workload import Routing
from heteroplan.simulation.requests import Floats, Integers
from tests.simulation.events.small_worlds import AT_ONCE, PREFILL_ENGINE, simulator, stream

REQUESTS = 200_000
BATCHES = 20
SECOND = 10**6


def constant(_: Generator) -> Integers:
    return np.full(REQUESTS, SECOND)


def exponential(random: Generator) -> Integers:
    return np.maximum(1, random.exponential(SECOND, REQUESTS).round().astype(np.int64))


def long_or_short(random: Generator) -> Integers:
    """One in five of 3 s, the others of half a second: second moment 2 s^2."""
    return np.where(random.random(REQUESTS) < 0.2, 3 * SECOND, SECOND // 2)


def erlang_c_wait_s(servers: int, busy: float) -> float:
    """Mean wait of M/M/c with a mean service time of a second [s]."""
    offered = servers * busy
    none, lost = 1.0, 1.0
    for each in range(1, servers + 1):
        lost = offered * lost / (each + offered * lost)
    none = lost / (1.0 - busy * (1.0 - lost))
    return none / (servers * (1.0 - busy))


def crommelin_wait_s(servers: int, busy: float) -> float:
    """Mean wait of M/D/c with a service time of a second [s], by Crommelin's series."""
    times = np.arange(1, 2000)
    limit, mean = times * servers, times * servers * busy
    return float(np.sum(poisson.sf(limit - 1, mean) - poisson.sf(limit, mean) / busy))


def mean_and_error(waits_s: Floats) -> tuple[float, float]:
    """Mean and its standard error, from the means of batches, as waits depend on each other."""
    means = waits_s.reshape(BATCHES, -1).mean(axis=1)
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(BATCHES))


def waits_s(lengths: Integers, arrival_s: Floats, replicas: int, routing: Routing) -> Floats:
    """From arrival to the start of prefill [s]."""
    made = simulator(
        stream(arrival_s, lengths),
        [PREFILL_ENGINE] * replicas + [AT_ONCE] * 4,
        routing=routing,
    )
    made.run(1e9)
    waits: Floats = made.table().first_token_s - arrival_s - lengths / SECOND
    return waits


@pytest.mark.parametrize(
    ("lengths", "replicas", "busy", "routing", "wanted_s"),
    [
        pytest.param(constant, 1, 0.7, Routing.SHARED, 0.7 / (2 * 0.3), id="M/D/1"),
        pytest.param(exponential, 1, 0.7, Routing.LEAST_LOADED, 0.7 / 0.3, id="M/M/1"),
        pytest.param(long_or_short, 1, 0.6, Routing.SHARED, 0.6 * 2.0 / (2 * 0.4), id="M/G/1"),
        pytest.param(exponential, 8, 0.8, Routing.SHARED, erlang_c_wait_s(8, 0.8), id="M/M/8"),
        pytest.param(constant, 4, 0.8, Routing.SHARED, crommelin_wait_s(4, 0.8), id="M/D/4"),
        pytest.param(
            constant, 4, 0.8, Routing.LEAST_LOADED, crommelin_wait_s(4, 0.8), id="least loaded"
        ),
        pytest.param(exponential, 4, 0.6, Routing.RANDOM, 0.6 / 0.4, id="random: four M/M/1"),
    ],
)
def test_mean_waits(
    lengths: Callable[[Generator], Integers],
    replicas: int,
    busy: float,
    routing: Routing,
    wanted_s: float,
) -> None:
    """Within four standard errors, which are less than a twentieth of the wait."""
    random = np.random.default_rng(5)
    arrival_s = np.cumsum(random.exponential(1.0 / (replicas * busy), REQUESTS))
    mean_s, error_s = mean_and_error(waits_s(lengths(random), arrival_s, replicas, routing))
    assert error_s < wanted_s / 20.0
    assert mean_s == pytest.approx(wanted_s, abs=4.0 * error_s)


def test_closed_forms_of_one_server() -> None:
    """M/M/1 and M/D/1 are the forms' simplest cases."""
    assert erlang_c_wait_s(1, 0.7) == pytest.approx(0.7 / 0.3)
    assert crommelin_wait_s(1, 0.7) == pytest.approx(0.7 / (2 * 0.3))
