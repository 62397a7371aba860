"""Nodes on leaves: domains share what is limited, in the mix of all."""

import pytest

from heteroplan.entities.offers import Offer, OfferKind, SizeLimits
from heteroplan.sizing.potential import Offered
from heteroplan.sizing.site import placed
from tests.sizing.offers import BIG, SMALL, offers, purchase, two_spines

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


def test_without_room_there_is_none_or_what_finds_some() -> None:
    made = offered(*BOUGHT, power_w=(4000.0, 3000.0))
    assert placed(made, {f"{BIG} bought": 8}) is None
    found = placed(made, {f"{BIG} bought": 8}, partly=True)
    assert found == {(f"{BIG} bought", "l1"): 4, (f"{BIG} bought", "l2"): 3}
