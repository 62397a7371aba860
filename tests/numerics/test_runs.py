"""Runs of intervals in which something is so."""

import numpy as np
import pytest

from heteroplan.numerics.runs import true_runs


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], []),
        ([0, 0], []),
        ([1], [range(1)]),
        ([1, 1, 0, 1], [range(2), range(3, 4)]),
        ([0, 1, 1, 0, 0, 1, 0], [range(1, 3), range(5, 6)]),
    ],
)
def test_runs_of_true_values(flags: list[int], expected: list[range]) -> None:
    """The ends of the day are no neighbours."""
    assert true_runs(np.array(flags, dtype=bool)) == expected
