"""Made-up files of a cluster's objects, as kubectl writes them."""

import json
from collections.abc import Sequence
from typing import Any

from heteroplan.inventory.node import SourceFile


def as_json(*items: dict[str, Any], kind: str = "List") -> SourceFile:
    """`kubectl get ... -o json`."""
    document = {"apiVersion": "v1", "kind": kind, "items": list(items)}
    return SourceFile("cluster.json", json.dumps(document), document)


def as_yaml(text: str) -> SourceFile:
    """A YAML file."""
    return SourceFile("cluster.yaml", text, None)


def node(
    name: str,
    labels: dict[str, str] | None = None,
    resources: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A node that is ready."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec or {},
        "status": {
            "allocatable": resources or {},
            "capacity": resources or {},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def h100_node(name: str, **labels: str) -> dict[str, Any]:
    """A node of 8 H100 with the labels of GPU feature discovery."""
    of_gpus = {
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "nvidia.com/gpu.count": "8",
        "nvidia.com/gpu.memory": "81559",
        "nvidia.com/gpu.replicas": "1",
    }
    return node(name, of_gpus | labels, {"nvidia.com/gpu": "8"})


def pod(
    name: str,
    gpus: int = 0,
    node_name: str = "n1",
    phase: str = "Running",
    *,
    labels: dict[str, str] | None = None,
    owner: tuple[str, str] = ("ReplicaSet", "chat-5d4f8"),
    resource: str = "nvidia.com/gpu",
    **metadata: str,
) -> dict[str, Any]:
    """A pod with one container."""
    limits = {resource: str(gpus)} if gpus else {}
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "serving",
            "labels": labels or {},
            "ownerReferences": owners,
            **metadata,
        },
        "spec": {"nodeName": node_name, "containers": [{"resources": {"limits": limits}}]},
        "status": {"phase": phase},
    }


def gpu_device(number: int, product: str = "NVIDIA GB200", memory: str = "189471Mi") -> Any:
    """A whole GPU as NVIDIA's driver lists it since v1beta2."""
    return {
        "name": f"gpu-{number}",
        "attributes": {
            "type": {"string": "gpu"},
            "uuid": {"string": f"GPU-{number}"},
            "productName": {"string": product},
        },
        "capacity": {"memory": {"value": memory}},
    }


def mig_device(parent: int, start: int, product: str = "NVIDIA GB200") -> Any:
    """A MIG device of a GPU."""
    return {
        "name": f"gpu-{parent}-mig-1g24gb-19-{start}",
        "attributes": {
            "type": {"string": "mig"},
            "parentUUID": {"string": f"GPU-{parent}"},
            "productName": {"string": product},
        },
        "capacity": {"memory": {"value": "23Gi"}},
    }


def resource_slice(
    node_name: str,
    devices: Sequence[Any],
    generation: int = 1,
    count: int = 1,
    driver: str = "gpu.nvidia.com",
    version: str = "v1",
) -> dict[str, Any]:
    """A ResourceSlice of a node."""
    return {
        "apiVersion": f"resource.k8s.io/{version}",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node_name}-{driver}-{generation}"},
        "spec": {
            "driver": driver,
            "nodeName": node_name,
            "pool": {"name": node_name, "generation": generation, "resourceSliceCount": count},
            "devices": list(devices),
        },
    }


def resource_claim(name: str, pods: Sequence[str], devices: Sequence[str]) -> dict[str, Any]:
    """A ResourceClaim of devices of node n1 that pods use."""
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": "serving"},
        "status": {
            "allocation": {
                "devices": {
                    "results": [
                        {"driver": "gpu.nvidia.com", "pool": "n1", "device": device}
                        for device in devices
                    ]
                }
            },
            "reservedFor": [{"resource": "pods", "name": each, "uid": each} for each in pods],
        },
    }
