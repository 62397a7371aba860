"""What several files say of the same nodes -> one record a node.

Files are joined by the names of nodes, upper and lower case alike. A name with a domain
(`n1.example.com`) and the same name without one (`n1`) are one node where only one node can be
meant.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heteroplan.inventory.gpu_names import resolve
from heteroplan.inventory.node import (
    Contents,
    NodeRecord,
    PodRecord,
    Quota,
    Reservation,
)
from heteroplan.text import counted

MOST_NAMES = 3
"""Names that a sentence lists."""
_SAID_ONCE = ("gpus", "instance_type", "nic_gbit_per_s", "cluster", "nvlink_domain", "path")
"""Fields of which the first file counts that has them, and that are told where files differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What all files together say."""

    nodes: tuple[NodeRecord, ...]
    """Each once, in the order in which files name them."""
    level_labels: tuple[str, ...] = ()
    """Of the last file that has some."""
    quotas: tuple[Quota, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    """Their nodes are named as `nodes` are."""
    pods: tuple[PodRecord, ...] = ()
    """Their nodes are named as `nodes` are."""
    notes: tuple[str, ...] = ()
    """What files say differently, and what is in one file only; one sentence each."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one file says of a node."""

    file: str
    record: NodeRecord


def join(contents: Sequence[Contents]) -> Joined:
    """One record a node. Of what files say differently the first file counts; this is told.

    A known GPU type counts before an unknown one.
    """
    names = _Names([node for each in contents for node in each.nodes])
    said: dict[str, list[_Said]] = defaultdict(list)
    for each in contents:
        for node in each.nodes:
            said[names.key(node.name)].append(_Said(each.file, node))
    merging = _Merging()
    nodes = {key: merging.merged(records) for key, records in said.items()}

    def named(name: str) -> str:
        node = nodes.get(names.key(name))
        return name if node is None else node.name

    told = {named(name) for each in contents for one in each.reservations for name in one.nodes}
    return Joined(
        nodes=tuple(_reserved(node, node.name in told) for node in nodes.values()),
        level_labels=next((each.level_labels for each in contents[::-1] if each.level_labels), ()),
        quotas=tuple(quota for each in contents for quota in each.quotas),
        reservations=tuple(
            replace(reservation, nodes=tuple(map(named, reservation.nodes)))
            for each in contents
            for reservation in each.reservations
        ),
        pods=tuple(replace(pod, node=named(pod.node)) for each in contents for pod in each.pods),
        notes=(*merging.notes(), *_only_in_one(said), *_unknown_nodes(contents, nodes, names)),
    )


def _reserved(node: NodeRecord, is_told: bool) -> NodeRecord:
    """A node whose state is that of a reservation is out for good unless a reservation tells."""
    if node.reserved is None or is_told:
        return node
    return replace(node, out=", ".join(filter(None, (node.out, node.reserved))))


def listed(names: Iterable[str]) -> str:
    """Such as `n1, n2, n3 and 5 more`."""
    all_names = list(names)
    more = len(all_names) - MOST_NAMES
    if more <= 1:
        return ", ".join(all_names)
    return f"{', '.join(all_names[:MOST_NAMES])} and {more:,} more"


class _Names:
    """Which names mean the same node."""

    def __init__(self, nodes: Sequence[NodeRecord]) -> None:
        self._of: dict[str, str] = {}
        """Another name of the same node, by name; a node's key has none."""
        self._join_short({node.name.lower() for node in nodes})
        self._join_aliases(nodes)

    def _join_aliases(self, nodes: Iterable[NodeRecord]) -> None:
        """Files that call a node by another of its names mean that node."""
        for node in nodes:
            key = self.key(node.name)
            for alias in node.aliases:
                other = alias.lower()
                if self._of.get(other, other) == other:
                    self._of[other] = key

    def key(self, name: str) -> str:
        """The same for all names of a node."""
        found = name.lower()
        while (further := self._of.get(found, found)) != found:
            found = further
        return found

    def _join_short(self, names: Iterable[str]) -> None:
        """A name with a domain means the same node as the one without, if no other does."""
        by_short: dict[str, list[str]] = defaultdict(list)
        for name in names:
            short, _, domain = name.partition(".")
            if domain and not short.isdecimal():
                by_short[short].append(name)
        for short, long in by_short.items():
            if len(long) == 1:
                self._of[short] = long[0]


