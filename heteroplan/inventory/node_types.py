"""Nodes -> node types: nodes of one GPU type, number of GPUs, instance type and NIC are alike."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from heteroplan.errors import UsageError
from heteroplan.inputs.gpu_types import built_in
from heteroplan.inventory.gpu_names import of_node
from heteroplan.inventory.join import listed
from heteroplan.inventory.levels import as_label, unique
from heteroplan.inventory.node import NodeRecord
from heteroplan.text import counted
from heteroplan.units import MIB_PER_GIB

MOST_GPUS = 1024
"""Of a node, as the fleet file has it."""
_NOT_SHORT = re.compile(r"SXM|PCIE|OAM|[0-9]+GB")
"""Words of a GPU type that a short name has not: H100 is enough of H100-SXM-80GB."""


@dataclass(frozen=True, slots=True)
class NamedGpu:
    """What the user says a GPU type is that no table knows."""

    name: str
    """A built-in GPU type, or a new one."""
    memory_gib: float | None = None
    """Of a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user says of nodes."""

    gpus: Mapping[str, NamedGpu] = field(default_factory=dict, hash=False)
    """GPU types by how the sources write them."""
    assumed: tuple[NamedGpu, int] | None = None
    """GPU type and GPUs of nodes of which no source says them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeType:
    """Nodes that are alike."""

    name: str
    gpu: str
    gpus: int
    """GPUs per node."""
    instance_type: str | None = None
    nic_gbit_per_s: float | None = None
    """As the sources say; None where none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Nodes with their node types, and GPU types that are not built in."""

    nodes: tuple[tuple[NodeRecord, NodeType], ...]
    node_types: tuple[NodeType, ...]
    """Those with most GPUs first."""
    gpu_types: Mapping[str, float]
    """Memory [GiB] of those that are not built in."""
    notes: tuple[str, ...]
    """What was left out."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What nodes of one node type share."""

    gpu: str
    gpus: int
    instance_type: str | None
    nic_gbit_per_s: float | None


def typed(nodes: Sequence[NodeRecord], given: Given) -> Typed:
    """The nodes whose GPUs are known, with their node types; the rest is told.

    Raises UsageError where the user names a GPU type that is not built in, without its memory.
    """
    naming = _Naming(given)
    kinds = [(node, naming.kind(node)) for node in nodes]
    if naming.without_memory:
        raise UsageError(*map(_memory_needed, sorted(naming.without_memory)))
    used = Counter(kind for _, kind in kinds if kind is not None)
    gpus = {kind: count * kind.gpus for kind, count in used.items()}
    ordered = sorted(used, key=lambda kind: (-gpus[kind], kind.gpu, kind.gpus, str(kind)))
    of = dict(zip(ordered, _named(ordered), strict=True))
    return Typed(
        nodes=tuple((node, of[kind]) for node, kind in kinds if kind is not None),
        node_types=tuple(of.values()),
        gpu_types=dict(naming.gpu_types),
        notes=tuple(naming.notes()),
    )


