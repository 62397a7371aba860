import copy
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.errors import InputError
from heteroplan.inventory.formats.kubernetes.cluster import FORMAT
from heteroplan.inventory.gpu_names import of_node
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from tests.inventory.formats.kubernetes.files import (
    as_json,
    as_yaml,
    gpu_device,
    h100_node,
    node,
    pod,
    resource_claim,
    resource_slice,
)
from tests.realdata import DATA, needs_data

OPTIONS = SourceOptions()
OPENB_GPUS = {
    "G2": 4392,
    "T4": 842,
    "G3": 312,
    "P100": 265,
    "V100M32": 204,
    "V100M16": 195,
    "A10": 2,
}
"""6,212 GPUs of 1,213 nodes: sums of the column `gpu` of the CSV of the same nodes, by `model`."""


def read(file: SourceFile, options: SourceOptions = OPTIONS) -> Contents:
    assert FORMAT.fits(file)
    return FORMAT.read(file, options)


def gpus_by_name(contents: Contents) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in contents.nodes:
        counts[each.gpu or ""] += each.gpus or 0
    return +counts


@needs_data
@pytest.mark.parametrize(
    "name", ["alibaba_openb_nodes_k8s_list.json.gz", "alibaba_openb_node_list_gpu_node.yaml.gz"]
)
def test_the_nodes_of_openb(name: str) -> None:
    """G2 and G3 are codes, and P100 and V100 are not built in, or of two boards."""
    text = gzip.decompress((DATA / "fleet" / name).read_bytes()).decode()
    found = read(SourceFile(name, text, json.loads(text) if ".json" in name else None))
    assert len(found.nodes) == 1213
    assert gpus_by_name(found) == OPENB_GPUS
    assert {of_node(each) for each in found.nodes} == {None, "T4-16GB", "A10-24GB"}
    assert not any(each.out for each in found.nodes)
    assert found.notes == ()


@needs_data
def test_both_files_of_openb_say_the_same() -> None:
    """One was written as YAML documents, the other repacked into a list as kubectl writes it."""
    found = []
    for name in ("nodes_k8s_list.json.gz", "node_list_gpu_node.yaml.gz"):
        text = gzip.decompress((DATA / "fleet" / f"alibaba_openb_{name}").read_bytes()).decode()
        file = SourceFile(name, text, json.loads(text) if ".json" in name else None)
        found.append([replace(each, line=0) for each in read(file).nodes])
    assert found[0] == found[1]


@needs_data
def test_the_nodes_of_knavigator() -> None:
    """2 nodes of 8 A100, 2 of 8 H100, and 2 without GPUs."""
    text = (DATA / "fleet" / "knavigator_virtual_nodes_values.yaml").read_text()
    found = read(SourceFile("values.yaml", text, None))
    assert gpus_by_name(found) == {"NVIDIA-A100-SXM4-80GB": 16, "NVIDIA-H100-SXM4-80GB": 16}
    assert [of_node(each) for each in found.nodes] == [
        *["A100-SXM-80GB"] * 2,
        *["H100-SXM-80GB"] * 2,
        *[None] * 2,
    ]
    assert found.nodes[3].name == "virtual-dgxh100.80g-1"


def test_a_node_with_all_that_is_read() -> None:
    labels = {
        "node.kubernetes.io/instance-type": "p5.48xlarge",
        "topology.kubernetes.io/zone": "us-west-2a",
        "karpenter.k8s.aws/instance-network-bandwidth": "3200000",
        **{f"topology.k8s.aws/network-node-layer-{n}": f"nn-{n}" for n in (1, 2, 3)},
    }
    given = h100_node("ip-10-0-0-1.ec2.internal", **labels)
    given["spec"] = {"providerID": "aws:///us-west-2a/i-0abc", "unschedulable": True}
    found = read(as_json(given)).nodes
    assert found == (
        NodeRecord(
            name="ip-10-0-0-1.ec2.internal",
            aliases=("i-0abc",),
            gpu="NVIDIA-H100-80GB-HBM3",
            gpu_memory_mib=81559,
            gpus=8,
            instance_type="p5.48xlarge",
            path=("nn-1", "nn-2", "nn-3"),
            cluster="us-west-2a",
            nic_gbit_per_s=3200,
            out="cordoned",
            labels=given["metadata"]["labels"],
        ),
    )


def test_racks_of_gb200_are_nvlink_domains() -> None:
    """Two racks whose cliques have the same number: the whole value tells them apart."""
    labels = {"nvidia.com/gpu.product": "NVIDIA-GB200", "nvidia.com/gpu.count": "4"}
    nodes = [
        node(
            f"n{i}", {**labels, "nvidia.com/gpu.clique": f"rack-{i // 2}.1"}, {"nvidia.com/gpu": 4}
        )
        for i in range(4)
    ]
    found = read(as_json(*nodes)).nodes
    assert [each.nvlink_domain for each in found] == ["rack-0.1"] * 2 + ["rack-1.1"] * 2
    assert sum(each.gpus or 0 for each in found) == 16


