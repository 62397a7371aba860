"""How numbers in flight swing by pool, routing and arrivals; what that does to decode capacity."""

from dataclasses import replace
from math import exp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as st

from heteroplan.entities.arrivals import Arrivals, Dispersion
from heteroplan.entities.capacity import Limit
from heteroplan.entities.slo import ItlOf
from heteroplan.entities.workload import RequestClass, Role, Routing
from heteroplan.profiles.capacity.decode import decode_points
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.steps import DecodeSteps
from heteroplan.profiles.capacity.swing import Swing, averaged, shorter_of_two
from tests.profiles.decode_simulation import drawn, greatest_rps
from tests.profiles.settings import setting


def arrivals(dispersion: float) -> Arrivals:
    return Arrivals((Dispersion(1.0, 0.95, dispersion, dispersion),))


def decoding(**changes: Any) -> Setting:
    return setting(Role.DECODE, **{"percentile": 0.95, "itl_of": ItlOf.REQUEST, **changes})


def capacity(**changes: Any) -> float:
    [point] = decode_points(decoding(**changes))
    return point.capacity_rps


@pytest.mark.parametrize(
    ("routing", "numbers", "contexts"),
    [
        (Routing.RANDOM, 2.0 * (1.0 + 4.0 / 8.0), 2.0),
        (Routing.ROUND_ROBIN, 2.0 * (4.5 / 8.0 + 0.5), 2.0),
        (Routing.LEAST_LOADED, 2.0 * 5.0 / 8.0, 1.0 + 1.0 / 8.0),
        (Routing.SHARED, 2.0 * 5.0 / 8.0, 1.0 + 1.0 / 8.0),
    ],
)
def test_routing_evens_out_arrivals_lengths_or_neither(
    routing: Routing, numbers: float, contexts: float
) -> None:
    """8 replicas, arrivals of dispersion 5, exponential answers (half of the swing of Poisson
    arrivals is theirs), and a replica alone that swings twice as a Poisson number."""
    swing = Swing(routing, 8, arrivals(5.0), 0.95, outputs_cv=1.0)
    found = swing.factors(2.0, 5.0)
    assert (found.numbers, found.contexts) == pytest.approx((numbers, contexts))


@pytest.mark.parametrize("routing", list(Routing))
def test_one_replica_has_what_comes_however_it_is_routed(routing: Routing) -> None:
    found = Swing(routing, 1, arrivals(5.0), 0.95, outputs_cv=0.5).factors(2.0, 5.0)
    assert (found.numbers, found.contexts, found.uneven) == pytest.approx((10.0, 2.0, 0.0))
    bursty = {"arrivals": arrivals(5.0)}
    assert capacity(routing=routing, **bursty) == capacity(**bursty)


def test_the_shorter_of_two_answers() -> None:
    """Of two equal ones it is as long as each, of two exponential ones half as long; of gammas of
    shape 4 by Gini's mean difference 1 - Gamma(4.5) / (Gamma(5) sqrt(pi)) = 1 - 0.27344."""
    assert shorter_of_two(0.0) == 1.0
    assert shorter_of_two(1.0) == pytest.approx(0.5)
    assert shorter_of_two(0.5) == pytest.approx(0.72656, abs=1e-5)


def test_a_mean_over_a_residence_varies_less() -> None:
    """Deviations that decay as exp(-t) over a residence of 1: 2 / e. Slow ones do not average."""
    assert averaged(1.0) == pytest.approx(2.0 / exp(1.0))
    assert averaged(1e4) == pytest.approx(1.0, abs=1e-3)


def test_a_request_meets_itself_and_less_variance() -> None:
    """Of B = 50 in flight S = 10.5 ms are added, f = 30.5 / 20. The request adds 0.21 ms, and the
    variance falls by 2 f (1 - f (1 - exp(-1 / f))): less in all at P99, more at the median."""
    moments, requests = (DecodeSteps.of(decoding(itl_of=each)) for each in reversed(ItlOf))
    load = moments.load(50.0 / (200.0 * 0.03071))
    assert load.sequences == pytest.approx(50.0, rel=1e-3)
    assert requests.load(50.0 / (200.0 * 0.03071)) == load
    for percentile, less in ((0.5, -0.21), (0.999, 0.0)):
        at = [
            replace(each, swing=replace(each.swing, percentile=percentile)).peak(load).itl_ms
            for each in (moments, requests)
        ]
        assert at[0] - at[1] == pytest.approx(less) if less else at[0] > at[1]


