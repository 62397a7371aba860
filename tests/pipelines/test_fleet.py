"""Inventories to a fleet file. The small files are made up; the samples are real."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import heteroplan
from heteroplan.errors import InputError, UsageError
from heteroplan.inputs.fleet_files import read_fleet
from heteroplan.pipelines.fleet import FleetResult, import_fleet
from tests.realdata import DATA, needs_data

TABLE = """\
node,gpu,gpus,leaf,spine,cluster,nic_gbit_per_s
n1,NVIDIA-H100-80GB-HBM3,8,l1,s1,a,3200
n2,NVIDIA-H100-80GB-HBM3,8,l1,s1,a,3200
n3,NVIDIA-L40S,4,l2,s1,a,400
"""
TREE = """\
SwitchName=core Switches=s[1-2]
SwitchName=s1 Switches=l[1-2]
SwitchName=s2 Switches=l3
SwitchName=l1 Nodes=n[1-2]
SwitchName=l2 Nodes=n[3-4]
SwitchName=l3 Nodes=n[5-6]
"""
STATES = """\
NodeName=n1 Arch=x86_64 Gres=gpu:nvidia_h100_80gb_hbm3:8 State=IDLE
NodeName=n2 Arch=x86_64 Gres=gpu:nvidia_h100_80gb_hbm3:8 State=IDLE+DRAIN Reason=fan
NodeName=n3 Arch=x86_64 Gres=gpu:nvidia_h100_80gb_hbm3:8 State=ALLOCATED
NodeName=n4 Arch=x86_64 Gres=gpu:nvidia_h100_80gb_hbm3:8 State=IDLE
NodeName=n5 Arch=x86_64 Gres=gpu:nvidia_h100_80gb_hbm3:8 State=DOWN
NodeName=n6 Arch=x86_64 Gres=(null) State=IDLE
"""
ANY: dict[str, Any] = {"usd_per_gpu_hour": 2.5, "nic_gbit_per_s": 400.0}
FLEET = DATA / "fleet"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with made-up inventories, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nodes.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "topology.conf").write_text(TREE, encoding="utf-8")
    (tmp_path / "nodes.txt").write_text(STATES, encoding="utf-8")
    return tmp_path


def gpus(result: FleetResult) -> dict[str, int]:
    """GPUs of the written fleet by GPU type."""
    found: Counter[str] = Counter()
    fleet = result.fleet
    for leaf in fleet.network.leaves:
        for name, nodes in leaf.nodes.items():
            node_type = fleet.node_type(name)
            found[node_type.gpu.name] += nodes * node_type.gpus
    assert sum(found.values()) == fleet.gpus == sum(each.gpus for each in result.places)
    return dict(found)


def test_a_table_is_a_fleet_that_reads_as_it_was_made(made: Path) -> None:
    result = heteroplan.import_fleet("nodes.csv", usd_per_gpu_hour={"h100x8": 2.5, "l40sx4": 0.8})
    assert gpus(result) == {"H100-SXM-80GB": 16, "L40S-48GB": 4}
    result.write("fleet.yaml")
    assert read_fleet("fleet.yaml") == result.fleet
    assert "# Written by heteroplan fleet import from nodes.csv (table).\n" in result.text


def test_a_topology_and_states_are_joined(made: Path) -> None:
    """Five of six nodes have GPUs; the drained and the one that is down are out."""
    result = import_fleet(["nodes.txt", "topology.conf"], **ANY)
    assert gpus(result) == {"H100-SXM-80GB": 40}
    fleet = result.fleet
    assert {leaf.name: (leaf.spine, leaf.cluster) for leaf in fleet.network.leaves} == {
        "l1": ("s1", "core"),
        "l2": ("s1", "core"),
        "l3": ("s2", "core"),
    }
    assert {(each.leaf, each.nodes) for each in fleet.outages} == {("l1", 1), ("l3", 1)}
    assert "1 node without GPUs left out (n6)" in result.notes


KUEUE = """\
apiVersion: kueue.x-k8s.io/v1beta1
kind: ResourceFlavor
metadata: {name: h100}
spec: {nodeLabels: {pool: h100}}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {name: team-a}
spec: {resourceGroups: [{flavors: [{name: h100, resources: [
  {name: nvidia.com/gpu, nominalQuota: 20}]}]}]}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {name: team-b}
