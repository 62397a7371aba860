"""What engines are taken to serve, by the size of their pools in the plan."""

from dataclasses import replace

import pytest

from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint, PoolPoints
from heteroplan.entities.workload import Role
from heteroplan.simulation.system import PoolKey, serving_system
from tests import builders

ENGINES = (
    builders.engine("prefill", role=Role.PREFILL),
    builders.engine("one"),
    builders.engine("other"),
)
SCENARIO = builders.scenario([builders.workload(engines=ENGINES)])


def sized(candidate: Candidate, rates: tuple[float, float]) -> Candidate:
    """Serves `rates` in pools of 1 and of 4; all demand alone is served by 4."""
    points = tuple((OperatingPoint(rate, Limit.ITL),) for rate in rates)
    return replace(
        candidate, points=(points[1],), by_size=(PoolPoints((1, 4), points),), alone=(4,)
    )


def rates(sizes: dict[PoolKey, int], first: float = 5.0) -> dict[str, float]:
    candidates = [sized(each, (first, 10.0)) for each in builders.candidates(SCENARIO)]
    system = serving_system(SCENARIO, candidates, sizes)
    return {each.engine.name: each.capacity_rps for each in system.options}


def test_without_a_plan_a_pool_serves_all_demand_alone() -> None:
    assert rates({}) == {"prefill": 10.0, "one": 10.0, "other": 10.0}


def test_with_a_plan_pools_are_as_large_as_there_or_as_the_largest_of_their_role() -> None:
    """1 / 10 and 1 / 5 at the ends, 2 / 3 of the way from 4 to 1 there are 2 replicas."""
    found = rates({("w", "one", "h100x8"): 2, ("w", "prefill", "h100x8"): 1})
    assert found["prefill"] == 5.0
    assert found["one"] == found["other"] == pytest.approx(1.0 / (0.1 / 3 + 0.2 * 2 / 3))


def test_what_only_larger_pools_serve_is_served_as_in_those() -> None:
    """So that each engine of the plan is there at all times."""
    assert rates({("w", "one", "h100x8"): 1}, first=0.0)["one"] == 10.0
