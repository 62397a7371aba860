from typing import Any

import pytest

from heteroplan.entities.workload import Role
from tests.scenario_files import ScenarioFiles, divided, engine, node_type

DECODE = {"base_ms": 20, "ms_per_sequence": 0.1, "ms_per_context_token": 0}


def measured(**others: Any) -> dict[str, Any]:
    """A decode engine with coefficients: 20.1 ms at batch 1."""
    return engine("d", "decode", **{"capacity_rps": None, "decode": DECODE} | others)


def test_the_profile_is_of_the_workloads_model(files: ScenarioFiles) -> None:
    files.workload["model"] = "llama-3"
    assert files.problems() == [
        "scenario.yaml: workloads[0].model: llama-3: the profile profile.yaml is for 'llama'; "
        "use that model's profile"
    ]


def test_workload_and_engine_names_are_unique(files: ScenarioFiles) -> None:
    files.scenario["workloads"] *= 2
    files.profile["engines"][1]["name"] = "p"
    assert files.problems() == [
        "scenario.yaml: workloads[1].name: chat: another workload has this name; rename one",
        "profile.yaml: engines[1].name: p: another engine has this name; rename one",
    ]


def test_the_fleet_has_gpus_for_both_roles(files: ScenarioFiles) -> None:
    for each in files.profile["engines"]:
        each["gpu"] = "B200-SXM-180GB"
    assert files.problems() == [
        "scenario.yaml: workloads[0].profile: profile.yaml: no prefill and no decode engine runs "
        "on the fleet: its GPUs are H100-SXM-80GB, such engines are for B200-SXM-180GB; "
        "add engines or node types"
    ]
    files.profile["engines"] = [engine("p", "prefill")]
    assert "no decode engine runs on the fleet" in files.problems()[0]
    files.profile["engines"] = [engine("a", "aggregated")]
    assert len(files.load().candidates) == 1


def test_replicas_divide_a_node_or_fill_whole_ones(files: ScenarioFiles) -> None:
    """3 neither divides 8 nor is a multiple of it; 16 is two nodes."""
    files.profile["engines"][0]["gpus"] = 3
    files.profile["engines"][1]["gpus"] = 16
    assert files.problems() == [
        "profile.yaml: engines[0].gpus: 3: neither divides a node nor fills whole ones; "
        "nodes are h100x8 (8 GPUs)"
    ]


def test_an_slo_that_no_engine_meets_names_each_engine(files: ScenarioFiles) -> None:
    """20.1 ms at batch 1 against 15 ms."""
    files.profile["engines"][1] = measured()
    files.workload["slo"]["itl_ms"] = 15
    (problem,) = files.problems()
    assert problem == (
        'scenario.yaml: workloads[0].slo: {"ttft_ms": 1000, "itl_ms": 15}: no engine meets it '
        "(2026-11-23T00:00+00:00): d on h100x8: ITL is 20.1 ms at batch 1, SLO 15 ms; "
        "loosen it or add engines"
    )


def test_an_slo_is_judged_where_there_is_demand(files: ScenarioFiles) -> None:
    """With 1 ms a context token 100 tokens take 121 ms and 10 take 31: only 01:00 can be met."""
    files.profile["engines"][1] = measured(decode=DECODE | {"ms_per_context_token": 1})
    files.workload |= {"slo": {"ttft_ms": 1000, "itl_ms": 60}}
    header = "interval_start,rps,isl,osl\n"
    files.demand = header + "2026-11-23T00,0,100,2\n2026-11-23T01,5,10,2\n"
    assert len(files.load().candidates) == 2
    files.demand = header + "2026-11-23T00,5,10,2\n2026-11-23T01,5,100,2\n"
    assert "no engine meets it (2026-11-23T01:00+00:00): d on h100x8: " in files.problems()[0]


def test_an_aggregated_engine_stands_in_for_a_pair(files: ScenarioFiles) -> None:
    files.profile["engines"] = [engine("a", "aggregated"), measured(), engine("p", "prefill")]
    files.workload["slo"]["itl_ms"] = 15
    assert [each.usable for each in files.load().candidates] == [True, False, True]