spec: {resourceGroups: [{flavors: [{name: h100, resources: [
  {name: nvidia.com/gpu, nominalQuota: 8}]}]}]}
"""


def test_quotas_of_queues_limit_the_fleet(made: Path) -> None:
    """Six nodes of 8 GPUs are 48; quotas of 28 are 3 nodes, 20 are 2, and 8 one."""
    (made / "kueue.yaml").write_text(KUEUE, encoding="utf-8")
    labels = {"pool": "h100", "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    held = {"nvidia.com/gpu": "8"}
    items = [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"n{i}", "labels": labels},
            "status": {"allocatable": held, "capacity": held},
        }
        for i in range(6)
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    (made / "nodes.json").write_text(text, encoding="utf-8")
    sources = ["nodes.json", "kueue.yaml"]
    assert import_fleet("nodes.json", **ANY).fleet.gpus == 48
    assert import_fleet(sources, **ANY).fleet.gpus == 24
    assert import_fleet(sources, queue="team-a", **ANY).fleet.gpus == 16
    assert import_fleet(sources, queue="team-b", **ANY).fleet.gpus == 8


def test_the_order_of_files_makes_no_difference_where_they_agree(made: Path) -> None:
    one = import_fleet(["nodes.txt", "topology.conf"], **ANY)
    other = import_fleet(["topology.conf", "nodes.txt"], **ANY)
    assert one.fleet == other.fleet


def test_what_no_source_says_is_one_error_after_all_notes(made: Path) -> None:
    told: list[str] = []
    with pytest.raises(UsageError) as caught:
        import_fleet(["nodes.txt", "topology.conf"], tell=told.append)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "h100x8 (5 nodes with 8 H100-SXM-80GB)"
    ] * 2
    assert "1 node without GPUs left out (n6)" in told


def test_problems_of_all_files_are_told_at_once(made: Path) -> None:
    (made / "prices.csv").write_text("gpu,usd_per_gpu_hour\nA,x\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"prices\.csv:2: usd_per_gpu_hour: x: not a number"):
        import_fleet("nodes.csv", prices="prices.csv")
    with pytest.raises(InputError) as caught:
        import_fleet(["nowhere.json", "nothing.csv"], **ANY)
    assert {each.file for each in caught.value.problems} == {"nowhere.json", "nothing.csv"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"assume_gpus": "H100-SXM-80GB"}, "--assume-gpus H100-SXM-80GB"),
        ({"assume_gpus": "H100-SXM-80GB:0"}, "0 is too small; write 1 or more"),
        ({"gpus": {"G2": "X:y"}}, "--gpu G2= X:y: the memory"),
        ({"timezone": "Mars"}, "--timezone Mars: unknown time zone"),
        ({"queue": "a"}, "--queue a: no source has such a quota; there are none"),
        ({"reservations": "r"}, "--reservation r: no source has it; there are none"),
        ({"nic_gbit_per_s": 0.0}, "--nic-gbit-per-s 0: not between"),
        ({"format": "slurm"}, "unknown inventory format 'slurm'; known are kubernetes"),
    ],
)
def test_wrong_options_are_named(made: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        import_fleet("nodes.csv", **(ANY | options))
    assert message in str(caught.value)


def test_no_source_is_an_error(made: Path) -> None:
    with pytest.raises(UsageError, match="name a source"):
        import_fleet([])


OPENB = {
    "P100": "P100:16",
    "V100M16": "V100-SXM-16GB",
    "V100M32": "V100-SXM-32GB",
    "G2": "G2:80",
    "G3": "G3:80",
}
OPENB_GPUS = {
    "T4-16GB": 842,
    "P100": 265,
    "V100-SXM-16GB": 195,
    "V100-SXM-32GB": 204,
    "A10-24GB": 2,
    "G2": 4392,
    "G3": 312,
}
"""As its authors count them; 6,212 in all."""


@needs_data
@pytest.mark.parametrize(
    "file",
    [
        "alibaba_openb_node_list_gpu_node.csv",
        "alibaba_openb_node_list_gpu_node.yaml.gz",
        "alibaba_openb_nodes_k8s_list.json.gz",
    ],
)
def test_openb_has_as_many_gpus_in_every_form(file: str) -> None:
    known = import_fleet(FLEET / file, **ANY)
    assert gpus(known) == {"T4-16GB": 842, "A10-24GB": 2}
    assert sum("unknown GPU type" in note for note in known.notes) == 5
    told = import_fleet(FLEET / file, gpus=OPENB, **ANY)
    assert gpus(told) == OPENB_GPUS
    assert sum(OPENB_GPUS.values()) == 6212
    assert len(told.places) == 1213


@needs_data
@pytest.mark.parametrize(
    ("file", "nodes", "spines", "leaves"),
    [
        # 4 leaf switches with 2 nodes each, two below each of 2 spines.
        ("topograph_medium.yaml", 8, 2, 4),
        # 4 racks with 18 nodes each, two below each of 2 spines.
        ("topograph_nvl72.yaml", 72, 2, 4),
        # 12 racks with 8 nodes each, two below each of 6 spines.
        ("topograph_dual-xclr-regular.yaml", 96, 6, 12),
        # 12 leaf switches with 8 nodes each, two below each of 6 switches.
        ("slurm_topology_tree.conf", 96, 6, 12),
        # 12 blocks with 8 nodes each.
        ("slurm_topology_block.conf", 96, 1, 12),
        # 109 hosts with 4 ports, 10 with 3, and 2 with 2 (counted with grep, without localhost).
        ("ibnetdiscover_example.out.gz", 121, 1, 8),
    ],
)
def test_topologies_give_every_node_the_gpus_that_the_user_states(
    file: str, nodes: int, spines: int, leaves: int
) -> None:
    result = import_fleet(FLEET / file, assume_gpus="GB200-186GB:4", **ANY)
    assert gpus(result) == {"GB200-186GB": 4 * nodes}
    network = result.fleet.network
    assert len({leaf.spine for leaf in network.leaves}) == spines
    assert len(network.leaves) == leaves
    assert len({leaf.cluster for leaf in network.leaves}) == 1


@needs_data
def test_knavigator_has_two_nodes_of_eight_of_each_type() -> None:
    """2 x 8 A100, 2 x 8 H100, and two nodes without GPUs."""
    result = import_fleet(FLEET / "knavigator_virtual_nodes_values.yaml", **ANY)
    assert gpus(result) == {"A100-SXM-80GB": 16, "H100-SXM-80GB": 16}
    assert any(note.startswith("2 nodes without GPUs left out") for note in result.notes)


@needs_data
@pytest.mark.parametrize(
    ("file", "nodes"), [("slurm_sinfo_nodes.json", 4), ("slurm_sinfo_dataparser.json", 1)]
)
def test_sinfo_without_gpus_is_refused_until_the_user_states_them(file: str, nodes: int) -> None:
    with pytest.raises(UsageError, match="no node with whole GPUs of a known type"):
        import_fleet(FLEET / file, **ANY)
    result = import_fleet(FLEET / file, assume_gpus="H100-SXM-80GB:8", **ANY)
    assert gpus(result) == {"H100-SXM-80GB": 8 * nodes}


@needs_data
def test_kueue_alone_lists_no_nodes(tmp_path: Path) -> None:
    """With nodes its topology says which labels are the levels."""
    kueue = FLEET / "kueue_tas_sample-queues.yaml"
    with pytest.raises(UsageError, match="no source lists nodes"):
        import_fleet(kueue, **ANY)
    nodes = tmp_path / "nodes.yaml"
    nodes.write_text(
        "\n---\n".join(
            f"""\
apiVersion: v1
kind: Node
metadata:
  name: n{i}
  labels:
    cloud.provider.com/topology-block: b{i // 2}
    cloud.provider.com/topology-rack: r{i % 2}
    nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3
status: {{allocatable: {{nvidia.com/gpu: "8"}}, capacity: {{nvidia.com/gpu: "8"}}}}"""
            for i in range(4)
        ),
        encoding="utf-8",
    )
    result = import_fleet([nodes, kueue], **ANY)
    assert gpus(result) == {"H100-SXM-80GB": 32}
    assert [leaf.name for leaf in result.fleet.network.leaves] == [
        "b0-r0",
        "b0-r1",
        "b1-r0",
        "b1-r1",
    ]