def test_divided_and_ill_gpus_are_told() -> None:
    """8 GPUs in 56 slices, 8 GPUs shared by 4, 1 of 8 ill: 7 whole GPUs of 24."""
    mig = h100_node("mig")
    mig["metadata"]["labels"] |= {
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb",
        "nvidia.com/gpu.count": "56",
    }
    mig["status"]["allocatable"] = mig["status"]["capacity"] = {"nvidia.com/gpu": "56"}
    shared = h100_node("shared")
    shared["metadata"]["labels"] |= {
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-SHARED",
        "nvidia.com/gpu.replicas": "4",
    }
    shared["status"]["allocatable"] = shared["status"]["capacity"] = {"nvidia.com/gpu": "32"}
    ill = h100_node("ill")
    ill["status"]["allocatable"] = {"nvidia.com/gpu": "7"}
    found = read(as_json(mig, shared, ill))
    assert [(each.gpus, each.gpus_left_out) for each in found.nodes] == [(0, 8), (0, 8), (7, 1)]
    assert [of_node(each) for each in found.nodes] == ["H100-SXM-80GB"] * 3
    assert found.notes == (
        "8 GPUs of 1 node (mig) left out: divided by MIG",
        "8 GPUs of 1 node (shared) left out: shared by time slicing or MPS",
        "1 GPU of 1 node (ill) left out: not allocatable, as they are not healthy",
    )


def test_slices_count_where_no_resource_does() -> None:
    """n1's GPUs are in slices alone, n2's in both, n3 has no Node in the file."""
    labels = {"nvidia.com/gpu.product": "NVIDIA-GB200", "nvidia.com/gpu.count": "4"}
    slices = [resource_slice(f"n{i}", [gpu_device(k) for k in range(4)]) for i in (1, 2, 3)]
    found = read(as_json(node("n1", labels), node("n2", labels, {"nvidia.com/gpu": "3"}), *slices))
    assert [(each.name, each.gpus) for each in found.nodes] == [("n1", 4), ("n2", 3), ("n3", 4)]
    assert [of_node(each) for each in found.nodes] == ["GB200-186GB"] * 3


def test_gpus_that_no_source_counts_are_told() -> None:
    labels = {"nvidia.com/gpu.product": "NVIDIA-GB200", "nvidia.com/gpu.count": "4"}
    found = read(as_json(node("n1", labels)))
    assert found.nodes[0].gpus is None
    assert found.notes == (
        "1 node (n1) with GPUs in labels, but in no resource: they count only where another source "
        "lists them, such as kubectl get resourceslices -o json",
    )


def test_gpus_that_no_label_counts_are_told() -> None:
    found = read(as_json(node("n1", resources={"nvidia.com/gpu": "56"})))
    assert found.nodes[0].gpus is None
    assert found.notes == (
        "1 node (n1) with GPUs in a resource, more than 16, that no label counts: they may be "
        "parts of GPUs and do not count",
    )


def test_pods_and_their_claims() -> None:
    found = read(
        as_json(
            h100_node("n1"),
            pod("a", 8),
            pod("b"),
            resource_slice("n1", [gpu_device(0)]),
            resource_claim("c", ["b"], ["gpu-0"]),
        )
    )
    assert [(each.name, each.gpus) for each in found.pods] == [("a", 8), ("b", 1)]


def test_lists_that_name_their_kind_once() -> None:
    """`kubectl get --raw /api/v1/nodes` writes a NodeList, whose items have no kind."""
    given = h100_node("n1")
    del given["kind"], given["apiVersion"]
    assert read(as_json(given, kind="NodeList")).nodes[0].gpus == 8


def test_a_single_object() -> None:
    given = h100_node("n1")
    assert read(SourceFile("n.json", json.dumps(given), given)).nodes[0].name == "n1"


YAML = """\
apiVersion: v1
items:
- apiVersion: v1
  kind: Node
  metadata:
    name: n1
    labels: {nvidia.com/gpu.product: NVIDIA-L4, nvidia.com/gpu.count: "2"}
  status:
    allocatable: {nvidia.com/gpu: "2"}
    capacity: {nvidia.com/gpu: "2"}
kind: List
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {nvidia.com/gpu.product: NVIDIA-L4, nvidia.com/gpu.count: "4"}}
status: {allocatable: {nvidia.com/gpu: 4}, capacity: {nvidia.com/gpu: 4}}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: Topology
metadata: {name: t}
spec: {levels: [{nodeLabel: rack}, {nodeLabel: kubernetes.io/hostname}]}
---
apiVersion: longhorn.io/v1beta2
kind: Node
metadata: {name: disks}
"""


