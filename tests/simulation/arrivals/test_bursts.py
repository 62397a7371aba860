"""Bursts drawn for a replay: dispersion by hand and as measured on drawn streams."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from heteroplan.entities.arrivals import Arrivals, ArrivalsSource, Dispersion
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import DecodeCoefficients, PrefillCoefficients, Role
from heteroplan.simulation.arrivals.bursts import Clusters, clustered, clusters_of, together
from heteroplan.simulation.arrivals.rates import Rates
from tests.builders import engine, workload


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


def bursty(slo: Slo) -> Clusters:
    """Prefill of 3 at 1 s and 9 at 100 s, decode of 5 and 21; 1,000 tokens in and 200 out.

    A prompt alone takes 10 + 0.09 a token, 100 ms, a step alone 20.
    """
    points = (Dispersion(1.0, 0.95, 3.0, 5.0), Dispersion(100.0, 0.95, 9.0, 21.0))
    prefill = replace(engine("p", role=Role.PREFILL), prefill=PrefillCoefficients(10.0, 0.09, 0.0))
    decode = replace(engine("d", role=Role.DECODE), decode=DecodeCoefficients(20.0, 0.0, 0.0))
    load = workload(engines=[prefill, decode])
    arrivals = Arrivals(points, ArrivalsSource.MEASURED)
    return clusters_of(replace(load, slo=slo, arrivals=arrivals))


def test_clusters_have_the_dispersion_at_the_targets() -> None:
    """That of prefill at a TTFT of 1 s, that of decode at 200 tokens of 500 ms."""
    found = bursty(Slo(1000.0, 500.0, 0.95))
    assert found.spread_s == 100.0
    assert found.dispersion(100.0) == pytest.approx(21.0)
    assert found.dispersion(1.0) == pytest.approx(3.0)


def test_relative_targets_are_those_of_the_mean_request() -> None:
    """Five times the prompt and the step alone is 600 ms, and five times the step 100 ms."""
    relative = Slo(inf, inf, 0.95, ttft_slowdown=5.0, itl_slowdown=5.0)
    assert bursty(relative) == bursty(Slo(600.0, 100.0, 0.95))
    assert bursty(relative) == bursty(Slo(inf, inf, 0.95, e2e_slowdown=5.0))


def test_beyond_the_known_scales_the_longest_counts() -> None:
    assert bursty(Slo(1000.0, 5000.0, 0.95)) == bursty(Slo(1000.0, 500.0, 0.95))
