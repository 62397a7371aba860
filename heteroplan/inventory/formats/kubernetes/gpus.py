"""GPUs of a node by its labels and its resources: whole ones, and those that are divided or ill.

NVIDIA's device plugin counts the parts of divided GPUs in nvidia.com/gpu: with MIG strategy
`single` MIG devices, with time slicing and MPS every GPU as often as it has replicas. AMD's counts
partitions in amd.com/gpu. Such nodes have no whole GPU.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from heteroplan.inputs.gpu_types import built_in
from heteroplan.inventory.gpu_names import resolve

MIG = "divided by MIG"
SHARED = "shared by time slicing or MPS"
PARTITIONED = "divided into partitions"
UNHEALTHY = "not allocatable, as they are not healthy"
UNLISTED = "in labels, but in no resource"
UNCOUNTED = "in a resource, more than 16, that no label counts"

NVIDIA = "nvidia.com/gpu"
AMD = "amd.com/gpu"
_AMD_BEGINS = ("amd.com/", f"beta.{AMD}")
_AMD_PARTITION = re.compile(r"amd\.com/(spx|dpx|tpx|qpx|cpx)_nps\d+")
_AMD_PARTS = {"spx": 1, "dpx": 2, "tpx": 3, "qpx": 4, "cpx": 8}
"""Partitions of a GPU by the compute mode; of the MI300X and later CPX has one for each die."""
_AMD_COMPUTE_UNITS = {"MI300X-192GB": 304, "MI325X-256GB": 304, "MI355X-288GB": 256}
"""Of a whole GPU."""
_MOST_GPUS = 16
"""More in one node are parts of GPUs, whether or not a label says so."""
_OTHER_WHOLE = (
    "alibabacloud.com/gpu-count",
    "habana.ai/gaudi",
    "gpu.intel.com/xe",
    "gpu.intel.com/i915",
)
"""Resources of which one is a GPU, whatever else shares it out."""
_NAMES = (
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
    "aliyun.accelerator/nvidia_name",
    "alibabacloud.com/gpu-card-model-detail",
    "alibabacloud.com/gpu-card-model",
    "node.koordinator.sh/gpu-model",
    "gpu.nvidia.com/class",
    "gpu.intel.com/product",
)
"""Labels that name the GPU where the vendor's own do not."""
_MIG_SLICES = 7
"""Compute slices of a GPU."""
_MIG_MEMORY_SLICES = 8
_PROFILE = re.compile(r"(?:(\d)c\.)?(\d)g\.(\d{1,4})gb", re.IGNORECASE | re.ASCII)
_MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True)
class NodeGpus:
    """GPUs of a node."""

    name: str | None = None
    """As the labels write it, without what they add for divided GPUs."""
    memory_mib: float | None = None
    """Of a whole GPU [MiB]."""
    whole: int | None = None
    """That pods can have; None where nothing says so."""
    left_out: int = 0
    """That are divided or not healthy; at least so many."""
    why: str = ""
    """Why they are left out, or why nothing says how many are whole."""


def node_gpus(
    labels: Mapping[str, str],
    allocatable: Mapping[str, float],
    capacity: Mapping[str, float],
) -> NodeGpus:
    """The GPUs of a node with these labels and resources."""
    if NVIDIA not in capacity and _is_amd(labels, capacity):
        return _amd(labels, allocatable, capacity)
    other = next((name for name in _OTHER_WHOLE if capacity.get(name) or allocatable.get(name)), "")
    if other and not capacity.get(NVIDIA):
        whole = int(allocatable.get(other, 0))
        left_out = max(0, int(capacity.get(other, 0)) - whole)
        return NodeGpus(_name(labels), None, whole, left_out, UNHEALTHY if left_out else "")
    return _nvidia(labels, allocatable, capacity)


def _is_amd(labels: Mapping[str, str], capacity: Mapping[str, float]) -> bool:
    return any(name.startswith(_AMD_BEGINS) for each in (capacity, labels) for name in each)


def _nvidia(
    labels: Mapping[str, str], allocatable: Mapping[str, float], capacity: Mapping[str, float]
) -> NodeGpus:
    product = labels.get(f"{NVIDIA}.product", "")
    base, _, profile = product.removesuffix("-SHARED").partition("-MIG-")
    name = base or _name(labels)
    profile = profile or labels.get("cloud.google.com/gke-gpu-partition-size", "")
    free, there = int(allocatable.get(NVIDIA, 0)), int(capacity.get(NVIDIA, 0))
    counted = count(labels, f"{NVIDIA}.count")
    stated = count(labels, "cloud.google.com/gke-accelerator-count") or count(
        labels, "karpenter.k8s.aws/instance-gpu-count"
    )
    if profile:
        physical = stated or _gpus_of_slices(max(there, counted), profile, name)
        return NodeGpus(name, None, 0, physical, MIG)
    memory_mib = _memory_mib(labels)
    physical = counted or stated
    if replicas := _replicas(labels, product, allocatable, capacity, physical):
        shared = int(capacity.get(f"{NVIDIA}.shared", 0))
        gpus = physical or max(1, ceil(max(there, shared) / replicas))
        return NodeGpus(name, memory_mib, 0, gpus, SHARED)
    left_out = max(0, max(there, physical) - free)
    if not physical and max(there, free) > _MOST_GPUS:
        return NodeGpus(name, memory_mib, None, 0, UNCOUNTED)
    if any(resource.startswith("nvidia.com/mig-") for resource in capacity):
        return NodeGpus(name, memory_mib, free, left_out, MIG if left_out else "")
    if not there and not free:
        is_gpu_node = bool(physical or name)
        return NodeGpus(
            name, memory_mib, None if is_gpu_node else 0, 0, UNLISTED if physical else ""
        )
    return NodeGpus(name, memory_mib, free, left_out, UNHEALTHY if left_out else "")


