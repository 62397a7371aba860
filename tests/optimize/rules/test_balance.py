"""`pd_ratio` and `part_ratio`: replicas outside their bands; balances themselves break nothing."""

from collections.abc import Mapping, Sequence

import pytest

from heteroplan.entities.workload import Part, RatioBand, Role
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.rules import broken_limits, is_choosy, open_pools
from heteroplan.optimize.rules.replica_limits import RatioBandRule
from heteroplan.optimize.rules.requests import BalanceRule
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.rules.rows import accept_just_what_breaks_nothing, accepted, sized

RULE = RatioBandRule()
BAND = RatioBand(0.5, 3.0)


def banded(band: RatioBand | None, parts: RatioBand | None = None) -> Problem:
    """Prefill beside a whole and a divided decode engine, on two leaves of one spine."""
    engines = [
        engine("prefill", role=Role.PREFILL),
        engine("whole"),
        *(engine(f"half-{i}", part=Part("moe", f"half-{i}", i, parts)) for i in (0, 1)),
    ]
    on = fleet(
        {"l1": {"h100x8": 60}, "l2": {"h100x8": 60}, "l3": {"h100x8": 60}},
        spines={"l1": "s1", "l2": "s1", "l3": "s2"},
    )
    load = workload(rps=[20.0, 9.0], engines=engines, pd_ratio=band)
    return problem_of(scenario([load], in_fleet=on))


@pytest.mark.parametrize(
    ("prefill", "decode", "broken"),
    [
        ([6, 1], [2, 2], 0),
        ([7, 1], [2, 2], 1),
        ([6, 1], [2, 3], 0.5),
        ([8, 1], [2, 6], 2 + 2),
        ([4, 0], [0, 0], 4),
        ([0, 3], [4, 1], 2),
    ],
)
def test_replicas_beyond_either_end_of_a_band_are_counted(
    prefill: Sequence[int], decode: Sequence[int], broken: float
) -> None:
    """0.5 to 3 of prefill for one of decode, interval by interval."""
    problem = banded(BAND)
    sizes = sized(problem, {("prefill", "s1"): prefill, ("whole", "s1"): decode})
    assert RULE.broken(problem, sizes) == broken
    assert broken_limits(problem, sizes) == broken
    assert accepted(RULE, problem, sizes) == (broken == 0)
    assert RULE.broken(banded(None), sizes) == 0


@pytest.mark.parametrize(
    ("sizes", "broken"),
    [
        ({("prefill", "s1"): 6, ("whole", "s2"): 2}, 6 + 1),
        ({("prefill", "s1"): 6, ("whole", "s1"): 1, ("moe/0", "l2"): 1}, 0),
        ({("prefill", "s1"): 6, ("whole", "s1"): 1, ("moe/1", "l2"): 1}, 3),
        ({("prefill", "s1"): 1, ("moe/0", "l1"): 2, ("moe/0", "l2"): 2}, 1),
    ],
)
def test_a_band_holds_in_each_group_and_counts_a_divided_engine_by_its_first_half(
    sizes: Mapping[tuple[str, str], int], broken: float
) -> None:
    problem = banded(BAND)
    found = sized(problem, {key: [size, size] for key, size in sizes.items()})
    assert RULE.broken(problem, found) == 2 * broken


@pytest.mark.parametrize(
    ("halves", "broken"),
    [
        ({"l1": (2, 1), "l2": (4, 2)}, 0),
        ({"l1": (5, 2), "l2": (1, 2)}, 1 + 0.5),
        ({"l1": (2, 0), "l2": (0, 4)}, 2 + 3),
    ],
)
def test_halves_of_a_divided_engine_keep_their_band_on_each_leaf(
    halves: Mapping[str, tuple[int, int]], broken: float
) -> None:
    """0.75 to 2 of part 0 for one of part 1."""
    problem = banded(None, RatioBand(0.75, 2.0))
    sizes = {
        (f"moe/{i}", leaf): [0, count]
        for leaf, counts in halves.items()
        for i, count in enumerate(counts)
    }
    assert RULE.broken(problem, sized(problem, sizes)) == broken


def test_what_rounding_adds_to_a_band_is_no_replica() -> None:
    """2.2 · 25 is a little more than 55 in floating point."""
    problem = banded(RatioBand(2.2, 3.0))
    assert 2.2 * 25 > 55
    sizes = sized(problem, {("prefill", "s1"): [55, 0], ("whole", "s1"): [25, 0]})
    assert RULE.broken(problem, sizes) == 0


def test_balances_and_bands_close_no_pool() -> None:
    """Flow is balanced by every search, so that sizes alone never break it."""
    problem = banded(BAND)
    sizes = sized(problem, {("prefill", "s1"): [1, 1]})
    assert BalanceRule().broken(problem, sizes) == 0
    assert not is_choosy(problem, 0)
    assert open_pools(problem, 0, sizes, opening=False) == set(problem.workloads[0].pools)


@pytest.mark.parametrize("feature", ["ratio_band", "divided"])
def test_rows_accept_just_the_sizes_that_break_nothing(feature: str) -> None:
    accept_just_what_breaks_nothing(RULE, feature)
