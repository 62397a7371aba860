"""Prefill replicas that share a queue: busier in larger pools, and never late for it."""

from dataclasses import replace

import pytest

from heteroplan.entities.plan import Plan, Pool, Shortage, SolveReport, Termination
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    PrefillQueue,
    Role,
    Slo,
    Span,
    Workload,
)
from heteroplan.optimize.solver import never
from heteroplan.plan import make_plan
from heteroplan.plan.pooling import plan_with_pools
from heteroplan.profiles.capacity import candidates
from heteroplan.profiles.queueing import Budget, Service
from heteroplan.profiles.queueing import Pool as Queue
from tests.builders import engine, fleet, node_type, scenario, workload

SLO = Slo(ttft_ms=360.0, itl_ms=60.0, percentile=0.95)
"""Prefill takes 100 ms and a first step up to 60, so that 200 ms are left to wait."""


def measured() -> tuple[Engine, Engine]:
    prefill = replace(
        engine("prefill", role=Role.PREFILL, gpus=1),
        capacity_rps=None,
        prefill=PrefillCoefficients(0.0, 0.1, 0.0),
        batch_tokens_range=Span(1.0, 8000.0),
    )
    decode = replace(
        engine("decode", gpus=1),
        capacity_rps=None,
        decode=DecodeCoefficients(10.0, 0.1, 0.0),
        batch_range=Span(1.0, 256.0),
        context_range=Span(1.0, 8000.0),
    )
    return prefill, decode


def load(rps: list[float], queue: PrefillQueue) -> Workload:
    return replace(workload("a", rps=rps, engines=measured()), slo=SLO, prefill_queue=queue)


def one(rps: list[float], queue: PrefillQueue) -> Scenario:
    return scenario([load(rps, queue)], in_fleet=fleet({"l1": {"h100x8": 8}}))


def planned(of: Scenario) -> Plan:
    found = [each for workload in of.workloads for each in candidates(workload, of.fleet)]
    return make_plan(of, found, gap=0.0, time_limit_s=30.0)


def prefill_of(plan: Plan) -> Pool:
    [pool] = [each for each in plan.pools if each.role is Role.PREFILL]
    return pool


def granted(replicas: int) -> float:
    """Requests/s of so many replicas with one queue; unknown lengths count as exponential."""
    queue = Queue([Service(1.0, 100.0, 1.0)], replicas)
    return replicas * 10.0 * queue.greatest_utilization([Budget(1.0, 200.0)], SLO.percentile)


def test_a_shared_queue_needs_as_few_replicas_as_its_size_allows() -> None:
    """Against every size by hand; one alone may be busy 23 % of the time."""
    rates = [3.0, 20.0, 60.0]
    plan = planned(one(rates, PrefillQueue.SHARED))
    least = tuple(next(n for n in range(1, 60) if granted(n) >= rate) for rate in rates)
    assert prefill_of(plan).replicas == least
    assert prefill_of(planned(one(rates, PrefillQueue.PER_REPLICA))).replicas == tuple(
        next(n for n in range(1, 60) if n * granted(1) >= rate) for rate in rates
    )


def test_what_sharing_gained_stands_among_the_savings() -> None:
    rates = [3.0, 20.0, 60.0]
    shared = planned(one(rates, PrefillQueue.SHARED))
    separate = planned(one(rates, PrefillQueue.PER_REPLICA))
    [gain] = [each for each in shared.savings if each.name == "separate_queues"]
    assert gain.cost_usd == pytest.approx(separate.totals.cost_usd)
    assert gain.saved_cost_usd == pytest.approx(separate.totals.cost_usd - shared.totals.cost_usd)
    assert gain.saved_fraction is not None
    assert gain.saved_fraction > 0.2
    assert "separate_queues" not in {each.name for each in separate.savings}


