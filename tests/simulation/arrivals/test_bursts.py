"""Bursts drawn for a replay: dispersion by hand and as measured on drawn streams."""

import numpy as np
import pytest

from heteroplan.simulation.arrivals.bursts import Clusters, clustered, together
from heteroplan.simulation.arrivals.rates import Rates


def measured(clusters: Clusters, window_s: float, rps: float = 20.0) -> float:
    rates = Rates(np.array([0.0, 40_000.0]), np.array([rps]))
    moments_s = clustered(rates, clusters, np.random.default_rng(7))
    counts = np.histogram(moments_s, np.arange(0.0, 40_000.0 + window_s / 2, window_s))[0]
    return float(counts.var() / counts.mean())


def test_batches_by_hand() -> None:
    assert Clusters.between(1.0, 13.0, 1.0, 13.0) == Clusters(7.0, 1.0, 0.0)
    assert Clusters(7.0, 1.0, 0.0).dispersion(0.1) == 13.0


def test_together_by_hand() -> None:
    assert together(4.0, 4.0) == pytest.approx(2 / 3)
    assert together(2.0, 4.0) == pytest.approx(5 / 12)
    assert together(8.0, 4.0) == pytest.approx(5 / 6)


@pytest.mark.parametrize(("short", "long"), [(5.0, 5.0), (4.0, 13.0), (1.0, 1.0)])
def test_the_dispersion_at_both_scales_is_kept(short: float, long: float) -> None:
    clusters = Clusters.between(2.0, short, 10.0, long)
    assert clusters.dispersion(10.0) == pytest.approx(long)
    assert clusters.dispersion(2.0) >= short * (1 - 1e-9)
    assert measured(clusters, 2.0) == pytest.approx(clusters.dispersion(2.0), rel=0.06)
    assert measured(clusters, 10.0) == pytest.approx(long, rel=0.1)


def test_a_dispersion_that_falls_is_that_of_the_short_scale() -> None:
    assert Clusters.between(1.0, 9.0, 10.0, 3.0) == Clusters(5.0, 1.0, 0.0)


def test_each_piece_has_its_rate() -> None:
    rates = Rates(np.array([0.0, 20_000.0, 40_000.0]), np.array([5.0, 50.0]))
    moments_s = clustered(rates, Clusters(2.0, 3.0, 30.0), np.random.default_rng(1))
    assert np.all(np.diff(moments_s) >= 0.0)
    assert moments_s[0] >= 0.0
    assert moments_s[-1] < 40_000.0
    before = int(np.searchsorted(moments_s, 20_000.0))
    assert before == pytest.approx(100_000, rel=0.03)
    assert len(moments_s) - before == pytest.approx(1_000_000, rel=0.03)
