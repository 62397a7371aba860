"""From a scenario to a checked plan with its baselines."""

from dataclasses import replace

import pytest

from heteroplan.entities.plan import BaselineKind, Plan, Termination
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.entities.workload import Role
from heteroplan.errors import NoPlanError
from heteroplan.inputs import load
from heteroplan.outputs.plan.document.from_plan import baseline_note
from heteroplan.planning import make_plan
from heteroplan.verify import verify
from tests.builders import SHAPE, candidates, engine, fleet, node_type, scenario, workload
from tests.realdata import DATA, needs_data

DAY = [3.0, 1.0, 9.0, 17.0]


def two_workloads(objective: Objective = Objective.COST) -> Scenario:
    engines = (
        engine("h100-prefill", role=Role.PREFILL, startup_s=900, drain_s=60),
        engine("h100-decode", startup_s=900, drain_s=60, capacity_rps=4.0),
        engine("l40s-decode", gpu="L40S", gpus=2, startup_s=900, capacity_rps=1.5),
    )
    return scenario(
        [
            workload("a", rps=DAY, engines=engines),
            workload("b", rps=DAY[::-1], engines=engines, priority=2),
        ],
        in_fleet=fleet(
            {"l1": {"h100x8": 4, "l40sx8": 1}, "l2": {"h100x8": 3, "l40sx8": 2}},
            node_types=(node_type(), node_type("l40sx8", gpu="L40S", usd_per_gpu_hour=0.9)),
        ),
        objective=objective,
    )


def planned(of: Scenario) -> Plan:
    return make_plan(of, candidates(of), gap=0.05, time_limit_s=30.0)


@pytest.mark.parametrize("objective", Objective)
def test_plan_verifies_within_its_gap_and_has_its_baselines(objective: Objective) -> None:
    plan = planned(two_workloads(objective))
    verify(plan, gap=0.05)
    assert plan.covered
    assert plan.report.gap <= 0.05
    assert plan.report.termination in (Termination.OPTIMAL, Termination.GAP_REACHED)
    assert [each.name for each in plan.savings] == [
        "static_peak",
        "static_peak_one_gpu_type",
        "greedy_topology",
        "greedy_topology_paired",
        "lower_bound",
    ]
    amounts = {Objective.COST: plan.totals.cost_usd, Objective.GPU_HOURS: plan.totals.gpu_hours}
    assert plan.report.objective == pytest.approx(amounts[objective])


@pytest.mark.parametrize("rate", [1e-6, 2e-6, 1e-4])
@pytest.mark.parametrize("other", [0.0, 5.0, None], ids=["none", "5", "as little"])
@pytest.mark.parametrize("capacity_rps", [10.0, 1e3, 1e5])
def test_however_little_is_asked_a_pair_serves_it(
    rate: float, other: float | None, capacity_rps: float
) -> None:
    """Down to 1e-11 of a replica, below what solvers see: 4 + 4 GPUs at 2 USD an hour with demand.

    The day ends as it begins and starts are free.
    """
    rps = (rate if other is None else other, rate)
    engines = [
        engine("p", role=Role.PREFILL, capacity_rps=capacity_rps),
        engine("d", capacity_rps=capacity_rps),
    ]
    of = scenario([workload(rps=rps, engines=engines)])
    plan = make_plan(of, candidates(of), gap=0.0, time_limit_s=30.0, compare=False)
    cost_usd = 16.0 * sum(rate > 0 for rate in rps)
    assert (plan.covered, plan.report.termination) == (True, Termination.OPTIMAL)
    assert plan.report.objective == pytest.approx(cost_usd)
    assert plan.report.bound == pytest.approx(cost_usd)