def test_what_comes_in_batches_meets_more() -> None:
    """Dispersion 5 at one replica: 4 sequences more than on average, by which steps are 0.84 ms
    longer and, by Little's law, more are in flight."""
    bursty = DecodeSteps.of(decoding(arrivals=arrivals(5.0)))
    even = DecodeSteps.of(decoding())
    at_rps = 50.0 / (200.0 * 0.03071)
    ended = at_rps * 0.2
    more = ended * 0.84 / (1.0 - ended * 0.21)
    found = bursty.load(at_rps)
    assert found.sequences == pytest.approx(even.load(at_rps).sequences + more)
    assert found.dispersion == pytest.approx(5.0)


def test_bursts_larger_than_the_engine_are_told() -> None:
    """Of dispersion 13 a request meets 12 others on the only replica, which takes 8 sequences; on
    each of eight replicas 1.5."""
    bursty = {"arrivals": arrivals(13.0), "max_sequences": 8}
    [point] = decode_points(decoding(**bursty))
    assert (point.capacity_rps, point.limited_by) == (0.0, Limit.MAX_SEQUENCES)
    assert "dispersion 13, 1 replicas) 13 at a time" in point.reason
    assert capacity(servers=8, routing=Routing.LEAST_LOADED, **bursty) > 0.0


pools = st.fixed_dictionaries(
    {
        "servers": st.integers(1, 64),
        "itl_of": st.sampled_from(ItlOf),
        "itl_ms": st.floats(25.0, 80.0),
        "percentile": st.floats(0.6, 0.99),
    }
)


@checked(max_examples=30, deadline=None)
@given(pools, st.sampled_from(Routing), st.floats(1.0, 13.0))
def test_bursts_never_raise_the_capacity(
    pool: dict[str, Any], routing: Routing, dispersion: float
) -> None:
    even, bursty, burstier = (
        capacity(routing=routing, arrivals=arrivals(each), **pool)
        for each in (1.0, dispersion, 1.2 * dispersion)
    )
    assert even >= bursty * (1.0 - 1e-9) >= burstier * (1.0 - 2e-9)


@checked(max_examples=30, deadline=None)
@given(pools, st.floats(1.0, 5.0))
def test_a_larger_pool_with_even_routing_never_serves_less_a_replica(
    pool: dict[str, Any], dispersion: float
) -> None:
    changes = {**pool, "arrivals": arrivals(dispersion), "routing": Routing.LEAST_LOADED}
    larger = {**changes, "servers": 2 * pool["servers"]}
    assert capacity(**larger) >= capacity(**changes) * (1.0 - 1e-3)


CLASS = RequestClass("all", 1.0, 1000.0, 100.0, isl_cv=0.5, osl_cv=0.5)


@pytest.mark.parametrize(
    ("servers", "routing", "dispersion", "changes"),
    [
        (1, Routing.RANDOM, 1.0, {}),
        (1, Routing.RANDOM, 1.0, {"itl_of": ItlOf.TOKEN}),
        (4, Routing.ROUND_ROBIN, 1.0, {}),
        (8, Routing.LEAST_LOADED, 1.0, {"percentile": 0.99}),
        (4, Routing.LEAST_LOADED, 3.0, {}),
        (4, Routing.RANDOM, 3.0, {"itl_of": ItlOf.TOKEN}),
        (4, Routing.LEAST_LOADED, 1.0, {"itl_ms": 200.0, "kv_tokens": 72_000}),
        (4, Routing.SHARED, 1.0, {"itl_ms": 200.0, "max_sequences": 64}),
    ],
)
def test_capacity_is_that_of_a_simulation(
    servers: int, routing: Routing, dispersion: float, changes: dict[str, Any]
) -> None:
    """Batches of mean 2 have dispersion 3 in windows, and in flight as the shorter of two answers
    is to one."""
    in_flight = 1.0 + (dispersion - 1.0) * shorter_of_two(0.5)
    pool = {"servers": servers, "routing": routing, "mix": (CLASS,)}
    of = decoding(arrivals=arrivals(in_flight), **pool, **changes)
    said_rps = decode_points(of)[0].capacity_rps
    requests = drawn(of, (dispersion + 1.0) / 2.0, 100_000, seed=1)
    assert 0.97 < greatest_rps(of, requests, said_rps) / said_rps < 1.07
