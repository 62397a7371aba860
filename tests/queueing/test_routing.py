"""Pools of replicas behind routers, and requests that come in batches."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.workload import Routing
from heteroplan.queueing.waiting import UTILIZATION_CAP, Budget, ReplicaPool, Service
from tests.queueing.pools import PARTS, Router, Stream, greatest

EXPONENTIAL = [Service(1.0, 100.0, 1.0)]
CONSTANT = [Service(1.0, 100.0, 0.0)]
MIXED = [Service(0.9, 60.0, 0.0), Service(0.1, 460.0, 0.5)]


def busy(
    services: Sequence[Service],
    servers: int,
    routing: Routing,
    dispersion: float,
    wait_ms: float,
    percentile: float = 0.95,
) -> float:
    pool = ReplicaPool(services, servers, routing=routing, dispersion=dispersion)
    return pool.greatest_utilization([Budget(1.0, wait_ms)], percentile)


@pytest.mark.parametrize("dispersion", [1.0, 5.0, 40.0])
def test_requests_in_batches_at_one_replica(dispersion: float) -> None:
    """M^X/M/1: P(wait > W) = (1 - r) e^(-r W / s), r = (1 - u) / b."""
    pool = ReplicaPool(EXPONENTIAL, dispersion=dispersion)
    rate = (1.0 - 0.7) / ((dispersion + 1.0) / 2.0)
    late = pool.late_share([Budget(1.0, 250.0)])(0.7)
    assert late == pytest.approx((1.0 - rate) * math.exp(-2.5 * rate))
    wait_ms = pool.wait_ms(0.7, 0.99)
    assert wait_ms == pytest.approx(100.0 * math.log((1.0 - rate) / 0.01) / rate)


def test_many_requests_a_batch_need_the_capacity_of_the_fluid_limit() -> None:
    """e^(-(C - r) w / b): at a wait of 500 services, P90, b = 100, u = 1 - 100 ln 10 / 500."""
    found = busy(EXPONENTIAL, 1, Routing.RANDOM, 199.0, 50_000.0, 0.9)
    assert found == pytest.approx(1.0 - 0.2 * math.log(10.0), abs=0.01)


@pytest.mark.parametrize("load", [0.3, 0.8])
@pytest.mark.parametrize("dispersion", [2.0, 13.0])
@pytest.mark.parametrize("services", [CONSTANT, [Service(1.0, 100.0, 2.0)], MIXED])
def test_mean_wait_behind_batches(services: list[Service], dispersion: float, load: float) -> None:
    """M^X/G/1: u (1 + scv) / 2 (1 - u) of the rests, (b - 1) / (1 - u) of one's own batch."""
    pool = ReplicaPool(services, dispersion=dispersion)
    waits = np.linspace(0.0, 30_000.0, 60_001)
    mean = float(np.trapezoid(pool.beyond(30_000.0)(load, waits), waits))
    rests = load * (1.0 + pool.scv) / 2.0 + (dispersion - 1.0) / 2.0
    assert mean == pytest.approx(pool.mean_ms * rests / (1.0 - load), rel=5e-3)


def test_nobody_waits_but_for_the_own_batch_where_hardly_anyone_comes() -> None:
    """Constant services, b = 4: k are ahead with (1 / 4) (3 / 4)^k; 2.5 services bear 2 of them."""
    late = ReplicaPool(CONSTANT, dispersion=7.0).late_share([Budget(1.0, 250.0)])(1e-9)
    assert late == pytest.approx(0.75**3, rel=1e-3)
    late = ReplicaPool(CONSTANT, 4, dispersion=7.0).late_share([Budget(1.0, 50.0)])(1e-9)
    assert late == pytest.approx(0.75**4, rel=0.02)


