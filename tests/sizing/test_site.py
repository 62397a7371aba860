"""Nodes on leaves: domains share what is limited, in the mix of all."""

from dataclasses import replace

import pytest

from heteroplan.entities.offers import LimitKind, Offer, OfferKind, SizeLimits, UsedUp
from heteroplan.sizing.outcome import Limit, binding
from heteroplan.sizing.potential import Offered
from heteroplan.sizing.site import Site, placed, with_standing
from tests.sizing.offers import BIG, SMALL, offers, purchase, two_spines, two_types

WATTS = ((BIG, 1000.0), (SMALL, 500.0))
EACH = {f"{BIG} bought": 4, f"{SMALL} bought": 8}


def offered(*each: Offer, power_w: tuple[float, ...] = (), places: int | None = None) -> Offered:
    limits = SizeLimits(
        power_w=tuple((f"s{i + 1}", limit) for i, limit in enumerate(power_w)),
        node_watts=WATTS,
        rack_places=() if places is None else (("l1", places), ("l2", places)),
    )
    return Offered.of(two_spines([20.0]), offers(*each, limits=limits))


BOUGHT = (purchase(BIG), purchase(SMALL))


def test_all_nodes_stand_below_one_spine_where_there_is_room() -> None:
    found = placed(offered(*BOUGHT), EACH)
    assert found == {(f"{BIG} bought", "l1"): 4, (f"{SMALL} bought", "l1"): 8}


@pytest.mark.parametrize("limit", ["power", "places"])
def test_spines_that_share_the_nodes_have_the_same_mix(limit: str) -> None:
    """4 nodes of 1 kW and 8 of 0.5 kW where a spine has 4 kW, or 6 places: half of each."""
    power_w = (4000.0, 4000.0) if limit == "power" else ()
    places = 6 if limit == "places" else None
    found = placed(offered(*BOUGHT, power_w=power_w, places=places), EACH)
    assert found is not None
    for leaf in ("l1", "l2"):
        assert (found[f"{BIG} bought", leaf], found[f"{SMALL} bought", leaf]) == (2, 4)


def test_nodes_that_stand_keep_their_places_and_new_ones_share_the_rest() -> None:
    """2 nodes on l2 leave 2 of its 4 kW: 2 of 6 new nodes of 1 kW stand there."""
    stands = Offer("stands", BIG, OfferKind.EXISTING, 1.0, 2, leaves=("l2",))
    made = offered(stands, *BOUGHT, power_w=(4000.0, 4000.0))
    found = placed(made, {"stands": 2, f"{BIG} bought": 6})
    assert found == {("stands", "l2"): 2, (f"{BIG} bought", "l1"): 4, (f"{BIG} bought", "l2"): 2}


def test_nodes_that_stand_take_the_places_of_new_ones_that_are_not_cheaper() -> None:
    """Of 4 + 3 new nodes on l1 two are those that stand there, of the dearer offer first; what
    stands on l2 is dearer than all, and of another type what stands on l1."""
    dear = replace(purchase(BIG, 20.0), name="dear")
    stand = [
        Offer("l1", BIG, OfferKind.EXISTING, 16.0, 5, leaves=("l1",)),
        Offer("l2", BIG, OfferKind.EXISTING, 21.0, 5, leaves=("l2",)),
        Offer("small", SMALL, OfferKind.EXISTING, 1.0, 9, leaves=("l1",)),
    ]
    made = offered(*stand, purchase(BIG), dear)
    standing = {("l1", "l1"): 3, (f"{BIG} bought", "l1"): 4, ("dear", "l1"): 3, ("dear", "l2"): 1}
    assert with_standing(made, standing) == {
        ("l1", "l1"): 5,
        (f"{BIG} bought", "l1"): 4,
        ("dear", "l1"): 1,
        ("dear", "l2"): 1,
    }
    assert with_standing(made, {("dear", "l1"): 2}) == {("l1", "l1"): 2}


def test_new_nodes_stand_first_where_nodes_do_that_would_do_instead() -> None:
    """2 that stand on l1 and 3 on l2 below one spine, then the emptier leaf."""
    stand = [
        Offer(leaf, BIG, OfferKind.EXISTING, 1.0, count, leaves=(leaf,))
        for leaf, count in (("l1", 2), ("l2", 3))
    ]
    made = Offered.of(two_types([20.0], leaves=2), offers(*stand, *BOUGHT))
    assert placed(made, {f"{BIG} bought": 5}) == {
        (f"{BIG} bought", "l1"): 2,
        (f"{BIG} bought", "l2"): 3,
    }


