from typing import Any

import pytest

from heteroplan.errors import MOST_NOTED
from heteroplan.inputs.checks import fleet as fleet_checks
from tests.scenario_files import ScenarioFiles, node_type


def away(**others: Any) -> dict[str, Any]:
    plain = {"leaf": "l1", "node_type": "h100x8", "nodes": 1}
    return plain | {"start": "2026-11-23T02:00", "end": "2026-11-23T05:00"} | others


def test_an_unknown_gpu_suggests_near_ones(files: ScenarioFiles) -> None:
    files.fleet["node_types"][0]["gpu"] = "H100-SXM-80G"
    assert files.problems() == [
        "fleet.yaml: node_types[0].gpu: H100-SXM-80G: unknown GPU type; did you mean "
        "H100-SXM-80GB? Or describe it: gpu_types: "
        "[{name: H100-SXM-80G, memory_gib: ...}]"
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("A10", "A10-24GB"),
        ("L40", "L40-48GB"),
        ("h20", "H20-SXM-96GB"),
        ("RTX 4090", "RTX-4090-24GB"),
        ("Gaudi 3", "GAUDI-3-OAM-128GB"),
        ("A100-40GB", "A100-PCIE-40GB or A100-SXM-40GB"),
        ("MI300", "MI300X-192GB"),
    ],
)
def test_an_unknown_gpu_suggests_those_of_its_words(
    files: ScenarioFiles, written: str, meant: str
) -> None:
    files.fleet["node_types"][0]["gpu"] = written
    (problem,) = files.problems()
    assert f"unknown GPU type; did you mean {meant}? Or describe it" in problem


def test_a_gpu_that_may_be_many_is_told_in_a_line(files: ScenarioFiles) -> None:
    files.fleet["node_types"][0]["gpu"] = "SXM"
    (problem,) = files.problems()
    assert problem.count(" or ") == 5
    assert " or one of 6 more? Or describe it" in problem


def test_gpu_types_of_the_fleet_are_known(files: ScenarioFiles) -> None:
    files.fleet["gpu_types"] = [{"name": "GPU-0", "memory_gib": 96}]
    files.fleet["node_types"].append(node_type("other", "GPU-0"))
    assert files.load().scenario.fleet.node_type("other").gpu.memory_gib == 96


def test_names_are_unique_at_each_level(files: ScenarioFiles) -> None:
    gpu = {"name": "GPU-0", "memory_gib": 96}
    files.fleet["gpu_types"] = [gpu, gpu]
    files.fleet["node_types"] *= 2
    files.fleet["network"] *= 2
    assert sorted(files.problems()) == [
        "fleet.yaml: gpu_types[1].name: GPU-0: another GPU type has this name; rename one",
        "fleet.yaml: network[1].cluster: c1: another cluster has this name; rename one",
        "fleet.yaml: network[1].spines[0].leaves[0].leaf: l1: another leaf has this name; "
        "rename one",
        "fleet.yaml: network[1].spines[0].spine: s1: another spine has this name; rename one",
        "fleet.yaml: node_types[1].name: h100x8: another node type has this name; rename one",
    ]


def test_nodes_are_of_known_types(files: ScenarioFiles) -> None:
    files.leaf["nodes"]["h100"] = 1
    assert files.problems() == [
        "fleet.yaml: network[0].spines[0].leaves[0].nodes.h100: 1: unknown node type; "
        "did you mean 'h100x8'?"
    ]


def test_a_fleet_without_network_is_one_domain_of_its_name(files: ScenarioFiles) -> None:
    del files.fleet["network"]
    files.fleet["nodes"] = {"h100x8": 2}
    (leaf,) = files.load().scenario.fleet.network.leaves
    assert (leaf.name, leaf.spine, leaf.cluster) == ("two-nodes",) * 3
    files.fleet["name"] = "Two nodes"
    assert files.problems() == [
        "fleet.yaml: name: Two nodes: not an RFC 1123 label, and a fleet with nodes: is a network "
        "domain of this name; use lower-case letters, digits and -, at most 63"
    ]


