"""The part of a replay that a search may see."""

import numpy as np
import pytest

from heteroplan.errors import UsageError
from heteroplan.simulation.curation.pieces import LEAST_GAPS, before, busiest_gaps, cut_interval
from heteroplan.simulation.requests import RequestStream


def stream(arrival_s: list[float], duration_s: float = 100.0) -> RequestStream:
    n = len(arrival_s)
    return RequestStream(
        workloads=("a", "b"),
        duration_s=duration_s,
        workload=np.zeros(n, np.int64),
        arrival_s=np.array(arrival_s),
        isl=np.arange(1, n + 1),
        cached=np.zeros(n, np.int64),
        osl=np.arange(1, n + 1) * 10,
        rejected={"unknown": 3},
    )


@pytest.mark.parametrize(
    ("share", "intervals"), [(0.5, 2), (0.1, 1), (0.99, 3), (0.6, 2), (0.7, 3)]
)
def test_the_cut_is_at_a_boundary_and_leaves_something_on_both_sides(
    share: float, intervals: int
) -> None:
    """Four intervals of 25 s."""
    assert cut_interval(100.0, 25.0, share) == intervals


def test_a_single_interval_cannot_be_cut() -> None:
    with pytest.raises(UsageError, match="two intervals or more"):
        cut_interval(25.0, 25.0, 0.5)


def test_what_arrives_at_the_cut_is_not_seen() -> None:
    seen = before(stream([0.0, 10.0, 50.0, 60.0]), 50.0)
    assert seen.arrival_s.tolist() == [0.0, 10.0]
    assert (seen.isl.tolist(), seen.osl.tolist()) == ([1, 2], [10, 20])
    assert (seen.duration_s, seen.asked) == (50.0, 2)


def test_gaps_are_those_of_the_interval_with_most_arrivals() -> None:
    quiet = np.linspace(0.0, 9.0, 5)
    busy = 10.0 + np.arange(LEAST_GAPS + 1) * 0.05
    gaps = busiest_gaps(stream([*quiet, *busy]), 10.0, ["a"])
    assert gaps["a"] == pytest.approx([0.05] * LEAST_GAPS)


@pytest.mark.parametrize("name", ["a", "b"])
def test_too_few_requests_tell_no_gaps(name: str) -> None:
    with pytest.raises(UsageError, match=f"trace of {name} has"):
        busiest_gaps(stream([0.0, 1.0, 2.0]), 10.0, [name])