def test_a_profile_outside_its_range_is_refused_unless_allowed(files: ScenarioFiles) -> None:
    """The mean context of a decode step is 1000 + 200 (1 + 1) / 2 = 1200 tokens at osl_cv 1."""
    files.profile["engines"][1] = measured(range={"context": [1, 100]})
    assert files.problems() == [
        "scenario.yaml: workloads[0].profile: profile.yaml: d: a decode context of 1200 is outside "
        "the measured 1 to 100 (2026-11-23T00:00+00:00); measure there, leave the engine out, "
        "or set allow_extrapolation: true"
    ]
    loaded = files.load("workloads.chat.allow_extrapolation=true")
    assert loaded.candidates[1].points[0][0].extrapolated


def test_a_class_is_named_where_there_are_several(files: ScenarioFiles) -> None:
    files.profile["engines"][1] = measured(range={"context": [1, 100]})
    short = {"name": "short", "share": 0.5, "isl": 10, "osl": 10}
    del files.workload["requests"]
    files.workload["classes"] = [short, short | {"name": "long", "isl": 5000}]
    assert "(2026-11-23T00:00+00:00, class long)" in files.problems()[0]


@pytest.mark.parametrize(
    ("kv_bytes_per_token", "affinity", "remedy"),
    [
        (130e6, "cluster", "; affinity: spine would do"),
        (160e6, "cluster", "; affinity: leaf would do"),
        (160e6, "spine", "; affinity: leaf would do"),
        (200e6, "spine", ""),
    ],
)
def test_an_slo_that_fails_across_switches_names_the_level_that_would_do(
    kv_bytes_per_token: float, affinity: str, remedy: str, files: ScenarioFiles
) -> None:
    """4 of 8 GPUs of 3,200 Gbit/s move 200 GB/s in a leaf, 160 across leaves, 100 across spines.

    Prefill 100 ms and the first decode step of 60 ms leave 840 ms to move 1,000 tokens: 130 MB a
    token take 650, 813 and 1,300 ms; 160 MB 800, 1,000 and 1,600; 200 MB 1,000 even in a leaf.
    """
    prefill = {"overhead_ms": 100, "ms_per_token": 0}
    files.profile["engines"][0] = engine("p", "prefill", capacity_rps=None, prefill=prefill)
    files.profile["kv_bytes_per_token"] = kv_bytes_per_token
    files.workload["affinity"] = affinity
    files.workload["requests"]["isl_cv"] = 0
    files.add_leaf("l2", {"h100x8": 1})
    files.add_leaf("l3", {"h100x8": 1}, spine="s2")
    files.add_leaf("l4", {"h100x8": 1}, spine="s2")
    (problem,) = files.problems()
    assert problem.endswith(f"loosen it or add engines{remedy}")
    if remedy:
        level = remedy.split()[2]
        assert files.load(f"workloads.chat.affinity={level}").scenario.workloads


def test_a_level_that_holds_no_pair_would_not_do(files: ScenarioFiles) -> None:
    """160 MB a token, but prefill and decode stand on different leaves."""
    prefill = {"overhead_ms": 100, "ms_per_token": 0}
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.profile["engines"] = [
        engine("p", "prefill", capacity_rps=None, prefill=prefill),
        engine("d", "decode", gpu="L40S-48GB"),
    ]
    files.profile["kv_bytes_per_token"] = 160e6
    files.add_leaf("l2", {"l40sx8": 1})
    (problem,) = files.problems()
    assert problem.endswith("loosen it or add engines")


def test_a_level_that_serves_some_hours_only_would_not_do(files: ScenarioFiles) -> None:
    """200 MB a token: 10 tokens move in 10 ms anywhere, 1,000 in 1,000 ms even within a leaf."""
    prefill = {"overhead_ms": 100, "ms_per_token": 0}
    files.profile["engines"][0] = engine("p", "prefill", capacity_rps=None, prefill=prefill)
    files.profile["kv_bytes_per_token"] = 200e6
    files.demand = "interval_start,rps,isl,osl\n2026-11-23T00,5,10,200\n2026-11-23T01,5,1000,200\n"
    files.add_leaf("l2", {"h100x8": 1})
    (problem,) = files.problems()
    assert problem.endswith("loosen it or add engines")


def test_a_divided_engine_needs_gpus_for_both_parts(files: ScenarioFiles) -> None:
    """The fleet has no L40S for the ffn part."""
    files.profile["engines"][1] = divided("d", "decode")
    assert files.problems() == [
        "scenario.yaml: workloads[0].profile: profile.yaml: no decode engine runs on the fleet: "
        "its GPUs are H100-SXM-80GB, such engines are for H100-SXM-80GB, L40S-48GB; "
        "add engines or node types"
    ]


