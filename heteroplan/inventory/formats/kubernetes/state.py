"""Whether new pods can be placed on a node, and why not."""

from collections.abc import Collection, Iterator

from heteroplan.inventory.formats.kubernetes.schemas import Node, Taint

GPU_TAINTS = frozenset(
    {
        "nvidia.com/gpu",
        "amd.com/gpu",
        "habana.ai/gaudi",
        "gpu.intel.com/xe",
        "gpu.intel.com/i915",
        "kubernetes.io/arch",
        "vpc.amazonaws.com/efa",
        "aws.amazon.com/efa",
        "kubernetes.azure.com/scalesetpriority",
        "cloud.google.com/gke-spot",
        "cloud.google.com/gke-provisioning",
        "cloud.google.com/gke-queued",
    }
)
"""Taints that nodes with GPUs carry by custom, and that pods with GPUs tolerate by custom."""
_SKU_GPU = ("sku", "gpu")
"""Key and value of the taint that AKS's documentation gives GPU nodes."""
_SAID_OTHERWISE = frozenset(
    {
        "node.kubernetes.io/unschedulable",
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }
)
"""Taints that follow from `unschedulable` and from the Ready condition."""
_KEEPS_AWAY = ("NoSchedule", "NoExecute")


def out(node: Node, tolerated: Collection[str]) -> str | None:
    """Why no new pod is placed on a node; None where pods are.

    `tolerated` are keys of taints, or `key=value`, that the planned pods tolerate.
    """
    return ", ".join(dict.fromkeys(_reasons(node, tolerated))) or None


def _reasons(node: Node, tolerated: Collection[str]) -> Iterator[str]:
    taints = [taint for taint in node.spec.taints if taint.effect in _KEEPS_AWAY]
    keys = {taint.key for taint in taints}
    if node.spec.unschedulable or "node.kubernetes.io/unschedulable" in keys:
        yield "cordoned"
    ready = [each.status for each in node.status.conditions if each.type == "Ready"]
    if any(status != "True" for status in ready) or keys & {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }:
        yield "not ready"
    if node.metadata.deletion_timestamp:
        yield "being deleted"
    for taint in taints:
        if taint.key not in _SAID_OTHERWISE and not _is_tolerated(taint, tolerated):
            value = f"={taint.value}" if taint.value else ""
            yield f"taint {taint.key}{value}:{taint.effect}"


def _is_tolerated(taint: Taint, tolerated: Collection[str]) -> bool:
    return (
        taint.key in GPU_TAINTS
        or (taint.key, taint.value) == _SKU_GPU
        or taint.key in tolerated
        or f"{taint.key}={taint.value}" in tolerated
    )
