from typing import Any

from tests.scenario_files import ScenarioFiles, engine, node_type

DECODE = {"base_ms": 20, "ms_per_sequence": 0.1, "ms_per_context_token": 0}


def measured(**others: Any) -> dict[str, Any]:
    """A decode engine with coefficients: 20.1 ms at batch 1."""
    return engine("d", "decode", **{"capacity_rps": None, "decode": DECODE} | others)


def add_leaf(files: ScenarioFiles, nodes: dict[str, int], spine: str = "s2") -> None:
    leaf = {"leaf": f"{spine}-l1", "nodes": nodes}
    files.fleet["network"][0]["spines"].append({"spine": spine, "leaves": [leaf]})


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


def test_replica_sizes_on_a_node_divide_one_another(files: ScenarioFiles) -> None:
    """On nodes of 12 GPUs, 4 and 6 both divide the node, but 4 does not divide 6."""
    files.fleet["node_types"][0]["gpus"] = 12
    files.profile["engines"][1]["gpus"] = 6
    assert files.problems() == [
        "profile.yaml: engines[1].gpus: 6: 4 does not divide 6, and p of chat takes 4 GPUs of the "
        "same h100x8 nodes; use sizes that divide one another or separate node types"
    ]
    files.profile["engines"][0]["gpus"] = 3
    assert len(files.load().candidates) == 2


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
    """The mean context of a decode step is 1000 + 200 / 2 = 1100 tokens."""
    files.profile["engines"][1] = measured(range={"context": [1, 100]})
    assert files.problems() == [
        "scenario.yaml: workloads[0].profile: profile.yaml: d: a decode context of 1100 is outside "
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


def test_one_domain_holds_both_halves(files: ScenarioFiles) -> None:
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.profile["engines"][1]["gpu"] = "L40S-48GB"
    add_leaf(files, {"l40sx8": 1})
    files.workload["affinity"] = "spine"
    assert files.problems() == [
        "scenario.yaml: workloads[0].affinity: spine: no spine holds a prefill and a decode "
        "engine: prefill fits s1; decode fits s2; widen it or move nodes"
    ]
    assert files.load("workloads.chat.affinity=cluster").scenario.workloads[0].affinity == "cluster"


def test_a_domain_too_small_for_a_replica_does_not_hold_it(files: ScenarioFiles) -> None:
    """A replica of 16 GPUs needs two nodes; each spine has one."""
    files.profile["engines"][1]["gpus"] = 16
    files.leaf["nodes"]["h100x8"] = 1
    add_leaf(files, {"h100x8": 1})
    assert files.problems() == [
        "scenario.yaml: workloads[0].affinity: no spine holds a prefill and a decode engine: "
        "prefill fits s1, s2; decode fits nowhere; widen it or move nodes"
    ]


def test_the_fleet_holds_the_fewest_replicas(files: ScenarioFiles) -> None:
    """Two nodes of 8 GPUs hold four replicas of 4."""
    files.workload["min_replicas"] = {"decode": 4, "aggregated": 1}
    assert files.problems() == [
        "scenario.yaml: workloads[0].min_replicas.aggregated: 1: the fleet holds at most 0 usable "
        "aggregated replicas; lower it"
    ]
    files.workload["min_replicas"] = {"decode": 5}
    assert "the fleet holds at most 4 usable decode replicas; lower it" in files.problems()[0]
