"""topograph's models and graphs; models of older generations are made up after its modeling.md."""

from typing import Any

import pytest

from heteroplan.inventory.node import NodeRecord
from tests.inventory.sources import by_name, fits, nodes_by_path, read, refused, sample
from tests.realdata import needs_data

MODEL, GRAPH = "topograph-model", "topograph-graph"
BLOCKS = """
switches:
  core:
    labels: {topology.kubernetes.io/region: us}
    switches: [leaf1, leaf2]
  leaf1:
    labels: {topology.kubernetes.io/zone: us-a}
blocks:
- switch: leaf1
  nodes: ["n[1-2]"]
  labels: {network.topology.nvidia.com/accelerator: nvl}
- switch: leaf2
  nodes: [n3]
  annotations:
    accelerator.topology.test/domain: nvl
    accelerator.topology.test/sub-domain: rack2
"""
NODES = """
switches:
  core:
    metadata: {region: us-west}
    switches: [leaf]
  leaf:
    nodes: ["n[1-2]", n3]
nodes:
  n1: {capacity_block_id: cb1, type: GB200}
  n2: {}
  n3: {attributes: {nvlink: nvl3}}
capacity_blocks:
  cb1: {attributes: {nvlink: nvl1}}
  cb2: {}
"""
LISTS = """
topology: "topology/tree"
switches:
- name: sw2
  switches: [sw1]
- name: sw1
  capacity_blocks: [cb1]
capacity_blocks:
- name: cb0
  nvlink: nv1
  type: H100
  nodes: [n0]
- name: cb1
  type: H100
  nodes: [n1-1,n1-2]
"""


def test_blocks_name_their_switch() -> None:
    """A leaf that only its parent names is a switch as well; labels hold for all below."""
    assert read(MODEL, BLOCKS).nodes == (
        NodeRecord(name="n1", path=("core", "leaf1"), nvlink_domain="nvl", cluster="us"),
        NodeRecord(name="n2", path=("core", "leaf1"), nvlink_domain="nvl", cluster="us"),
        NodeRecord(name="n3", path=("core", "leaf2"), nvlink_domain="nvl.rack2", cluster="us"),
    )


def test_switches_with_nodes_of_their_own() -> None:
    found = by_name(read(MODEL, NODES))
    path = ("core", "leaf")
    assert found == {
        "n1": NodeRecord(
            name="n1", instance_type="GB200", path=path, nvlink_domain="nvl1", cluster="us-west"
        ),
        "n2": NodeRecord(name="n2", path=path, cluster="us-west"),
        "n3": NodeRecord(name="n3", path=path, nvlink_domain="nvl3", cluster="us-west"),
    }


def test_switches_and_blocks_as_lists() -> None:
    assert read(MODEL, LISTS).nodes == (
        NodeRecord(name="n0", instance_type="H100", nvlink_domain="nv1"),
        NodeRecord(name="n1-1", instance_type="H100", path=("sw2", "sw1")),
        NodeRecord(name="n1-2", instance_type="H100", path=("sw2", "sw1")),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("switches: {a: {}}\nblocks: []", "f: blocks: names no nodes"),
        ("switches: {a: {}}\nblocks: [{switch: b, nodes: [n]}]", "f: blocks[0].switch: b: no such"),
        (
            "switches: {a: {}}\nblocks: [{switch: a, nodes: ['n[2-1]']}]",
            "f: blocks[0].nodes: n[2-1]: range 2-1 runs backwards",
        ),
        (
            "switches: {a: {}}\nblocks: [{switch: a, nodes: [n]}, {switch: a, nodes: [n]}]",
            "f: blocks[1].nodes: n: node is in two blocks",
        ),
        (
            "switches: {a: {nodes: [n]}, b: {nodes: [n]}}\nnodes: {n: {}}",
            "f: switches.b.nodes: n: node is below a and b",
        ),
        (
            "switches: {a: {switches: [b], nodes: [n]}, b: {switches: [a]}}\nnodes: {n: {}}",
            "switch is below itself (a < b < a)",
        ),
        ("switches: [{switches: [b]}]\nnodes: {n: {}}", "entry 1 has no name; write name: NAME"),
        ("switches: [{name: a}, {name: a}]\nnodes: {n: {}}", "a is there twice; keep one of them"),
        ("switches: {a: {switches: b}}\nnodes: {n: {}}", "f: switches.a.switches: b: is no list"),
        ("- a", "is no mapping of keys; is it --format?"),
    ],
)
def test_what_is_wrong_in_a_model_is_told_with_its_field(text: str, message: str) -> None:
    assert message in refused(MODEL, text)


