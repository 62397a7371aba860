"""Which time the files of a trace tell of, by hand and against each unit of time looked at."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.forecasting.steps.spans import Spans

type Span = tuple[int, int]


def spans_of(*files: Span) -> Spans:
    """A file for each (first, last) request."""
    found = Spans()
    for number, file in enumerate(files):
        found.add(number, np.array(file))
    return found


def noted(count: int) -> list[str]:
    return [f"{count} files overlap in time; their requests are added up"] if count else []


def test_a_file_spans_all_of_its_batches_in_whatever_order() -> None:
    """File 0 tells of 3 to 20 and file 1 of 25 to 28: what lies between batches is no gap."""
    found = Spans()
    for number, moments in (
        (0, [9, 7, 12]),
        (1, [27, 28]),
        (0, [4, 3]),
        (1, [26, 25]),
        (0, [18, 20, 19]),
    ):
        found.add(number, np.array(moments))
    assert found.gaps() == [(20, 25)]
    assert found.notes() == []


@pytest.mark.parametrize(
    ("files", "gaps"),
    [
        ([(4, 9)], []),
        ([(4, 9), (9, 15)], []),
        ([(4, 9), (10, 15)], [(9, 10)]),
        ([(10, 15), (1, 2), (4, 9)], [(2, 4), (9, 10)]),
        ([(0, 50), (5, 7), (60, 61)], [(50, 60)]),
        ([(0, 5), (8, 8), (10, 12)], [(5, 8), (8, 10)]),
    ],
)
def test_a_gap_lasts_from_the_latest_end_before_to_the_next_request(
    files: Sequence[Span], gaps: Sequence[Span]
) -> None:
    assert spans_of(*files).gaps() == gaps


def test_jumps_of_a_clock_are_gaps_as_well() -> None:
    found = spans_of((0, 5), (7, 30))
    found.jumps.append((10, 20))
    assert sorted(found.gaps()) == [(5, 7), (10, 20)]
    assert found.jumps == [(10, 20)]


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ([(4, 9)], 0),
        ([(4, 9), (9, 15)], 0),
        ([(4, 9), (8, 15)], 2),
        ([(4, 9), (4, 9)], 2),
        ([(0, 50), (60, 70), (5, 7), (8, 9)], 3),
        ([(0, 5), (4, 9), (20, 25), (24, 30), (40, 41)], 4),
    ],
)
def test_files_that_overlap_another_are_counted(files: Sequence[Span], count: int) -> None:
    """Two pairs apart from each other are four files."""
    assert spans_of(*files).notes() == noted(count)


FILES = st.lists(
    st.tuples(st.integers(0, 24), st.integers(0, 6)).map(lambda at: (at[0], at[0] + at[1])),
    min_size=1,
    max_size=6,
)


@given(FILES)
def test_gaps_are_what_no_file_covers(files: list[Span]) -> None:
    """Unit by unit: within a gap none is covered, and outside each of them is."""
    inside = {t for begin, end in spans_of(*files).gaps() for t in range(begin, end)}
    first, last = min(begin for begin, _ in files), max(end for _, end in files)
    covered = {t for begin, end in files for t in range(begin, end)}
    assert inside == set(range(first, last)) - covered


@given(FILES)
def test_a_file_overlaps_another_where_time_lies_inside_both(files: list[Span]) -> None:
    overlapping = [
        i
        for i, one in enumerate(files)
        if any(one[0] < other[1] and other[0] < one[1] for j, other in enumerate(files) if i != j)
    ]
    assert spans_of(*files).notes() == noted(len(overlapping))
