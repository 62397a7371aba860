"""Kueue: levels of the network by node labels, and GPUs that queues may use."""

from collections.abc import Iterator, Sequence

from heteroplan.errors import InputError, InputProblem
from heteroplan.inventory.formats.kubernetes.gpus import AMD, NVIDIA
from heteroplan.inventory.formats.kubernetes.network import NODE_LABELS
from heteroplan.inventory.formats.kubernetes.objects import (
    CLUSTER_KINDS,
    QUEUE_KINDS,
    Objects,
    has_kind,
    read_objects,
)
from heteroplan.inventory.formats.kubernetes.schemas import (
    ClusterQueue,
    ResourceFlavor,
    Topology,
)
from heteroplan.inventory.join import listed
from heteroplan.inventory.node import Contents, Quota, SourceFile, SourceOptions
from heteroplan.text import counted

_GPU_RESOURCES = (NVIDIA, AMD, "habana.ai/gaudi", "gpu.intel.com/xe", "gpu.intel.com/i915")


class _Kueue:
    """Topologies, flavors and queues without nodes."""

    def fits(self, file: SourceFile) -> bool:
        """Whether it has objects of Kueue, and no nodes or pods."""
        return has_kind(file, QUEUE_KINDS) and not has_kind(file, CLUSTER_KINDS)

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        """Levels and quotas. Raises InputError with all problems."""
        objects = read_objects(file, QUEUE_KINDS)
        if not any(objects.found.values()):
            remedy = f"has none of {', '.join(QUEUE_KINDS)}; write them with kubectl -o yaml"
            raise InputError([InputProblem(file.name, 0, "", "", remedy)])
        labels, level_notes = level_labels(objects)
        found, quota_notes = quotas(objects)
        return Contents(
            format="kueue",
            file=file.name,
            level_labels=labels,
            quotas=found,
            notes=(*level_notes, *quota_notes),
        )


FORMAT = _Kueue()


def level_labels(objects: Objects) -> tuple[tuple[str, ...], list[str]]:
    """Labels of the levels, the widest first, without those of single nodes; and notes.

    Of several topologies one counts that a flavor names.
    """
    topologies = {each.metadata.name: each for each in objects.of(Topology)}
    named = [
        name
        for each in objects.of(ResourceFlavor)
        if (name := each.spec.topology_name) in topologies
    ]
    order = dict.fromkeys([*named, *topologies])
    levels = {name: _levels(topologies[name]) for name in order}
    if not levels:
        return (), []
    first = next(iter(levels))
    others = [name for name in levels if levels[name] != levels[first]]
    notes = []
    if others:
        notes.append(
            f"{len(levels)} topologies: {first} gives the levels; for those of {listed(others)} "
            "leave the others out of the file"
        )
    return levels[first], notes


def _levels(topology: Topology) -> tuple[str, ...]:
    labels = (level.node_label for level in topology.spec.levels)
    return tuple(label for label in labels if label not in NODE_LABELS)


def quotas(objects: Objects) -> tuple[tuple[Quota, ...], list[str]]:
    """GPUs that each queue of the file may use of the nodes of each flavor; and notes.

    Queues of a cohort lend to each other; together they have the sum of their quotas at most.
    """
    flavors = {each.metadata.name: each for each in objects.of(ResourceFlavor)}
    found: list[Quota] = []
    stopped: list[str] = []
    missing: dict[str, None] = {}
    for queue in objects.of(ClusterQueue):
        is_stopped = queue.spec.stop_policy != "None"
        for flavor, amount in _gpu_quotas(queue):
            if is_stopped:
                stopped.append(queue.metadata.name)
            if flavor not in flavors:
                missing.setdefault(flavor)
                continue
            quota = Quota(
                name=f"ClusterQueue {queue.metadata.name}",
                labels=flavors[flavor].spec.node_labels,
                gpus=0 if is_stopped else amount,
            )
            found.append(quota)
    return tuple(found), list(_quota_notes(stopped, list(missing)))


def _gpu_quotas(queue: ClusterQueue) -> Iterator[tuple[str, int]]:
    for group in queue.spec.resource_groups:
        for flavor in group.flavors:
            amounts = [
                int(each.nominal_quota) for each in flavor.resources if each.name in _GPU_RESOURCES
            ]
            if amounts:
                yield flavor.name, sum(amounts)


def _quota_notes(stopped: Sequence[str], missing: Sequence[str]) -> Iterator[str]:
    if stopped:
        names = list(dict.fromkeys(stopped))
        queues = f"{counted(len(names), 'ClusterQueue')} stopped ({listed(names)})"
        yield f"{queues}: the quota counts as 0"
    if missing:
        yield (
            f"quotas of {counted(len(missing), 'ResourceFlavor')} that the file does not have "
            f"({listed(missing)}): left out; write both into one file, with "
            "kubectl get clusterqueues,resourceflavors -o yaml"
        )