def test_no_pool_is_smaller_than_its_flow_needs() -> None:
    """Two leaves that take unequal parts: each group's flow is in time in a pool of its size."""
    nodes = {"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}
    shared = load([60.0, 85.0], PrefillQueue.SHARED)
    plan = planned(scenario([shared], in_fleet=fleet(nodes)))
    assert len({pool.group for pool in plan.pools}) == 2
    for pool in plan.pools:
        if pool.role is Role.PREFILL:
            for replicas, flow in zip(pool.replicas, pool.flow_rps[0], strict=True):
                assert flow <= (granted(replicas) if replicas else 0.0) * (1 + 1e-6)


def test_the_bound_is_that_of_endless_pools() -> None:
    """An engine that pools of one would never choose is not ruled out: the plan with both costs
    no more than with it alone, and its bound is below both.
    """
    prefill, decode = measured()
    other = replace(prefill, name="other", gpu="A100", prefill=PrefillCoefficients(0.0, 0.11, 0.0))
    a100 = node_type("a100x8", gpu="A100", usd_per_gpu_hour=1.6)
    both = fleet({"l1": {"h100x8": 8, "a100x8": 8}}, node_types=(node_type(), a100))

    def with_engines(*engines: Engine) -> Plan:
        shared = replace(
            workload("a", rps=[60.0], engines=engines), slo=SLO, prefill_queue=PrefillQueue.SHARED
        )
        return planned(scenario([shared], in_fleet=both))

    one, all_of_them = with_engines(other, decode), with_engines(prefill, other, decode)
    assert all_of_them.totals.cost_usd <= one.totals.cost_usd + 1e-6
    assert all_of_them.report.bound <= all_of_them.report.objective
    assert all_of_them.report.bound <= one.report.objective


def test_nothing_is_proved_that_the_rounds_did_not_show() -> None:
    """Termination and gap agree, with the bound of endless pools."""
    plan = planned(one([3.0, 20.0, 60.0], PrefillQueue.SHARED))
    if plan.report.termination is Termination.OPTIMAL:
        assert plan.report.gap <= 1e-4
    else:
        assert plan.report.gap > 0.0


def test_a_stop_ends_the_rounds() -> None:
    of = one([3.0, 20.0, 60.0], PrefillQueue.SHARED)
    found = [each for workload in of.workloads for each in candidates(workload, of.fleet)]
    asked = iter([False] * 3)
    plan = make_plan(of, found, gap=0.0, time_limit_s=30.0, stop=lambda: next(asked, True))
    assert plan.report.termination is not Termination.OPTIMAL or plan.report.gap <= 1e-4


def of_stubs(separate: Plan, endless: Plan) -> Plan:
    """What comes of a plan with a queue for each replica and of one with endless pools."""
    of = separate.scenario
    found = [each for workload in of.workloads for each in candidates(workload, of.fleet)]
    plans = iter((separate, endless))
    return plan_with_pools(
        of, found, lambda given, seconds: next(plans), gap=0.01, time_limit_s=9.0, stop=never
    ).plan


def short(name: str, rps: float, *, proven: float = 0.0) -> Plan:
    """A plan of nothing for 10 USD that leaves `rps` of one of two workloads unserved."""
    first = load([10.0], PrefillQueue.SHARED)
    of = scenario([first, replace(first, name="late", priority=2)])
    lost = Shortage(workload=name, interval=0, unserved_rps=rps, limited_by="")
    report = SolveReport(Termination.TIME_LIMIT, 10.0, 10.0, rps * 3600, proven * 3600, 1.0)
    nothing = make_plan(of, [], time_limit_s=1.0, compare=False)
    return replace(nothing, shortages=(lost,), report=report)


def test_of_two_plans_the_one_counts_that_serves_more_of_the_urgent() -> None:
    """6 requests/s of the second priority weigh less than 5 of the first."""
    urgent, later = short("a", 5.0), short("late", 6.0)
    assert of_stubs(urgent, later).shortages == later.shortages
    kept = of_stubs(later, urgent)
    assert kept.shortages == later.shortages
    assert kept.report.bound == 0.0


def test_a_shortage_that_nothing_proves_is_within_no_gap() -> None:
    """The cost of both is 10 USD, but more might be served."""
    found = of_stubs(short("a", 5.0), short("a", 5.0))
    assert (found.report.gap, found.report.termination) == (0.0, Termination.TIME_LIMIT)
    proven = short("a", 5.0, proven=5.0)
    assert of_stubs(proven, proven).report.termination is Termination.OPTIMAL
