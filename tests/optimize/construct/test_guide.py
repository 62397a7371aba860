"""The guide of large programs, on programs small enough to see."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize.construct.guide import Guide, candidate_groups, guide
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.solvers.solver import Effort
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
    return replace(problem_of(made), large=True)


def test_each_workload_keeps_to_one_group_where_it_fits() -> None:
    """Two pairs fit into a spine, and each workload wants two: one spine each."""
    problem = day_on_two_spines(1.0, 2.0, 1.0)
    found = candidate_groups(problem, Effort())
    assert found is not None
    assert len(found) == 2
    assert {w for w, _ in found} == {0, 1}
    assert len({group for _, group in found}) == 2


def guided(problem: Problem, workloads: Sequence[int] = (0, 1)) -> Guide:
    """Some workloads in their candidate groups, nothing placed yet."""
    near = candidate_groups(problem, Effort())
    assert near is not None
    found = guide(problem, workloads, nothing(problem), near, Effort())
    assert found is not None
    return found


def nothing(problem: Problem) -> Ints:
    return np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)


def test_sizes_are_those_of_the_demand() -> None:
    """4 running pools in all; each follows its workload's demand."""
    found = guided(day_on_two_spines(1.0, 2.0, 1.0))
    used = found.sizes[found.sizes.any(axis=1)]
    np.testing.assert_allclose(used, np.tile([1.0, 2.0, 1.0], (4, 1)), atol=1e-6)


def test_of_others_it_says_nothing() -> None:
    problem = day_on_two_spines(1.0, 2.0, 1.0)
    found = guided(problem, workloads=(1,))
    mine = list(problem.workloads[1].pools)
    assert found.sizes[mine].any()
    assert not np.delete(found.sizes, mine, axis=0).any()


def test_what_stands_leaves_less() -> None:
    """Where one pair of workload 0 stands, workload 1 has room for one pair less."""
    problem = day_on_two_spines(1.0, nodes=3)
    replicas = nothing(problem)
    group, first = next(iter(problem.groups(0).items()))
    replicas[first] = 1
    everywhere = {(1, group) for group in problem.groups(1)}
    found = guide(problem, [1], replicas, everywhere, Effort())
    assert found is not None
    beside = [p for p in problem.workloads[1].pools if problem.pools[p].group == group]
    assert beside
    assert found.sizes[beside].sum() <= 1.0 + 1e-6
    assert found.sizes.sum() == pytest.approx(2.0)


def test_what_does_not_fit_is_left_out_not_refused() -> None:
    """Three pairs each are asked for where four fit in all."""
    found = guided(day_on_two_spines(3.0, 3.0))
    assert found.sizes.sum(axis=0).max() <= 8.0 + 1e-6


def test_nowhere_to_live() -> None:
    """Without a pool or a group there is no guide; with no time left neither."""
    bare, day = day_on_two_spines(1.0, nodes=0), day_on_two_spines(1.0)
    everywhere = {(0, group) for group in day.groups(0)}
    assert guide(bare, [0], nothing(bare), everywhere, Effort()) is None
    assert guide(day, [0], nothing(day), set(), Effort()) is None
    assert guide(day, [0], nothing(day), everywhere, Effort(deadline=0.0)) is None
    assert candidate_groups(day, Effort(deadline=0.0)) is None


def test_merged_intervals_keep_the_mean_demand() -> None:
    """48 intervals, merged by two: sizes follow each interval's own demand."""
    rps = np.where(np.arange(48) % 2, 1.5, 0.5)
    found = guided(day_on_two_spines(*rps.tolist()))
    used = found.sizes[found.sizes.any(axis=1)]
    np.testing.assert_allclose(used, np.tile(rps, (4, 1)), atol=1e-6)


def test_a_program_that_is_not_large_keeps_all_intervals() -> None:
    problem = replace(day_on_two_spines(*[1.0] * 48), large=False)
    everywhere = {(0, group) for group in problem.groups(0)}
    found = guide(problem, [0], nothing(problem), everywhere, Effort(), None, 1)
    assert found is not None
    assert found.intervals == 48


@pytest.mark.parametrize(("cells", "intervals"), [(1, 8), (64, 16), (1000, 24)])
def test_as_many_intervals_as_cells_allow(cells: int, intervals: int) -> None:
    """Four pools; no fewer than 8 intervals of 48, and no more than 24."""
    problem = day_on_two_spines(*[1.0] * 48)
    everywhere = {(0, group) for group in problem.groups(0)}
    found = guide(problem, [0], nothing(problem), everywhere, Effort(), None, cells)
    assert found is not None
    assert found.intervals == intervals


def test_room_is_kept_for_peaks_that_merged_intervals_hide() -> None:
    """One pair on average fills a spine of 2 nodes, and 1.5 do not fit: half goes to the other."""
    rps = np.where(np.arange(48) % 2, 1.5, 0.5)
    problem = day_on_two_spines(*rps.tolist(), nodes=2)
    groups = problem.groups(0)

    def most_gpus(before: Floats | None) -> float:
        everywhere = {(0, group) for group in groups}
        found = guide(problem, [0], nothing(problem), everywhere, Effort(), before)
        assert found is not None
        return max(8 * float(found.sizes[pools].sum(axis=0).max()) for pools in groups.values())

    assert most_gpus(None) == pytest.approx(24.0)
    assert most_gpus(np.tile(rps, (len(problem.pools), 1))) == pytest.approx(12.0)
