"""Plans and replays of workloads whose SLOs are relative, by class, or by token."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import heteroplan
from heteroplan.pipelines.curation import curate
from tests.scenario_files import ScenarioFiles

CHAT = {"name": "chat", "share": 0.8, "isl": 500, "osl": 100, "isl_cv": 0.5, "osl_cv": 0.5}
PAPER = {"name": "paper", "share": 0.2, "isl": 4000, "osl": 200, "isl_cv": 0.0, "osl_cv": 0.0}
SOURCE = {"kind": "measured"}


def measured(name: str, role: str) -> dict[str, Any]:
    """10 ms and 0.05 a token of prefill; steps of 20 ms and 0.0002 a token of context."""
    prefill = {"overhead_ms": 10, "ms_per_token": 0.05, "ms_per_token_squared": 0}
    decode = {"base_ms": 20, "ms_per_sequence": 0.1, "ms_per_context_token": 0.0002}
    own = {"prefill": prefill} if role == "prefill" else {"decode": decode}
    if role == "aggregated":
        own["prefill"] = prefill
    engine = {"name": name, "role": role, "gpu": "H100-SXM-80GB", "gpus": 4, "source": SOURCE}
    return engine | own


@pytest.fixture
def files(tmp_path: Path) -> ScenarioFiles:
    made = ScenarioFiles(tmp_path)
    made.profile["engines"] = [measured("p", "prefill"), measured("d", "decode")]
    made.profile["kv_bytes_per_token"] = 1e5
    made.leaf["nodes"] = {"h100x8": 8}
    del made.workload["requests"]
    made.workload["classes"] = [CHAT, PAPER]
    made.workload["slo"] = {"ttft_slowdown": 4, "itl_slowdown": 2, "percentile": 0.9}
    return made


def replayed(files: ScenarioFiles, **options: Any) -> heteroplan.ReplayResult:
    plan = heteroplan.plan(files.write(), gap=0.05)
    assert plan.plan.totals.served_fraction == 1.0
    plan.write(files.folder / "plan")
    return heteroplan.replay(files.folder / "plan" / "plan.json", duration_s=900.0, **options)


@pytest.mark.parametrize("role", ["split", "aggregated"])
def test_relative_targets_are_planned_and_kept(files: ScenarioFiles, role: str) -> None:
    if role == "aggregated":
        files.profile["engines"] = [measured("a", "aggregated")]
    found = replayed(files, policy=("plan", "hpa"))
    assert found.replay.policies[0].attainment.both >= 0.9
    told = found.document
    assert (told.workloads[0].ttft_ms, told.workloads[0].itl_ms) == (None, None)
    assert told.policies[0].classes == ()
    assert "relative" in str(found.content("replay.html"))


def test_relative_targets_on_flows(files: ScenarioFiles) -> None:
    """Of the mean request; so flows are in time about as requests are."""
    assert replayed(files, policy="plan", level="fluid").replay.policies[0].attainment.both > 0.9


FIRST = "of several SLOs of a workload requests are judged by the first one"
STRICT = {"ttft_ms": 1500, "itl_ms": 60, "percentile": 0.9}
LATER = {"e2e_slowdown": 20, "percentile": 0.99}


POISSON = "of Poisson arrivals, not of the bursts planned for (chat)"


def test_what_judges_by_the_first_of_several_slos_says_so(files: ScenarioFiles) -> None:
    """Flows, stress and curation; single requests are judged by each.

    Pressure tests of a curation are also of Poisson arrivals, and it says so.
    """
    files.workload["slo"] = [STRICT, LATER]
    files.workload["arrivals"] = {"dispersion": 3}
    by_request = replayed(files, policy="plan")
    assert FIRST not in by_request.replay.notes
    plan = files.folder / "plan" / "plan.json"
    short: dict[str, Any] = {"policy": "plan", "duration_s": 60.0}
    flows = heteroplan.replay(plan, level="fluid", **short)
    assert FIRST in flows.replay.notes
    assert FIRST in heteroplan.stress(plan, **short).stress.notes
    curated = curate(plan, trials=2, policy="plan", duration_s=7200.0)
    assert FIRST in curated.curation.notes
    assert f"pressure tests are {POISSON}" in curated.curation.notes
    files.workload["slo"] = STRICT
    assert FIRST not in replayed(files, policy="plan", level="fluid").replay.notes


def test_flows_of_poisson_arrivals_in_spite_of_bursts_say_so(files: ScenarioFiles) -> None:
    files.workload["slo"] = STRICT
    files.workload["arrivals"] = {"dispersion": 3}
    planned = replayed(files, policy="plan", level="fluid")
    assert f"queues are those {POISSON}" in planned.replay.notes
    plan = files.folder / "plan" / "plan.json"
    uneven = heteroplan.replay(plan, policy="plan", level="fluid", duration_s=60.0, burstiness=2.0)
    assert not any(POISSON in each for each in uneven.replay.notes)


@pytest.mark.parametrize(("burstiness", "wanted"), [(None, 13.0), (1.0, 1.0)])
def test_requests_have_the_dispersion_that_is_planned_for(
    files: ScenarioFiles, burstiness: float | None, wanted: float
) -> None:
    """From a scenario to the requests of a replay, in windows of 5 s, of 5 and 8 requests/s."""
    files.workload["slo"] = {"ttft_ms": 4000, "itl_ms": 100, "percentile": 0.9}
    files.workload["arrivals"] = {"dispersion": 13}
    plan = heteroplan.plan(files.write(), gap=0.05, time_limit_s=10.0)
    plan.write(files.folder / "plan")
    found = heteroplan.replay(
        files.folder / "plan" / "plan.json", policy="plan", burstiness=burstiness
    )
    assert found.stream is not None
    edges_s = np.arange(0.0, 7200.1, 5.0)
    counts = np.histogram(found.stream.arrival_s, edges_s)[0].reshape(2, -1)
    assert counts.mean(axis=1) / 5.0 == pytest.approx([5.0, 8.0], rel=0.2)
    assert (counts.var(axis=1) / counts.mean(axis=1)).mean() == pytest.approx(wanted, rel=0.15)
    bursts = any("bursts of the dispersion planned for" in each for each in found.replay.notes)
    assert bursts == (burstiness is None)


def test_each_percentile_is_kept_by_its_classes(files: ScenarioFiles) -> None:
    files.workload["slo"] = {"ttft_ms": 1500, "itl_ms": 60, "percentile": 0.9}
    strict = {"ttft_ms": 400, "itl_ms": 60, "percentile": 0.99}
    files.workload["classes"] = [CHAT | {"slo": strict}, PAPER]
    found = replayed(files, policy="plan")
    chat, paper = found.document.policies[0].classes
    assert (chat.name, chat.percentile, paper.percentile) == ("chat", 0.99, 0.9)
    assert chat.attained_both >= 0.99 * chat.requests
    assert paper.attained_both >= 0.9 * paper.requests
    assert chat.requests + paper.requests == found.replay.requests


def test_gaps_are_judged_one_by_one(files: ScenarioFiles) -> None:
    files.workload["slo"] = {"ttft_ms": 2000, "itl_ms": 24, "percentile": 0.9, "itl_of": "token"}
    by_token = replayed(files, policy="plan").replay.policies[0]
    assert by_token.attainment.itl >= 0.9
    assert by_token.requests is not None
    gaps = int(by_token.requests.late_gaps.sum())
    assert gaps > 0


@pytest.mark.parametrize("routing", ["least_work", "random", "round_robin", "shared"])
def test_a_routing_for_all_roles(files: ScenarioFiles, routing: str) -> None:
    found = replayed(files, policy="plan", routing=routing)
    assert found.replay.policies[0].unfinished == 0
    assert f"settings: routing {routing}" in found.replay.notes