class _Naming:
    """Finds the kind of each node, and gathers what is left out."""

    def __init__(self, given: Given) -> None:
        self.gpu_types: dict[str, float] = {}
        self.without_memory: set[str] = set()
        """GPU types that the user names, that are not built in, and whose memory nobody says."""
        self._matched: set[str] = set()
        self._given = given
        self._unknown: dict[str, list[NodeRecord]] = defaultdict(list)
        self._unstated: list[str] = []
        self._without: list[str] = []
        self._assumed: list[str] = []

    def kind(self, node: NodeRecord) -> _Kind | None:
        """None for a node that is left out."""
        gpus = node.gpus
        if gpus == 0 or (gpus is not None and gpus > MOST_GPUS):
            if not node.gpus_left_out:
                self._without.append(node.name)
            return None
        assumed = self._given.assumed
        gpu = self._gpu(node)
        if assumed is not None and (gpus is None or (gpu is None and node.gpu is None)):
            self._assumed.append(node.name)
            gpu = gpu or (None if node.gpu else self._known(assumed[0], node))
            gpus = assumed[1] if gpus is None else gpus
        if gpus is None:
            self._unstated.append(node.name)
            return None
        if gpu is None:
            self._unknown[node.gpu or node.instance_type or ""].append(replace(node, gpus=gpus))
            return None
        return _Kind(gpu, gpus, node.instance_type, node.nic_gbit_per_s)

    def notes(self) -> list[str]:
        """What is left out and what was assumed, one sentence each."""
        found = []
        for written, nodes in self._unknown.items():
            gpus = sum(node.gpus or 0 for node in nodes)
            if written:
                what = f"unknown GPU type {written}"
                remedy = f"name it with --gpu {written}=GPU-TYPE"
            else:
                what = "GPU type not stated"
                remedy = "state it with --assume-gpus GPU-TYPE:GPUS"
            found.append(
                f"{what}: {counted(len(nodes), 'node')} with {counted(gpus, 'GPU')} left out "
                f"({listed(node.name for node in nodes)}); {remedy}"
            )
        found += [
            f"--gpu {written}: no node has a GPU type or an instance type of this name"
            for written in self._given.gpus
            if written not in self._matched
        ]
        if self._unstated:
            found.append(
                f"no source says the GPUs of {counted(len(self._unstated), 'node')} "
                f"({listed(self._unstated)}): left out; state them with "
                "--assume-gpus GPU-TYPE:GPUS, or add a source that does"
            )
        if self._without:
            found.append(
                f"{counted(len(self._without), 'node')} without GPUs left out "
                f"({listed(self._without)})"
            )
        if self._assumed:
            found.append(
                f"GPUs of {counted(len(self._assumed), 'node')} are those of --assume-gpus "
                f"({listed(self._assumed)})"
            )
        return found

    def _gpu(self, node: NodeRecord) -> str | None:
        """Name of its GPU type: as the user says, or as the table or the instance type does."""
        written = [text for text in (node.gpu, node.instance_type) if text]
        for text in written:
            if (named := self._given.gpus.get(text)) is not None:
                self._matched.add(text)
                return self._known(named, node)
        return of_node(node)

    def _known(self, named: NamedGpu, node: NodeRecord) -> str | None:
        """The name, once it is built in or has a memory."""
        if named.name in built_in() or named.name in self.gpu_types:
            return named.name
        memory_gib = named.memory_gib
        if memory_gib is None and node.gpu_memory_mib is not None:
            memory_gib = node.gpu_memory_mib / MIB_PER_GIB
        if memory_gib is None:
            self.without_memory.add(named.name)
            return None
        self.gpu_types[named.name] = memory_gib
        return named.name


def _memory_needed(name: str) -> str:
    return (
        f"GPU type {name} is not built in; write its memory after it, such as {name}:80 for "
        f"80 GiB, or name one of {', '.join(built_in())}"
    )


def _named(kinds: Sequence[_Kind]) -> list[NodeType]:
    """Node types with short names: the instance type, or the first word of the GPU and its number.

    Longer where two would have the same name.
    """
    attempts: list[Callable[[_Kind], str]] = [_with_nic, _long, _longest]
    labels = [_short(kind) for kind in kinds]
    for attempt in attempts:
        doubled = {label for label, count in Counter(labels).items() if count > 1}
        labels = [
            attempt(kind) if label in doubled else label
            for kind, label in zip(kinds, labels, strict=True)
        ]
    found: list[NodeType] = []
    for kind, label in zip(kinds, labels, strict=True):
        name = unique(label, (each.name for each in found))
        found.append(
            NodeType(
                name=name,
                gpu=kind.gpu,
                gpus=kind.gpus,
                instance_type=kind.instance_type,
                nic_gbit_per_s=kind.nic_gbit_per_s,
            )
        )
    return found


def _short(kind: _Kind) -> str:
    if kind.instance_type:
        return as_label(kind.instance_type)
    words = [word for word in kind.gpu.split("-") if not _NOT_SHORT.fullmatch(word)]
    return as_label(f"{'-'.join(words) or kind.gpu}x{kind.gpus}")


def _with_nic(kind: _Kind) -> str:
    return as_label(f"{_short(kind)}{_nic(kind)}")


def _nic(kind: _Kind) -> str:
    return "" if kind.nic_gbit_per_s is None else f"-{kind.nic_gbit_per_s:g}g"


def _long(kind: _Kind) -> str:
    return as_label(f"{kind.instance_type or kind.gpu}-x{kind.gpus}")


def _longest(kind: _Kind) -> str:
    return as_label(f"{kind.instance_type or ''}-{kind.gpu}-x{kind.gpus}{_nic(kind)}")
