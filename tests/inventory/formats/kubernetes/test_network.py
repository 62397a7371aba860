"""The labels are those that topograph, the GPU operator and the clouds document."""

import pytest

from heteroplan.inventory.formats.kubernetes import network
from heteroplan.inventory.formats.kubernetes.schemas import Node

CLIQUE = "7b968a6d-c8aa-45e1-9e07-e1e51be99c31.1"


@pytest.mark.parametrize(
    ("labels", "path"),
    [
        # Tier 0 is the closest to the node.
        (
            {
                "fabric.topograph.run/tier-0": "leaf-12",
                "fabric.topograph.run/tier-1": "spine-3",
                "fabric.topograph.run/tier-2": "core-1",
            },
            ("core-1", "spine-3", "leaf-12"),
        ),
        (
            {f"fabric.topograph.run/tier-{tier}": f"s{tier}" for tier in range(11)},
            tuple(f"s{tier}" for tier in range(10, -1, -1)),
        ),
        (
            {
                "network.topology.nvidia.com/leaf": "l",
                "network.topology.nvidia.com/spine": "s",
                "network.topology.nvidia.com/core": "c",
                "network.topology.nvidia.com/accelerator": "a",
            },
            ("c", "s", "l"),
        ),
        # A host of GKE is one node.
        (
            {
                "cloud.google.com/gce-topology-block": "b",
                "cloud.google.com/gce-topology-subblock": "sb",
                "cloud.google.com/gce-topology-host": "h",
            },
            ("b", "sb"),
        ),
        # Layers of EKS run from the top; some instance types have four.
        (
            {f"topology.k8s.aws/network-node-layer-{n}": f"nn-{n}" for n in (1, 2, 3)},
            ("nn-1", "nn-2", "nn-3"),
        ),
        (
            {f"topology.k8s.aws/network-node-layer-{n}": f"nn-{n}" for n in (1, 2, 3, 4)},
            ("nn-1", "nn-2", "nn-3", "nn-4"),
        ),
        (
            {
                "oci.oraclecloud.com/rdma.hpc_island_id": "i",
                "oci.oraclecloud.com/rdma.network_block_id": "nb",
                "oci.oraclecloud.com/rdma.local_block_id": "lb",
                "oci.oraclecloud.com/rdma.host_id": "h",
            },
            ("i", "nb", "lb"),
        ),
        (
            {
                "oci.oraclecloud.com/host.network_block_id": "nb",
                "oci.oraclecloud.com/host.rack_id": "r",
                "oci.oraclecloud.com/host.id": "h",
            },
            ("nb", "r"),
        ),
        (
            {"alibabacloud.com/point-of-delivery": "pod-1", "alibabacloud.com/asw-id": "asw-2"},
            ("pod-1", "asw-2"),
        ),
        (
            {
                "backend.coreweave.cloud/fabric": "f",
                "backend.coreweave.cloud/superpod": "sp",
                "backend.coreweave.cloud/leafgroup": "lg",
            },
            ("f", "sp", "lg"),
        ),
        # The new labels count before the old ones, which a cluster may still carry.
        (
            {"fabric.topograph.run/tier-0": "new", "network.topology.nvidia.com/leaf": "old"},
            ("new",),
        ),
        ({"network.topology.nvidia.com/leaf": ""}, None),
        ({"topology.kubernetes.io/zone": "z"}, None),
    ],
)
def test_paths_run_from_the_widest_domain(
    labels: dict[str, str], path: tuple[str, ...] | None
) -> None:
    assert network.path(labels) == path


@pytest.mark.parametrize(
    ("labels", "domain"),
    [
        ({"nvidia.com/gpu.clique": CLIQUE}, CLIQUE),
        ({"nvidia.com/gpu.clique": CLIQUE, "accelerator.topograph.run/domain": "rack"}, CLIQUE),
        ({"accelerator.topograph.run/domain": "rack"}, "rack"),
        (
            {
                "accelerator.topograph.run/domain": "rack",
                "accelerator.topograph.run/sub-domain": "half",
            },
            "rack.half",
        ),
        ({"network.topology.nvidia.com/accelerator": "nvl1"}, "nvl1"),
        ({"topology.k8s.aws/ultraserver-id": "us-1"}, "us-1"),
        ({"ds.coreweave.com/nvlink.domain": "d1"}, "d1"),
        ({"nvidia.com/gpu.clique": "00000000-0000-0000-0000-000000000000.0"}, None),
        ({}, None),
    ],
)
def test_nvlink_domains_of_racks(labels: dict[str, str], domain: str | None) -> None:
    assert network.nvlink_domain(labels, "NVIDIA-GB200", "p6e-gb200.36xlarge") == domain
    assert network.nvlink_domain(labels, None, None) == domain


