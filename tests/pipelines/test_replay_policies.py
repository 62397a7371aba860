"""A plan as the simulator takes it."""

from pathlib import Path

import pytest

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.pipelines.replay_policies import named_policies, replayed
from heteroplan.planning import make_plan
from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.arrivals.flows import from_demand
from heteroplan.simulation.arrivals.rates import Planned
from heteroplan.simulation.results import Replay
from heteroplan.simulation.run import ReplaySettings
from tests.scenario_files import ScenarioFiles


@pytest.fixture
def plan(tmp_path: Path) -> PlanDocument:
    """Of 5 and 15 requests/s for an hour each: a replica of 4 GPUs serves 10 in either role."""
    files = ScenarioFiles(tmp_path)
    files.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,15\n"
    loaded = files.load()
    return document_of(make_plan(loaded.scenario, loaded.candidates))


def run(plan: PlanDocument, *policies: str, duration_s: float = 120.0) -> Replay:
    stream = drawn(plan.given, seed=0, duration_s=duration_s)
    return replayed(
        plan,
        0,
        stream,
        named_policies(policies),
        ReplaySettings(),
        jobs=1,
        progress=lambda policy, share: None,
    )


def test_policies_are_named_as_they_are_written() -> None:
    plain, with_option = named_policies(["hpa", "hpa:target_share=0.7, tolerance=0"])
    assert (plain.name, with_option.name) == ("hpa", "hpa:target_share=0.7,tolerance=0")
    assert plain.options != with_option.options


@pytest.mark.parametrize("texts", [["hpa", "hpa"], ["hpa:tolerance=0", "hpa: tolerance = 0"]])
def test_a_policy_is_there_once(texts: list[str]) -> None:
    with pytest.raises(UsageError, match="is there twice"):
        named_policies(texts)


def test_no_policy_is_told() -> None:
    with pytest.raises(UsageError, match="name a policy"):
        named_policies([])


def test_the_plan_runs_where_it_was_placed_and_saves_against_its_peak(plan: PlanDocument) -> None:
    """1 + 1 replicas of 4 GPUs at first, 2 + 2 at the peak: half of the GPUs."""
    made = run(plan, "plan", "static_peak")
    ours, static = made.policies
    assert ours.gpu_hours == pytest.approx(8 * 120 / 3600)
    assert static.gpu_hours == pytest.approx(16 * 120 / 3600)
    assert (ours.saved_fraction, static.saved_fraction) == (pytest.approx(0.5), 0.0)
    assert ours.intervals.prefill_replicas.tolist() == [[1.0]]
    assert static.intervals.decode_replicas.tolist() == [[2.0]]


def test_every_request_is_accounted_for(plan: PlanDocument) -> None:
    made = run(plan, "plan", "hpa")
    for each in made.policies:
        assert each.finished + sum(each.rejected.values()) + each.unfinished == made.requests


def test_without_the_static_peak_nothing_is_saved_against_it(plan: PlanDocument) -> None:
    (ours,) = run(plan, "plan").policies
    assert ours.saved_fraction is None


def test_the_exported_manifest_begins_with_the_sizes_of_the_plan(plan: PlanDocument) -> None:
    ours, keda = run(plan, "plan", "keda_cron").policies
    assert keda.gpu_hours == pytest.approx(ours.gpu_hours)


def test_a_result_tells_the_slo_the_plan_and_all_options(plan: PlanDocument) -> None:
    made = run(plan, "hpa:target_share=0.7")
    assert (made.percentiles, made.ttft_slo_ms, made.itl_slo_ms) == ((0.99,), (1000.0,), (60.0,))
    assert made.plan_id == plan.plan_id
    (policy,) = made.policies
    assert policy.policy == "hpa:target_share=0.7"
    assert policy.options["target_share"] == 0.7
    assert policy.options["tolerance"] == 0.1


def test_planned_rates_repeat_with_a_cyclic_horizon(plan: PlanDocument) -> None:
    planned = run(plan, "plan", duration_s=9000.0).planned_rps
    (load,) = plan.given.workloads
    first, second = (each.rps for each in load.demand)
    assert planned.tolist() == [[first, second, first]]


def test_a_fleet_too_small_for_the_peak_has_no_static_peak(tmp_path: Path) -> None:
    """2 nodes of 8 GPUs serve 20 requests/s at most; 25 are asked for."""
    files = ScenarioFiles(tmp_path)
    files.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,25\n"
    loaded = files.load()
    short = document_of(make_plan(loaded.scenario, loaded.candidates))
    with pytest.raises(UsageError, match="policy static_peak needs the static peak"):
        run(short, "static_peak")


def test_flows_are_replayed_as_requests_are(plan: PlanDocument) -> None:
    """The same replicas for the same time, and about as many requests."""
    stream = from_demand(plan.given, seed=0, planned=Planned(), duration_s=600.0)
    made = replayed(
        plan,
        0,
        stream,
        named_policies(["plan"]),
        ReplaySettings(),
        jobs=1,
        progress=lambda policy, share: None,
    )
    assert made.level == "fluid"
    (ours,) = made.policies
    assert ours.gpu_hours == pytest.approx(8 * 600 / 3600)
    assert ours.finished + ours.unfinished == made.requests == 3000
    assert ours.attainment.both > 0.98
    assert ours.requests is None
