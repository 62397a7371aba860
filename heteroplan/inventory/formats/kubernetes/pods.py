"""Pods that hold whole GPUs of nodes now."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from heteroplan.inventory.formats.kubernetes.gpus import AMD, NVIDIA
from heteroplan.inventory.formats.kubernetes.schemas import Container, Metadata, Pod
from heteroplan.inventory.join import listed
from heteroplan.inventory.node import PodRecord
from heteroplan.text import counted

_DONE = ("Succeeded", "Failed")
_WHOLE = (NVIDIA, AMD, "habana.ai/gaudi", "gpu.intel.com/xe", "gpu.intel.com/i915")
_WHOLE_PREFIX = "amd.com/spx_"
"""AMD's undivided GPUs where the device plugin names resources by partition."""
type _Counting = Callable[[Container], int]
_PART_PREFIXES = ("nvidia.com/mig-", "nvidia.com/gpu.shared")


def pod_records(
    pods: Sequence[Pod], claimed: Mapping[tuple[str, str], int]
) -> tuple[list[PodRecord], list[str]]:
    """Pods with GPUs that run on a node, and what is told of others.

    `claimed` are GPUs by claims, by namespace and name of the pod.
    """
    records: list[PodRecord] = []
    leaving: list[str] = []
    parts: list[str] = []
    unclaimed: list[str] = []
    for pod in pods:
        metadata = pod.metadata
        if not pod.spec.node_name or pod.status.phase in _DONE:
            continue
        key = (metadata.namespace, metadata.name)
        gpus = _effective(pod, _whole_gpus) + claimed.get(key, 0)
        if not gpus:
            if _effective(pod, _gpu_parts):
                parts.append(metadata.name)
            elif pod.spec.resource_claims and not claimed:
                unclaimed.append(metadata.name)
            continue
        if metadata.deletion_timestamp:
            leaving.append(metadata.name)
            continue
        records.append(
            PodRecord(
                name=metadata.name,
                namespace=metadata.namespace,
                node=pod.spec.node_name,
                gpus=gpus,
                labels=metadata.labels,
                owner=_owner(metadata),
            )
        )
    return records, list(_notes(leaving, parts, unclaimed))


def _effective(pod: Pod, count: _Counting) -> int:
    """What a pod holds: its containers together, or the largest step of its start."""
    running = sum(map(count, pod.spec.containers))
    beside, starting = 0, 0
    for container in pod.spec.init_containers:
        if container.restart_policy == "Always":
            beside += count(container)
            starting = max(starting, beside)
        else:
            starting = max(starting, beside + count(container))
    return max(running + beside, starting)


def _whole_gpus(container: Container) -> int:
    asked = {**container.resources.requests, **container.resources.limits}
    return sum(
        int(amount)
        for name, amount in asked.items()
        if name in _WHOLE or name.startswith(_WHOLE_PREFIX)
    )


def _gpu_parts(container: Container) -> int:
    asked = {**container.resources.requests, **container.resources.limits}
    return sum(int(amount) for name, amount in asked.items() if name.startswith(_PART_PREFIXES))


def _owner(metadata: Metadata) -> str:
    owners = sorted(metadata.owner_references, key=lambda each: not each.controller)
    return f"{owners[0].kind}/{owners[0].name}" if owners else ""


def _notes(leaving: Sequence[str], parts: Sequence[str], unclaimed: Sequence[str]) -> Iterator[str]:
    if leaving:
        yield f"{counted(len(leaving), 'pod')} being deleted ({listed(leaving)}): left out"
    if parts:
        yield f"{counted(len(parts), 'pod')} with parts of GPUs ({listed(parts)}): left out"
    if unclaimed:
        yield (
            f"{counted(len(unclaimed), 'pod')} with resource claims ({listed(unclaimed)}), whose "
            "GPUs stand in ResourceClaims: write both into one file, with "
            "kubectl get pods,resourceclaims -A -o json"
        )