@pytest.mark.parametrize(
    ("services", "servers", "wait_ms", "percentile", "utilization", "at_ms"),
    [
        (CONSTANT, 1, 200.0, 0.95, 0.4924472507341519, 912.6846652696455),
        (CONSTANT, 8, 50.0, 0.99, 0.615541440045481, 168.13134551768027),
        (CONSTANT, 64, 1.0, 0.9, 0.8357564057131699, 2.749717279278646),
        (EXPONENTIAL, 1, 200.0, 0.95, 0.232203795416797, 1888.8088960374762),
        (EXPONENTIAL, 8, 50.0, 0.99, 0.5164372319009535, 337.2956701832472),
        (MIXED, 1, 200.0, 0.95, 0.1613961681690936, 2908.708750434217),
        (MIXED, 8, 50.0, 0.99, 0.47617938958839995, 523.4574259670835),
        (MIXED, 64, 1.0, 0.9, 0.8325802117713426, 5.463086195353893),
    ],
)
def test_poisson_requests_in_one_queue_are_those_of_before(
    services: list[Service],
    servers: int,
    wait_ms: float,
    percentile: float,
    utilization: float,
    at_ms: float,
) -> None:
    """Figures from before there were routings and batches, of one queue and of one each."""
    pool = ReplicaPool(services, servers)
    found = pool.greatest_utilization([Budget(1.0, wait_ms)], percentile)
    assert found == pytest.approx(utilization, rel=1e-9)
    assert pool.wait_ms(0.85, percentile) == pytest.approx(at_ms, rel=1e-9)
    if servers == 1:
        assert busy(services, 9, Routing.RANDOM, 1.0, wait_ms, percentile) == found


def test_a_batch_that_finds_nobody_waits_for_its_own_requests() -> None:
    """b = 4, two replicas: 0.75^2 of the requests have two or more of their batch ahead.

    After 50 ms none of these has ended. After 90 ms each replica has ended one of 60 ms, with
    probability 0.9, and the next has not: 0.75 as many have one more ahead.
    """
    mix = [Service(0.9, 60.0, 0.0), Service(0.1, 460.0, 0.0)]
    late = ReplicaPool(mix, 2, routing=Routing.SHARED, dispersion=7.0)
    assert late.late_share([Budget(1.0, 50.0)])(1e-9) == pytest.approx(0.75**2, rel=5e-3)
    ended = (0.9 * 0.75 + 0.1) ** 2
    found = late.late_share([Budget(1.0, 90.0)])(1e-9)
    assert found == pytest.approx(0.75**2 * ended, rel=5e-3)


def test_two_bursty_replicas_lose_no_more_than_the_bursts_take() -> None:
    """A simulation bears 0.33, 0.26 and 0.20 (`tests/queueing/pools.py`, 400,000 arrivals)."""
    for dispersion, borne in ((17.0, 0.326), (19.0, 0.264), (21.0, 0.198)):
        found = busy(MIXED, 2, Routing.SHARED, dispersion, 300.0, 0.5)
        assert borne - 0.1 < found <= borne


SERVICES = st.sampled_from([CONSTANT, EXPONENTIAL, MIXED, [Service(1.0, 100.0, 0.5)]])
SERVERS = st.sampled_from([1, 2, 3, 8, 30])
DISPERSIONS = st.floats(0.0, 40.0)
WAITS = st.floats(0.0, 6000.0)
PERCENTILES = st.sampled_from([0.5, 0.9, 0.95, 0.99])
NEAR, SMALL = 1.01, 0.004
SAFE, TINY = 1.1, 0.07
"""By which a queue of several is taken to be worse than it is, at most: 30 replicas, dispersion 21,
no wait for nine of ten, have 0.02 with one queue and 0.08 in turn."""


@settings(max_examples=60, deadline=None)
@given(SERVICES, SERVERS, DISPERSIONS, WAITS, PERCENTILES)
def test_what_the_router_knows_is_worth_utilization(
    services: list[Service], servers: int, dispersion: float, wait_ms: float, percentile: float
) -> None:
    found = {
        routing: busy(services, servers, routing, dispersion, wait_ms, percentile)
        for routing in Routing
    }
    assert found[Routing.SHARED] == found[Routing.LEAST_LOADED]
    assert found[Routing.RANDOM] <= NEAR * found[Routing.ROUND_ROBIN] + SMALL
    assert found[Routing.RANDOM] <= NEAR * found[Routing.SHARED] + SMALL
    assert found[Routing.ROUND_ROBIN] <= SAFE * found[Routing.SHARED] + TINY
    assert 0.0 <= max(found.values()) <= UTILIZATION_CAP
    if servers == 1:
        assert found[Routing.RANDOM] == found[Routing.SHARED]