def test_gpus_whose_nvlink_ends_at_the_node_have_no_domain() -> None:
    """On AWS and GCP topograph writes a capacity block or a sub-block there."""
    labels = {"network.topology.nvidia.com/accelerator": "cr-1", "nvidia.com/gpu.clique": CLIQUE}
    assert network.nvlink_domain(labels, "NVIDIA-H100-80GB-HBM3", "p5.48xlarge") is None
    assert network.nvlink_domain(labels, None, "p5.48xlarge") is None
    assert network.nvlink_domain(labels, "h100", None) == CLIQUE  # not known


@pytest.mark.parametrize(
    ("labels", "cluster"),
    [
        (
            {
                "topology.kubernetes.io/zone": "us-east-1a",
                "topology.kubernetes.io/region": "us-east-1",
            },
            "us-east-1a",
        ),
        # AKS without zones writes the fault domain.
        (
            {"topology.kubernetes.io/zone": "0", "topology.kubernetes.io/region": "eastus"},
            "eastus",
        ),
        ({"topology.kubernetes.io/zone": "0"}, None),
        ({"failure-domain.beta.kubernetes.io/zone": "europe-west4-b"}, "europe-west4-b"),
        ({"topology.kubernetes.io/region": "eu"}, "eu"),
        ({}, None),
    ],
)
def test_clusters_are_zones(labels: dict[str, str], cluster: str | None) -> None:
    assert network.cluster(labels) == cluster


def test_instance_types() -> None:
    assert network.instance_type({"node.kubernetes.io/instance-type": "p5.48xlarge"}) == (
        "p5.48xlarge"
    )
    assert network.instance_type({"beta.kubernetes.io/instance-type": "BM.GPU.H100.8"}) == (
        "BM.GPU.H100.8"
    )
    assert network.instance_type({"node.kubernetes.io/instance-type": "k3s"}) is None


@pytest.mark.parametrize(
    ("text", "gbit"), [("3200000", 3200.0), ("100000", 100.0), ("0", None), ("", None), ("x", None)]
)
def test_karpenter_tells_bandwidth_in_mbit(text: str, gbit: float | None) -> None:
    labels = {"karpenter.k8s.aws/instance-network-bandwidth": text}
    assert network.nic_gbit_per_s(labels) == gbit


@pytest.mark.parametrize(
    ("provider", "alias"),
    [
        ("aws:///us-west-2a/i-0abc", "i-0abc"),
        ("gce://project/us-east4-b/gke-pool-1", "gke-pool-1"),
        ("ocid1.instance.oc1.iad.abc", "ocid1.instance.oc1.iad.abc"),
        ("oci://ocid1.instance.oc1.iad.abc", "ocid1.instance.oc1.iad.abc"),
    ],
)
def test_other_names_of_a_node(provider: str, alias: str) -> None:
    node = Node.model_validate(
        {
            "metadata": {
                "name": "n1",
                "labels": {"kubernetes.io/hostname": "host-1"},
                "annotations": {"topograph.run/instance": "inst-1"},
            },
            "spec": {"providerID": provider},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": "10.0.0.1"},
                    {"type": "Hostname", "address": "n1"},
                    {"type": "InternalDNS", "address": "n1.internal"},
                ]
            },
        }
    )
    assert network.aliases(node) == ("host-1", "n1.internal", alias, "inst-1")


def test_the_number_of_a_scale_set_is_no_name() -> None:
    place = "subscriptions/s/resourceGroups/g/providers/p/virtualMachineScaleSets/v"
    node = Node.model_validate(
        {"metadata": {"name": "n"}, "spec": {"providerID": f"azure:///{place}/virtualMachines/0"}}
    )
    assert network.aliases(node) == ()
