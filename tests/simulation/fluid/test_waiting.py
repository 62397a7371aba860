"""Moments of waits: closed forms, and fluids where the load is beyond 1."""

from math import exp

import pytest

from heteroplan.queueing.bursts import erlang_c
from heteroplan.simulation.fluid.waiting import delayed, erlang_table, pass_time, within


def settled(load: float, servers: int, service_s: float, variance: float) -> tuple[float, float]:
    """Moments of the wait after ten thousand seconds; `variance` is ca^2 + cs^2."""
    share = delayed(erlang_table(), servers, load)
    wait = square = 0.0
    for _ in range(10_000):
        wait, square = pass_time(wait, square, load, share, service_s * variance / servers, 1.0)
    return wait, square


@pytest.mark.parametrize("load", [0.1, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("scv", [0.0, 1.0, 4.0])
def test_one_server_waits_as_pollaczek_and_khinchine_say(load: float, scv: float) -> None:
    wait, _ = settled(load, 1, 0.1, 1.0 + scv)
    assert wait == pytest.approx(load * 0.1 * (1.0 + scv) / (2.0 * (1.0 - load)), rel=1e-3)


@pytest.mark.parametrize("servers", [1, 2, 8, 40])
@pytest.mark.parametrize("load", [0.5, 0.9, 0.96])
def test_many_servers_wait_as_erlang_says(servers: int, load: float) -> None:
    wait, square = settled(load, servers, 0.2, 2.0)
    share = erlang_c(servers, load)
    mean = share * 0.2 / (servers * (1.0 - load))
    assert wait == pytest.approx(mean, rel=0.02, abs=1e-9)
    assert square == pytest.approx(2.0 * mean**2 / share, rel=0.02, abs=1e-9)


def test_share_that_waits_is_between_the_loads_and_servers_of_the_table() -> None:
    table = erlang_table()
    for servers in (1, 3, 100):
        assert delayed(table, servers, 0.5) == pytest.approx(erlang_c(servers, 0.5))
        assert delayed(table, servers, 0.777) == pytest.approx(erlang_c(servers, 0.777), rel=5e-3)
    assert delayed(table, 2.5, 0.5) == pytest.approx((erlang_c(2, 0.5) + erlang_c(3, 0.5)) / 2.0)
    assert delayed(table, 4, 1.0) == delayed(table, 4, 3.0) == 1.0


def test_overload_grows_by_the_excess_and_spreads_by_the_noise() -> None:
    """Mean +0.25 a second, variance +0.1 a second, after the first moments."""
    wait, square = 100.0, 100.0**2
    for _ in range(400):
        wait, square = pass_time(wait, square, 1.25, 1.0, 0.08, 1.0)
    assert wait == pytest.approx(100.0 + 0.25 * 400, rel=1e-6)
    assert square - wait**2 == pytest.approx(0.1 * 400, rel=1e-6)


def test_a_long_queue_is_worked_off_as_a_fluid() -> None:
    wait, square = 100.0, 100.0**2
    for _ in range(150):
        wait, square = pass_time(wait, square, 0.5, 0.5, 0.1, 1.0)
    assert wait == pytest.approx(25.0, rel=1e-6)


@pytest.mark.parametrize("time", [0.25, 1.0, 5.0])
def test_the_long_run_does_not_depend_on_the_step(time: float) -> None:
    wait = square = 0.0
    for _ in range(int(5000 / time)):
        wait, square = pass_time(wait, square, 0.9, 0.9, 0.5, time)
    assert wait == pytest.approx(0.9 * 0.5 / 0.2, rel=1e-3)


def test_shares_are_exponential_beside_those_who_do_not_wait() -> None:
    """A quarter waits, 2 s on average: mean 0.5, mean square 0.25 * 8."""
    for limit in (0.0, 1.0, 4.0):
        assert within(0.5, 2.0, limit) == pytest.approx(1.0 - 0.25 * exp(-limit / 2.0))
    assert within(0.5, 2.0, -1.0) == 0.0
    assert within(0.0, 0.0, 0.0) == 1.0


def test_shares_of_a_queue_that_has_grown_are_about_its_mean() -> None:
    """100 s with a deviation of 5 s: about normal."""
    square = 100.0**2 + 25.0
    assert within(100.0, square, 100.0) == pytest.approx(0.5, abs=0.02)
    assert within(100.0, square, 110.0) == pytest.approx(0.977, abs=0.005)
    assert within(100.0, square, 80.0) < 1e-3
