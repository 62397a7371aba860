import math
from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.queueing.bursts import erlang_c
from heteroplan.queueing.waiting import (
    UTILIZATION_CAP,
    Budget,
    ReplicaPool,
    Service,
    lateness,
)
from tests.profiles.queue_simulation import simulated


def exponential(mean_ms: float = 100.0, servers: int = 1) -> ReplicaPool:
    return ReplicaPool([Service(1.0, mean_ms, 1.0)], servers)


def constant(mean_ms: float = 100.0, servers: int = 1) -> ReplicaPool:
    return ReplicaPool([Service(1.0, mean_ms, 0.0)], servers)


def busy(pool: ReplicaPool, wait_ms: float, percentile: float = 0.95) -> float:
    return pool.greatest_utilization([Budget(1.0, wait_ms)], percentile)


def test_tail_of_the_queue_is_met_exactly() -> None:
    """W/s = 5, 5 % may be late: 0.528 * e^-2.360 = 0.0498, 0.529 * e^-2.355 = 0.0502."""
    assert 0.528 < busy(exponential(), 500.0) < 0.529


def test_without_time_to_wait_only_the_late_share_may_find_the_replica_busy() -> None:
    """P(wait > 0) = rho in M/G/1, so rho = 1 - 0.95."""
    assert busy(exponential(), 0.0) == pytest.approx(0.05)
    assert busy(constant(), 0.0) == pytest.approx(0.05, rel=1e-3)


def test_utilization_is_capped_however_long_requests_may_wait() -> None:
    assert busy(exponential(1.0), 1e9) == UTILIZATION_CAP
    assert busy(constant(1.0), 1e9) == UTILIZATION_CAP


def test_wait_at_a_utilization() -> None:
    """rho = 0.5, late 0.05: s * ln(10) / 0.5 = 2 * 2.302585 * s; below 0.05 nobody waits."""
    assert exponential().wait_ms(0.5, 0.95) == pytest.approx(200.0 * math.log(10.0))
    assert exponential().wait_ms(0.04, 0.95) == 0.0


def test_constant_service_waits_as_in_erlangs_formula() -> None:
    """M/D/1 within one service: P(W > t) = 1 - (1 - rho) e^(rho t / s); rho 0.5, t = s / 2:
    1 - 0.5 e^0.25 = 0.35799.
    """
    assert constant().wait_ms(0.5, 1 - 0.35799) == pytest.approx(50.0, rel=5e-3)


def test_probability_of_waiting() -> None:
    """M/M/1: rho. M/M/2 at rho 0.5: a = 1, (1/2 / (1 - 0.5)) / (1 + 1 + 1) = 1/3."""
    assert erlang_c(1, 0.3) == pytest.approx(0.3)
    assert erlang_c(2, 0.5) == pytest.approx(1 / 3)


def test_two_replicas_with_one_queue_may_be_busier() -> None:
    """M/M/2: C e^(-2 (1 - rho) W / s); nobody late at rho where C = 0.05: 2 rho^2 / (1 + rho)."""
    rho = (0.05 + math.sqrt(0.05**2 + 8 * 0.05)) / 4
    assert busy(exponential(servers=2), 0.0) == pytest.approx(rho)


def test_spread_costs_utilization_and_sharing_a_queue_gains_it() -> None:
    mixed = [Service(0.9, 60.0, 0.0), Service(0.1, 460.0, 0.0)]
    assert ReplicaPool(mixed).scv == pytest.approx(1.44)
    assert (
        busy(ReplicaPool(mixed), 200.0)
        < busy(constant(), 200.0)
        < busy(ReplicaPool(mixed, 8), 200.0)
    )


def test_who_is_late_in_any_case_counts() -> None:
    """3 % have no time at all: of the 5 %, 2 in 97 remain; 6 % are too many."""
    pool = exponential()
    some = pool.greatest_utilization([Budget(0.97, 0.0), Budget(0.03, -1.0)], 0.95)
    assert some == pytest.approx(0.02 / 0.97)
    assert pool.greatest_utilization([Budget(0.94, 0.0), Budget(0.06, -1.0)], 0.95) == 0.0


