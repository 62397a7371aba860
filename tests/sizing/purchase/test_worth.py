"""What one more node of each type is worth."""

from dataclasses import replace
from time import monotonic

import pytest

from heteroplan.entities.offers import LimitKind, Offer, OfferKind, UsedUp
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.sizing.outcome import Nodes
from heteroplan.sizing.purchase.used_up import limits_on
from heteroplan.sizing.purchase.worth import node_worth
from tests.sizes import asking, offer, stands, terms


def test_a_node_is_worth_what_it_is_there_instead_of() -> None:
    """3 nodes for 2 hours at 2 USD; a node of the other type, which costs 2.50, serves as much."""
    made = asking(3.0, 3.0)
    on_offer = terms(made, offer(usd=2.0), offer("dear", "d8", usd=2.5))
    assert node_worth(made, on_offer, Effort()).usd == pytest.approx({"c8": 4.0, "d8": 4.0})


def test_with_whole_nodes_the_last_one_counts_as_a_whole() -> None:
    """2.5 requests/s take 3 nodes, and 2 if one is free; a quarter of a node less saves nothing."""
    for rps, saved in ((2.5, 4.0), (3.0, 4.0)):
        made = asking(rps, rps)
        found = node_worth(made, terms(made, offer(usd=2.0)), Effort(deadline=monotonic() + 60))
        assert found.whole
        assert found.usd == pytest.approx({"c8": saved})
    made = asking(0.25)
    both = terms(made, offer(usd=2.0), offer("dear", "d8", usd=9.0))
    kept = node_worth(made, both, Effort(deadline=monotonic() + 60)).usd
    assert kept == pytest.approx({"c8": 2.0, "d8": 2.0})


def test_by_the_hour_only_the_hours_in_which_it_serves_count() -> None:
    """3, 1 and 0.25 requests/s at 2 USD an hour: a free node saves 2 + 2 + 0.25 x 2."""
    made = asking(3.0, 1.0, 0.25)
    rented = terms(made, offer(kind=OfferKind.ON_DEMAND, usd=2.0))
    assert node_worth(made, rented, Effort()).usd == pytest.approx({"c8": 4.5})


def test_where_a_limit_binds_it_is_worth_more_than_its_price() -> None:
    """2 of 3 may be had for 1 USD, the third costs 5: one more saves 10 in 2 hours. Kept nodes
    that suffice are free, and then nothing is worth anything."""
    made = asking(3.0, 3.0)
    few = terms(made, offer(usd=1.0, most=2), offer("dear", "d8", usd=5.0))
    assert node_worth(made, few, Effort()).usd == pytest.approx({"c8": 10.0, "d8": 10.0})
    kept = terms(made, offer(usd=1.0), stands(3, 9.0), kept=["existing c8"])
    assert node_worth(made, kept, Effort()).usd == pytest.approx({"c8": 0.0})


def test_of_a_spot_offer_of_a_limited_share_other_nodes_are_worth_theirs() -> None:
    """2 requests/s, half of which may be lost: 1 spot node at 1 USD and 1 at 4. A free node of the
    type takes the place of the dear one."""
    made = asking(2.0)
    spot = replace(offer("spot", kind=OfferKind.SPOT, usd=1.0), most_share=0.5)
    on_offer = terms(made, spot, offer("hour", kind=OfferKind.ON_DEMAND, usd=4.0))
    assert node_worth(made, on_offer, Effort()).usd == pytest.approx({"c8": 4.0})


def test_what_keeps_a_node_out_that_is_worth_more_is_named() -> None:
    """At 3 USD: the offers at 1 and 2 USD an hour are used up, and one at 4 would not be taken.
    With one that has room nothing keeps it out, or what bounds its share."""
    made = asking(3.0)
    few, stand, dear = offer("few", usd=1.0, most=1), stands(2), offer("dear", usd=4.0)
    spot = replace(offer("spot", kind=OfferKind.SPOT, usd=1.0), most_share=0.5)
    nodes = [Nodes("few", "c8", "l1", 1, 1.0, 1.0), Nodes("existing c8", "c8", "l1", 2, 2.0, 4.0)]

    def found(*more: Offer) -> tuple[UsedUp, ...]:
        on_offer = terms(made, few, stand, dear, *more)
        return limits_on("c8", 3.0, made, on_offer, nodes)

    used_up = (UsedUp(LimitKind.MOST_NODES, "few"), UsedUp(LimitKind.STANDING, "l1"))
    assert found() == used_up
    assert found(offer("d", "d8", usd=1.0)) == used_up
    assert found(spot) == (*used_up, UsedUp(LimitKind.MOST_SHARE, "spot"))
    assert found(offer("many", usd=2.5)) == ()


def test_nothing_is_said_where_there_is_no_time() -> None:
    made = asking(3.0)
    assert not node_worth(made, terms(made, offer(usd=2.0)), Effort(stop=lambda: True)).usd
