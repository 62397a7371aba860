"""Sizes that an HPA makes, against trying all of them."""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.schedules.timetable.tolerance import followed, made


def minutes(*runs: tuple[int, int]) -> np.ndarray:
    """[M] of sizes with their minutes."""
    return np.repeat([size for size, _ in runs], [length for _, length in runs])


def runs_of(sizes: Sequence[int] | np.ndarray) -> list[int]:
    return [int(sizes[0]), *(int(b) for a, b in pairwise(sizes) if a != b)]


@pytest.mark.parametrize(
    ("current", "wanted", "reached"),
    [(23, 21, False), (20, 22, False), (20, 23, True), (23, 20, True), (1, 2, True), (0, 30, True)],
)
def test_a_tenth_is_ignored(current: int, wanted: int, reached: bool) -> None:
    assert made(current, wanted, 0.1, least=0) is reached


def test_the_least_size_is_always_reached() -> None:
    """KEDA's closed triggers ask for 1, far from 21, and the minimum holds."""
    assert made(21, 20, 0.1, least=20)
    assert not made(21, 20, 0.1, least=1)


def test_a_small_step_is_rounded_up_where_that_is_cheapest() -> None:
    """10, from 20 to 22: 23 for the 5 minutes costs 5 replica-minutes, 22 for all 120."""
    asked = minutes((10, 60), (20, 60), (22, 5))
    assert runs_of(followed(asked, 0.1, cyclic=False)) == [10, 20, 23]


def test_a_small_step_is_taken_early_where_that_is_cheapest() -> None:
    """22 for 5 minutes more costs 10 replica-minutes, 23 for 60 costs 60."""
    asked = minutes((10, 60), (20, 5), (22, 60))
    assert runs_of(followed(asked, 0.1, cyclic=False)) == [10, 22]


def test_a_small_step_down_is_left_out() -> None:
    """21 needs 24 before it: an hour of that costs more than two replicas for 20 minutes."""
    asked = minutes((10, 60), (23, 60), (21, 20))
    assert runs_of(followed(asked, 0.1, cyclic=False)) == [10, 23]


def test_without_tolerance_nothing_changes() -> None:
    asked = minutes((20, 60), (21, 60))
    assert followed(asked, 0.0, cyclic=True) is asked


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([1, 3, 20])), min_size=1, max_size=3),
    st.integers(0, 5),
    st.sampled_from([0.1, 0.25, 0.4]),
    st.booleans(),
)
def test_it_is_the_cheapest_of_all(
    runs: list[tuple[int, int]], base: int, tolerance: float, cyclic: bool
) -> None:
    asked = minutes(*((size + base, length) for size, length in runs))
    found = followed(asked, tolerance, cyclic=cyclic)
    assert (found >= asked).all()
    assert all_made(found.tolist(), tolerance, cyclic=cyclic)
    assert found.sum() == cheapest(asked, tolerance, cyclic=cyclic)


def all_made(sizes: Sequence[int], tolerance: float, *, cyclic: bool) -> bool:
    around = [*sizes, sizes[0]] if cyclic else sizes
    return all(made(a, b, tolerance, min(sizes)) for a, b in pairwise(around))


def cheapest(asked: np.ndarray, tolerance: float, *, cyclic: bool) -> int:
    """Replica-minutes of the best of all sizes up to twice the greatest, run by run."""
    starts = [0, *(np.flatnonzero(np.diff(asked)) + 1).tolist(), len(asked)]
    runs = [(int(asked[a]), b - a) for a, b in pairwise(starts)]
    one = cyclic and len(runs) > 1 and runs[0][0] == runs[-1][0]
    best = None
    for sizes in product(*(range(size, 2 * int(asked.max()) + 3) for size, _ in runs)):
        cost = sum(size * length for size, (_, length) in zip(sizes, runs, strict=True))
        if one and sizes[0] != sizes[-1]:
            continue
        if (best is None or cost < best) and all_made(sizes, tolerance, cyclic=cyclic):
            best = cost
    assert best is not None
    return best
