"""Which objects of a cluster a pod stands for, and which pods are one replica, by their labels.

Objects are those that `targets` of a scenario may name: their controllers write these labels.
"""

from collections.abc import Iterator

from heteroplan.inventory.node import PodRecord

_LWS = "leaderworkerset.sigs.k8s.io"
_HASHED = ("ReplicaSet", "Rollout")
"""Owners whose names end in the hash of the pod template."""
_NAMES = (
    f"{_LWS}/name",
    "grove.io/podclique",
    "grove.io/podcliquescalinggroup",
    "modelserving.volcano.sh/name",
    "storm-service-name",
)
"""Labels that name an object: LeaderWorkerSet, Grove, kthena, AIBrix."""
_JOINED = (
    ("nvidia.com/dynamo-graph-deployment-name", "nvidia.com/dynamo-component"),
    ("disaggregatedset.x-k8s.io/name", "disaggregatedset.x-k8s.io/role"),
    ("rbg.workloads.x-k8s.io/group-name", "rbg.workloads.x-k8s.io/role-name"),
    ("rolebasedgroup.workloads.x-k8s.io/name", "rolebasedgroup.workloads.x-k8s.io/role"),
)
"""Labels of a set and a part of it, whose scaling adapter is called SET-PART."""
_PARTS = (
    ("storm-service-name", "role-name"),
    ("modelserving.volcano.sh/name", "modelserving.volcano.sh/role"),
    ("app.kubernetes.io/name", "llm-d.ai/role"),
)
"""Labels of an object and of the part of it that has a size of its own: AIBrix, kthena, KServe."""
_GROUPS = (
    (f"{_LWS}/name", f"{_LWS}/group-index"),
    ("grove.io/podcliquescalinggroup", "grove.io/podcliquescalinggroup-replica-index"),
    (
        "modelserving.volcano.sh/group-name",
        "modelserving.volcano.sh/role",
        "modelserving.volcano.sh/role-id",
    ),
    ("rbg.workloads.x-k8s.io/role-instance-name",),
)
"""Labels that the pods of one replica share, where a replica has several."""

type ObjectName = tuple[str, str]
"""Name of an object and the part of it, empty for the whole."""


def objects_of(pod: PodRecord) -> list[ObjectName]:
    """Objects that may have made the pod, the parts of objects first."""
    return list(dict.fromkeys(_objects(pod)))


def replica_of(pod: PodRecord) -> str:
    """The replica that a pod is, or is a part of; the same for all its pods."""
    for names in _GROUPS:
        values = [pod.labels.get(name, "") for name in names]
        if all(values):
            return "-".join(values)
    return pod.name


def _objects(pod: PodRecord) -> Iterator[ObjectName]:
    labels = pod.labels
    for name, part in _PARTS:
        if labels.get(name) and labels.get(part):
            yield labels[name], labels[part]
    for name, part in _JOINED:
        if labels.get(name) and labels.get(part):
            yield f"{labels[name]}-{labels[part]}".lower(), ""
    for name in _NAMES:
        if labels.get(name):
            yield labels[name], ""
    kind, _, owner = pod.owner.partition("/")
    if owner:
        template = labels.get("pod-template-hash") or labels.get("rollouts-pod-template-hash")
        if kind in _HASHED and template:
            yield owner.removesuffix(f"-{template}"), ""
        yield owner, ""
