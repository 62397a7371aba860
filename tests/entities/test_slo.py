"""Shares of the requests that plans let meet each latency."""

import pytest

from heteroplan.entities.slo import Slo


def test_both_are_met_by_the_percentile() -> None:
    """A quarter of the 8 % that may be late may miss the ITL: 0.98; 0.92 / 0.98 meet the TTFT."""
    slo = Slo(1000.0, 50.0, 0.92)
    assert slo.itl_share == pytest.approx(0.98)
    assert slo.ttft_share == pytest.approx(0.92 / 0.98)


def test_one_percentile_gives_the_other() -> None:
    assert Slo(1000.0, 50.0, 0.9, ttft_percentile=0.96).itl_share == pytest.approx(0.9375)
    assert Slo(1000.0, 50.0, 0.9, itl_percentile=0.96).ttft_share == pytest.approx(0.9375)


def test_a_percentile_that_both_cannot_reach_leaves_the_other_at_that_of_both() -> None:
    assert Slo(1000.0, 50.0, 0.95, ttft_percentile=0.9).itl_share == 0.95
    assert Slo(1000.0, 50.0, 0.95, itl_percentile=0.9).ttft_share == 0.95


def test_two_percentiles_stand_as_they_are() -> None:
    slo = Slo(1000.0, 50.0, 0.99, 0.9, 0.95)
    assert (slo.ttft_share, slo.itl_share) == (0.9, 0.95)
