"""Nodes of a simulated cluster: values of knavigator's chart virtual-nodes."""

import re
from collections.abc import Iterator

from heteroplan.errors import InputError
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inventory.formats.kubernetes.gpus import NVIDIA, count
from heteroplan.inventory.formats.kubernetes.schemas import (
    Metadata,
    Node,
    NodeStatus,
    VirtualCluster,
)
from heteroplan.inventory.node import SourceFile
from heteroplan.reading.yaml_source import parse_document

MOST_NODES = 200_000
_BEGIN = re.compile(r"^nodes:[ ]*\r?\n[ ]*-[ ]+type:.*\r?\n[ ]+count:", re.MULTILINE)


def is_virtual(file: SourceFile) -> bool:
    """Whether the file is such values."""
    return file.document is None and _BEGIN.search(file.text) is not None


def virtual_nodes(file: SourceFile) -> list[Node]:
    """The nodes that the chart makes of the values. Raises InputError with all problems.

    Where values have no resources, the chart gives nodes as many GPUs as their labels say.
    """
    document, problems = parse_document(file.text, file.name)
    cluster = checked(document, VirtualCluster, problems)
    if problems or cluster is None:
        raise InputError(problems)
    if sum(each.count for each in cluster.nodes) > MOST_NODES:
        remedy = f"more than {MOST_NODES:,} nodes; use fewer"
        raise InputError([document.problem(("nodes",), remedy)])
    return list(_nodes(cluster))


def _nodes(cluster: VirtualCluster) -> Iterator[Node]:
    for each in cluster.nodes:
        counted = count(each.labels, f"{NVIDIA}.count")
        resources = {NVIDIA: float(counted), **each.resources}
        status = NodeStatus(allocatable=resources, capacity=resources)
        for i in range(each.count):
            name = f"virtual-{each.type}-{i}"
            yield Node(metadata=Metadata(name=name, labels=each.labels), status=status)