POOLS = st.builds(
    lambda mean, cv, servers: ReplicaPool([Service(1.0, mean, cv)], servers),
    st.floats(0.1, 1e4),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.sampled_from([1, 2, 8, 64]),
)


@settings(max_examples=60)
@given(POOLS, st.floats(0.0, 50.0), st.floats(0.0, 50.0), st.floats(0.5, 0.999))
def test_more_time_to_wait_never_means_less_utilization(
    pool: ReplicaPool, services: float, more: float, percentile: float
) -> None:
    """To a thousandth, the accuracy of the lattice."""
    tight = busy(pool, services * pool.mean_ms, percentile)
    loose = busy(pool, (services + more) * pool.mean_ms, percentile)
    assert 0.0 < tight <= loose * 1.001
    assert loose <= UTILIZATION_CAP


@settings(max_examples=60)
@given(POOLS, st.floats(0.0, 50.0), st.floats(0.5, 0.999))
def test_wait_undoes_utilization(pool: ReplicaPool, services: float, percentile: float) -> None:
    wait_ms = pool.wait_ms(busy(pool, services * pool.mean_ms, percentile), percentile)
    assert wait_ms <= (services * 1.01 + 0.01) * pool.mean_ms


@settings(max_examples=60, deadline=None)
@given(POOLS, st.floats(0.5, 0.95), st.floats(0.5, 0.999))
def test_as_many_wait_longer_than_said_as_may(
    pool: ReplicaPool, utilization: float, percentile: float
) -> None:
    """One of the two says how long, the other how many: both lengthen waits by the same margin."""
    late = 1.0 - percentile
    wait_ms = pool.wait_ms(utilization, percentile)
    share = pool.late_share([Budget(1.0, wait_ms)])(utilization)
    if wait_ms == 0.0:
        assert share <= late
    else:
        assert share == pytest.approx(late, rel=0.02)


@pytest.mark.parametrize(("servers", "margin_ms"), [(1, 0.0), (2, 100.0 * 3 / 8), (4, 28.125)])
def test_waits_of_several_servers_are_lengthened_by_the_margin(
    servers: int, margin_ms: float
) -> None:
    """Half of a squared coefficient of variation (3) of a service of the whole pool, 100 / c ms,
    times 1 - 1 / c: 0.5 * 3 * 100 / 2 * 0.5 = 37.5 ms of two, 0.5 * 3 * 25 * 0.75 = 28.125 of four.

    Waits longer than that come that much later; shorter ones twice as late.
    """
    spread = ReplicaPool([Service(1.0, 100.0, math.sqrt(3.0))], servers)
    long = spread.wait_ms(0.9, 0.99)
    plain = without_margin(spread, 0.9, 0.99)
    assert plain > margin_ms
    assert long - plain == pytest.approx(margin_ms, abs=0.1)
    short = without_margin(spread, 0.9, 0.3)
    assert spread.wait_ms(0.9, 0.3) - short == pytest.approx(min(short, margin_ms), abs=0.1)


def without_margin(pool: ReplicaPool, utilization: float, percentile: float) -> float:
    """Wait that the late share stays within as the lattice has it, by bisection [ms]."""
    bare = copy(pool)
    bare._margin = 0.0
    low, high = 0.0, 1e4
    beyond = bare.beyond(high)
    for _ in range(60):
        middle = (low + high) / 2
        late = float(beyond(utilization, np.array([middle]))[0])
        low, high = (middle, high) if late > 1.0 - percentile else (low, middle)
    return high