class _Merging:
    """Merges what files say of nodes, and gathers where they differ."""

    def __init__(self) -> None:
        self._differing: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        """Names of nodes by field, the file that counts, and another one."""

    def merged(self, said: Sequence[_Said]) -> NodeRecord:
        """The record of a node of which files say this."""
        first = said[0].record
        if len(said) == 1:
            return first
        gpu, memory_mib = self._gpu(said)
        first_said: dict[str, Any] = {name: self._first(name, said) for name in _SAID_ONCE}
        out = [each.record.out for each in said if each.record.out]
        return replace(
            first,
            aliases=tuple(dict.fromkeys(name for each in said for name in each.record.aliases)),
            gpu=gpu,
            gpu_memory_mib=memory_mib,
            gpus_left_out=max(each.record.gpus_left_out for each in said),
            out=", ".join(dict.fromkeys(out)) or None,
            reserved=next((r for each in said if (r := each.record.reserved) is not None), None),
            labels=_labels(said),
            **first_said,
        )

    def notes(self) -> Iterator[str]:
        """One sentence for each field of which two files differ."""
        for (name, counts, other), nodes in self._differing.items():
            what = name.replace("_", " ").replace(" gbit per s", "")
            yield (
                f"{other} and {counts} differ in {what} of {counted(len(nodes), 'node')} "
                f"({listed(nodes)}): {counts} counts"
            )

    def _first(self, name: str, said: Sequence[_Said]) -> object:
        """The value of a field in the first file that has it."""
        known = [each for each in said if getattr(each.record, name) is not None]
        if name == "gpus":
            # A file that finds none may not see GPUs that another one does.
            seeing = [each for each in known if each.record.gpus or each.record.gpus_left_out]
            known = seeing or known
        if not known:
            return None
        value = getattr(known[0].record, name)
        for each in known[1:]:
            if getattr(each.record, name) != value:
                self._differing[name, known[0].file, each.file].append(said[0].record.name)
        return value

    def _gpu(self, said: Sequence[_Said]) -> tuple[str | None, float | None]:
        """The GPU type as written, preferably one that is known, and the memory of a GPU."""
        memories = [m for each in said if (m := each.record.gpu_memory_mib) is not None]
        memory_mib = memories[0] if memories else None
        written = [each for each in said if each.record.gpu is not None]
        known = [
            (each, name)
            for each in written
            if (name := resolve(each.record.gpu or "", each.record.gpu_memory_mib))
            or (name := resolve(each.record.gpu or "", memory_mib))
        ]
        for each, name in known[1:]:
            if name != known[0][1]:
                key = ("gpu type", known[0][0].file, each.file)
                self._differing[key].append(said[0].record.name)
        best = known[0][0] if known else written[0] if written else None
        if best is None:
            return None, memory_mib
        own = best.record.gpu_memory_mib
        return best.record.gpu, memory_mib if own is None else own


def _labels(said: Sequence[_Said]) -> Mapping[str, str]:
    """Labels of all files; of one that two have the first file counts."""
    some = [each.record.labels for each in said if each.record.labels]
    if len(some) < 2:
        return next(iter(some), {})
    return {name: text for labels in some[::-1] for name, text in labels.items()}


def _only_in_one(said: dict[str, list[_Said]]) -> Iterator[str]:
    """A sentence for each file that has nodes no other file has, where several have nodes."""
    files = dict.fromkeys(each.file for records in said.values() for each in records)
    if len(files) < 2:
        return
    total: dict[str, int] = dict.fromkeys(files, 0)
    alone: dict[str, list[str]] = {file: [] for file in files}
    for records in said.values():
        of = dict.fromkeys(each.file for each in records)
        for file in of:
            total[file] += 1
            if len(of) == 1:
                alone[file].append(records[0].record.name)
    for file, names in alone.items():
        if names:
            yield (
                f"{file}: {len(names):,} of its {counted(total[file], 'node')} "
                f"{'is' if len(names) == 1 else 'are'} in no other file ({listed(names)})"
            )


def _unknown_nodes(
    contents: Sequence[Contents], nodes: dict[str, NodeRecord], names: _Names
) -> Iterator[str]:
    """A sentence for each reservation, and for the pods of each file, with nodes nobody lists."""
    for each in contents:
        for reservation in each.reservations:
            strange = [name for name in reservation.nodes if names.key(name) not in nodes]
            if strange:
                yield (
                    f"{each.file}: {reservation.name} has {counted(len(strange), 'node')} that no "
                    f"source lists ({listed(strange)})"
                )
        homeless = [pod.name for pod in each.pods if names.key(pod.node) not in nodes]
        if homeless:
            yield (
                f"{each.file}: {counted(len(homeless), 'pod')} on nodes that no source lists "
                f"({listed(homeless)})"
            )
