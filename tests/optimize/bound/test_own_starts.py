"""Parts of starts from an LP of each workload, by hand; `test_duals` has what they prove."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.clock import never
from heteroplan.entities.workload import Role
from heteroplan.optimize.bound import own_starts
from heteroplan.optimize.bound.own_starts import with_own_starts
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Floats, Problem
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of


def rising(rps: Sequence[float], *, leaves: int = 1, cyclic: bool = True) -> Problem:
    """A replica serves one request a second, alone; its start takes half an hour."""
    alone = engine("e", role=Role.AGGREGATED, gpus=8, capacity_rps=1.0, startup_s=1800.0)
    made = scenario(
        [workload(rps=list(rps), engines=[alone])],
        in_fleet=fleet({f"l{i}": {node_type().name: 50} for i in range(leaves)}),
        cyclic=cyclic,
    )
    return problem_of(made)


def parts(problem: Problem) -> Floats:
    """[P, T] at no prices of supply or balances."""
    return with_own_starts(problem, supply_prices(problem), never).starting


@pytest.mark.parametrize("cyclic", [True, False])
def test_a_start_is_due_in_full_where_demand_rises(cyclic: bool) -> None:
    """Two replicas more at noon; none waits for that, as a start costs less than an hour."""
    (found,) = parts(rising([3.0, 5.0, 2.0], cyclic=cyclic))
    assert found[1] == pytest.approx(1.0)
    assert found[2] == pytest.approx(0.0)
    assert found[0] == pytest.approx(float(cyclic))


def test_what_ran_before_pays_for_more_than_that() -> None:
    """Of a day that begins with 3 where 1 ran, and of one where 4 did."""
    problem = rising([3.0, 3.0], cyclic=False)
    (more,) = parts(replace(problem, before=np.array([1])))
    assert more[0] == pytest.approx(1.0)
    (fewer,) = parts(replace(problem, before=np.array([4])))
    assert fewer[0] == pytest.approx(0.0)


def test_a_single_interval_has_no_starts() -> None:
    for cyclic in (True, False):
        assert not parts(rising([3.0], cyclic=cyclic)).any()


def test_nothing_starts_where_nothing_is_asked_for() -> None:
    assert not parts(rising([0.0, 0.0, 0.0])).any()


def test_domains_that_are_alike_have_the_same_parts() -> None:
    found = parts(rising([3.0, 5.0, 2.0], leaves=3))
    assert found.shape == (3, 3)
    assert (found == found[0]).all()


def test_no_parts_of_a_workload_whose_lp_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Domains that are alike count once: three sizes, not nine."""
    problem = rising([3.0, 5.0, 2.0], leaves=3)
    monkeypatch.setattr(own_starts, "MOST_SIZES", 3)
    assert parts(problem).any()
    monkeypatch.setattr(own_starts, "MOST_SIZES", 2)
    assert not parts(problem).any()


def test_no_parts_once_time_is_up() -> None:
    problem = rising([3.0, 5.0, 2.0])
    assert not with_own_starts(problem, supply_prices(problem), lambda: True).starting.any()
