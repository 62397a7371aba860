"""Shares of the requests that plans let meet each latency."""

from dataclasses import replace
from math import inf

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


LIST = Slo(1000.0, 50.0, 0.9, also=(Slo(2000.0, 80.0, 0.99),))


def test_items_are_all_that_has_to_hold() -> None:
    assert LIST.items == (Slo(1000.0, 50.0, 0.9), Slo(2000.0, 80.0, 0.99))
    assert [LIST.item(number).percentile for number in range(3)] == [0.9, 0.99, 0.99]
    assert LIST.each(lambda slo: replace(slo, itl_ms=1.0)).items == (
        Slo(1000.0, 1.0, 0.9),
        Slo(2000.0, 1.0, 0.99),
    )


def test_the_last_token_is_in_time_where_the_first_one_and_the_mean_gap_are() -> None:
    """Twice as long as alone at most: TTFT and ITL too, where they are not limited to less."""
    slo = Slo(inf, inf, 0.9, ttft_slowdown=3.0, itl_slowdown=1.5, e2e_slowdown=2.0).by_token
    assert slo == Slo(inf, inf, 0.9, ttft_slowdown=2.0, itl_slowdown=1.5)
