"""`max_groups` and `anti_affinity`: what breaks them, and what a search may still open."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Role
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules import broken_limits, closing_fields, is_choosy, open_pools
from heteroplan.optimize.rules.groups import GroupsRule
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_problem
from tests.optimize.rules.rows import accepted, any_sizes, sized

RULE = GroupsRule()


def three_leaves(a_most: int | None = None, apart: bool = True) -> Problem:
    """`a` and `plain` keep to a leaf each, `b` to a spine: l1 and l2 below s1, l3 below s2."""
    leaves = ("l1", "l2", "l3")
    loads = [
        workload(
            name,
            rps=[20.0, 30.0],
            engines=[engine(name, role=Role.AGGREGATED)],
            affinity=affinity,
            max_groups=most,
            anti_affinity=["a"] if apart and name == "b" else [],
        )
        for name, affinity, most in (
            ("a", Affinity.LEAF, a_most),
            ("b", Affinity.SPINE, None),
            ("plain", Affinity.LEAF, None),
        )
    ]
    on = fleet(
        {leaf: {"h100x8": 4} for leaf in leaves}, spines={"l1": "s1", "l2": "s1", "l3": "s2"}
    )
    return problem_of(scenario(loads, in_fleet=on))


def opened(
    problem: Problem,
    w: int,
    sizes: Mapping[tuple[str, str], Sequence[int]],
    *,
    opening: bool = True,
) -> list[str]:
    """Domains of the pools that are open beside sizes."""
    found = open_pools(problem, w, sized(problem, sizes), opening=opening)
    return sorted(problem.pools[p].domain for p in found)


@pytest.mark.parametrize(("most", "broken"), [(1, 2), (2, 1), (3, 0), (None, 0)])
def test_groups_too_many_are_counted_over_the_horizon(most: int | None, broken: int) -> None:
    """A group counts that has a replica at any time, and counts once."""
    problem = three_leaves(most, apart=False)
    sizes = sized(problem, {("a", "l1"): [5, 0], ("a", "l2"): [0, 1], ("a", "l3"): [1, 1]})
    assert RULE.broken(problem, sizes) == broken
    assert broken_limits(problem, sizes) == broken
    assert accepted(RULE, problem, sizes) == (broken == 0)


@pytest.mark.parametrize(
    ("sizes", "broken"),
    [
        ({("a", "l1"): [1, 0], ("b", "s1"): [0, 1]}, 1),
        ({("a", "l1"): [3, 3], ("a", "l2"): [1, 0], ("b", "s1"): [1, 0]}, 2),
        ({("a", "l1"): [1, 0], ("b", "s2"): [1, 0]}, 0),
        ({("a", "l3"): [1, 0], ("a", "l2"): [1, 0], ("b", "s2"): [1, 0]}, 1),
        ({("plain", "l1"): [1, 1], ("b", "s1"): [1, 1]}, 0),
    ],
)
def test_groups_that_share_a_leaf_overlap_at_whatever_time_they_are_used(
    sizes: Mapping[tuple[str, str], Sequence[int]], broken: int
) -> None:
    problem = three_leaves()
    assert RULE.broken(problem, sized(problem, sizes)) == broken
    assert accepted(RULE, problem, sized(problem, sizes)) == (broken == 0)


def test_only_workloads_with_a_limit_or_one_to_keep_apart_from_are_choosy() -> None:
    """Either side of `anti_affinity` is."""
    apart = three_leaves()
    assert [is_choosy(apart, w) for w in range(3)] == [True, True, False]
    limited = three_leaves(3, apart=False)
    assert [is_choosy(limited, w) for w in range(3)] == [True, False, False]


def test_groups_open_until_there_are_as_many_as_may_be() -> None:
    problem = three_leaves(2, apart=False)
    assert opened(problem, 0, {}) == ["l1", "l2", "l3"]
    assert opened(problem, 0, {("a", "l2"): [1, 0]}) == ["l1", "l2", "l3"]
    assert opened(problem, 0, {("a", "l2"): [1, 0], ("a", "l3"): [0, 1]}) == ["l2", "l3"]


def test_nothing_opens_in_a_window_of_time() -> None:
    problem = three_leaves(2)
    assert opened(problem, 0, {("a", "l2"): [1, 0]}, opening=False) == ["l2"]
    assert opened(problem, 1, {("b", "s2"): [1, 0]}, opening=False) == ["s2"]
    assert opened(problem, 0, {("b", "s2"): [1, 0]}, opening=False) == []


def test_groups_that_overlap_those_of_a_workload_kept_apart_stay_closed() -> None:
    problem = three_leaves()
    assert opened(problem, 0, {("b", "s1"): [0, 1]}) == ["l3"]
    assert opened(problem, 0, {("b", "s2"): [1, 0]}) == ["l1", "l2"]
    assert opened(problem, 1, {("a", "l2"): [0, 1]}) == ["s2"]
    assert opened(problem, 1, {("a", "l2"): [1, 0], ("a", "l3"): [1, 0]}) == []
    assert opened(problem, 1, {("plain", "l2"): [1, 0]}) == ["s1", "s2"]


def test_the_fields_that_close_a_group_are_named() -> None:
    problem = three_leaves()
    pool = {problem.pools[p].domain: p for p in problem.workloads[0].pools}
    beside = sized(problem, {("b", "s1"): [1, 1]})
    assert closing_fields(problem, 0, [pool["l1"]], beside) == ["max_groups or anti_affinity"]
    assert closing_fields(problem, 0, [pool["l3"]], beside) == []


@pytest.mark.parametrize("feature", ["max_groups", "anti_affinity"])
def test_what_is_open_breaks_nothing_and_rows_accept_what_breaks_nothing(feature: str) -> None:
    """A replica more in an open pool leaves a sound plan sound; in a closed one it does not."""
    sound = unsound = 0
    for seed in range(25):
        problem = random_problem(seed, feature)
        sizes = any_sizes(problem, np.random.default_rng(seed))
        good = RULE.broken(problem, sizes) == 0
        assert accepted(RULE, problem, sizes) == good
        sound, unsound = sound + good, unsound + (not good)
        for w, work in enumerate(problem.workloads if good else ()):
            found = open_pools(problem, w, sizes)
            for p in work.pools:
                more = sizes.copy()
                more[p, -1] += 1
                assert (RULE.broken(problem, more) == 0) == (p in found)
    assert min(sound, unsound) >= 3