@pytest.mark.parametrize(
    ("outage", "message"),
    [
        (away(leaf="l2"), "leaf: l2: unknown leaf; known are l1"),
        (
            away(node_type="l40s"),
            "node_type: l40s: unknown node type on l1; known are h100x8",
        ),
        (
            away(end="2026-11-23T02:00"),
            "end: 2026-11-23T02:00: not after start 2026-11-23T02:00; set a later end",
        ),
        (
            away(nodes=3),
            "nodes: 3: more than there are: l1 has 2 h100x8 nodes; lower it",
        ),
        (
            away(start="soon"),
            "start: soon: not a date or time; write 2026-11-23 or 2026-11-23T06:00",
        ),
    ],
)
def test_an_outage_says_what_is_wrong(
    outage: dict[str, Any], message: str, files: ScenarioFiles
) -> None:
    files.fleet["unavailable"] = [outage]
    assert files.problems() == [f"fleet.yaml: unavailable[0].{message}"]


def test_overlapping_outages_add_up_and_touching_ones_do_not(files: ScenarioFiles) -> None:
    """Two nodes until 05:00 and one from 04:00 are three of two; one from 05:00 is one."""
    first = away(nodes=2)
    files.fleet["unavailable"] = [first, away(start="2026-11-23T05:00", end="2026-11-23T06:00")]
    assert len(files.load().scenario.fleet.outages) == 2
    files.fleet["unavailable"] = [first, away(start="2026-11-23T04:00", end="2026-11-23T06:00")]
    assert files.problems() == [
        "fleet.yaml: unavailable[1].nodes: 1: more than there are (3 with overlapping entries): "
        "l1 has 2 h100x8 nodes; lower it"
    ]


def test_outage_stamps_are_local_to_the_horizon(files: ScenarioFiles) -> None:
    """02:00 in Singapore (UTC+8) is 18:00 UTC of the day before."""
    files.scenario["horizon"]["timezone"] = "Asia/Singapore"
    files.fleet["unavailable"] = [away(end="2026-11-23T05:00Z")]
    (outage,) = files.load().scenario.fleet.outages
    assert outage.start.isoformat() == "2026-11-22T18:00:00+00:00"
    assert outage.end.isoformat() == "2026-11-23T05:00:00+00:00"


def test_an_outage_in_the_repeated_hour_counts_in_that_hour_only(files: ScenarioFiles) -> None:
    """In Berlin 02:00+01:00 to 03:00 on 25 October is the second 02 o'clock, interval 3 of 5."""
    files.scenario["horizon"] |= {
        "start": "2026-10-25",
        "timezone": "Europe/Berlin",
        "intervals": 5,
    }
    files.demand = "interval_start,rps\n2026-10-25,5\n2026-10-25T04:00,5\n"
    files.fleet["unavailable"] = [away(start="2026-10-25T02:00+01:00", end="2026-10-25T03:00")]
    scenario = files.load().scenario
    moments = scenario.horizon.boundaries()
    leaf = scenario.fleet.network.leaves[0]
    assert [
        scenario.fleet.nodes_available(leaf, "h100x8", *moments[t : t + 2]) for t in range(5)
    ] == [2, 2, 2, 1, 2]


def test_an_outage_at_an_hour_that_clocks_skip_does_not_exist(files: ScenarioFiles) -> None:
    files.scenario["horizon"]["timezone"] = "Europe/Berlin"
    files.fleet["unavailable"] = [away(start="2026-03-29T02:30")]
    assert files.problems() == [
        "fleet.yaml: unavailable[0].start: 2026-03-29T02:30: does not exist in Europe/Berlin, "
        "where clocks are set forward over it; write 2026-03-29T03:30 or another time"
    ]


def test_names_that_nobody_knows_are_not_all_looked_up(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look-up compares the name with all known ones."""
    looked = []

    def counted(*given: Any) -> str:
        looked.append(given)
        return "unknown node type"

    monkeypatch.setattr(fleet_checks, "unknown", counted)
    files.leaf["nodes"] = {f"x{i}": 1 for i in range(1000)}
    assert files.problems()[-1] == "fleet.yaml: and at least 80 more problems, the last one here"
    assert len(looked) == MOST_NOTED