@settings(max_examples=60, deadline=None)
@given(
    SERVICES,
    SERVERS,
    st.sampled_from(Routing),
    DISPERSIONS,
    WAITS,
    PERCENTILES,
    st.floats(1.0, 3.0),
)
def test_burstier_requests_and_fewer_replicas_bear_less(
    services: list[Service],
    servers: int,
    routing: Routing,
    dispersion: float,
    wait_ms: float,
    percentile: float,
    factor: float,
) -> None:
    """And shorter waits, and stricter percentiles."""
    some = busy(services, servers, routing, dispersion, wait_ms, percentile)
    burstier = busy(services, servers, routing, dispersion * factor, wait_ms, percentile)
    longer = busy(services, servers, routing, dispersion, wait_ms * factor, percentile)
    stricter = busy(
        services, servers, routing, dispersion, wait_ms, 1.0 - (1.0 - percentile) / factor
    )
    more = busy(services, 2 * servers, routing, dispersion, wait_ms, percentile)
    assert burstier <= 1.05 * some + SMALL
    assert some <= NEAR * longer + SMALL
    assert stricter <= NEAR * some + SMALL
    assert some <= SAFE * more + TINY


@settings(max_examples=40, deadline=None)
@given(SERVICES, SERVERS, st.sampled_from(Routing), DISPERSIONS, WAITS, PERCENTILES)
def test_the_wait_at_the_utilization_granted_is_the_one_allowed(
    services: list[Service],
    servers: int,
    routing: Routing,
    dispersion: float,
    wait_ms: float,
    percentile: float,
) -> None:
    granted = busy(services, servers, routing, dispersion, wait_ms, percentile)
    pool = ReplicaPool(services, servers, routing=routing, dispersion=dispersion)
    if granted > 0.0:
        assert pool.wait_ms(granted, percentile) <= 1.03 * wait_ms + 0.1 * pool.mean_ms


def test_a_dispersion_below_one_counts_as_poisson() -> None:
    for routing in Routing:
        regular = busy(MIXED, 4, routing, 0.1, 300.0)
        assert regular == busy(MIXED, 4, routing, 1.0, 300.0)


def test_turns_serve_constant_services_as_one_queue_does() -> None:
    """They end in the order in which they began."""
    for wait_ms in (30.0, 250.0):
        one = busy(CONSTANT, 5, Routing.SHARED, 6.0, wait_ms)
        assert one == busy(CONSTANT, 5, Routing.ROUND_ROBIN, 6.0, wait_ms)


ROUTERS = {
    Routing.RANDOM: Router.RANDOM,
    Routing.ROUND_ROBIN: Router.ROUND_ROBIN,
    Routing.SHARED: Router.LEAST_WORK,
}
LOADS = tuple(np.arange(0.05, 0.96, 0.05).tolist())


@pytest.mark.parametrize("routing", ROUTERS)
@pytest.mark.parametrize(("servers", "dispersion"), [(3, 2.0), (8, 13.0)])
@pytest.mark.parametrize("services", [EXPONENTIAL, MIXED, [Service(1.0, 100.0, 0.4)]])
def test_a_simulation_bears_what_is_granted(
    services: list[Service], servers: int, dispersion: float, routing: Routing
) -> None:
    """5 % less at least, beside three standard errors; and at most 25 % and a little more."""
    waits, percentiles = (1.0, 4.0, 10.0), (0.5, 0.9, 0.95)
    stream = Stream.of(services, dispersion, 200_000, seed=11)
    late = [stream.late(ROUTERS[routing], servers, load, waits) for load in LOADS]
    mean = np.array([each.mean(axis=0) for each in late])
    noise = 3.0 * np.array([each.std(axis=0, ddof=1) for each in late]) / PARTS**0.5
    for place, wait in enumerate(waits):
        for percentile in percentiles:
            allowed = 1.0 - percentile
            granted = busy(services, servers, routing, dispersion, 100.0 * wait, percentile)
            most = greatest(LOADS, (mean - noise)[:, place], allowed)
            assert granted <= max(1.05 * most + 0.01, LOADS[0])
            least = greatest(LOADS, (mean + noise)[:, place], allowed)
            assert granted >= 0.75 * least - 0.1
