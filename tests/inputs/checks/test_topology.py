"""Rules of where workloads may stand, through the messages they give.

The scenario of `tests.scenario_files`: replicas of 4 H100 on a leaf l1 of spine s1 with two nodes.
"""

from typing import Any

import pytest

from tests.scenario_files import ScenarioFiles, divided, engine, node_type


def two_types(files: ScenarioFiles) -> None:
    """Decode runs on L40S."""
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.profile["engines"][1]["gpu"] = "L40S-48GB"


def test_one_domain_holds_both_halves(files: ScenarioFiles) -> None:
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.profile["engines"][1]["gpu"] = "L40S-48GB"
    files.add_leaf("l2", {"l40sx8": 1}, spine="s2")
    files.workload["affinity"] = "spine"
    assert files.problems() == [
        "scenario.yaml: workloads[0].affinity: spine: no spine holds a prefill and a decode "
        "engine: prefill fits s1; decode fits s2; widen it or move nodes"
    ]
    assert files.load("workloads.chat.affinity=cluster").scenario.workloads[0].affinity == "cluster"


def test_a_replica_of_two_nodes_needs_both_on_one_leaf(files: ScenarioFiles) -> None:
    """A replica of 16 GPUs needs two nodes; each leaf of the spine has one."""
    files.profile["engines"][1]["gpus"] = 16
    files.leaf["nodes"]["h100x8"] = 1
    files.add_leaf("l2", {"h100x8": 1})
    assert files.problems() == [
        "profile.yaml: engines[1].gpus: 16: takes 2 h100x8 nodes of one leaf, of which l2, the "
        "largest, has 1; lower it or move nodes"
    ]
    files.leaf["nodes"]["h100x8"] = 2
    assert len(files.load().candidates) == 2


