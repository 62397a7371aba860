"""The quantile to plan for, against the newsvendor's closed form and by hand."""

from math import exp, log
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.studies.result import CaseResult, CaseStatus
from heteroplan.studies.risk import (
    Met,
    PlanRisk,
    best_of,
    best_of_workload,
    plan_risks,
    unserved_requests,
    worth_above,
)

NORMAL = NormalDist()
HOUR_S = 3600


def met(quantile: float, cost_usd: float, unserved: np.ndarray) -> Met:
    case = CaseResult(
        inputs={"quantile": quantile}, key="", status=CaseStatus.OPTIMAL, cost_usd=cost_usd
    )
    return Met(quantile, case, {"w": cost_usd}, unserved)


def risks(*plans: Met, price: float | None = 10.0) -> tuple[PlanRisk, ...]:
    return plan_risks(plans, np.full((len(plans[0].unserved), 1), 1e6), {"w": price})


def lognormal_beyond(median: float, spread: float, capacity: float) -> float:
    """E[max(0, D - capacity)] of a log-normal D."""
    away = log(median / capacity) / spread
    mean = median * exp(spread**2 / 2)
    return mean * NORMAL.cdf(away + spread) - capacity * NORMAL.cdf(away)


@pytest.mark.parametrize("price_usd", [0.5, 2.0, 5.5])
def test_the_newsvendors_quantile(price_usd: float) -> None:
    """One workload, one hour, capacity of any size at 1 USD a request/s, log-normal demand.

    3.6 thousand requests an hour a request/s: the best quantile is 1 - 1 / (3.6 price), and each
    plan costs capacity + price * 3.6 E[max(0, demand - capacity)].
    """
    median, spread, n = 50.0, 0.3, 1000
    rates = [median * exp(spread * NORMAL.inv_cdf((i + 0.5) / n)) for i in range(n)]
    quantiles = [q / 20 for q in range(1, 20)]
    plans, expected = [], []
    for quantile in quantiles:
        capacity = median * exp(spread * NORMAL.inv_cdf(quantile))
        limit = np.array([capacity])
        beyond = [[unserved_requests(np.array([[rps]]), limit, HOUR_S)] for rps in rates]
        plans.append(met(quantile, capacity, np.array(beyond)))
        lost = lognormal_beyond(median, spread, capacity)
        expected.append(capacity + price_usd * 3.6 * lost)
    found = risks(*plans, price=price_usd)
    for risk, total in zip(found, expected, strict=True):
        assert risk.total_usd is not None
        assert risk.total_usd.mean == pytest.approx(total, rel=2e-3)
    best = best_of(found)
    assert best is not None
    assert best.quantile == pytest.approx(1 - 1 / (3.6 * price_usd), abs=0.05)
    # P90 is the best between the slopes to P85 and to P95: about 1 / (3.6 (1 - quantile)).
    ninety = found[quantiles.index(0.9)].worth_above_usd_per_1000_requests
    assert ninety == pytest.approx(1 / (3.6 * 0.125), rel=0.03)


def test_requests_beyond_the_capacity() -> None:
    """Two hours of two halves at 10 requests/s: 5 too many for half an hour, then 2 for an hour."""
    rps = np.array([[15.0, 5.0], [12.0, 12.0]])
    assert unserved_requests(rps, np.array([10.0, 10.0]), HOUR_S) == 5 * 1800 + 2 * 3600


def test_rounding_is_no_shortage() -> None:
    assert unserved_requests(np.array([[10.0 + 1e-12]]), np.array([10.0]), HOUR_S) == 0.0


def test_a_plan_pays_above_the_slope_to_the_next_cheaper_one() -> None:
    """100 USD leave 1,000 requests, 110 USD leave 500, 150 USD none: 10 USD buy 500 requests and
    40 USD the other 500: 20 and 80 USD for 1,000."""
    assert worth_above([100, 110, 150], [1000, 500, 0]) == [0.0, 20.0, 80.0]


def test_a_plan_that_another_two_beat_at_every_price_never_pays() -> None:
    """140 USD for 500 requests fewer is worse than half a way from 100 to 150 USD for 1,000."""
    assert worth_above([100, 140, 150], [1000, 500, 0]) == [0.0, None, 50.0]
    assert worth_above([100, 90], [50, 50]) == [None, 0.0]


@given(
    st.lists(
        st.tuples(st.integers(1, 1000), st.integers(0, 1000)), min_size=1, max_size=8, unique=True
    ),
    st.integers(0, 5000),
)
def test_worth_above_names_the_best_plan_at_every_price(
    plans: list[tuple[int, int]], price: int
) -> None:
    """Of the plans that pay at a price, the one that pays above the most costs least of all."""
    costs = [float(cost) for cost, _ in plans]
    lost = [float(unserved) for _, unserved in plans]
    above = worth_above(costs, lost)
    paying = [i for i, each in enumerate(above) if each is not None and each <= price]
    chosen = max(paying, key=lambda i: (above[i] or 0.0, -lost[i]))
    totals = [cost + price * each / 1000 for cost, each in zip(costs, lost, strict=True)]
    assert totals[chosen] == pytest.approx(min(totals))


def test_no_price_no_best() -> None:
    """Then only the price is told above which a plan pays."""
    cheap, dear = met(0.5, 100.0, np.array([[900.0]])), met(0.9, 110.0, np.array([[100.0]]))
    found = risks(cheap, dear, price=None)
    assert [each.total_usd for each in found] == [None, None]
    assert (best_of(found), best_of_workload(found, "w")) == (None, None)
    assert [each.worth_above_usd_per_1000_requests for each in found] == [0.0, 12.5]
    priced = risks(cheap, dear, price=12.6)
    best = best_of(priced)
    assert best is not None
    assert (best.quantile, best.total_usd) == (0.9, pytest.approx(110 + 1.26))
    assert best == best_of_workload(priced, "w")


def test_how_often_and_how_much_is_short() -> None:
    """Of ten samples two are short, by 10 and 40 thousand requests; at 10 USD for 1,000 that is 50
    USD in the mean."""
    unserved = np.zeros((10, 1))
    unserved[3], unserved[7] = 10_000.0, 40_000.0
    (found,) = risks(met(0.5, 100.0, unserved))
    assert (found.short_share, found.shortage_usd) == (0.2, 50.0)
    assert found.unserved_requests is not None
    assert found.total_usd is not None
    assert (found.unserved_requests.p50, found.unserved_requests.most) == (0.0, 40_000.0)
    assert (found.total_usd.mean, found.total_usd.most) == (150.0, 500.0)