def test_yaml_of_several_documents_and_kinds() -> None:
    found = read(as_yaml(YAML))
    assert [(each.name, each.gpus, each.line) for each in found.nodes] == [
        ("n1", 2, 3),
        ("n2", 4, 13),
    ]
    assert found.level_labels == ("rack",)


def test_json_and_yaml_say_the_same() -> None:
    nodes = [h100_node(f"n{i}") for i in range(3)]
    in_json = read(as_json(*nodes))
    in_yaml = read(as_yaml(yaml.safe_dump_all(nodes)))
    assert [(n.name, n.gpu, n.gpus) for n in in_yaml.nodes] == [
        (n.name, n.gpu, n.gpus) for n in in_json.nodes
    ]


def test_tolerated_taints_do_not_put_nodes_out() -> None:
    given = h100_node("n1")
    given["spec"] = {"taints": [{"key": "team", "value": "a", "effect": "NoSchedule"}]}
    assert read(as_json(given)).nodes[0].out == "taint team=a:NoSchedule"
    tolerating = SourceOptions(tolerated=frozenset({"team"}))
    assert read(as_json(given), tolerating).nodes[0].out is None


@pytest.mark.parametrize(
    "text",
    [
        '{"nodes": [{"name": "n1"}]}',
        '{"kind": "List", "items": [{"kind": "Service"}]}',
        "[1, 2]",
        "SwitchName=s1 Nodes=n[1-4]\n",
        "nodes: [n1, n2]\n",
        "node,gpus\nn1,8\n",
    ],
)
def test_files_that_are_no_objects_of_a_cluster(text: str) -> None:
    document = json.loads(text) if text[0] in "{[" else None
    assert not FORMAT.fits(SourceFile("f", text, document))


def test_all_problems_of_a_file_are_told() -> None:
    bad = node("n1", resources={"nvidia.com/gpu": "eight"})
    worse = node("n2")
    worse["metadata"] = {"labels": {"a": 1}}
    with pytest.raises(InputError) as caught:
        read(as_json(bad, worse))
    assert str(caught.value).splitlines() == [
        "cluster.json: items[0].status.allocatable.nvidia.com/gpu: eight: not a quantity of "
        "Kubernetes; write a number such as 8",
        "cluster.json: items[0].status.capacity.nvidia.com/gpu: eight: not a quantity of "
        "Kubernetes; write a number such as 8",
        "cluster.json: items[1].metadata.name: missing; add it (Name of the object)",
        "cluster.json: items[1].metadata.labels.a: 1: not text; write it in quotes",
    ]


def test_two_nodes_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="n1: a second node of this name; write a file for each"):
        read(as_json(h100_node("n1"), h100_node("n1")))


def test_a_file_without_objects_of_a_cluster_is_refused() -> None:
    file = as_json({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}})
    with pytest.raises(InputError, match="has none of Node, Pod, ResourceSlice, ResourceClaim"):
        FORMAT.read(file, OPTIONS)


def test_lists_in_lists_are_no_objects() -> None:
    inner = as_json(h100_node("n2")).document
    assert isinstance(inner, dict)
    found = read(as_json(h100_node("n1"), inner))
    assert [each.name for each in found.nodes] == ["n1"]


def test_simulated_nodes_without_number_are_refused() -> None:
    text = "nodes:\n- type: a\n  count: 150000\n- type: b\n  count: 150000\n"
    with pytest.raises(InputError, match=r"values\.yaml:1: nodes: .*more than 200,000 nodes"):
        read(SourceFile("values.yaml", text, None))


def paths_of(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all values in a document."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths_of(each, (*path, key))
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from paths_of(each, (*path, i))


WHOLE = [
    h100_node("n1"),
    pod("a", 8),
    resource_slice("n1", [gpu_device(0)]),
    resource_claim("c", ["b"], ["gpu-0"]),
]
PATHS = [path for path in paths_of(WHOLE) if path]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@given(st.sampled_from(PATHS), ANYTHING)
def test_any_value_anywhere_is_read_or_refused(path: tuple[str | int, ...], value: object) -> None:
    """A wrong value is a problem of the file, never an error of ours."""
    changed: Any = copy.deepcopy(WHOLE)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with suppress(InputError):
        found = FORMAT.read(as_json(*changed), OPTIONS)
        assert all((each.gpus or 0) >= 0 <= each.gpus_left_out for each in found.nodes)
