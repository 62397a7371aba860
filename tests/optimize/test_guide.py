"""The guide of large programs: homes and sizes by small LPs, on programs small enough to see."""

from dataclasses import replace

import numpy as np

from heteroplan.entities.workload import Role
from heteroplan.optimize.guide import guide, homes
from heteroplan.optimize.problem import Problem
from heteroplan.optimize.solver import Effort
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of


def day_on_two_spines(*rps: float, nodes: int = 4) -> Problem:
    """Pairs of 1 request/s and 16 GPUs, two nodes, in either of two spines with `nodes` each."""
    engines = [
        engine(str(role), role=role, gpu="C", gpus=8, capacity_rps=1.0)
        for role in (Role.PREFILL, Role.DECODE)
    ]
    types = [node_type("cheap", gpu="C", usd_per_gpu_hour=1.0)]
    leaves = {"l1": {"cheap": nodes}, "l2": {"cheap": nodes}}
    made = scenario(
        [workload("a", rps=rps, engines=engines), workload("b", rps=rps, engines=engines)],
        in_fleet=fleet(leaves, node_types=types),
    )
    return problem_of(made)


def test_each_workload_keeps_to_one_home_where_it_fits() -> None:
    """Two pairs fit into a spine, and each workload wants two: one spine each."""
    problem = day_on_two_spines(1.0, 2.0, 1.0)
    found = homes(problem, Effort())
    assert found is not None
    assert len(found) == 2
    assert {w for w, _ in found} == {0, 1}
    assert len({group for _, group in found}) == 2


def test_sizes_are_those_of_the_demand() -> None:
    """4 running pools in all; each follows its workload's demand."""
    problem = day_on_two_spines(1.0, 2.0, 1.0)
    found = guide(problem, Effort())
    assert found is not None
    assert len(found.pools) == 4
    np.testing.assert_allclose(found.sizes, np.tile([1.0, 2.0, 1.0], (4, 1)), atol=1e-6)
    whole = found.spread_out(problem, np.ones((4, 3), dtype=np.int64))
    assert whole.shape == (len(problem.pools), 3)
    assert whole.sum() == 12


def test_what_does_not_fit_is_left_out_not_refused() -> None:
    """Three pairs each are asked for where four fit in all."""
    found = guide(day_on_two_spines(3.0, 3.0), Effort())
    assert found is not None
    assert found.sizes.sum(axis=0).max() <= 8.0 + 1e-6


def test_nowhere_to_live() -> None:
    """Without a pool there is no guide; with no time left neither."""
    assert guide(day_on_two_spines(1.0, nodes=0), Effort()) is None
    assert guide(day_on_two_spines(1.0), Effort(deadline=0.0)) is None


def test_merged_intervals_keep_the_mean_demand() -> None:
    """48 intervals, merged by two: sizes follow each interval's own demand."""
    rps = np.where(np.arange(48) % 2, 1.5, 0.5)
    problem = replace(day_on_two_spines(*rps.tolist()), large=True)
    found = guide(problem, Effort())
    assert found is not None
    np.testing.assert_allclose(found.sizes, np.tile(rps, (4, 1)), atol=1e-6)
