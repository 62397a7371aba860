"""The judge of capacity."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from heteroplan.entities.arrivals import POISSON, Arrivals, ArrivalsSource, Dispersion
from heteroplan.entities.capacity import Candidate, OperatingPoint, PoolPoints
from heteroplan.entities.workload import RequestClass, Role
from heteroplan.simulation.curation.calibrate import Calibration, Correction, Judging, calibrate
from heteroplan.simulation.run import ReplaySettings
from heteroplan.simulation.system import pool_key, serving_system
from tests import builders

JUDGING = Judging(seed=0, requests=1500, draws=3)


def judged(
    *,
    promise: float = 1.0,
    jobs: int = 1,
    judging: Judging = JUDGING,
    arrivals: Arrivals = POISSON,
) -> Calibration:
    """A prefill and a decode engine of 10 requests/s; plans count on `promise` times that of
    the decode engine."""
    scenario = builders.scenario(workloads=[replace(builders.workload(), arrivals=arrivals)])
    candidates = [_promising(each, promise) for each in builders.candidates(scenario)]
    system = serving_system(scenario, builders.candidates(scenario))
    with ThreadPoolExecutor(jobs) as pool:
        return calibrate(
            replace(system, options=tuple(system.options)),
            candidates,
            ReplaySettings(),
            judging,
            pool=pool,
            tell=lambda share: None,
        )


def _promising(candidate: Candidate, factor: float) -> Candidate:
    points = tuple(
        tuple(replace(each, capacity_rps=factor * each.capacity_rps) for each in row)
        for row in candidate.points
    )
    return replace(candidate, points=points)


def test_the_factor_is_what_was_simulated_over_what_was_promised() -> None:
    correction = Correction(
        "w", "e", Role.DECODE, "n", "mix", 1, 0.99, promised_rps=10.0, drawn_rps=(11.0, 12.0, 13.0)
    )
    assert correction.simulated_rps == 12.0
    assert correction.factor == pytest.approx(1.2)
    # Their standard deviation is 1, that of the mean 1 / sqrt(3).
    assert correction.standard_error == pytest.approx(0.1 / 3**0.5)


def test_engines_that_keep_their_promise_have_factors_near_1() -> None:
    """The times of engines of given capacity are such that they just keep the SLO at it."""
    found = judged()
    assert [(each.engine, each.role) for each in found.corrections] == [
        ("prefill", Role.PREFILL),
        ("decode", Role.DECODE),
    ]
    for each in found.corrections:
        assert each.promised_rps == 10.0
        assert each.factor == pytest.approx(1.0, abs=0.2)
        assert 0.0 < each.standard_error < 0.1
    assert not found.skipped


def test_bursts_are_drawn_as_planned_for_unless_gaps_are_asked_for() -> None:
    """A replica that is sized for Poisson arrivals serves less of bursts."""
    arrivals = Arrivals((Dispersion(1.0, 0.99, 9.0, 9.0),), ArrivalsSource.STATED)
    plain = judged().corrections
    bursty = judged(arrivals=arrivals).corrections
    asked = judged(arrivals=arrivals, judging=replace(JUDGING, burstiness=1.0)).corrections
    assert [each.drawn_rps for each in asked] == [each.drawn_rps for each in plain]
    for one, other in zip(bursty, plain, strict=True):
        assert one.factor < 0.9 * other.factor


def test_pools_are_as_large_as_told_and_judged_by_what_their_role_is_planned_for() -> None:
    """Ten decode replicas are judged as eight, each of which waits less than one alone."""
    sizes = {("w", "prefill", "h100x8"): 3, ("w", "decode", "h100x8"): 10}
    alone = judged().corrections
    found = judged(judging=replace(JUDGING, sizes=sizes)).corrections
    assert [each.replicas for each in alone] == [1, 1]
    assert [each.replicas for each in found] == [3, 8]
    slo = builders.SLO
    assert [each.percentile for each in found] == [slo.ttft_share, slo.itl_share]
    for one, many in zip(alone, found, strict=True):
        assert many.promised_rps == one.promised_rps == 10.0
        assert many.simulated_rps > one.simulated_rps


def test_what_is_promised_is_that_of_a_pool_of_the_size() -> None:
    """Twice as much a replica in pools of two."""
    scenario = builders.scenario()
    points = [
        replace(
            each,
            by_size=(PoolPoints((1, 2), (each.points[0], twice(each.points[0]))),),
            alone=(1,),
        )
        for each in builders.candidates(scenario)
    ]
    sizes = {pool_key(each): size for each, size in zip(points, (1, 2), strict=True)}
    with ThreadPoolExecutor(1) as pool:
        found = calibrate(
            serving_system(scenario, points, sizes),
            points,
            ReplaySettings(),
            replace(JUDGING, requests=200, sizes=sizes),
            pool=pool,
            tell=lambda share: None,
        )
    promised = {each.engine: each.promised_rps for each in found.corrections}
    assert promised == {"prefill": 10.0, "decode": 20.0}


def twice(points: tuple[OperatingPoint, ...]) -> tuple[OperatingPoint, ...]:
    return tuple(replace(each, capacity_rps=2.0 * each.capacity_rps) for each in points)


def test_the_result_does_not_depend_on_the_jobs_but_on_the_seed() -> None:
    assert judged(jobs=1) == judged(jobs=2)
    assert judged() != judged(judging=replace(JUDGING, seed=1))


def test_bursts_leave_less_capacity() -> None:
    smooth, bursty = (
        judged(judging=replace(JUDGING, burstiness=each)).corrections[0] for each in (1.0, 3.0)
    )
    assert bursty.factor < 0.9 * smooth.factor


def test_classes_are_judged_by_themselves_too_and_what_cannot_be_served_is_skipped() -> None:
    kinds = tuple(
        RequestClass(name=name, share=0.5, isl=1000.0, osl=200.0) for name in ("short", "long")
    )
    scenario = builders.scenario([builders.workload(classes=kinds)])
    candidates = builders.candidates(scenario, by_class={("decode", "long"): 0.0})
    system = serving_system(scenario, candidates)
    with ThreadPoolExecutor(1) as pool:
        found = calibrate(
            system, candidates, ReplaySettings(), JUDGING, pool=pool, tell=lambda share: None
        )
    assert [(each.engine, each.requests_of) for each in found.corrections] == [
        ("prefill", "short"),
        ("decode", "short"),
    ]
    reasons = {(each.engine, each.requests_of): each.reason for each in found.skipped}
    assert set(reasons) == {(e, k) for e in ("prefill", "decode") for k in ("mix", "long")}
    assert "no engine of the other role" in reasons["prefill", "long"]
    assert "within the SLO" in reasons["decode", "mix"]
