"""Waits at replicas that take turns."""

import math

import numpy as np
import pytest

from heteroplan.queueing.bursts import POISSON, Bursts
from heteroplan.queueing.round_robin import RoundRobin
from heteroplan.queueing.services import Mix, Service
from tests.queueing.pools import PARTS, Router, Stream

EXPONENTIAL = Mix([Service(1.0, 1.0, 1.0)])


def root(replicas: int, load: float, bursts: Bursts) -> float:
    """x = E x^(number served in a gap) of GI/M/1: ((q + (1 - q) / (1 + m (1 - x)))^n, m the gap.

    By iteration from 0, which comes to the least root.
    """
    joined, found = bursts.joined, 0.0
    gap = 1.0 / (replicas * load * (1.0 - joined))
    for _ in range(200_000):
        found = (joined + (1.0 - joined) / (1.0 + gap * (1.0 - found))) ** replicas
    return found


@pytest.mark.parametrize("replicas", [1, 2, 7, 40])
@pytest.mark.parametrize("load", [0.2, 0.7, 0.95])
@pytest.mark.parametrize("mean", [1.0, 3.0])
def test_exponential_services(replicas: int, load: float, mean: float) -> None:
    """GI/M/1: P(wait > W) = x e^(-(1 - x) W)."""
    x = root(replicas, load, Bursts(mean))
    of = RoundRobin(EXPONENTIAL.residual, 8.0, replicas, Bursts(mean))
    tail = of.tail(load)
    assert tail[0] == pytest.approx(x, rel=0.02, abs=2e-3)
    waits = np.array([0.5, 1.0, 3.0, 8.0])
    exact = x * np.exp(-(1.0 - x) * waits)
    assert of.at(tail, waits) == pytest.approx(exact, rel=0.02, abs=5e-4)


@pytest.mark.parametrize("load", [0.3, 0.8])
def test_one_replica_has_every_request(load: float) -> None:
    """Pollaczek and Khinchine: M/D/1 within one service, 1 - (1 - u) e^(u t)."""
    of = RoundRobin(Mix([Service(1.0, 9.0, 0.0)]).residual, 2.0, 1)
    waits = np.array([0.25, 0.5, 0.75])
    exact = 1.0 - (1.0 - load) * np.exp(load * waits)
    assert of.at(of.tail(load), waits) == pytest.approx(exact, abs=5e-3)


def test_constant_gaps_and_services_never_wait() -> None:
    of = RoundRobin(Mix([Service(1.0, 9.0, 0.0)]).residual, 2.0, 10**9)
    tail = of.tail(0.5)
    assert of.at(tail, np.array([0.1, 1.0])) == pytest.approx([0.0, 0.0], abs=1e-4)
    assert of.crossing(tail, 0.05) == 0.0


@pytest.mark.parametrize("cv", [0.5, 2.0])
@pytest.mark.parametrize("bursts", [POISSON, Bursts(7.0)])
def test_agrees_with_a_simulation(cv: float, bursts: Bursts) -> None:
    mix, replicas, load = [Service(1.0, 1.0, cv)], 3, 0.6
    waits = (0.5, 2.0, 6.0)
    stream = Stream.of(mix, bursts.dispersion, 400_000, seed=5)
    late = stream.late(Router.ROUND_ROBIN, replicas, load, waits)
    of = RoundRobin(Mix(mix).residual, max(waits), replicas, bursts)
    said = of.at(of.tail(load), np.array(waits))
    errors = late.std(axis=0, ddof=1) / PARTS**0.5
    assert np.all(np.abs(said - late.mean(axis=0)) <= 4.0 * errors + 0.01 * said)


@pytest.mark.parametrize("load", [0.0, 1e-6, 0.95, 0.999])
@pytest.mark.parametrize("horizon", [1e-6, 0.3, 2000.0])
@pytest.mark.parametrize("replicas", [2, 64])
def test_tails_fall_from_one_to_none(load: float, horizon: float, replicas: int) -> None:
    for mix in ([Service(1.0, 1.0, 0.0)], [Service(0.9, 0.6, 0.0), Service(0.1, 4.6, 2.0)]):
        tail = RoundRobin(Mix(mix).residual, horizon, replicas, Bursts(20.5)).tail(load)
        assert np.all(np.isfinite(tail))
        assert np.all((tail >= 0.0) & (tail <= 1.0))
        assert np.all(np.diff(tail) <= 1e-6)
        assert not math.isnan(tail[0])