def _replicas(
    labels: Mapping[str, str],
    product: str,
    allocatable: Mapping[str, float],
    capacity: Mapping[str, float],
    physical: int,
) -> int:
    """Into how many each GPU is shared out, at least 2; 0 where none is."""
    replicas = max(
        count(labels, f"{NVIDIA}.replicas"),
        count(labels, "cloud.google.com/gke-max-shared-clients-per-gpu"),
    )
    is_shared = (
        product.endswith("-SHARED")
        or labels.get(f"{NVIDIA}.sharing-strategy", "none") != "none"
        or f"{NVIDIA}.shared" in capacity
        or (physical and allocatable.get(NVIDIA, 0) > physical)
    )
    if replicas > 1:
        return replicas
    return 2 if is_shared else 0


def _gpus_of_slices(slices: int, profile: str, name: str | None) -> int:
    """The fewest GPUs that hold so many MIG devices of a profile, such as `1g.5gb`."""
    found = _PROFILE.match(profile)
    if found is None:
        return max(1, slices)
    compute, gpu_slices, memory_gb = (int(part or 0) for part in found.groups())
    per_gpu = _MIG_SLICES // max(1, gpu_slices)
    gpu = resolve(name) if name else None
    if gpu is not None:
        slice_gib = built_in()[gpu].memory_gib / _MIG_MEMORY_SLICES
        taken = max(1, round(memory_gb / slice_gib))
        per_gpu = min(per_gpu, _MIG_MEMORY_SLICES // min(taken, _MIG_MEMORY_SLICES))
    if compute:
        per_gpu *= max(1, gpu_slices // compute)
    return max(1, ceil(slices / max(1, per_gpu)))


def _amd(
    labels: Mapping[str, str], allocatable: Mapping[str, float], capacity: Mapping[str, float]
) -> NodeGpus:
    name = _amd_value(labels, "product-name") or _amd_value(labels, "device-id") or _name(labels)
    whole, left_out, divided = 0, 0, 0
    for resource in {*capacity, *allocatable}:
        found = _AMD_PARTITION.fullmatch(resource)
        if found is None and resource != AMD:
            continue
        free, there = int(allocatable.get(resource, 0)), int(capacity.get(resource, 0))
        parts = _AMD_PARTS[found[1]] if found else _amd_parts(labels, name, max(free, there))
        if parts > 1:
            divided += ceil(max(free, there) / parts)
            continue
        whole += free
        left_out += max(0, there - free)
    why = PARTITIONED if divided else UNHEALTHY if left_out else ""
    memory_mib = None if divided else _amd_memory_mib(labels)
    if not whole and not left_out and not divided:
        return NodeGpus(name, memory_mib, None, 0, UNLISTED if name else "")
    return NodeGpus(name, memory_mib, whole, left_out + divided, why)


def _amd_parts(labels: Mapping[str, str], name: str | None, devices: int) -> int:
    """Into how many parts each GPU is divided that amd.com/gpu counts."""
    mode = labels.get("amd.com/compute-memory-partition", "").partition("_")[0]
    if mode in _AMD_PARTS:
        return _AMD_PARTS[mode]
    units = _amd_value(labels, "cu-count") or ""
    whole_units = _AMD_COMPUTE_UNITS.get(resolve(name) or "" if name else "", 0)
    if units.isdecimal() and len(units) < 5 and 0 < int(units) < whole_units:
        return round(whole_units / int(units))
    return _AMD_PARTS["cpx"] if devices > _MOST_GPUS else 1


def _amd_value(labels: Mapping[str, str], kind: str) -> str | None:
    """What AMD's labeller says of all GPUs; None where they differ.

    It writes `amd.com/gpu.KIND: VALUE`, and did write `beta.amd.com/gpu.KIND.VALUE: COUNT`.
    """
    for prefix in (AMD, f"beta.{AMD}"):
        if value := labels.get(f"{prefix}.{kind}"):
            return value
        start = f"{prefix}.{kind}."
        values = [label.removeprefix(start) for label in labels if label.startswith(start)]
        if len(values) == 1:
            return values[0]
    return None


def _amd_memory_mib(labels: Mapping[str, str]) -> float | None:
    found = re.fullmatch(r"(\d{1,6})G", _amd_value(labels, "vram") or "")
    return float(found[1]) * _MIB_PER_GIB if found else None


def _name(labels: Mapping[str, str]) -> str | None:
    return next((labels[label] for label in _NAMES if labels.get(label)), None)


def _memory_mib(labels: Mapping[str, str]) -> float | None:
    for label in (f"{NVIDIA}.memory", "karpenter.k8s.aws/instance-gpu-memory"):
        if memory_mib := count(labels, label):
            return float(memory_mib)
    return None


def count(labels: Mapping[str, str], label: str) -> int:
    """The whole number in a label; 0 where there is none."""
    text = labels.get(label, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
