"""Classes put together, against sums over the requests that they stand for."""

from dataclasses import replace
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.forecasting.steps.shape import StepShape, together

type Request = tuple[int, int, int]
"""Input, output and cached tokens."""


def spread(values: list[float]) -> tuple[float, float]:
    """Mean and coefficient of variation."""
    mean = sum(values) / len(values)
    return mean, sqrt(sum((each - mean) ** 2 for each in values) / len(values)) / mean


def shape_of(requests: list[Request], total: int) -> StepShape:
    """The class of some of `total` requests; each output token finds isl + osl / 2 in the cache."""
    isl, _ = spread([isl for isl, _, _ in requests])
    osl, _ = spread([osl for _, osl, _ in requests])
    missed, cv = spread([isl - hits for isl, _, hits in requests])
    contexts = [isl + osl / 2 for isl, osl, _ in requests for _ in range(osl)]
    share = len(requests) / total
    return StepShape("x", share, isl, osl, cv, 1 - missed / isl, *spread(contexts))


REQUEST = st.tuples(st.integers(2, 3000), st.integers(1, 40), st.integers(0, 3000)).map(
    lambda row: (row[0], row[1], min(row[2], row[0] - 1))
)


@given(st.lists(st.lists(REQUEST, min_size=1, max_size=6), min_size=1, max_size=4))
def test_all_as_one_are_as_all_requests(groups: list[list[Request]]) -> None:
    requests = [each for group in groups for each in group]
    found = together([shape_of(group, len(requests)) for group in groups])
    whole = shape_of(requests, len(requests))
    for name in ("share", "isl", "osl", "isl_cv", "prefix_hit_rate", "context", "context_cv"):
        assert getattr(found, name) == pytest.approx(getattr(whole, name), rel=1e-6, abs=1e-6)


def test_weights_are_those_of_steps() -> None:
    """Two steps of one class with 1 and 3 parts of the requests: isl (100 + 3 * 500) / 4 = 400."""
    steps = [StepShape("x", 1.0, 100, 10), StepShape("x", 1.0, 500, 10)]
    found = together(steps, [0.25, 0.75])
    assert (found.share, found.isl, found.osl) == pytest.approx((1.0, 400, 10))


def test_without_any_requests_it_is_the_first() -> None:
    steps = [StepShape("x", 1.0, 100, 10), StepShape("x", 1.0, 500, 10)]
    assert together(steps, [0.0, 0.0]) == steps[0]


def test_what_one_class_does_not_tell_is_not_told_of_all() -> None:
    told = StepShape("x", 0.5, 100, 10, 0.5, 0.2, 105, 0.1)
    for name in ("isl_cv", "prefix_hit_rate", "context", "context_cv"):
        unknown: dict[str, Any] = {name: None}
        found = together([told, replace(told, **unknown)])
        assert getattr(found, name) is None
    assert together([told, replace(told, context_cv=None)]).context == pytest.approx(105)
    assert together([told, replace(told, context=None)]).context_cv is None


def test_the_spread_grows_by_that_of_the_means() -> None:
    """100 and 300 without any spread of their own: mean 200, deviation 100."""
    steps = [StepShape("x", 0.5, each, 10, 0.0, 0.0) for each in (100, 300)]
    assert together(steps).isl_cv == pytest.approx(0.5)