@pytest.mark.parametrize("rate", [1e-12, 1e-7, 1e-3])
def test_a_class_of_which_there_is_little_gets_the_engine_that_it_needs(rate: float) -> None:
    """Long prompts go to the large engine alone: 4 + 8 GPUs serve both classes."""
    share = rate / 5.0
    classes = [
        replace(SHAPE, name="short", share=1.0 - share),
        replace(SHAPE, name="long", share=share),
    ]
    engines = [engine("p", role=Role.PREFILL), engine("small"), engine("large", gpus=8)]
    of = scenario([workload(rps=(5.0, 5.0), classes=classes, engines=engines)])
    found = candidates(of, by_class={("small", "long"): 0.0})
    plan = make_plan(of, found, gap=0.0, compare=False)
    assert (plan.covered, plan.report.termination) == (True, Termination.OPTIMAL)
    assert {pool.engine: pool.replicas for pool in plan.pools} == {"p": (1, 1), "large": (1, 1)}


def test_two_runs_give_the_same_plan_but_for_the_seconds() -> None:
    first, second = planned(two_workloads()), planned(two_workloads())
    timeless = replace(second.report, seconds=first.report.seconds)
    assert replace(second, report=timeless) == first


def test_progress_reports_bounds_that_rise_to_the_end() -> None:
    of = two_workloads()
    bounds: list[float] = []
    plan = make_plan(
        of, candidates(of), gap=0.05, progress=lambda cost, bound, seconds: bounds.append(bound)
    )
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(plan.report.bound)


def test_stopped_at_once_the_plan_is_the_best_so_far() -> None:
    of = two_workloads()
    plan = make_plan(of, candidates(of), gap=0.0, stop=lambda: True)
    verify(plan)
    assert plan.report.termination in (Termination.INTERRUPTED, Termination.OPTIMAL)


@pytest.mark.slow
@needs_data
def test_day_of_five_workloads_on_twenty_thousand_gpus() -> None:
    loaded = load(str(DATA / "scale" / "small2"), interval="1h")
    plan = make_plan(loaded.scenario, loaded.candidates, gap=0.02, time_limit_s=3.0, compare=False)
    verify(plan, gap=0.02)


@pytest.mark.parametrize("largest", [0, 10**9])
def test_however_little_time_there_is_the_greedy_schedule_is_a_plan(
    largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On large programs as on small ones."""
    monkeypatch.setattr("heteroplan.optimize.program.build.LARGE", largest)
    of = two_workloads()
    plan = make_plan(of, candidates(of), time_limit_s=0.01)
    assert plan.covered
    assert plan.report.termination is Termination.TIME_LIMIT
    notes = {each.name: baseline_note(each) for each in plan.savings}
    assert notes[BaselineKind.STATIC_PEAK] == "not computed, no time was left"


def test_minima_that_cannot_be_kept_are_told_with_the_gpus_of_what_is_missing() -> None:
    """2 replicas of 8 GPUs on 3 nodes of 4: one stands. One node more would be enough for both."""
    shape = node_type("h100x4", gpus=4)
    both = engine("both", role=Role.AGGREGATED, gpus=8)
    asked = workload(engines=[both], min_replicas={Role.AGGREGATED: 2})
    of = scenario([asked], in_fleet=fleet({"l1": {"h100x4": 3}}, node_types=[shape]))
    with pytest.raises(
        NoPlanError, match="w asks for 2 aggregated replicas, GPUs are missing for 1 of them"
    ) as told:
        make_plan(of, candidates(of))
    assert "What is missing takes at least 8 GPUs" in str(told.value)


def test_a_search_begins_at_the_pools_of_another_plan() -> None:
    """One step is no search: what it ends with is no worse than the plan that it began at."""
    asked = two_workloads()
    best = planned(asked)
    begun = make_plan(asked, candidates(asked), gap=0.0, steps=1, starts=[best])
    assert begun.report.objective <= best.report.objective * (1 + 1e-9)
    assert begun.report.termination in (Termination.EFFORT_REACHED, Termination.OPTIMAL)


def test_pools_of_a_plan_with_other_intervals_are_no_start() -> None:
    asked = two_workloads()
    other = replace(asked, horizon=replace(asked.horizon, intervals=3))
    shorter = tuple(replace(work, demand=work.demand[:3]) for work in asked.workloads)
    best = planned(replace(other, workloads=shorter))
    assert make_plan(asked, candidates(asked), steps=5, starts=[best]).covered
