"""The cheapest nodes that end a shortage, by hand."""

import pytest

from heteroplan.clock import never
from heteroplan.entities.scenario import Scenario
from heteroplan.planning.make import make_plan
from heteroplan.planning.node_worth import NodeWorth, node_worths, with_nodes
from heteroplan.planning.shortage_fix import NodesFix, nodes_fix
from tests.builders import candidates
from tests.planning.test_node_worth import case


def fix_of(made: Scenario, *, stopped: bool = False) -> NodesFix | None:
    found = candidates(made)
    plan = make_plan(made, found, time_limit_s=20.0, compare=False)
    places = node_worths(made, found, plan.pools, time_limit_s=60.0, stop=never)
    assert places
    stop = (lambda: True) if stopped else never
    return nodes_fix(made, found, plan.pools, places, time_limit_s=60.0, stop=stop)


@pytest.mark.parametrize(("rps", "nodes"), [(3.0, 1), (5.0, 3), (7.0, 5)])
def test_as_many_cheap_nodes_as_are_lacking(rps: float, nodes: int) -> None:
    """A node serves 1 request/s and there are two; 8 GPUs cost 8 USD an hour, or dear ones 24."""
    fix = fix_of(case(rps, 1.0, cheap=1, dear=1))
    assert fix is not None
    assert (fix.node_type, fix.leaves, fix.nodes) == ("cheap", ("l1",), nodes)
    assert fix.usd_per_hour == pytest.approx(8.0 * nodes)


def test_with_one_node_less_demand_is_short() -> None:
    made = case(5.0, 1.0, cheap=1, dear=1)
    for nodes, covered in ((2, False), (3, True)):
        larger = with_nodes(made, "l1", "cheap", nodes)
        plan = make_plan(larger, candidates(larger), time_limit_s=20.0, compare=False)
        assert plan.covered is covered


def test_none_where_the_search_is_ended() -> None:
    assert fix_of(case(5.0, 1.0, cheap=1, dear=1), stopped=True) is None


def test_none_where_no_place_is_known() -> None:
    made = case(5.0, 1.0, cheap=1, dear=1)
    places: tuple[NodeWorth, ...] = ()
    assert nodes_fix(made, candidates(made), (), places, time_limit_s=5.0, stop=never) is None
