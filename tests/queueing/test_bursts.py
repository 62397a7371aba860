"""Requests in Poisson batches of geometric size."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.queueing.bursts import POISSON, Bursts, erlang_c


def test_batches_of_a_dispersion() -> None:
    """Variance over mean of a sum of geometric batches of mean b: E[b^2] / b = 2 b - 1."""
    assert Bursts.of(1.0) == POISSON
    assert Bursts.of(13.0) == Bursts(7.0)
    assert Bursts(7.0).dispersion == 13.0
    assert Bursts(4.0).joined == 0.75


def test_less_than_poisson_counts_as_poisson() -> None:
    assert Bursts.of(0.2) == Bursts.of(-3.0) == POISSON


def test_a_part_of_a_stream_is_smoother() -> None:
    """Of dispersion 13 a quarter of the requests, taken by chance, has 1 + 12 / 4."""
    assert Bursts.of(13.0).split(4).dispersion == pytest.approx(4.0)
    assert POISSON.split(4) == POISSON


def test_who_waits_for_one_replica() -> None:
    """All but the first of a batch, and the first where it is busy: 1 - (1 - u) / b."""
    assert Bursts(4.0).delayed(1, 0.5) == pytest.approx(1.0 - 0.5 / 4.0)
    assert POISSON.delayed(1, 0.3) == pytest.approx(0.3)


def balanced(servers: int, load: float, bursts: Bursts) -> float:
    """Who finds all replicas taken in M/M/c with batches, by the balance of its states.

    Between n and n + 1: min(n + 1, c) p[n + 1] = a (1 - q) sum over j <= n of p[j] q^(n - j), with
    a = c u; a request of a batch that finds j is behind k of its own with (1 - q) q^k.
    """
    joined, most = bursts.joined, 3000
    offered = servers * load
    states = [1.0]
    running = 1.0
    for n in range(most):
        states.append(offered * (1.0 - joined) * running / min(n + 1, servers))
        running = joined * running + states[-1]
    total = math.fsum(states)
    free = 0.0
    ahead = 0.0
    for n in range(servers):
        ahead = joined * ahead + (1.0 - joined) * states[n] / total
        free += ahead
    return 1.0 - free


@pytest.mark.parametrize("servers", [1, 2, 5, 30])
@pytest.mark.parametrize("load", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("mean", [1.0, 1.5, 4.0, 20.5])
def test_who_waits_for_exponential_services(servers: int, load: float, mean: float) -> None:
    bursts = Bursts(mean)
    wanted = balanced(servers, load, bursts)
    assert bursts.delayed(servers, load) == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_who_waits_for_idle_replicas_has_as_many_of_its_batch_ahead() -> None:
    """q^c: of 4 a batch and 3 replicas, 0.75^3."""
    assert Bursts(4.0).delayed(3, 0.0) == pytest.approx(0.75**3, rel=1e-6)


def test_endlessly_many_replicas_delay_nobody() -> None:
    assert Bursts(20.0).delayed(100_000, 0.9) < 1e-9
    assert Bursts(20.0).delayed(1000, 0.5) < 1e-3


@given(st.integers(2, 200), st.floats(0.01, 0.99), st.floats(1.01, 30.0), st.floats(0.5, 1.0))
def test_services_that_overlap_longer_delay_more(
    servers: int, load: float, mean: float, overlap: float
) -> None:
    """And batches more than single requests, at least those of even services."""
    bursts = Bursts(mean)
    found = bursts.delayed(servers, load, overlap)
    assert bursts.delayed(servers, load) <= found <= 1.0 + 1e-9
    assert erlang_c(servers, load) <= found * (1.0 + 1e-6) + 1e-12
