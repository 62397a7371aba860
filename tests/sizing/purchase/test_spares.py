"""Spares: a Poisson number of nodes is away."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.purchasing import Spares
from heteroplan.sizing.purchase.spares import spare_nodes, spares_of


def enough(mean: float, spares: int) -> float:
    """Share of the time in which no more than `spares` nodes are away."""
    if mean == 0.0:
        return 1.0
    logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(spares + 1))
    return math.fsum(math.exp(each) for each in logs)


def test_by_hand() -> None:
    """100 nodes, 0.8766 failures a year of 100 h: 1 away on average. P(X <= 3) = 0.981, P(X <= 4) =
    0.9963 of a mean of 1; with 4 spares the mean is 1.04."""
    found = spare_nodes(100, Spares(0.8766, 100.0, 0.99))
    assert found == 4
    assert enough(1.04, 4) >= 0.99 > enough(1.04, 3)


@given(
    st.integers(0, 500),
    st.floats(0.0, 5.0),
    st.floats(1.0, 200.0),
    st.sampled_from([0.5, 0.9, 0.99, 0.999]),
)
def test_the_fewest_that_are_enough(
    nodes: int, failures: float, hours: float, confidence: float
) -> None:
    found = spare_nodes(nodes, Spares(failures, hours, confidence))
    away = failures * hours / 8766
    assert enough((nodes + found) * away, found) >= confidence - 1e-9
    if found > 0:
        assert enough((nodes + found - 1) * away, found - 1) < confidence + 1e-9


def test_of_each_type() -> None:
    terms = {"a": Spares(0.8766, 100.0, 0.99), "b": Spares(0.0, 100.0, 0.99)}
    assert spares_of({"a": 100, "b": 50}, terms) == {"a": 4, "b": 0}


@pytest.mark.parametrize("nodes", [0])
def test_no_spares_for_no_nodes(nodes: int) -> None:
    assert spare_nodes(nodes, Spares(1.0, 100.0, 0.99)) == 0
