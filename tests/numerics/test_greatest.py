from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.numerics.greatest import greatest


@given(st.floats(1e-4, 0.999), st.floats(0.01, 50.0))
def test_the_greatest_load_keeps_to_the_limit(root: float, steep: float) -> None:
    found = greatest(lambda load: exp(steep * load) - exp(steep * root), 1.0)
    assert found == pytest.approx(root, abs=1e-9)
    assert found <= root + 1e-12


def test_all_or_nothing() -> None:
    assert greatest(lambda load: load - 2.0, 1.5) == 1.5
    assert greatest(lambda load: load + 1.0, 1.0) == 0.0


def test_it_takes_few_steps() -> None:
    asked = []

    def excess(load: float) -> float:
        asked.append(load)
        return log(max(1e-3, load**3))

    assert greatest(excess, 5.0) == pytest.approx(1.0)
    assert len(asked) < 20
