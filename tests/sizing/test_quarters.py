"""A purchase plan: what is bought stays, terms end, and what comes late cannot serve."""

from datetime import UTC, datetime

import pytest

from heteroplan.entities.offers import OfferKind
from heteroplan.entities.purchasing import Growth, Payment
from heteroplan.sizing.quarters import Planning, Quarter, months_later
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
