"""The factor at which something first breaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.simulation.stress.limits import LEAST, MOST, TOLERANCE, limit


@given(st.floats(LEAST, MOST), st.lists(st.floats(0.5, 1.5), min_size=1, max_size=5))
def test_the_threshold_lies_between_what_holds_and_what_breaks(
    threshold: float, known: list[float]
) -> None:
    tried: list[float] = []

    def holds_at(factor: float) -> bool:
        tried.append(factor)
        return factor < threshold

    holds, breaks = limit(holds_at, known)
    assert holds is None or holds < threshold
    assert breaks is None or breaks >= threshold
    if holds is not None and breaks is not None:
        assert 0 < breaks - holds <= TOLERANCE + 1e-9
    assert len(tried) == len(set(tried)) + len(known) - len(set(known))
    assert len(tried) <= len(known) + 20


def test_the_search_ends_where_nothing_breaks_or_nothing_holds() -> None:
    assert limit(lambda factor: True, [1.0, 1.5]) == (MOST, None)
    assert limit(lambda factor: False, [1.0]) == (None, LEAST)


def test_begins_with_what_is_known() -> None:
    asked: list[float] = []

    def holds_at(factor: float) -> bool:
        asked.append(factor)
        return factor <= 1.1

    holds, breaks = limit(holds_at, [1.25, 1.0, 1.1])
    assert breaks is not None
    assert asked[:4] == [1.0, 1.1, 1.25, 1.175]
    assert holds == pytest.approx(1.1)
    assert 1.1 < breaks <= 1.1 + TOLERANCE


def test_of_several_breaks_the_search_is_below_the_least() -> None:
    holds, breaks = limit(lambda factor: factor < 0.9 or 1.0 < factor < 1.2, [0.8, 0.95, 1.1])
    assert holds is not None
    assert breaks is not None
    assert holds < 0.9 <= breaks
