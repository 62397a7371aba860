"""What a size is compared with."""

from dataclasses import replace
from typing import Any

import pytest

from heteroplan.entities.offers import OfferKind
from heteroplan.errors import NoPlanError
from heteroplan.sizing import size
from heteroplan.sizing.outcome import Sized
from heteroplan.sizing.purchase import alternatives
from heteroplan.sizing.purchase.alternatives import AlternativeKind, alternative, todo
from tests.sizes import QUICK, asking, offer, stands, terms

HOUR = offer("hour", kind=OfferKind.ON_DEMAND, usd=5.0)


def test_only_what_differs_is_worth_a_look() -> None:
    made = asking(3.0)
    assert todo(terms(made, offer())) == ()
    assert todo(terms(made, offer(), HOUR)) == (
        (AlternativeKind.ALL_RENTED, ""),
        (AlternativeKind.ALL_PAID, ""),
    )
    both = terms(made, offer(), offer("d", "d8"), stands(1), today={"a": {"c8": 1}})
    assert todo(both) == (
        (AlternativeKind.ONE_GPU_TYPE, "C"),
        (AlternativeKind.ONE_GPU_TYPE, "D"),
        (AlternativeKind.STANDING, ""),
        (AlternativeKind.TODAY, ""),
    )


def test_one_gpu_type_costs_what_its_nodes_cost() -> None:
    """3 requests/s on 3 nodes of 4 USD for one hour."""
    made = asking(3.0)
    found = alternative(
        made,
        terms(made, offer(usd=2.0), offer("d", "d8", usd=4.0)),
        AlternativeKind.ONE_GPU_TYPE,
        "D",
        QUICK,
    )
    assert found.cost_usd == pytest.approx(12.0)
    assert (found.covered, dict(found.nodes)) == (True, {"d8": 3})


def test_where_no_time_was_left_it_is_not_known_whether_one_gpu_type_serves_all() -> None:
    made = asking(3.0)
    late = replace(QUICK, stop=lambda: True)
    both = terms(made, offer(usd=2.0), offer("d", "d8", usd=4.0))
    found = alternative(made, both, AlternativeKind.ONE_GPU_TYPE, "D", late)
    assert (found.cost_usd, found.covered) == (None, None)


def test_where_it_is_proven_that_one_gpu_type_does_not_serve_all_that_is_known() -> None:
    """2 nodes of it may be had, which serve 2 of 3 requests/s."""
    made = asking(3.0)
    both = terms(made, offer(usd=2.0), offer("d", "d8", usd=4.0, most=2))
    found = alternative(made, both, AlternativeKind.ONE_GPU_TYPE, "D", QUICK)
    assert (found.cost_usd, found.covered) == (None, False)


def test_a_fleet_that_was_found_and_is_short_proves_nothing_of_others() -> None:
    made = asking(3.0)

    def sizer(*args: Any, **more: Any) -> Sized:
        return replace(size(*args, **more), covered=False)

    both = terms(made, offer(usd=2.0), offer("d", "d8", usd=4.0))
    short = replace(QUICK, sizer=sizer)
    found = alternative(made, both, AlternativeKind.ONE_GPU_TYPE, "D", short)
    assert (found.cost_usd, found.covered) == (pytest.approx(12.0), None)


def test_rented_nodes_are_paid_while_they_run_and_others_always() -> None:
    """3 and 1 requests/s: 4 node-hours at 5 USD, or 3 nodes for 2 hours at 4."""
    made = asking(3.0, 1.0)
    both = terms(made, offer(usd=4.0), HOUR)
    rented = alternative(made, both, AlternativeKind.ALL_RENTED, "", QUICK)
    paid = alternative(made, both, AlternativeKind.ALL_PAID, "", QUICK)
    assert rented.cost_usd == pytest.approx(20.0)
    assert paid.cost_usd == pytest.approx(24.0)


def test_what_stands_may_be_too_little() -> None:
    """2 of 3 requests/s on 2 nodes of 2 USD."""
    made = asking(3.0, standing={"c8": 2})
    found = alternative(made, terms(made, offer(), stands(2)), AlternativeKind.STANDING, "", QUICK)
    assert found.cost_usd == pytest.approx(4.0)
    assert found.covered is False
    assert found.served_fraction == pytest.approx(2 / 3)


def test_todays_nodes_serve_their_own_workload_at_the_price_of_the_fleet() -> None:
    """4 nodes of 8 USD serve 3 requests/s; 2 serve two thirds of it."""
    made = asking(3.0)
    for nodes, served in ((4, 1.0), (2, 2 / 3)):
        own = terms(made, offer(), today={"a": {"c8": nodes}})
        found = alternative(made, own, AlternativeKind.TODAY, "", QUICK)
        assert found.cost_usd == pytest.approx(8.0 * nodes)
        assert found.served_fraction == pytest.approx(served)
        assert found.covered is (served == 1.0)


def test_of_todays_nodes_without_a_plan_in_time_it_is_not_known_what_they_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(*_: object, **__: object) -> None:
        raise NoPlanError("no time")

    monkeypatch.setattr(alternatives, "make_plan", late)
    made = asking(3.0)
    own = terms(made, offer(), today={"a": {"c8": 4}})
    found = alternative(made, own, AlternativeKind.TODAY, "", QUICK)
    assert found.cost_usd == pytest.approx(32.0)
    assert (found.covered, found.served_fraction) == (None, None)
    none = terms(made, offer(), today={"a": {}})
    found = alternative(made, none, AlternativeKind.TODAY, "", QUICK)
    assert (found.covered, found.served_fraction) == (False, 0.0)
