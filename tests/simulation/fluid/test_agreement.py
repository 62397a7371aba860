"""Flows and single requests on the same replicas, at 0.8, 0.95 and 1.1 of what prefill can do.

Single requests are a sample: figures of four hours of them are means of four seeds, whose standard
errors at 0.95 are about 0.05 for queues and waits. Flows themselves are within 0.05 of the means of
eight seeds. Beyond capacity, hardly any request is in time, so that shares are compared as such.
"""

import numpy as np
import pytest

from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.arrivals.flows import from_demand, from_requests
from heteroplan.simulation.arrivals.rates import Planned
from heteroplan.simulation.results import PolicyReplay
from heteroplan.simulation.system import ServingSystem
from tests.fixed_size import run, scenario, system_of

SEEDS = 4


def figures(found: PolicyReplay) -> dict[str, float]:
    return {
        "queue": float(found.intervals.waiting.mean()),
        "ttft": found.ttft_ms.p50,
        "late ttft": found.ttft_ms.p95,
        "itl": found.itl_ms.p50,
        "late itl": found.itl_ms.p95,
        "whole": found.e2e_ms.p50,
        "in time": found.attainment.both,
    }


def both(
    system: ServingSystem, replicas: list[int], seeds: int = SEEDS
) -> tuple[dict[str, float], dict[str, float]]:
    """Figures of flows, and means of those of single requests."""
    of = system.scenario
    samples = [figures(run(system, drawn(of, seed=seed), replicas)) for seed in range(seeds)]
    single = {name: float(np.mean([each[name] for each in samples])) for name in samples[0]}
    return figures(run(system, from_demand(of, seed=0, planned=Planned()), replicas)), single


@pytest.mark.parametrize(
    ("load", "isl_cv", "queues"),
    [(0.8, 0.0, 0.05), (0.8, 1.0, 0.05), (0.95, 0.0, 0.15), (0.95, 1.0, 0.15), (1.1, 1.0, 0.05)],
)
def test_prefill_queues_and_waits_agree(load: float, isl_cv: float, queues: float) -> None:
    """Four replicas prefill 40 requests/s together; `queues` is 0.05 or three standard errors."""
    system = system_of(scenario([load * 40.0], isl_cv=isl_cv))
    fluid, single = both(system, [4, 4])
    for name in ("queue", "ttft", "late ttft"):
        assert fluid[name] == pytest.approx(single[name], rel=queues), name
    for name in ("itl", "late itl"):
        assert fluid[name] == pytest.approx(single[name], rel=0.05), name
    assert fluid["whole"] == pytest.approx(single["whole"], rel=0.05 if load < 0.9 else queues)
    assert fluid["in time"] == pytest.approx(single["in time"], abs=0.03)


@pytest.mark.parametrize(("load", "queues"), [(0.8, 0.15), (0.95, 0.3), (1.1, 0.1)])
def test_queues_for_room_to_decode_agree(load: float, queues: float) -> None:
    """Four replicas of 16 sequences each decode 16.6 requests/s together.

    At 0.8 the queue is a tenth of a request for each replica. It is a rare and long one at 0.95.
    """
    step_s = (15.0 + 16 * (0.15 + 1e-4 * 1100.0)) / 1e3
    rps = load * 4 * 16 / (200.0 * step_s)
    fluid, single = both(system_of(scenario([rps], sequences=16)), [8, 4])
    assert fluid["queue"] == pytest.approx(single["queue"], rel=queues, abs=0.1)
    assert fluid["itl"] == pytest.approx(single["itl"], rel=0.05)
    assert fluid["in time"] == pytest.approx(single["in time"], abs=0.05)


@pytest.mark.parametrize("rps", [2.0, 4.0])
def test_aggregated_replicas_agree(rps: float) -> None:
    """Of four, each takes 0.2 or 0.4 of its time for prefill. Waits for a step to end, and for
    prompts of other lengths, are only about right: 0.1 of the late ones."""
    fluid, single = both(system_of(scenario([4.0 * rps], aggregated=True, isl_cv=1.0)), [4])
    for name, within in (("ttft", 0.1), ("late ttft", 0.15), ("itl", 0.05), ("late itl", 0.1)):
        assert fluid[name] == pytest.approx(single[name], rel=within), name
    assert fluid["in time"] == pytest.approx(single["in time"], abs=0.01)


def test_a_load_that_rises_beyond_capacity_and_falls_agrees() -> None:
    """An hour each at 0.7, 1.05 and 0.6 of what prefill can do: a queue comes and is worked off."""
    system = system_of(scenario([28.0, 42.0, 24.0]))
    stream = drawn(system.scenario, seed=3)
    single = run(system, stream, [4, 4])
    fluid = run(system, from_requests(stream, system.scenario.horizon), [4, 4])
    assert fluid.finished == pytest.approx(single.finished, rel=1e-3)
    assert fluid.intervals.waiting[0, 1] == pytest.approx(single.intervals.waiting[0, 1], rel=0.05)
    assert fluid.attainment.both == pytest.approx(single.attainment.both, rel=0.02)
    assert fluid.gpu_hours == single.gpu_hours
