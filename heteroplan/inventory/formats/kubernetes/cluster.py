"""Nodes, pods and devices of a cluster, as kubectl writes them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from heteroplan.errors import InputError, InputProblem
from heteroplan.inventory.formats.kubernetes import network
from heteroplan.inventory.formats.kubernetes.gpus import (
    MIG,
    UNCOUNTED,
    UNHEALTHY,
    UNLISTED,
    NodeGpus,
    node_gpus,
)
from heteroplan.inventory.formats.kubernetes.kueue import level_labels, quotas
from heteroplan.inventory.formats.kubernetes.objects import (
    CLUSTER_KINDS,
    QUEUE_KINDS,
    Objects,
    Placed,
    has_kind,
    read_objects,
)
from heteroplan.inventory.formats.kubernetes.pods import pod_records
from heteroplan.inventory.formats.kubernetes.schemas import (
    Node,
    Pod,
    ResourceClaim,
    ResourceSlice,
)
from heteroplan.inventory.formats.kubernetes.slices import (
    SliceGpus,
    Slices,
    claimed_gpus,
    read_slices,
)
from heteroplan.inventory.formats.kubernetes.state import out
from heteroplan.inventory.formats.kubernetes.virtual import is_virtual, virtual_nodes
from heteroplan.inventory.join import listed
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from heteroplan.text import counted


class _Kubernetes:
    """`kubectl get nodes -o json`, or YAML, with pods and other objects beside them."""

    def fits(self, file: SourceFile) -> bool:
        """Whether it has nodes, pods or devices of a cluster."""
        return has_kind(file, CLUSTER_KINDS) or is_virtual(file)

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        """Nodes, pods, levels and quotas. Raises InputError with all problems."""
        if is_virtual(file):
            found = [Placed(node, 0) for node in virtual_nodes(file)]
            objects = Objects({"Node": found})
        else:
            objects = read_objects(file, {**CLUSTER_KINDS, **QUEUE_KINDS})
        if not any(objects.found.values()):
            remedy = f"has none of {', '.join(CLUSTER_KINDS)}; write them with kubectl -o json"
            raise InputError([InputProblem(file.name, 0, "", "", remedy)])
        _check_unique(file, objects.found["Node"])
        slices = read_slices(objects.of(ResourceSlice))
        nodes, node_notes = _nodes(objects, slices, options)
        claimed = claimed_gpus(objects.of(ResourceClaim), slices)
        pods, pod_notes = pod_records(objects.of(Pod), claimed)
        labels, level_notes = level_labels(objects)
        limits, quota_notes = quotas(objects)
        return Contents(
            format="kubernetes",
            file=file.name,
            nodes=tuple(nodes),
            level_labels=labels,
            quotas=limits,
            pods=tuple(pods),
            notes=(*node_notes, *slices.notes, *pod_notes, *level_notes, *quota_notes),
        )


FORMAT = _Kubernetes()


def _check_unique(file: SourceFile, nodes: Sequence[Placed]) -> None:
    """Raise InputError where two nodes have one name."""
    seen: set[str] = set()
    problems: list[InputProblem] = []
    for each in nodes:
        name = each.value.metadata.name if isinstance(each.value, Node) else ""
        if name in seen:
            remedy = "a second node of this name; write a file for each cluster"
            problems.append(InputProblem(file.name, each.line, "metadata.name", name, remedy))
        seen.add(name)
    if problems:
        raise InputError(problems)


def _nodes(
    objects: Objects, slices: Slices, options: SourceOptions
) -> tuple[list[NodeRecord], list[str]]:
    """Nodes with their GPUs, those that slices alone name at the end; and notes."""
    records: list[NodeRecord] = []
    told = _Told()
    for each in objects.found["Node"]:
        if not isinstance(each.value, Node):
            continue
        node = each.value
        status = node.status
        gpus = node_gpus(node.metadata.labels, status.allocatable, status.capacity)
        gpus = _with_slices(gpus, slices.nodes.get(node.metadata.name))
        told.add(node.metadata.name, gpus)
        records.append(_record(node, gpus, each.line, options))
    known = {record.name for record in records}
    for name, found in slices.nodes.items():
        if name not in known:
            gpus = _with_slices(NodeGpus(), found)
            told.add(name, gpus)
            records.append(
                NodeRecord(
                    name=name,
                    gpu=gpus.name,
                    gpu_memory_mib=gpus.memory_mib,
                    gpus=gpus.whole,
                    gpus_left_out=gpus.left_out,
                )
            )
    return records, list(told.notes())


def _record(node: Node, gpus: NodeGpus, line: int, options: SourceOptions) -> NodeRecord:
    labels = node.metadata.labels
    instance_type = network.instance_type(labels)
    return NodeRecord(
        name=node.metadata.name,
        aliases=network.aliases(node),
        gpu=gpus.name,
        gpu_memory_mib=gpus.memory_mib,
        gpus=gpus.whole,
        gpus_left_out=gpus.left_out,
        instance_type=instance_type,
        path=network.path(labels),
        nvlink_domain=network.nvlink_domain(labels, gpus.name, instance_type),
        cluster=network.cluster(labels),
        nic_gbit_per_s=network.nic_gbit_per_s(labels),
        out=out(node, options.tolerated),
        labels=labels,
        line=line,
    )


def _with_slices(gpus: NodeGpus, found: SliceGpus | None) -> NodeGpus:
    """GPUs of a node by its slices, where no resource of the node counts them."""
    if found is None or gpus.whole or gpus.left_out:
        return gpus
    why = MIG if found.divided else UNHEALTHY if found.tainted else ""
    return NodeGpus(
        name=found.name or gpus.name,
        memory_mib=found.memory_mib or gpus.memory_mib,
        whole=found.whole,
        left_out=found.divided + found.tainted,
        why=why,
    )


class _Told:
    """GPUs that are not planned, by the reason."""

    def __init__(self) -> None:
        self._gpus: dict[str, int] = defaultdict(int)
        self._nodes: dict[str, list[str]] = defaultdict(list)

    def add(self, node: str, gpus: NodeGpus) -> None:
        """Note the GPUs of a node that are left out."""
        if gpus.why:
            self._gpus[gpus.why] += gpus.left_out
            self._nodes[gpus.why].append(node)

    def notes(self) -> Iterator[str]:
        """One sentence for each reason."""
        for why, nodes in self._nodes.items():
            of_nodes = f"{counted(len(nodes), 'node')} ({listed(nodes)})"
            if why == UNLISTED:
                yield (
                    f"{of_nodes} with GPUs {why}: they count only where another source lists them, "
                    "such as kubectl get resourceslices -o json"
                )
            elif why == UNCOUNTED:
                yield f"{of_nodes} with GPUs {why}: they may be parts of GPUs and do not count"
            else:
                yield f"{counted(self._gpus[why], 'GPU')} of {of_nodes} left out: {why}"
