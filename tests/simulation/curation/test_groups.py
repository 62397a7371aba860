"""Groups under a constant rate, and the greatest one that keeps the SLO."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import RequestClass, Role
from heteroplan.simulation.arrivals.bursts import Clusters
from heteroplan.simulation.curation.groups import (
    Kept,
    LoadedGroup,
    UnitRequests,
    planned_share,
    unit_requests,
)
from heteroplan.simulation.run import ReplaySettings
from heteroplan.simulation.system import ServingSystem, serving_system
from tests import builders

SEED = np.random.SeedSequence(3)


@pytest.fixture(scope="module")
def system() -> ServingSystem:
    """Engines of 10 requests/s in either role."""
    made = builders.scenario()
    return serving_system(made, builders.candidates(made))


def group(system: ServingSystem, prefill: int, decode: int) -> LoadedGroup:
    by_role = {option.role: n for n, option in enumerate(system.options)}
    return LoadedGroup(system, 0, {by_role[0]: prefill, by_role[1]: decode}, ReplaySettings())


def requests(count: int = 2000, burstiness: float = 1.0) -> UnitRequests:
    return unit_requests([builders.SHAPE], count, SEED, burstiness=burstiness)


def test_unit_requests_come_at_one_a_second_with_the_lengths_of_the_class() -> None:
    made = requests(burstiness=0.0)
    assert len(made.arrival) == 2000
    assert np.diff(made.arrival) == pytest.approx(np.ones(1999))
    assert set(made.isl.tolist()) == {1000}
    assert set(made.osl.tolist()) == {200}


def test_gaps_of_a_trace_keep_their_order_and_lose_their_mean() -> None:
    """Gaps of 1 and 5 in turn, of mean 3."""
    made = unit_requests([builders.SHAPE], 100, SEED, gaps=np.array([1.0, 5.0]))
    assert sorted(set(np.diff(made.arrival).round(6).tolist())) == [0.333333, 1.666667]
    assert made.arrival[-1] == pytest.approx(100.0)


def test_clusters_are_spread_over_mean_gaps() -> None:
    """Batches of 7 have dispersion 13; what takes 4 s at 50 a second takes 200 mean gaps."""
    clusters = Clusters(7.0, 1.0, 0.0)
    made = unit_requests([builders.SHAPE], 50_000, SEED, clusters=clusters)
    counts = np.histogram(made.arrival, np.arange(0.0, 50_001.0, 50.0))[0]
    assert counts.mean() == pytest.approx(50.0, rel=0.05)
    assert counts.var() / counts.mean() == pytest.approx(13.0, rel=0.15)
    assert Clusters(7.0, 2.0, 4.0).at(50.0) == Clusters(7.0, 2.0, 200.0)


def test_there_is_one_request_at_least() -> None:
    rare = Clusters(1e9, 1.0, 0.0)
    assert len(unit_requests([builders.SHAPE], 1, SEED, clusters=rare).arrival) == 1


def test_few_requests_are_in_time_and_many_are_not(system: ServingSystem) -> None:
    pair = group(system, 1, 1)
    [few] = pair.kept(requests(), 0.5)
    [many] = pair.kept(requests(), 100.0)
    assert (few.wanted, few.share) == (builders.SLO.percentile, 1.0)
    assert many.share < 0.1
    assert few.enough
    assert not many.enough


def test_a_role_is_judged_by_its_own_latency(system: ServingSystem) -> None:
    """Far too many requests for two prefill replicas, few for forty decode replicas: first tokens
    are late, the others in time. TTFT has 0.9625 to keep and ITL 0.9875, for 0.95 of both."""
    by_role = {option.role: n for n, option in enumerate(system.options)}
    slo, unit = builders.SLO, requests()

    def kept(role: Role) -> list[Kept]:
        replicas = {by_role[0]: 2, by_role[1]: 40}
        loaded = LoadedGroup(system, 0, replicas, ReplaySettings(), role)
        return loaded.kept(unit, 60.0)

    [ttft] = kept(Role.PREFILL)
    itl, first = kept(Role.DECODE)
    assert (
        (ttft.wanted, itl.wanted)
        == (slo.ttft_share, slo.itl_share)
        == (
            pytest.approx(0.95 / 0.9875),
            0.9875,
        )
    )
    assert itl.share == 1.0
    assert first == replace(ttft, wanted=0.95)
    assert not ttft.enough
    assert itl.enough
    assert planned_share(slo, Role.AGGREGATED) == 0.95


def test_classes_with_other_percentiles_are_judged_by_themselves(system: ServingSystem) -> None:
    strict = replace(builders.SLO, ttft_ms=1e-3, percentile=0.5)
    kinds = (
        replace(builders.SHAPE, name="own", share=0.25, slo=strict),
        replace(builders.SHAPE, name="other", share=0.75),
    )
    made = builders.scenario([builders.workload(classes=kinds)])
    of = serving_system(made, builders.candidates(made))
    own, other = group(of, 1, 1).kept(unit_requests(kinds, 500, SEED), 0.5)
    assert (own.wanted, own.share) == (0.5, 0.0)
    assert (other.wanted, other.share) == (0.95, 1.0)


def test_the_greatest_rate_is_a_threshold(system: ServingSystem) -> None:
    """Close to the given capacity, for which the engine's times were chosen."""
    pair, unit = group(system, 1, 4), requests()
    rate_rps = pair.greatest_rate(unit, 3.0)
    assert pair.keeps_slo(unit, rate_rps)
    assert not pair.keeps_slo(unit, 1.01 * rate_rps)
    assert rate_rps == pytest.approx(10.0, rel=0.15)


def test_the_greatest_rate_does_not_depend_on_the_first_guess(system: ServingSystem) -> None:
    pair, unit = group(system, 1, 4), requests()
    assert pair.greatest_rate(unit, 50.0) == pytest.approx(pair.greatest_rate(unit, 2.0), rel=0.01)


def test_twice_the_replicas_serve_twice_as_much_or_more(system: ServingSystem) -> None:
    unit = requests()
    one, two = (
        group(system, 1, 4).greatest_rate(unit, 10),
        group(system, 2, 8).greatest_rate(unit, 10),
    )
    assert two > 2.0 * one


def test_what_no_engine_takes_does_not_count() -> None:
    short, long = (
        RequestClass(name=name, share=0.5, isl=isl, osl=200.0)
        for name, isl in (("short", 1000.0), ("long", 10.0**7))
    )
    engines = (
        builders.engine("p", role=Role.PREFILL),
        replace(builders.engine("d"), kv_tokens=10**6),
    )
    made = builders.scenario([builders.workload(engines=engines)])
    system = serving_system(made, builders.candidates(made))
    unit = unit_requests([short, long], 500, SEED)
    [short_ones] = group(system, 1, 1).kept(unit, 0.5)
    assert short_ones.share == 1.0
    assert not group(system, 1, 1).keeps_slo(unit_requests([long], 50, SEED), 0.5)
