"""What one more node is worth: hand arithmetic of prices, requests and hours."""

import pytest

from heteroplan.clock import Stop, never
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.planning.make import make_plan
from heteroplan.planning.node_worth import NodeWorth, node_worths
from tests.builders import candidates, engine, fleet, node_type, scenario, workload


def case(*rps: float, cheap: int = 2, dear: int = 4, held: int = 8) -> Scenario:
    """A replica of `held` GPUs serves 1 request/s; GPU-hours cost 1 USD on cheap nodes, else 3."""
    engines = [
        engine(f"on-{gpu}", role=Role.AGGREGATED, gpu=gpu, gpus=held, capacity_rps=1.0)
        for gpu in ("C", "D")
    ]
    types = [
        node_type("cheap", gpu="C", gpus=8, usd_per_gpu_hour=1.0),
        node_type("dear", gpu="D", gpus=8, usd_per_gpu_hour=3.0),
    ]
    on = fleet({"l1": {"cheap": cheap}, "l2": {"cheap": 0, "dear": dear}}, node_types=types)
    return scenario([workload("a", rps=rps, engines=engines)], in_fleet=on)


def worths_of(made: Scenario, *, stop: Stop = never) -> tuple[NodeWorth, ...] | None:
    found = candidates(made)
    plan = make_plan(made, found, time_limit_s=20.0, compare=False)
    return node_worths(made, found, plan.pools, time_limit_s=60.0, stop=stop)


def test_a_cheap_node_saves_what_a_dear_one_costs_more() -> None:
    """3 requests/s, 2 cheap nodes: a third spares 8 GPUs at 3 USD for 8 at 1, 16 USD an hour."""
    worths = worths_of(case(3.0, 3.0, 1.0, 3.0))
    assert worths is not None
    (worth,) = worths
    assert (worth.node_type, worth.leaves) == ("cheap", ("l1",))
    assert worth.saved == pytest.approx((16.0, 16.0, 0.0, 16.0))
    assert sum(worth.served) == 0.0
    assert worth.again is not None
    assert worth.again.saved == pytest.approx(48.0)


def test_where_demand_is_short_requests_count() -> None:
    """3 requests/s on 2 nodes in 1 of 2 hours: one more of either type serves 3,600 requests."""
    worths = worths_of(case(3.0, 1.0, cheap=1, dear=1))
    assert worths is not None
    assert {worth.node_type for worth in worths} == {"cheap", "dear"}
    for worth in worths:
        assert worth.served == pytest.approx((3600.0, 0.0))
        assert sum(worth.saved) == 0.0
        assert worth.again is not None
        assert worth.again.served == pytest.approx(3600.0)


def test_whole_replicas_that_are_short_are_solved_again() -> None:
    """A node of 8 GPUs holds one replica of 5; 8 / 5 of one would serve 1.5 requests/s."""
    worths = worths_of(case(1.5, cheap=1, dear=0, held=5))
    assert worths is not None
    (worth,) = worths
    assert worth.node_type == "cheap"
    assert sum(worth.served) == 0.0
    assert worth.again is not None
    assert worth.again.served == pytest.approx(0.5 * 3600.0)


def test_more_than_enough_of_everything_is_worth_nothing() -> None:
    assert worths_of(case(1.0, 2.0, cheap=4)) == ()


def test_a_user_who_stops_it_has_the_estimate_alone() -> None:
    worths = worths_of(case(3.0, 3.0), stop=lambda: True)
    assert worths is not None
    assert [worth.again for worth in worths] == [None]
    assert worths[0].saved == pytest.approx((16.0, 16.0))