@pytest.mark.parametrize("servers", [1, 4, 16])
@pytest.mark.parametrize("utilization", [0.6, 0.85])
@pytest.mark.parametrize(
    "services",
    [
        [Service(1.0, 100.0, 0.0)],
        [Service(1.0, 100.0, 1.0)],
        [Service(0.9, 60.0, 0.0), Service(0.1, 460.0, 0.5)],
    ],
)
def test_no_wait_is_longer_than_said(
    services: list[Service], servers: int, utilization: float
) -> None:
    """At P50, P90 and P99 of an event simulation: wait + service at most 5 % longer than said,
    beside three standard errors; and no more than half of a service and of the wait shorter.
    """
    percentiles = (0.5, 0.9, 0.99)
    pool = ReplicaPool(services, servers)
    seen = simulated(services, servers, utilization, percentiles, arrivals=150_000, seed=7)
    for percentile, each in zip(percentiles, seen, strict=True):
        said_ms = pool.wait_ms(utilization, percentile)
        noise_ms = 3 * each.error_ms
        assert each.wait_ms + 100.0 <= 1.05 * (said_ms + 100.0) + noise_ms
        assert said_ms <= 1.5 * each.wait_ms + 50.0 + noise_ms


def test_a_wait_beyond_any_horizon_is_infinite() -> None:
    assert ReplicaPool([Service(1.0, 100.0, 80.0)]).wait_ms(0.95, 0.99) == math.inf


def moments(services: list[Service]) -> tuple[float, float, float]:
    """Of a service time: a gamma's moments are mean^k (1 + cv^2) (1 + 2 cv^2) ..."""
    total = sum(each.share for each in services)
    shares = [each.share / total for each in services]
    first = [each.mean_ms for each in services]
    second = [each.mean_ms**2 * (1.0 + each.cv**2) for each in services]
    third = [
        two * each.mean_ms * (1.0 + 2.0 * each.cv**2)
        for two, each in zip(second, services, strict=True)
    ]
    one, two, three = (float(np.dot(shares, moment)) for moment in (first, second, third))
    return one, two, three


@pytest.mark.parametrize("utilization", [0.3, 0.7])
@pytest.mark.parametrize(
    "services",
    [
        [Service(1.0, 100.0, 0.0)],
        [Service(2.0, 100.0, 0.5)],
        [Service(1.0, 100.0, 2.0)],
        [Service(3.0, 50.0, 1.0), Service(1.0, 200.0, 1.0)],
        [Service(0.9, 60.0, 0.0), Service(0.1, 460.0, 0.5)],
        [Service(0.2, 30.0, 0.0), Service(0.3, 80.0, 0.0), Service(0.5, 150.0, 1.5)],
    ],
)
def test_waits_for_one_replica_have_the_moments_of_pollaczek_and_khinchine(
    services: list[Service], utilization: float
) -> None:
    """E W = load E S^2 / (2 E S (1 - load)); E W^2 = 2 (E W)^2 + load E S^3 / (3 E S (1 - load)).

    Both are integrals of the share that waits longer.
    """
    mean_ms, square, cube = moments(services)
    pool = ReplicaPool(services)
    assert pool.mean_ms == pytest.approx(mean_ms)
    assert pool.scv == pytest.approx(square / mean_ms**2 - 1.0)
    waits = np.linspace(0.0, 20_000.0, 40_001)
    beyond = pool.beyond(20_000.0)(utilization, waits)
    busy_for = utilization / mean_ms / (1.0 - utilization)
    mean = busy_for * square / 2.0
    assert np.trapezoid(beyond, waits) == pytest.approx(mean, rel=2e-3)
    squares = 2.0 * mean**2 + busy_for * cube / 3.0
    assert np.trapezoid(2.0 * waits * beyond, waits) == pytest.approx(squares, rel=5e-3)


def nearly_exponential(servers: int) -> ReplicaPool:
    """Two classes a billionth apart: as good as exponential, but found on the lattice."""
    return ReplicaPool([Service(0.5, 100.0, 1.0), Service(0.5, 100.0 + 1e-7, 1.0)], servers)