def test_a_domain_whose_leaves_are_too_small_does_not_hold_a_replica(files: ScenarioFiles) -> None:
    """Two nodes on one leaf only in s2, which is excluded; s1 has one on each of two leaves."""
    files.profile["engines"][1]["gpus"] = 16
    files.leaf["nodes"]["h100x8"] = 1
    files.add_leaf("l2", {"h100x8": 1})
    files.add_leaf("l3", {"h100x8": 2}, spine="s2")
    files.workload["exclude"] = ["s2"]
    assert files.problems() == [
        "scenario.yaml: workloads[0].affinity: no spine that it may use holds a prefill and a "
        "decode engine: prefill fits s1; decode fits nowhere; widen it or move nodes"
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


def test_a_domain_holds_only_engines_that_meet_the_slo_across_it(files: ScenarioFiles) -> None:
    """Moving 160 GB takes 800 ms within l1, the leaf of s1, and 1,000 ms across those of s2.

    Prefill (100 ms, first decode step 60 ms, TTFT 1,000 ms) can do with the first only; decode on
    L40S stands in s2.
    """
    two_types(files)
    prefill = {"overhead_ms": 100, "ms_per_token": 0}
    files.profile["engines"][0] = engine("p", "prefill", capacity_rps=None, prefill=prefill)
    files.profile["kv_bytes_per_token"] = 160e6
    files.workload["requests"]["isl_cv"] = 0
    files.add_leaf("l2", {"h100x8": 1}, spine="s2")
    files.add_leaf("l3", {"l40sx8": 1}, spine="s2")
    assert files.problems() == [
        "scenario.yaml: workloads[0].affinity: no spine holds a prefill and a decode "
        "engine: prefill fits s1; decode fits s2; widen it or move nodes"
    ]


def test_the_fewest_replicas_are_those_of_the_domains_it_may_use(files: ScenarioFiles) -> None:
    """s1 holds four replicas of 4 GPUs, s2 two: six in all, four in one group, two without s1."""
    files.workload["min_replicas"] = {"decode": 5}
    files.add_leaf("l2", {"h100x8": 1}, spine="s2")
    assert files.load().scenario.workloads
    field = "scenario.yaml: workloads[0].min_replicas.decode: 5: the domains it may use hold at "
    assert files.problems("workloads.chat.max_groups=1") == [
        f"{field}most 4 usable decode replicas; lower it"
    ]
    assert files.problems("workloads.chat.exclude=[s1]") == [
        f"{field}most 2 usable decode replicas; lower it"
    ]


def test_replicas_on_a_leaf_are_whole(files: ScenarioFiles) -> None:
    """Three nodes of a leaf hold one replica of two; two such leaves two of them, not three."""
    files.profile["engines"][1]["gpus"] = 16
    files.leaf["nodes"]["h100x8"] = 3
    files.add_leaf("l2", {"h100x8": 3})
    files.workload["min_replicas"] = {"decode": 3}
    assert "at most 2 usable decode replicas" in files.problems()[0]


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


def test_replica_sizes_of_several_nodes_divide_one_another(files: ScenarioFiles) -> None:
    """16 and 24 GPUs are two and three nodes of 8, and 16 does not divide 24; 32 is twice 16."""
    files.leaf["nodes"]["h100x8"] = 8
    files.profile["engines"][0]["gpus"] = 16
    files.profile["engines"][1]["gpus"] = 24
    (problem,) = files.problems()
    assert problem.startswith("profile.yaml: engines[1].gpus: 24: 16 does not divide 24, and p of ")
    files.profile["engines"][1]["gpus"] = 32
    assert len(files.load().candidates) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pin": ["s11"]}, "pin[0]: s11: unknown domain; did you mean 's1'?"),
        ({"exclude": ["s1", "rack"]}, "exclude[1]: rack: unknown domain; known are s1, s2, c1"),
        (
            {"pin": ["l1"]},
            "pin[0]: l1: a leaf, but a spine-affine group may use any leaf of its spine; name a "
            "spine or a wider domain, or set affinity: leaf",
        ),
        (
            {"pin": ["s1"], "exclude": ["s1"]},
            'exclude: ["s1"]: leaves no spine that pin names; remove a name',
        ),
        ({"exclude": ["c1"]}, 'exclude: ["c1"]: leaves no spine; remove a name'),
        ({"anti_affinity": ["chat"]}, "anti_affinity[0]: chat: the workload itself; name others"),
        (
            {"anti_affinity": ["code", "code"]},
            "anti_affinity[1]: code: appears twice; keep one of them",
        ),
        (
            {"anti_affinity": ["cod"]},
            "anti_affinity[0]: cod: unknown workload; did you mean 'code'?",
        ),
        ({"max_groups": 0}, "max_groups: 0: must be at least 1 (Maximum number of groups "
         "(domains in which it runs) over the horizon)"),
        ({"kv_transfer": "none"}, "kv_transfer: none: must be 'all' or 'missed'"),
        (
            {"resilience": {"lose": "rack", "serve": 1}},
            "resilience.lose: rack: must be 'spine', 'leaf' or 'node'",
        ),
        (
            {"resilience": {"lose": "leaf", "serve": 90}},
            "resilience.serve: 90: must be at most 1 (Share of the served demand that the rest "
            "still serves; 90 % is 0.9)",
        ),
        (
            {"resilience": {"lose": "leaf"}},
            "resilience.serve: missing; add it (Share of the served demand that the rest "
            "still serves; 90 % is 0.9)",
        ),
    ],
)  # fmt: skip
def test_a_workload_says_where_it_may_stand(
    change: dict[str, Any], message: str, files: ScenarioFiles
) -> None:
    files.add_leaf("l2", {"h100x8": 2}, spine="s2")
    files.scenario["workloads"].append(files.workload | {"name": "code"})
    files.workload.update(change)
    assert files.problems() == [f"scenario.yaml: workloads[0].{message}"]


def test_names_that_are_not_there_are_the_only_problem(files: ScenarioFiles) -> None:
    """What the workload may use is not known then."""
    files.workload |= {"pin": ["s9"], "min_replicas": {"decode": 1}}
    files.workload["resilience"] = {"lose": "node", "serve": 1}
    assert [each.split(": ")[1] for each in files.problems()] == ["workloads[0].pin[0]"]


