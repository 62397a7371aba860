"""Where a node stands by its labels: network domains, NVLink domain, zone, bandwidth."""

import re
from collections.abc import Mapping

from heteroplan.inventory.formats.kubernetes.schemas import Node
from heteroplan.inventory.gpu_names import resolve

_MOST_TIERS = 16
_TIERS = tuple(f"fabric.topograph.run/tier-{tier}" for tier in reversed(range(_MOST_TIERS)))
"""Topograph since v1.0; tier 0 is the switch closest to the node."""
_PATHS = (
    _TIERS,
    (
        "network.topology.nvidia.com/core",
        "network.topology.nvidia.com/spine",
        "network.topology.nvidia.com/leaf",
    ),
    ("cloud.google.com/gce-topology-block", "cloud.google.com/gce-topology-subblock"),
    (
        "topology.k8s.aws/network-node-layer-1",
        "topology.k8s.aws/network-node-layer-2",
        "topology.k8s.aws/network-node-layer-3",
        "topology.k8s.aws/network-node-layer-4",
    ),
    (
        "oci.oraclecloud.com/rdma.hpc_island_id",
        "oci.oraclecloud.com/rdma.network_block_id",
        "oci.oraclecloud.com/rdma.local_block_id",
    ),
    ("oci.oraclecloud.com/host.network_block_id", "oci.oraclecloud.com/host.rack_id"),
    ("alibabacloud.com/point-of-delivery", "alibabacloud.com/asw-id"),
    (
        "backend.coreweave.cloud/fabric",
        "backend.coreweave.cloud/superpod",
        "backend.coreweave.cloud/leafgroup",
    ),
)
"""Labels of domains, the widest first: topograph, and before v1.0; GKE, EKS, OCI, Alibaba,
CoreWeave."""
NODE_LABELS = frozenset(
    {
        "kubernetes.io/hostname",
        "cloud.google.com/gce-topology-host",
        "oci.oraclecloud.com/rdma.host_id",
        "oci.oraclecloud.com/host.id",
    }
)
"""Labels that tell single nodes apart, which are no level of a network."""
_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_REGIONS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_INSTANCE_TYPES = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
_DISTRIBUTIONS = frozenset({"k3s", "rke2"})
"""What these distributions write where a cloud would write the instance type."""
_RACK_SCALE = frozenset({"GB200-186GB", "GB300-279GB", "GH200-96GB", "GH200-144GB"})
"""GPUs whose NVLink may span nodes."""
_NO_CLUSTER = "00000000-0000-0000-0000-000000000000"
"""ClusterUUID of a GPU whose NVLink ends at the node."""
_MBIT_PER_GBIT = 1000


def path(labels: Mapping[str, str]) -> tuple[str, ...] | None:
    """Network domains above a node, the widest first; None where no label tells."""
    for names in _PATHS:
        if values := tuple(labels[name] for name in names if labels.get(name)):
            return values
    return None


def nvlink_domain(
    labels: Mapping[str, str], gpu: str | None, instance_type: str | None
) -> str | None:
    """The NVLink domain of several nodes that a node is in; None where its NVLink ends at it.

    A clique counts before a rack, as GPUs of two cliques do not reach each other by NVLink. What
    topograph calls an accelerator domain is a rack of GB200 or the like only where the GPUs are
    such; elsewhere clouds put block IDs there.
    """
    known = {resolve(name) for name in (gpu, instance_type) if name} - {None}
    if known and not known & _RACK_SCALE:
        return None
    clique = labels.get("nvidia.com/gpu.clique", "")
    if clique and not clique.startswith(_NO_CLUSTER):
        return clique
    if domain := labels.get("accelerator.topograph.run/domain"):
        part = labels.get("accelerator.topograph.run/sub-domain")
        return f"{domain}.{part}" if part else domain
    return (
        labels.get("network.topology.nvidia.com/accelerator")
        or labels.get("topology.k8s.aws/ultraserver-id")
        or labels.get("ds.coreweave.com/nvlink.domain")
        or None
    )


def cluster(labels: Mapping[str, str]) -> str | None:
    """Zone of a node, or its region where the zone is a number, as on AKS without zones."""
    zone = _first(labels, _ZONES)
    if zone is None or zone.isdecimal():
        return _first(labels, _REGIONS) or None
    return zone


def instance_type(labels: Mapping[str, str]) -> str | None:
    """Machine type of a node in its cloud."""
    found = _first(labels, _INSTANCE_TYPES)
    return None if found in _DISTRIBUTIONS else found


def nic_gbit_per_s(labels: Mapping[str, str]) -> float | None:
    """Network bandwidth of a node [Gbit/s], where Karpenter tells it."""
    text = labels.get("karpenter.k8s.aws/instance-network-bandwidth", "")
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        return None
    return int(text) / _MBIT_PER_GBIT


def aliases(node: Node) -> tuple[str, ...]:
    """Other names of a node: its host name, and the ID that its cloud gives the instance."""
    names = [node.metadata.labels.get("kubernetes.io/hostname", "")]
    names += [
        each.address for each in node.status.addresses if each.type in ("Hostname", "InternalDNS")
    ]
    provider, _, place = node.spec.provider_id.partition("://")
    if provider in ("aws", "gce"):
        names.append(place.rpartition("/")[2])
    elif node.spec.provider_id.startswith(("oci://", "ocid1.instance.")):
        names.append(place or provider)
    names += [
        node.metadata.annotations.get(f"{prefix}/instance", "")
        for prefix in ("topograph.run", "topograph.nvidia.com")
    ]
    return tuple(dict.fromkeys(name for name in names if name and name != node.metadata.name))


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)