def test_a_graph_has_layers_from_the_closest_on() -> None:
    found = read(
        GRAPH,
        {
            "instances": [
                {
                    "id": "I21",
                    "network_layers": ["leaf-a", "spine-a", ""],
                    "labels": {
                        "nvidia.com/gpu.clique": "7b968a6d.0",
                        "accelerator.topograph.run/domain": "7b968a6d",
                        "topology.kubernetes.io/zone": "z1",
                    },
                },
                {
                    "id": "I22",
                    "network_layers": None,
                    "labels": {
                        "nvidia.com/gpu.clique": "00000000-0000-0000-0000-000000000000.0",
                    },
                },
            ]
        },
    )
    first, second = found.nodes
    assert (first.name, first.path) == ("I21", ("spine-a", "leaf-a"))
    assert (first.nvlink_domain, first.cluster) == ("7b968a6d.0", "z1")
    assert (second.path, second.nvlink_domain, second.gpus) == (None, None, None)


def test_a_graph_of_before_has_gpus() -> None:
    """Two types in one node: three H100 are taken, one A100 is left out and told."""
    h100 = {"index": 0, "uuid": "u", "model": "NVIDIA H100", "memory_mib": 81920}
    a100 = {"index": 3, "uuid": "v", "model": "NVIDIA A100", "memory_mib": 40960}
    found = read(
        GRAPH,
        {
            "instances": [
                {
                    "id": "I1",
                    "instance_type": "p5",
                    "region": "r",
                    "network_layers": ["leaf"],
                    "nvlink_domain": "nvl-1",
                    "attributes": {"gpu": {"status": "known", "gpus": [h100, h100, h100, a100]}},
                }
            ]
        },
    )
    assert found.nodes == (
        NodeRecord(
            name="I1",
            gpu="NVIDIA H100",
            gpu_memory_mib=81920,
            gpus=3,
            gpus_left_out=1,
            instance_type="p5",
            path=("leaf",),
            nvlink_domain="nvl-1",
            cluster="r",
        ),
    )
    assert found.notes == ("I1 has GPUs of several types: NVIDIA H100 is taken",)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"instances": [{"network_layers": []}]}, "f: instances[0].id: is missing"),
        ({"instances": [{"id": "a", "network_layers": "x"}]}, "f: instances[0].network_layers: x:"),
    ],
)
def test_what_is_wrong_in_a_graph_is_told(document: dict[str, Any], message: str) -> None:
    assert message in refused(GRAPH, document)


def test_only_its_own_files_fit() -> None:
    assert fits(MODEL, BLOCKS)
    assert fits(MODEL, NODES)
    assert fits(MODEL, LISTS)
    assert not fits(MODEL, "nodes:\n- type: dgx\n  labels: {}\n")
    assert not fits(MODEL, "- topology: t\n  tree:\n    switches: []\n")
    assert fits(GRAPH, {"instances": [{"id": "a", "network_layers": []}]})
    assert not fits(GRAPH, {"instances": []})
    assert not fits(GRAPH, {"Instances": [{"InstanceId": "a", "NetworkNodes": []}]})


@needs_data
def test_the_medium_sample() -> None:
    """By hand: 4 leaf switches of 2 nodes, each with an NVLink domain of its own."""
    found = sample(MODEL, "topograph_medium.yaml")
    assert nodes_by_path(found) == {
        ("sw3", "sw21", "sw11"): 2,
        ("sw3", "sw21", "sw12"): 2,
        ("sw3", "sw22", "sw13"): 2,
        ("sw3", "sw22", "sw14"): 2,
    }
    assert by_name(found)["1302"] == NodeRecord(
        name="1302", path=("sw3", "sw22", "sw13"), nvlink_domain="nvl3", cluster="us-west"
    )


@needs_data
def test_the_sample_of_racks() -> None:
    """By hand: 4 racks of 18 nodes, two below each of 2 spines."""
    found = sample(MODEL, "topograph_nvl72.yaml")
    assert set(nodes_by_path(found).values()) == {18}
    assert len(found.nodes) == 72
    assert by_name(found)["node2218"].nvlink_domain == "nvl-2-2"


@needs_data
def test_the_sample_of_domains_of_several_racks() -> None:
    """By hand: 12 racks of 8 nodes; racks 1 to 6 are of domain nvl-1, the others of nvl-2."""
    found = sample(MODEL, "topograph_dual-xclr-regular.yaml")
    domains = {node.nvlink_domain for node in found.nodes}
    assert len(found.nodes) == 96
    assert domains == {f"nvl-{1 if rack <= 6 else 2}.rack{rack:02d}" for rack in range(1, 13)}
