"""Signals at several loads, against arithmetic."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.study.station import Station
from heteroplan.simulation.study.studied import studied
from heteroplan.simulation.study.sweep import Case, Samples, mean_hit_rate, swept
from tests.signal_studies import CAPACITY_RPS, PREFILL_MS, REQUEST, STEP_MS, small_station, sweep

LOADS = (0.2, 0.5, 1.0)


@pytest.fixture(scope="module")
def station() -> Station:
    return small_station()


@pytest.fixture(scope="module")
def samples(station: Station) -> list[Samples]:
    return swept(
        station, [Case(load) for load in LOADS], sweep(), jobs=1, progress=lambda name, share: None
    )


def came_rps(station: Station, load: float) -> float:
    """Of the very requests that were drawn, while samples were taken."""
    stream = drawn(station.scenario, seed=sweep().seed, factor=load, duration_s=sweep().run_s)
    taken = stream.arrival_s[(stream.arrival_s >= 150.0) & (stream.arrival_s < 585.0)]
    return len(taken) / 435.0


def test_there_is_a_sample_every_15_s_after_settling(samples: list[Samples]) -> None:
    """From 150 s on until the last decision, at 585 s."""
    assert all(len(values) == 29 for each in samples for values in each.signals.values())


def test_prefill_tps_is_load_times_missed_tokens(station: Station, samples: list[Samples]) -> None:
    """But for the requests that were in prefill at both ends: one, of 400 and more."""
    for load, each in zip(LOADS, samples, strict=True):
        rate = came_rps(station, load)
        assert rate == pytest.approx(load * CAPACITY_RPS, rel=0.1)
        missed = each.signals["prefill_tokens_per_s"].mean()
        assert missed == pytest.approx(rate * REQUEST.missed_tokens, rel=0.01)
        assert each.all_tokens_per_s.mean() == pytest.approx(rate * REQUEST.isl, rel=0.01)


def test_utilization_of_prefill_is_load_times_service_time(
    station: Station, samples: list[Samples]
) -> None:
    """As of any queue with one server: M/D/1 here."""
    for load, each in zip(LOADS, samples, strict=True):
        busy = each.signals["prefill_gpu_utilization"].mean()
        assert busy == pytest.approx(came_rps(station, load) * PREFILL_MS / 1e3, rel=0.01)


def test_times_are_those_of_the_engines(samples: list[Samples]) -> None:
    """At a fifth of the load an M/D/1 queue that is busy 10 % of the time waits 50 ms x 0.1 / 1.8.

    Then a step, and the rest of the step that runs when the prompt comes: half a step at most.
    """
    low = samples[0]
    assert low.signals["itl_ms"].mean() == pytest.approx(STEP_MS, rel=1e-6)
    alone_ms = PREFILL_MS * (1 + 0.1 / 1.8) + STEP_MS
    assert alone_ms - 1.0 < low.signals["ttft_ms"].mean() < alone_ms + STEP_MS
    assert low.in_time > 0.97


def test_decode_tps_is_load_times_output_tokens(station: Station, samples: list[Samples]) -> None:
    for load, each in zip(LOADS, samples, strict=True):
        tokens = each.signals["decode_tokens_per_s"].mean()
        assert tokens == pytest.approx(came_rps(station, load) * REQUEST.osl, rel=0.02)


def test_more_hits_leave_all_tokens_and_less_missed_ones(station: Station) -> None:
    """Half of the misses: the hit rate rises from 0.3 to 0.65."""
    assert mean_hit_rate(station, 0.5) == pytest.approx(0.65)
    usual, hits = swept(
        station, [Case(0.5), Case(0.5, 0.5)], sweep(), jobs=2, progress=lambda name, share: None
    )
    ratio = hits.signals["prefill_tokens_per_s"] / usual.signals["prefill_tokens_per_s"]
    assert ratio == pytest.approx(0.5)
    assert hits.all_tokens_per_s == pytest.approx(usual.all_tokens_per_s, rel=0.02)


def test_the_result_does_not_depend_on_the_jobs(station: Station, samples: list[Samples]) -> None:
    again = swept(
        station, [Case(load) for load in LOADS], sweep(), jobs=2, progress=lambda name, share: None
    )
    for one, other in zip(samples, again, strict=True):
        assert replace(one, seconds=0.0).requests == other.requests
        for name, values in one.signals.items():
            np.testing.assert_array_equal(values, other.signals[name])


def test_the_whole_study_of_a_small_system(station: Station) -> None:
    heard: dict[str, float] = {}

    def progress(name: str, share: float) -> None:
        heard[name] = share

    found = studied(station, sweep(240.0), plan_id=None, jobs=2, progress=progress)
    assert [each.name for each in found.curves][:2] == ["prefill TPS", "decode TPS"]
    by_name = {each.name: each for each in found.curves}
    assert by_name["TBT"].means == pytest.approx(STEP_MS, rel=1e-6)
    assert not by_name["TBT"].scales_in
    assert by_name["prefill TPS"].scales_in
    assert found.cache.missed_tokens_per_s[1] < 0.8 * found.cache.missed_tokens_per_s[0]
    assert set(heard.values()) == {1.0}
    again = sum(load in found.loads for load in (0.3, 0.6, 0.9))
    assert len(heard) == len(found.loads) + len(found.cache.loads) - again
