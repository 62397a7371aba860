"""What classes say of contexts."""

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import SHAPE


def test_contexts_of_equal_requests_grow_evenly() -> None:
    """isl 1000, osl 200: from 1,000 to 1,200."""
    assert SHAPE.decode_context == 1100.0
    assert SHAPE.decode_context_cv == pytest.approx(200.0 / 12.0**0.5 / 1100.0)


def test_contexts_of_spread_lengths_are_those_of_drawn_requests() -> None:
    """Gamma distributed and independent; by decode steps, so that long answers count more."""
    of = replace(SHAPE, isl=400.0, osl=500.0, isl_cv=0.6, osl_cv=0.8)
    random = np.random.default_rng(1)
    isl = random.gamma(1 / 0.36, 400.0 * 0.36, 1_000_000)
    osl = random.gamma(1 / 0.64, 500.0 * 0.64, 1_000_000)
    mean = (osl * (isl + osl / 2)).sum() / osl.sum()
    square = (osl * (isl**2 + isl * osl + osl**2 / 3)).sum() / osl.sum()
    assert of.decode_context == pytest.approx(mean, rel=0.01)
    assert of.decode_context_cv == pytest.approx((square / mean**2 - 1) ** 0.5, rel=0.01)


def test_outputs_cv_comes_out_of_the_context() -> None:
    """osl 200 with cv 1.5: context = 1000 + 200 (1 + 2.25) / 2 = 1325. A context below that of
    equal requests, 1100, has none."""
    assert replace(SHAPE, context=1325.0).outputs_cv == pytest.approx(1.5)
    assert replace(SHAPE, context=1050.0).outputs_cv == 0.0
    assert SHAPE.outputs_cv == 0.0
    assert replace(SHAPE, context=1325.0, osl_cv=0.5).outputs_cv == 0.5


def test_what_is_stated_of_contexts_stands() -> None:
    of = replace(SHAPE, context=1375.0, osl_cv=1.0, isl_cv=1.0)
    assert of.decode_context == 1375.0
    assert of.decode_context_cv == pytest.approx(200.0 / 12.0**0.5 / 1375.0)
    assert replace(of, context_cv=0.3).decode_context_cv == 0.3
