"""Nodes and files for tests of what is made of them."""

from typing import Any

from heteroplan.inventory.node import Contents, NodeRecord


def node(name: str, **fields: Any) -> NodeRecord:
    """A node with eight H100, unless `fields` say otherwise."""
    said: dict[str, Any] = {"gpu": "NVIDIA-H100-80GB-HBM3", "gpus": 8} | fields
    return NodeRecord(name=name, **said)


def bare(name: str, **fields: Any) -> NodeRecord:
    """A node of which nothing else is known than `fields`."""
    return NodeRecord(name=name, **fields)


def contents(file: str, *nodes: NodeRecord, **fields: Any) -> Contents:
    """What a file says."""
    return Contents(format="made up", file=file, nodes=nodes, **fields)