@pytest.mark.parametrize("workloads", [5, "x", [5], {"name": "x"}])
def test_workloads_that_are_no_list_are_only_that(workloads: object, files: ScenarioFiles) -> None:
    files.scenario["workloads"] = workloads
    assert all(each.startswith("scenario.yaml: workloads") for each in files.problems())


def test_a_leaf_affine_group_may_be_pinned_to_a_leaf_or_anything_wider(
    files: ScenarioFiles,
) -> None:
    files.add_leaf("l2", {"h100x8": 2}, spine="s2")
    files.workload |= {"affinity": "leaf", "pin": ["l1", "s2"]}
    (workload,) = files.load().scenario.workloads
    assert workload.pin == ("l1", "s2")


def test_surge_names_node_types_and_leaves_something(files: ScenarioFiles) -> None:
    """The spine has two nodes of 8 GPUs."""
    files.scenario["surge"] = {"h100x8": 15}
    assert files.load().scenario.surge == (("h100x8", 15),)
    files.scenario["surge"] = {"h100x8": 16, "h200x8": 8}
    assert files.problems() == [
        "scenario.yaml: surge.h100x8: 16: leaves nothing of spine s1, which has 16; lower it",
        "scenario.yaml: surge.h200x8: 8: unknown node type; did you mean 'h100x8'?",
    ]


def test_both_parts_of_a_divided_engine_stand_on_one_leaf(files: ScenarioFiles) -> None:
    """Attention on H100 (l1), ffn on L40S (l2): one spine, but no leaf has both."""
    two_types(files)
    files.profile["engines"][1] = divided("d", "decode")
    files.add_leaf("l2", {"l40sx8": 1})
    assert files.problems() == [
        "scenario.yaml: workloads[0].affinity: no spine holds a prefill and a decode engine: "
        "prefill fits s1; decode fits nowhere; widen it or move nodes"
    ]
    files.leaf["nodes"]["l40sx8"] = 1
    assert len(files.load().candidates) == 3


def test_a_leaf_has_room_for_both_parts_together(files: ScenarioFiles) -> None:
    """Parts of 8 and 8 H100 need two nodes of one leaf."""
    files.profile["engines"][1] = divided("d", "decode")
    for part in files.profile["engines"][1]["parts"]:
        part |= {"gpu": "H100-SXM-80GB", "gpus": 8}
    assert len(files.load().candidates) == 3
    files.leaf["nodes"]["h100x8"] = 1
    assert "decode fits nowhere" in files.problems()[0]


def test_prefill_may_stand_on_another_leaf_than_a_divided_decode_engine(
    files: ScenarioFiles,
) -> None:
    """Spine affinity: l1 has prefill's A100, l2 both parts' GPUs."""
    two_types(files)
    files.fleet["node_types"].append(node_type("a100x8", "A100-SXM-80GB"))
    files.profile["engines"] = [
        engine("p", "prefill", gpu="A100-SXM-80GB"),
        divided("d", "decode"),
    ]
    files.leaf["nodes"] = {"a100x8": 1}
    files.add_leaf("l2", {"h100x8": 1, "l40sx8": 1})
    assert len(files.load().candidates) == 3
    assert (
        "no leaf holds a prefill and a decode engine"
        in files.problems("workloads.chat.affinity=leaf")[0]
    )


def test_resilience_of_the_scenario_is_the_default(files: ScenarioFiles) -> None:
    files.scenario["resilience"] = {"lose": "node", "serve": 0.5}
    files.scenario["workloads"] += [
        files.workload | {"name": "own", "resilience": {"lose": "node", "serve": 1}},
        files.workload | {"name": "none", "resilience": "none"},
    ]
    promises = [each.resilience for each in files.load().scenario.workloads]
    assert [each and each.serve for each in promises] == [0.5, 1, None]


