from math import exp, inf, log, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.numerics.root_finding import largest_meeting


@given(st.floats(1e-4, 0.999), st.floats(0.01, 50.0))
def test_the_greatest_load_keeps_to_the_limit(root: float, steep: float) -> None:
    found = largest_meeting(lambda load: exp(steep * load) - exp(steep * root), 1.0)
    assert found == pytest.approx(root, abs=1e-9)
    assert found <= root + 1e-12


def test_all_or_nothing() -> None:
    assert largest_meeting(lambda load: load - 2.0, 1.5) == 1.5
    assert largest_meeting(lambda load: load + 1.0, 1.0) == 0.0


def test_it_takes_few_steps() -> None:
    asked = []

    def excess(load: float) -> float:
        asked.append(load)
        return log(max(1e-3, load**3))

    assert largest_meeting(excess, 5.0) == pytest.approx(1.0)
    assert len(asked) < 20


@pytest.mark.parametrize("jump", [0.1, 0.5, 1.9])
def test_at_a_jump_the_value_still_meets_the_limit(jump: float) -> None:
    found = largest_meeting(lambda load: -3.0 if load <= jump else 1e-3, 2.0)
    assert found == pytest.approx(jump, abs=1e-9)
    assert found <= jump


@given(st.floats(0.5, 20.0), st.floats(0.05, 0.9), st.floats(1.5, 12.0))
def test_a_rounding_of_the_most_changes_no_step(most: float, root: float, steep: float) -> None:
    """Near enough is 1e-4 of the value, so another step would show.

    A straight line is left out, whose root is met exactly, or missed by a rounding.
    """

    def found(limit: float) -> float:
        return largest_meeting(
            lambda load: min(14.0, (load / (root * most)) ** steep - 1.0), limit, 1e-4
        )

    assert found(nextafter(most, inf)) == pytest.approx(found(most), rel=1e-9)