def test_without_room_there_is_none_or_what_finds_some() -> None:
    made = offered(*BOUGHT, power_w=(4000.0, 3000.0))
    assert placed(made, {f"{BIG} bought": 8}) is None
    found = placed(made, {f"{BIG} bought": 8}, partly=True)
    assert found == {(f"{BIG} bought", "l1"): 4, (f"{BIG} bought", "l2"): 3}


def used_up(limits: SizeLimits, offer: Offer, nodes: int) -> UsedUp | None:
    """For one more of an offer on l2, beside so many of it and one other node."""
    site = Site(Offered.of(two_spines([20.0]), offers(offer, purchase(SMALL), limits=limits)))
    site.add(offer, "l2", nodes)
    site.add(purchase(SMALL), "l2")
    found = site.used_up(offer, "l2")
    assert site.room(offer, "l2") is (found is None)
    return found


@pytest.mark.parametrize(
    ("limits", "offer", "found"),
    [
        (SizeLimits(), purchase(), None),
        (SizeLimits(), purchase(most_nodes=4), None),
        (
            SizeLimits(),
            purchase(most_nodes=3),
            UsedUp(LimitKind.MOST_NODES, f"{BIG} bought"),
        ),
        (
            SizeLimits(),
            Offer("stands", BIG, OfferKind.EXISTING, 1.0, 3, leaves=("l2",)),
            UsedUp(LimitKind.STANDING, "l2"),
        ),
        (SizeLimits(rack_places=(("l2", 5),)), purchase(), None),
        (SizeLimits(rack_places=(("l2", 4),)), purchase(), UsedUp(LimitKind.RACK_PLACES, "l2")),
        (
            SizeLimits(rack_places=(("l2", 4),), by_ports=frozenset({"l2"})),
            purchase(),
            UsedUp(LimitKind.PORTS, "l2"),
        ),
        (SizeLimits(power_w=(("s2", 4500.0),), node_watts=WATTS), purchase(), None),
        (
            SizeLimits(power_w=(("s2", 4400.0),), node_watts=WATTS),
            purchase(),
            UsedUp(LimitKind.POWER_KW, "s2"),
        ),
    ],
)
def test_what_leaves_no_room_is_known(
    limits: SizeLimits, offer: Offer, found: UsedUp | None
) -> None:
    """3 nodes of 1 kW and one of 0.5 stand there."""
    assert used_up(limits, offer, 3) == found


def test_an_offer_that_is_used_up_binds_where_no_other_has_nodes_as_cheap() -> None:
    """At 1 USD all nodes that stand are kept; others of the type cost 16, or as much as they do."""
    stand = [
        Offer(f"on {leaf}", BIG, OfferKind.EXISTING, 1.0, count, leaves=(leaf,))
        for leaf, count in (("l1", 3), ("l2", 2))
    ]
    standing = {("on l1", "l1"): 3, ("on l2", "l2"): 2}

    def told(*others: Offer) -> list[Limit]:
        made = Offered.of(two_spines([20.0]), offers(*stand, *others))
        return list(binding(made, standing, 0.0, covered=True))

    limit = Limit(f"no more {BIG} stand: on l1 3, on l2 2", BIG)
    assert told() == told(purchase(BIG)) == told(purchase(SMALL, 1.0)) == [limit]
    assert told(purchase(BIG, 1.0001)) == []
    assert told(purchase(BIG, 1.0, most_nodes=0)) == [limit]


def test_limits_of_places_that_a_fleet_has_used_up_are_told() -> None:
    """Of 4.2 kW 0.2 are left where 4 nodes of 1 kW stand, and a node takes 0.5 at least; of 4.6 kW
    there is enough for one. Other leaves are empty."""
    limits = SizeLimits(
        rack_places=(("l1", 3), ("l2", 4)),
        by_ports=frozenset({"l2"}),
        power_w=(("s1", 0.0), ("s2", 4200.0)),
        node_watts=WATTS,
    )
    standing = {(f"{BIG} bought", "l2"): 4}

    def told(limits: SizeLimits) -> list[str]:
        made = Offered.of(two_spines([20.0]), offers(*BOUGHT, limits=limits))
        return [each.words for each in binding(made, standing, 0.0, covered=True)]

    assert told(limits) == [
        "no ports for more nodes: on l2 4",
        "too little power for one more node: below s2 0.2 of 4.2 kW are left",
    ]
    racks = SizeLimits(rack_places=(("l1", 0), ("l2", 4)))
    assert told(racks) == ["no more rack places: on l1 0, on l2 4"]
    enough = replace(limits, rack_places=(), power_w=(("s2", 4600.0),))
    assert told(enough) == []
