"""`min_replicas` and `max_replicas`: replicas missing and too many, role by role."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from heteroplan.entities.workload import Part, Role
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules import broken_limits, is_choosy, open_pools
from heteroplan.optimize.rules.replica_limits import ReplicaLimitsRule
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.rules.rows import accept_just_what_breaks_nothing, accepted, sized

RULE = ReplicaLimitsRule()


def limited(fewest: Mapping[Role, int], most: Mapping[Role, int]) -> Problem:
    """A whole decode engine and a divided one beside prefill, on l1 and l2 of one spine each."""
    engines = [
        engine("prefill", role=Role.PREFILL),
        engine("whole"),
        *(engine(f"half-{i}", part=Part("moe", f"half-{i}", i, None)) for i in (0, 1)),
    ]
    load = workload(rps=[20.0, 9.0], engines=engines, min_replicas=fewest, max_replicas=most)
    on = fleet({"l1": {"h100x8": 9}, "l2": {"h100x8": 9}})
    return problem_of(scenario([load, workload("free", rps=[5.0, 5.0])], in_fleet=on))


@pytest.mark.parametrize(
    ("decode", "broken"),
    [
        ({("whole", "l1-spine"): [2, 3], ("whole", "l2-spine"): [1, 2]}, 0),
        ({("whole", "l1-spine"): [1, 6]}, 2 + 1),
        ({("whole", "l1-spine"): [3, 5], ("moe/0", "l2"): [2, 1]}, 1),
        ({("whole", "l1-spine"): [3, 5], ("moe/1", "l2"): [7, 7]}, 0),
        ({("moe/1", "l2"): [9, 9]}, 3 + 3),
    ],
)
def test_replicas_missing_and_too_many_are_counted_interval_by_interval(
    decode: Mapping[tuple[str, str], Sequence[int]], broken: int
) -> None:
    """3 to 5 decode replicas in all domains together; of a divided engine its first half counts."""
    problem = limited({Role.DECODE: 3}, {Role.DECODE: 5, Role.PREFILL: 1})
    with_prefill = sized(problem, {**decode, ("prefill", "l1-spine"): [0, 1]})
    assert RULE.broken(problem, with_prefill) == broken
    assert broken_limits(problem, with_prefill) == broken
    assert accepted(RULE, problem, with_prefill) == (broken == 0)


@pytest.mark.parametrize(
    ("prefill", "broken"), [([1, 2], 1), ([2, 2], 0), ([2, 4], 1), ([0, 5], 4)]
)
def test_each_role_has_limits_of_its_own(prefill: Sequence[int], broken: int) -> None:
    """2 to 3 of prefill; decode has a maximum of 1 and no minimum."""
    problem = limited({Role.PREFILL: 2}, {Role.PREFILL: 3, Role.DECODE: 1})
    sizes = sized(problem, {("prefill", "l2-spine"): prefill, ("whole", "l1-spine"): [0, 1]})
    sizes[list(problem.workloads[1].pools)] = 9
    assert RULE.broken(problem, sizes) == broken


def test_a_minimum_that_has_no_pools_is_missed_whatever_stands() -> None:
    """Prefill of 16 GPUs stands nowhere; the plan lacks 2 replicas in either interval."""
    both = [engine("both", role=Role.AGGREGATED)]
    load = workload(rps=[5.0, 5.0], engines=both, min_replicas={Role.PREFILL: 2})
    problem = problem_of(scenario([load]))
    sizes = np.ones((len(problem.pools), 2), dtype=np.int64)
    assert RULE.broken(problem, sizes) == 4
    assert not accepted(RULE, problem, sizes)


def test_a_maximum_that_has_no_pools_is_kept() -> None:
    both = [engine("both", role=Role.AGGREGATED)]
    load = workload(rps=[5.0], engines=both, max_replicas={Role.PREFILL: 0})
    problem = problem_of(scenario([load]))
    assert accepted(RULE, problem, np.ones((len(problem.pools), 1), dtype=np.int64))


def test_limits_on_replicas_close_no_pool() -> None:
    problem = limited({Role.DECODE: 1}, {Role.DECODE: 1})
    sizes = sized(problem, {("whole", "l1-spine"): [1, 1]})
    assert not is_choosy(problem, 0)
    assert open_pools(problem, 0, sizes) == set(problem.workloads[0].pools)


@pytest.mark.parametrize("feature", ["replica_limits", "replica_minima"])
def test_rows_accept_just_the_sizes_that_break_nothing(feature: str) -> None:
    accept_just_what_breaks_nothing(RULE, feature)