@pytest.mark.parametrize(("servers", "margin_ms"), [(1, 0.0), (2, 12.5), (4, 9.375), (10, 4.5)])
def test_the_lattice_has_erlangs_waits_of_exponential_services(
    servers: int, margin_ms: float
) -> None:
    """P(wait > W) = C e^(-c (1 - load) W / s), W sooner by the margin, or by half of itself."""
    pool, load = nearly_exponential(servers), 0.8
    waits = np.array([0.0, 5.0, 60.0, 200.0, -0.1])
    sooner = np.array([0.0, max(5.0 - margin_ms, 2.5), 60.0 - margin_ms, 200.0 - margin_ms])
    exact = erlang_c(servers, load) * np.exp(-servers * (1.0 - load) * sooner / 100.0)
    found = pool.beyond(200.0)(load, waits)
    assert found[:4] == pytest.approx(exact, rel=0.01)
    assert found[4] == 1.0
    assert waits.tolist() == [0.0, 5.0, 60.0, 200.0, -0.1]
    wait_ms = exponential(servers=servers).wait_ms(load, 0.99)
    assert pool.wait_ms(load, 0.99) == pytest.approx(wait_ms + margin_ms, rel=1e-3)


@pytest.mark.parametrize("servers", [1, 4])
def test_a_wait_is_found_up_to_two_thousand_services_of_the_pool(servers: int) -> None:
    """ln(0.995 / 0.001) / 0.005 = 1381 of them, ln(0.997 / 0.001) / 0.003 = 2302, for one."""
    for load, found in ((0.995, True), (0.997, False)):
        exact = exponential(servers=servers).wait_ms(load, 0.999)
        said = nearly_exponential(servers).wait_ms(load, 0.999)
        assert said == (pytest.approx(exact, rel=0.01) if found else math.inf)


@pytest.mark.parametrize("servers", [1, 3])
def test_a_wait_does_not_depend_on_what_was_asked_before(servers: int) -> None:
    services = [Service(0.9, 60.0, 0.0), Service(0.1, 460.0, 0.5)]
    fresh = ReplicaPool(services, servers).wait_ms(0.9, 0.99)
    for longest_ms in (0.0, 1.0, 300.0, 20_000.0):
        asked = ReplicaPool(services, servers)
        asked.beyond(longest_ms)
        assert asked.wait_ms(0.9, 0.99) == pytest.approx(fresh, rel=2e-3)


def test_each_share_of_the_requests_may_wait_its_own_time() -> None:
    """At half load P(wait > W) = e^(-W / 2s) / 2: of a quarter half are late, of a half 1 / 2e,
    and all of the last quarter.
    """
    budgets = [Budget(0.25, 0.0), Budget(0.5, 200.0), Budget(0.25, -1e-9)]
    expected = 0.25 * 0.5 + 0.5 * 0.5 / math.e + 0.25
    assert exponential().late_share(budgets)(0.5) == pytest.approx(expected)


def test_shares_of_services_need_not_sum_to_one() -> None:
    one = ReplicaPool([Service(0.9, 60.0, 0.0), Service(0.1, 460.0, 0.5)], 2)
    other = ReplicaPool([Service(18.0, 60.0, 0.0), Service(2.0, 460.0, 0.5)], 2)
    assert other.mean_ms == pytest.approx(100.0)
    assert other.wait_ms(0.8, 0.95) == pytest.approx(one.wait_ms(0.8, 0.95))


@pytest.mark.parametrize(
    ("share", "percentile", "expected"),
    [(0.05, 0.95, 1.0), (0.2, 0.95, 4.0), (0.2, 0.6, 0.5), (0.0, 0.9, 1e-3), (5e-5, 0.95, 1e-3)],
)
def test_lateness_is_the_logarithm_of_the_late_share_beside_what_is_allowed(
    share: float, percentile: float, expected: float
) -> None:
    """A thousandth of what is allowed is as little as is told apart."""
    assert math.exp(lateness(share, percentile)) == pytest.approx(expected)