def test_a_part_divides_a_node_or_fills_whole_ones(files: ScenarioFiles) -> None:
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.leaf["nodes"]["l40sx8"] = 1
    files.profile["engines"][1] = divided("d", "decode")
    files.profile["engines"][1]["parts"][1]["gpus"] = 3
    assert (
        "profile.yaml: engines[1].parts[1].gpus: 3: neither divides a node nor fills whole ones; "
        "nodes are l40sx8 (8 GPUs)"
    ) in files.problems()


def test_engine_and_part_names_are_unique_together(files: ScenarioFiles) -> None:
    files.profile["engines"] += [divided("x", "decode"), engine("x-ffn", "decode")]
    assert files.problems() == [
        "profile.yaml: engines[3].name: x-ffn: another engine has this name; rename one"
    ]


def ready(files: ScenarioFiles, gpu: str, gpus: int = 8) -> None:
    """The workload takes ready:llama-3.1-70b, on nodes of a GPU type."""
    files.workload |= {"model": "llama-3.1-70b", "profile": "ready:llama-3.1-70b"}
    files.fleet["node_types"] = [node_type("h100x8", gpu, gpus)]


def test_a_ready_profile_without_the_fleets_gpus_says_what_it_has(files: ScenarioFiles) -> None:
    ready(files, "L4-24GB")
    assert files.problems() == [
        "scenario.yaml: workloads[0].profile: ready:llama-3.1-70b: no prefill and no decode engine "
        "runs on the fleet: its GPUs are L4-24GB, ready:llama-3.1-70b has prefill and decode "
        "engines for A100-SXM-80GB, B200-SXM-180GB, H100-SXM-80GB, H200-SXM-141GB; aggregated "
        "engines for B200-SXM-180GB, H100-SXM-80GB, H200-SXM-141GB; add such node types, take "
        "another profile, or see heteroplan profiles --model llama-3.1-70b"
    ]


def test_engines_of_a_ready_profile_that_do_not_fit_are_left_aside(files: ScenarioFiles) -> None:
    """Prompts of 800 tokens: the aggregated engines were measured from 1,024, prefill from 128.

    Of replicas of 2, 4 and 8 GPUs only the first two divide a node of 4; 8 fills two.
    """
    files.workload["requests"]["isl"] = 800
    ready(files, "H100-SXM-80GB")
    usable = {each.engine.role for each in files.load().candidates if each.usable}
    assert usable == {Role.PREFILL, Role.DECODE}
    ready(files, "H100-SXM-80GB", gpus=12)
    assert {each.engine.gpus for each in files.load().candidates if each.usable} == {4}


def test_a_ready_profile_of_which_nothing_is_left_says_why_once(files: ScenarioFiles) -> None:
    """Nodes of 6 GPUs take neither 4 nor 8; contexts of 60,100 tokens were never measured."""
    ready(files, "A100-SXM-80GB", gpus=6)
    (problem,) = files.problems()
    assert "a replica of 4 GPUs neither divides a node of 6 GPUs nor fills whole nodes" in problem
    assert problem.endswith("take another profile (heteroplan profiles lists them)")
    ready(files, "H100-SXM-80GB")
    files.workload["requests"]["isl"] = 60_000
    (problem,) = files.problems()
    assert problem.startswith("scenario.yaml: workloads[0].profile: ready:llama-3.1-70b: no engine")
    assert problem.count("is outside the measured 1024 to 8192") == 1
    assert problem.endswith("or set allow_extrapolation: true")


def test_an_slo_that_no_ready_engine_meets_names_each(files: ScenarioFiles) -> None:
    files.workload["requests"]["isl"] = 800
    files.workload["slo"]["itl_ms"] = 5
    ready(files, "H100-SXM-80GB")
    (problem,) = files.problems()
    assert "workloads[0].slo: " in problem
    assert "h100-tp4-decode-bf16 on h100x8: ITL is 15.2" in problem
    assert "h100-tp4-aggregated-vllm-fp8 on h100x8: a prompt of 800 is outside" in problem
    assert problem.endswith("loosen it or take another profile")