@pytest.mark.parametrize("lose", ["spine", "leaf"])
@pytest.mark.parametrize("affinity", ["leaf", "spine"])
def test_what_may_be_lost_is_not_all_there_is(
    affinity: str, lose: str, files: ScenarioFiles
) -> None:
    """One leaf in one spine is lost with either; a second spine remains."""
    files.workload |= {"affinity": affinity, "resilience": {"lose": lose, "serve": 0.9}}
    lost = {"leaf": "leaf l1", "spine": "spine s1"}[lose]
    assert files.problems() == [
        f"scenario.yaml: workloads[0].resilience.lose: {lose}: with {lost} lost no {affinity} that "
        "it may use holds a prefill and a decode engine; add nodes elsewhere, widen the affinity, "
        "or ask for less"
    ]
    files.add_leaf("l2", {"h100x8": 2}, spine="s2")
    assert files.load().scenario.workloads
    files.workload["exclude"] = ["s2"]
    assert f"no {affinity} that" in files.problems()[0]


def test_a_spine_survives_the_loss_of_a_leaf_if_two_hold_each_role(files: ScenarioFiles) -> None:
    """Prefill fits l1 and l2, decode only l2; then a third leaf holds decode as well."""
    two_types(files)
    files.workload["resilience"] = {"lose": "leaf", "serve": 0.9}
    files.add_leaf("l2", {"h100x8": 1, "l40sx8": 1})
    assert "with leaf l2 lost no spine that it may use holds" in files.problems()[0]
    files.add_leaf("l3", {"l40sx8": 1})
    assert files.load().scenario.workloads


def test_a_spine_is_lost_with_all_its_leaves(files: ScenarioFiles) -> None:
    """Two leaf-affine groups, but both below s1."""
    files.workload |= {"affinity": "leaf", "resilience": {"lose": "spine", "serve": 0.9}}
    files.add_leaf("l2", {"h100x8": 2})
    assert "with spine s1 lost no leaf that it may use holds" in files.problems()[0]
    assert files.load("workloads.chat.resilience.lose=leaf").scenario.workloads


def test_a_cluster_survives_the_loss_of_a_spine_or_a_leaf(files: ScenarioFiles) -> None:
    files.workload |= {"affinity": "cluster", "resilience": {"lose": "spine", "serve": 0.9}}
    assert "with spine s1 lost no cluster that" in files.problems()[0]
    files.add_leaf("l2", {"h100x8": 1}, spine="s2")
    assert files.load().scenario.workloads
    assert files.load("workloads.chat.resilience.lose=leaf").scenario.workloads


def test_the_loss_of_a_node_needs_two_for_each_role(files: ScenarioFiles) -> None:
    """Decode has one L40S node, then two; two H100 nodes hold prefill."""
    two_types(files)
    files.leaf["nodes"]["l40sx8"] = 1
    files.workload["resilience"] = {"lose": "node", "serve": 0.9}
    assert "with one l40sx8 node of l1 lost no spine" in files.problems()[0]
    files.leaf["nodes"]["l40sx8"] = 2
    assert files.load().scenario.workloads


@pytest.mark.parametrize(
    ("leaves", "lose", "possible"),
    [
        ({"l2": "s2"}, "spine", False),
        ({"l2": "s2"}, "leaf", False),
        ({"l2": "s1"}, "leaf", True),
        ({"l2": "s2"}, "node", True),
    ],
)
def test_one_group_survives_only_what_leaves_some_of_it(
    leaves: dict[str, str], lose: str, possible: bool, files: ScenarioFiles
) -> None:
    """A spine-affine group goes with its spine, and with its leaf where the spine has one."""
    for leaf, spine in leaves.items():
        files.add_leaf(leaf, {"h100x8": 2}, spine=spine)
    files.workload |= {"max_groups": 1, "resilience": {"lose": lose, "serve": 0.9}}
    if possible:
        assert files.load().scenario.workloads
    else:
        assert files.problems() == [
            f"scenario.yaml: workloads[0].resilience.lose: {lose}: with max_groups: 1 the loss of "
            f"a {lose} may take all of it; raise max_groups, or ask for less"
        ]
    assert files.load("workloads.chat.max_groups=2").scenario.workloads
