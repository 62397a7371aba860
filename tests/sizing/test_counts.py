"""More, fewer and other nodes of offers. By hand."""

from heteroplan.sizing.counts import exchanged
from heteroplan.sizing.potential import Offered
from tests.sizing.offers import BIG, SMALL, offers, on_demand, purchase, two_types


def offered(*, most_small: int | None = None) -> Offered:
    """Big nodes for 16 USD an hour, small ones for 5, for two hours."""
    of = offers(
        purchase(BIG, 16.0),
        purchase(SMALL, 5.0, most_nodes=most_small),
        on_demand(BIG, 40.0),
    )
    return Offered.of(two_types([10.0, 10.0]), of)


def test_one_node_goes_or_as_many_others_come_for_it_as_cost_less() -> None:
    """One big node is worth three small ones; four small ones are worth a big one."""
    big, small, rented = f"{BIG} bought", f"{SMALL} bought", f"{BIG} rented"
    counts = {big: 2, small: 1, rented: 5}
    assert exchanged(offered(), counts, 0.0) == [
        {big: 1, small: 1, rented: 5},
        {big: 1, small: 4, rented: 5},
        {big: 2, small: 0, rented: 5},
    ]
    assert exchanged(offered(), {big: 2, small: 5}, 0.0)[-1] == {big: 3, small: 1}


def test_no_exchange_saves_less_than_asked_for_or_takes_more_than_there_are() -> None:
    """Three small ones save 2 of 32 USD, two save 12; the first small one costs 10 alone."""
    big, small = f"{BIG} bought", f"{SMALL} bought"
    assert exchanged(offered(), {big: 1, small: 1}, 11.0) == [
        {big: 0, small: 1},
        {big: 0, small: 3},
    ]
    assert exchanged(offered(most_small=2), {big: 1, small: 1}, 0.0) == [
        {big: 0, small: 1},
        {big: 0, small: 2},
        {big: 1, small: 0},
    ]
    assert exchanged(offered(most_small=1), {big: 1}, 40.0) == []
