"""Whole plans whose replicas serve more in larger pools."""

from dataclasses import replace
from functools import cache

import pytest

from heteroplan.entities.capacity import PoolPoints
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Plan, Termination
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    Engine,
    Loss,
    PrefillCoefficients,
    Resilience,
    Role,
    Routing,
    Span,
)
from heteroplan.errors import PlanViolationError
from heteroplan.planning import make_plan
from heteroplan.profiles.capacity.candidates import candidates
from heteroplan.verify.plan import verify
from tests.builders import engine, fleet, scenario, workload

BUSY = (20.0,)
"""Requests/s of one interval."""


def measured() -> Engine:
    """Prefill takes 100 ms; 200 ms are left to wait."""
    return replace(
        engine("prefill", role=Role.PREFILL, gpus=1),
        capacity_rps=None,
        prefill=PrefillCoefficients(0.0, 0.1, 0.0),
        batch_tokens_range=Span(1.0, 8000.0),
    )


def made(
    routing: Routing,
    *,
    rps: tuple[float, ...] = (3.0, 20.0),
    resilience: Resilience | None = None,
    spines: int = 1,
) -> Scenario:
    load = replace(
        workload("a", rps=rps, engines=[measured(), engine("decode", gpus=1)]),
        slo=Slo(ttft_ms=360.0, itl_ms=60.0, percentile=0.95),
        routing=dict.fromkeys(Role, routing),
        affinity=Affinity.SPINE,
        resilience=resilience,
    )
    return scenario([load], in_fleet=fleet({f"l{s}": {"h100x8": 4} for s in range(spines)}))


def planned(of: Scenario, *, compare: bool = False) -> Plan:
    found = [each for load in of.workloads for each in candidates(load, of.fleet)]
    return make_plan(of, found, gap=0.01, time_limit_s=20.0, compare=compare)


@cache
def unpromised() -> Plan:
    """On two spines, without a promise for what is lost."""
    return planned(made(Routing.LEAST_LOADED, rps=BUSY, spines=2))


def prefill(plan: Plan) -> list[tuple[int, ...]]:
    return [pool.replicas for pool in plan.pools if pool.role is Role.PREFILL]


def test_larger_pools_need_fewer_replicas_and_the_plan_is_proved() -> None:
    """One pool a role: the program is exact, and one solve proves the plan."""
    random, pooled = planned(made(Routing.RANDOM)), planned(made(Routing.LEAST_LOADED))
    assert pooled.report.objective < random.report.objective
    assert pooled.report.termination is Termination.OPTIMAL
    [sizes] = prefill(pooled)
    candidate = next(each for each in pooled.candidates if each.engine.role is Role.PREFILL)
    assert sizes == candidate.alone


def test_a_pool_too_small_for_its_flow_is_found() -> None:
    """Half of what pools up to its size serve; the program's capacity, of a larger one, stays."""
    plan = planned(made(Routing.LEAST_LOADED))
    pool = next(each for each in plan.pools if each.role is Role.PREFILL)
    candidate = next(each for each in plan.candidates if each.engine.role is Role.PREFILL)
    assert candidate.by_size is not None
    points = candidate.by_size[1].points[-1]
    half = tuple(replace(each, capacity_rps=0.5 * each.capacity_rps) for each in points)
    table = PoolPoints((1, pool.replicas[1], pool.replicas[1] + 1), (half, half, points))
    others = [each for each in plan.candidates if each is not candidate]
    tables = (candidate.by_size[0], table)
    changed = replace(plan, candidates=(replace(candidate, by_size=tables), *others))
    with pytest.raises(PlanViolationError, match="replicas busy at 1"):
        verify(changed)


@pytest.mark.parametrize("lose", list(Loss))
@pytest.mark.parametrize("serve", [0.6, 1.0])
def test_what_is_left_after_a_loss_keeps_the_promise_in_pools_of_its_size(
    lose: Loss, serve: float
) -> None:
    """Plans are verified with what each loss leaves; the bound is not above them.

    They cost no less than without the promise, and no more than with queues apart.
    """
    promise = Resilience(lose, serve)
    plan = planned(made(Routing.LEAST_LOADED, rps=BUSY, resilience=promise, spines=2))
    apart = planned(made(Routing.RANDOM, rps=BUSY, resilience=promise, spines=2))
    free = unpromised()
    assert plan.covered
    assert plan.report.bound <= plan.report.objective
    assert free.report.bound <= plan.report.objective * (1 + 1e-9)
    assert plan.report.objective <= apart.report.objective * 1.01


def test_baselines_are_counted_at_the_sizes_of_their_own_pools() -> None:
    """Sizes that never change: of each role what the busier interval needs."""
    plan = planned(made(Routing.LEAST_LOADED), compare=True)
    static = next(each for each in plan.savings if each.name == "static_peak")
    peak = sum(max(pool.replicas) for pool in plan.pools)
    assert static.gpu_hours == pytest.approx(2 * peak)
