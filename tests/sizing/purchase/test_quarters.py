"""A purchase plan: what is bought stays, terms end, and what comes late cannot serve."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.offers import OfferKind
from heteroplan.entities.purchasing import Growth, Payment, Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.sizing.purchase.ahead import look_ahead, months_later
from heteroplan.sizing.purchase.quarters import Planning, Quarter
from tests.sizes import OWN, QUICK, asking, offer, stands, terms

DOUBLING = Growth(2 ** (1 / 3) - 1, 3)
"""Twice the demand every quarter."""


def counts(quarter: Quarter) -> dict[str, int]:
    found: dict[str, int] = {}
    assert quarter.sized is not None
    for row in quarter.sized.nodes:
        name = row.offer.split()[-1] if row.offer.startswith("bought ") else row.offer
        found[name] = found.get(name, 0) + row.nodes
    return found


def test_each_quarter_buys_what_it_lacks() -> None:
    """1 request/s today is 2, 4 and 8 at the ends of the quarters."""
    made = asking(1.0)
    plan = Planning(made, terms(made, offer(), payments={"own": OWN}, growth=DOUBLING))
    quarters = [plan.quarter(number, QUICK) for number in range(3)]
    assert [each.demand_factor for each in quarters] == pytest.approx([2, 4, 8])
    assert [counts(each) for each in quarters] == [{"own": 2}, {"own": 4}, {"own": 8}]
    assert [[order.nodes for order in each.orders] for each in quarters] == [[2], [2], [4]]
    assert quarters[1].orders[0].usd_once == pytest.approx(2 * 8766)
    costs = [each.sized.cost_usd for each in quarters if each.sized]
    assert costs == pytest.approx([4, 8, 16])
    bounds = [each.sized.bound_usd for each in quarters if each.sized]
    assert bounds == pytest.approx(costs, rel=1e-5)


def test_what_takes_long_is_rented_until_then() -> None:
    """Bought nodes come after 100 days: none in the first quarter, in the second of 92 neither."""
    made = asking(1.0)
    slow = terms(
        made,
        offer(days=100.0),
        offer("hour", kind=OfferKind.ON_DEMAND, usd=6.0),
        payments={"own": OWN},
        growth=DOUBLING,
    )
    plan = Planning(made, slow)
    first, second, third = (plan.quarter(number, QUICK) for number in range(3))
    assert (counts(first), counts(second)) == ({"hour": 2}, {"hour": 4})
    assert first.orders == second.orders == ()
    assert counts(third) == {"own": 8}
    (order,) = third.orders
    assert (order.serves_from - order.order_by).days == 100
    assert order.serves_from == datetime(2027, 5, 23, tzinfo=UTC)


def test_a_reservation_ends_with_its_term() -> None:
    """Half a year is two quarters: what the first reserves is reserved anew in the third."""
    made = asking(1.0)
    term = Payment(0.0, 0.5, 2.0)
    flat = terms(
        made,
        offer("term", kind=OfferKind.RESERVED),
        payments={"term": term},
        growth=Growth(0.0, 3),
    )
    plan = Planning(made, flat)
    orders = [[order.nodes for order in plan.quarter(n, QUICK).orders] for n in range(3)]
    assert orders == [[1], [], [1]]


def test_what_is_written_off_costs_what_it_takes_to_run() -> None:
    """A quarter of a year: 2 USD an hour, and 1 from the second quarter on."""
    made = asking(1.0)
    short = Payment(8766.0 / 4, 0.25, 1.0)
    flat = terms(made, offer(), payments={"own": short}, growth=Growth(0.0, 2))
    plan = Planning(made, flat)
    quarters = [plan.quarter(number, QUICK) for number in range(2)]
    assert [each.sized.cost_usd for each in quarters if each.sized] == pytest.approx([2.0, 1.0])


def test_what_went_back_does_not_come_again() -> None:
    """Of four nodes two serve the first quarter; when demand has doubled, two others are bought."""
    made = asking(1.0, standing={"c8": 4})
    own = terms(made, stands(4, 1.0), offer(), payments={"own": OWN}, growth=DOUBLING)
    plan = Planning(made, own)
    quarters = [plan.quarter(number, QUICK) for number in range(2)]
    assert [counts(each) for each in quarters] == [
        {"existing c8": 2},
        {"existing c8": 2, "own": 2},
    ]


def test_most_nodes_of_an_offer_are_those_of_all_quarters() -> None:
    made = asking(1.0)
    few = terms(
        made,
        offer(most=3),
        offer("more", "d8", usd=5.0),
        payments={"own": OWN},
        growth=DOUBLING,
    )
    plan = Planning(made, few)
    quarters = [plan.quarter(number, QUICK) for number in range(2)]
    assert [counts(each) for each in quarters] == [{"own": 2}, {"own": 3, "more": 1}]


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ((2026, 11, 23), 3, (2027, 2, 23)),
        ((2026, 11, 30), 3, (2027, 2, 28)),
        ((2026, 12, 1), 12, (2027, 12, 1)),
        ((2027, 11, 30), 3, (2028, 2, 29)),
    ],
)
def test_months(start: tuple[int, int, int], months: int, end: tuple[int, int, int]) -> None:
    assert months_later(datetime(*start, tzinfo=UTC), months) == datetime(*end, tzinfo=UTC)


def planned(made: Scenario, of: Purchasing, quarters: int) -> tuple[list[Quarter], float, float]:
    """With a look ahead: the quarters, what they cost in all, and the bound."""
    ahead = look_ahead(made, of, Effort())
    assert ahead is not None
    plan = Planning(made, of, ahead)
    found = [plan.quarter(number, QUICK) for number in range(quarters)]
    hours = made.horizon.intervals * made.horizon.interval_hours
    usd = sum(each.sized.cost_usd / hours * each.hours for each in found if each.sized)
    return found, usd, ahead.bound_usd


FLAT = Growth(0.0, 4)


def test_a_year_is_not_reserved_where_something_cheaper_comes_soon() -> None:
    """Nodes at 1 USD an hour come after 80 days. Until then one by the hour costs 6, a reservation
    of a year 4 in all four quarters: that would be 4 x 4, against 6 + 3 x 1."""
    made = asking(1.0)
    soon = terms(
        made,
        offer(usd=1.0, days=80.0),
        offer("year", kind=OfferKind.RESERVED, usd=4.0),
        offer("hour", kind=OfferKind.ON_DEMAND, usd=6.0),
        payments={
            "own": Payment(8766.0 * 4, 4.0, 0.0),
            "year": Payment(0.0, 1.0, 4.0),
        },
        growth=FLAT,
    )
    found, usd, bound_usd = planned(made, soon, 4)
    assert [counts(each) for each in found] == [{"hour": 1}, {"own": 1}, {"own": 1}, {"own": 1}]
    first, *others = (each.hours for each in found)
    assert usd == pytest.approx(6 * first + sum(others))
    assert bound_usd == pytest.approx(usd, rel=1e-5)

    blind = Planning(made, soon)
    assert counts(blind.quarter(0, QUICK)) == {"year": 1}


def test_three_years_are_reserved_where_they_are_cheaper_and_needed() -> None:
    """A year costs 3, three years 2. Where demand falls to nothing much, by the hour at 2.50."""
    made = asking(1.0)
    offers = (
        offer("one", kind=OfferKind.RESERVED, usd=3.0),
        offer("three", kind=OfferKind.RESERVED, usd=2.0),
        offer("hour", kind=OfferKind.ON_DEMAND, usd=2.5),
    )
    payments = {"one": Payment(0.0, 1.0, 3.0), "three": Payment(0.0, 3.0, 2.0)}
    stays = terms(made, *offers, payments=payments, growth=FLAT)
    found, usd, bound_usd = planned(made, stays, 4)
    assert [counts(each) for each in found] == [{"three": 1}] * 4
    assert bound_usd == pytest.approx(usd, rel=1e-5)


def test_nodes_stay_that_are_dear_now_and_needed_later() -> None:
    """Demand of 0.5, then 4 times as much each quarter. A second node that stands at 1 USD is idle
    in the first; nodes by the hour cost 9, so it stays."""
    made = asking(0.25, standing={"c8": 2})
    fast = Growth(4 ** (1 / 3) - 1, 2)
    there = terms(
        made, stands(2, 1.0), offer("hour", kind=OfferKind.ON_DEMAND, usd=9.0), growth=fast
    )
    blind = Planning(made, there)
    assert [counts(blind.quarter(n, QUICK)) for n in range(2)] == [
        {"existing c8": 1},
        {"existing c8": 1, "hour": 3},
    ]
    found, usd, bound_usd = planned(made, there, 2)
    assert counts(found[1]) == {"existing c8": 2, "hour": 2}
    assert bound_usd <= usd * (1 + 1e-6)


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.sampled_from([0.3, 1.0, 1.7, 2.6]), min_size=1, max_size=3),
    st.sampled_from([-0.2, 0.0, 0.15]),
    st.sampled_from([1.0, 2.0, 4.0]),
    st.sampled_from([0.0, 80.0]),
)
def test_no_purchase_plan_costs_less_than_the_bound(
    rps: list[float], growth: float, usd: float, days: float
) -> None:
    made = asking(*rps)
    of = terms(
        made,
        offer(days=days),
        offer("year", "d8", kind=OfferKind.RESERVED, usd=usd),
        offer("hour", kind=OfferKind.ON_DEMAND, usd=5.0),
        payments={"own": OWN, "year": Payment(0.0, 0.5, usd)},
        growth=Growth(growth, 3),
    )
    _, cost_usd, bound_usd = planned(made, of, 3)
    blind = Planning(made, of)
    hours = made.horizon.intervals * made.horizon.interval_hours
    others = [blind.quarter(number, QUICK) for number in range(3)]
    blind_usd = sum(each.sized.cost_usd / hours * each.hours for each in others if each.sized)
    assert bound_usd <= min(cost_usd, blind_usd) * (1 + 1e-6)
