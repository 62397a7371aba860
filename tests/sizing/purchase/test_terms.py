"""What stays is paid in any case, and stays."""

from dataclasses import replace
from typing import Any

import pytest

from heteroplan.entities.offers import OfferKind, Offers, SizeLimits
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.sizing.outcome import Sized
from heteroplan.sizing.purchase.terms import Search, better, sized
from heteroplan.sizing.search import size
from tests.sizes import QUICK, asking, offer, stands, terms


def counts(found: Sized) -> dict[str, int]:
    return {row.offer: row.nodes for row in found.nodes}


def test_as_many_nodes_as_demand_needs_of_the_cheapest_offer() -> None:
    """3 requests/s at the peak, 1 a node; 2 USD an hour for 2 hours."""
    made = asking(3.0, 1.0)
    found = sized(made, terms(made, offer(usd=2.0), offer("dear", "d8", usd=2.5)), QUICK)
    assert counts(found) == {"own": 3}
    assert found.cost_usd == pytest.approx(12.0)
    assert found.bound_usd == pytest.approx(12.0)
    assert found.covered
    assert found.fleet.node_type("c8").usd_per_gpu_hour == pytest.approx(0.25)


def test_of_two_alike_what_stands_stays() -> None:
    made = asking(3.0, standing={"c8": 2})
    found = sized(made, terms(made, offer(usd=2.0), stands(2, 2.0)), QUICK)
    assert counts(found) == {"existing c8": 2, "own": 1}
    assert found.cost_usd == pytest.approx(6.0)
    assert found.bound_usd <= found.cost_usd


def test_what_stands_and_is_dear_goes_back() -> None:
    made = asking(3.0, standing={"c8": 2})
    found = sized(made, terms(made, offer(usd=2.0), stands(2, 2.5)), QUICK)
    assert counts(found) == {"own": 3}


def test_what_is_kept_is_paid_whether_it_is_dear_or_of_no_use() -> None:
    """2 kept at 5 USD serve, 1 is bought at 2; of 4 kept one is idle and stands all the same."""
    made = asking(3.0, standing={"c8": 2})
    kept = sized(made, terms(made, offer(usd=2.0), stands(2, 5.0), kept=["existing c8"]), QUICK)
    assert counts(kept) == {"existing c8": 2, "own": 1}
    assert kept.cost_usd == pytest.approx(12.0)
    assert kept.bound_usd == pytest.approx(12.0)
    assert kept.fleet.node_type("c8").usd_per_gpu_hour == pytest.approx(12 / 3 / 8)

    many = asking(3.0, standing={"c8": 4})
    found = sized(many, terms(many, offer(usd=2.0), stands(4, 5.0), kept=["existing c8"]), QUICK)
    assert counts(found) == {"existing c8": 4}
    assert found.cost_usd == pytest.approx(20.0)
    assert found.fleet.network.leaves[0].nodes["c8"] == 4


def test_the_search_has_what_is_left_of_the_budget() -> None:
    """10 USD are paid for what is kept, so the search has 2 of 12."""
    asked: list[Offers] = []

    def sizer(of: Scenario, offers: Offers, **others: Any) -> Sized:
        asked.append(offers)
        raise NoPlanError("asked")

    made = asking(3.0, standing={"c8": 2})
    budget = terms(
        made,
        offer(usd=2.0),
        stands(2, 5.0),
        kept=["existing c8"],
        limits=SizeLimits(budget_usd=12.0),
    )
    with pytest.raises(NoPlanError, match="asked"):
        sized(made, budget, Search(sizer=sizer))
    offers, free = asked
    assert free.limits.budget_usd is None
    assert offers.limits.budget_usd == pytest.approx(2.0)
    prices = {each.kind: each.usd_per_node_hour for each in offers.offers}
    assert prices == {OfferKind.PURCHASE: 2.0, OfferKind.EXISTING: 0.0}


def test_where_a_search_of_all_offers_finds_nothing_those_paid_for_all_hours_do() -> None:
    """Then nothing is proven but what is above 0."""
    made = asking(3.0, 1.0)
    both = terms(made, offer(usd=2.0), offer("hour", kind=OfferKind.ON_DEMAND, usd=9.0))

    def sizer(of: Scenario, offers: Offers, **others: Any) -> Sized:
        if any(each.hourly for each in offers.offers):
            raise NoPlanError("no time")
        return size(of, offers, **others)

    found = sized(made, both, Search(gap=0.0, sizer=sizer))
    assert counts(found) == {"own": 3}
    assert found.cost_usd == pytest.approx(12.0)
    assert found.bound_usd == 0.0


def test_the_better_one_covers_and_is_cheaper() -> None:
    made = asking(3.0)
    cheap = sized(made, terms(made, offer(usd=2.0)), QUICK)
    dear = sized(made, terms(made, offer(usd=3.0)), QUICK)
    short = replace(cheap, covered=False)
    assert better(cheap, dear) is better(dear, cheap) is cheap
    assert better(short, dear) is better(dear, short) is dear
    assert better(None, dear) is dear
    assert better(None, None) is None


def test_above_the_budget_where_nothing_is_within() -> None:
    """3 nodes of 2 USD; the search with a budget of 1 finds none."""
    made = asking(3.0)
    little = terms(made, offer(usd=2.0), limits=SizeLimits(budget_usd=1.0))

    def sizer(of: Scenario, offers: Offers, **others: Any) -> Sized:
        if offers.limits.budget_usd is not None:
            raise NoPlanError("nothing within")
        return size(of, offers, **others)

    found = sized(made, little, Search(gap=0.0, sizer=sizer))
    assert (found.covered, counts(found)) == (True, {"own": 3})
    assert found.cost_usd == pytest.approx(6.0)


def test_no_more_stand_than_there_are_where_nodes_are_rented_too() -> None:
    """2 at 1 USD and 1 at 2 for 2 hours: a third that stands would be cheaper."""
    made = asking(3.0, 1.0, standing={"c8": 2})
    hour = offer("hour", "d8", OfferKind.ON_DEMAND, 9.0)
    found = sized(made, terms(made, stands(2, 1.0), offer(usd=2.0), hour), QUICK)
    assert counts(found) == {"existing c8": 2, "own": 1}
    assert found.cost_usd == pytest.approx(8.0)
    assert found.bound_usd == pytest.approx(8.0, rel=1e-5)


def test_interruptions_are_paid_as_start_ups_of_other_nodes() -> None:
    """2 nodes serve for 2 hours; each is taken away every 5 h on average, and the next one starts
    for half an hour: 1.1 node-hours for one that serves. So at 2 USD spot nodes cost 8.80, less
    than 9.20 at 2.30 on demand; taken away every 2 h they would cost 10."""
    made = asking(2.0, 2.0)
    spot = replace(offer("spot", kind=OfferKind.SPOT), startup_hours=0.5)
    rented = offer("hour", kind=OfferKind.ON_DEMAND, usd=2.3)
    for rate, name, usd in ((0.2, "spot", 8.8), (0.5, "hour", 9.2)):
        given = replace(spot, interruptions_per_node_hour=rate)
        found = sized(made, terms(made, given, rented), QUICK)
        (row,) = found.nodes
        assert (row.offer, row.nodes) == (name, 2)
        assert found.cost_usd == row.cost_usd == pytest.approx(usd)
        assert found.bound_usd == pytest.approx(usd, rel=1e-5)
        assert row.node_hours == pytest.approx(4.4 if name == "spot" else 4.0)
