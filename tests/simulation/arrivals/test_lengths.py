"""Drawn tokens against the means and variations of their classes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.workload import RequestClass
from heteroplan.simulation.arrivals.lengths import Lengths, lengths, rounded
from tests.builders import SHAPE

MANY = 200_000


def drawn(*mixes: list[RequestClass], size: int = MANY, seed: int = 1) -> Lengths:
    """`size` requests of each interval, one interval after the other."""
    interval = np.repeat(np.arange(len(mixes)), size)
    return lengths(mixes, interval, np.random.default_rng(seed), np.random.default_rng(seed + 1))


def test_without_variation_all_are_equal() -> None:
    found = drawn([replace(SHAPE, isl=1000.0, osl=200.0, prefix_hit_rate=0.25)], size=10)
    assert found.isl.tolist() == [1000] * 10
    assert found.cached.tolist() == [250] * 10
    assert found.osl.tolist() == [200] * 10


def test_outputs_spread_as_stated() -> None:
    found = drawn([replace(SHAPE, osl_cv=0.5)])
    assert found.osl.std() / found.osl.mean() == pytest.approx(0.5, rel=0.02)


def test_means_and_variations_are_those_of_the_class() -> None:
    """Missed tokens 700 with cv 1.2, outputs 200 with cv 1.5; of 200,000 the standard error of the
    means is cv / 447 = 0.34 %, and hits are 30 % of the input tokens."""
    of = replace(SHAPE, prefix_hit_rate=0.3, isl_cv=1.2, context=1325.0)
    found = drawn([of])
    missed = found.isl - found.cached
    assert missed.mean() == pytest.approx(700.0, rel=0.015)
    assert missed.std() / missed.mean() == pytest.approx(1.2, rel=0.02)
    assert found.osl.mean() == pytest.approx(200.0, rel=0.015)
    assert found.osl.std() / found.osl.mean() == pytest.approx(1.5, rel=0.02)
    assert found.cached.sum() / found.isl.sum() == pytest.approx(0.3, abs=1e-4)
    skewness = (((missed - missed.mean()) / missed.std()) ** 3).mean()
    assert skewness == pytest.approx(2 * 1.2, rel=0.1)


@pytest.mark.parametrize("mean", [1.0, 1.3, 2.0, 7.5])
def test_short_ones_keep_their_mean_though_none_is_below_a_token(mean: float) -> None:
    """Rounding and the least of one token do not move the mean, cv 0.8."""
    of = RequestClass("short", 1.0, isl=mean, osl=mean, isl_cv=0.8)
    found = drawn([of])
    error = float(found.isl.std()) / MANY**0.5
    assert found.isl.min() >= 1
    assert found.isl.mean() == pytest.approx(mean, abs=5 * error + 1e-12)
    assert found.osl.mean() == pytest.approx(mean, abs=5 * 0.5 / MANY**0.5)


def test_classes_come_by_their_shares_in_each_interval() -> None:
    """isl 10, 20 and 30 tell classes apart; five standard errors of a share of 200,000: 0.56 %."""

    def mix(*shares: float) -> list[RequestClass]:
        return [
            RequestClass(f"c{i}", share, isl=10.0 * (i + 1), osl=1.0)
            for i, share in enumerate(shares)
        ]

    found = drawn(mix(0.5, 0.3, 0.2), mix(0.1, 0.1, 0.8))
    for part, shares in ((found.isl[:MANY], (0.5, 0.3, 0.2)), (found.isl[MANY:], (0.1, 0.1, 0.8))):
        seen = np.bincount(part, minlength=31)[[10, 20, 30]] / MANY
        assert seen == pytest.approx(shares, abs=0.0056)


@settings(deadline=None)
@given(
    isl=st.floats(1.0, 1e5),
    osl=st.floats(1.0, 1e4),
    hit_rate=st.floats(0.0, 0.999),
    isl_cv=st.none() | st.floats(0.0, 5.0),
    spread=st.floats(-1.0, 10.0),
    seed=st.integers(0, 1000),
)
def test_tokens_are_those_of_requests(
    isl: float, osl: float, hit_rate: float, isl_cv: float | None, spread: float, seed: int
) -> None:
    of = RequestClass("any", 1.0, isl, osl, hit_rate, isl_cv, context=isl + osl * (1 + spread) / 2)
    found = drawn([of], size=50, seed=seed)
    assert (found.cached >= 0).all()
    assert (found.cached < found.isl).all()
    assert (found.osl >= 1).all()


def test_rounded_numbers_are_next_to_theirs() -> None:
    numbers = np.full(100_000, 2.25)
    found = rounded(numbers, np.random.default_rng(1))
    assert set(found.tolist()) == {2, 3}
    assert found.mean() == pytest.approx(2.25, abs=5 * 0.433 / 100_000**0.5)
