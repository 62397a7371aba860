"""Where nodes stand -> cluster, spine and leaf of each, with names that a fleet file takes.

The whole path of a node tells domains apart, as names of racks repeat across zones. An NVLink
domain of several nodes is the narrowest level. Of more than three levels those that divide the
nodes exactly as the next narrower one does are left out; what is then too many of the widest is
joined into the cluster.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from heteroplan.inputs.schemas.base import MAX_LABEL
from heteroplan.inventory.join import listed
from heteroplan.inventory.node import NodeRecord
from heteroplan.text import counted

LEVELS = 3
"""Cluster, spine, leaf."""
UNPLACED = "unplaced"
"""Spine and leaf of nodes whose place nobody says, where that of others is known."""
_HASH_DIGITS = 8
_OUTSIDE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Names of the domains of a node."""

    cluster: str
    spine: str
    leaf: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Where all nodes stand."""

    places: Mapping[str, Place]
    """By name of the node."""
    has_network: bool
    """Whether any source says where nodes stand; otherwise all are in one domain."""
    notes: tuple[str, ...] = ()


def place(nodes: Sequence[NodeRecord], fleet: str, level_labels: Sequence[str] = ()) -> Placed:
    """The place of every node. `fleet` names the cluster where no source does.

    `level_labels` are labels of nodes that are the levels of the network, the widest first.
    """
    labelled, notes = _by_labels(nodes, level_labels)
    paths, unplaced = _whole_paths(labelled, fleet)
    if unplaced and len(unplaced) < len(nodes):
        notes.append(
            f"{counted(len(unplaced), 'node')} without a place in the network "
            f"({listed(unplaced)}): on a leaf of their own, named {UNPLACED}"
        )
    has_network = any(
        node.path or node.nvlink_domain is not None or node.cluster is not None for node in labelled
    )
    if not any(node.path or node.nvlink_domain is not None for node in labelled):
        notes.append(
            "no source says which switches nodes are below: "
            + ("each cluster is one leaf" if has_network else "the fleet is one network domain")
        )
    columns = [tuple(column) for column in zip(*paths.values(), strict=True)]
    kept, left_out = _kept_levels(columns)
    if left_out:
        notes.append(
            f"{len(columns)} network levels: {counted(left_out, 'level')} that divided the nodes "
            f"as the level below did {'is' if left_out == 1 else 'are'} left out"
        )
    if len(kept) > LEVELS:
        notes.append(
            f"{len(kept)} network levels: the {len(kept) - LEVELS + 1} widest are joined into the "
            "cluster; nodes of two clusters exchange no KV cache"
        )
    places = dict(zip(paths, _places(list(paths.values()), kept), strict=True))
    return Placed(places, has_network, tuple(notes))


def as_label(text: str) -> str:
    """`text` as an RFC 1123 label: lower-case, other characters as `-`, shortened by a hash."""
    label = _OUTSIDE.sub("-", text.lower()).strip("-")
    if len(label) > MAX_LABEL:
        digits = sha256(label.encode()).hexdigest()[:_HASH_DIGITS]
        label = f"{label[: MAX_LABEL - _HASH_DIGITS - 1].rstrip('-')}-{digits}"
    return label or "x" + sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


def unique(label: str, taken: Iterable[str]) -> str:
    """`label`, with a number after it where it is `taken`."""
    there = set(taken)
    found, number = label, 1
    while found in there:
        number += 1
        end = f"-{number}"
        found = label[: MAX_LABEL - len(end)].rstrip("-") + end
    return found


def _by_labels(
    nodes: Sequence[NodeRecord], level_labels: Sequence[str]
) -> tuple[list[NodeRecord], list[str]]:
    """Nodes with the paths that the labels give, and a note of nodes without these labels."""
    if not level_labels:
        return list(nodes), []
    found, without = [], []
    for node in nodes:
        values = [node.labels.get(label) for label in level_labels]
        if all(values):
            found.append(replace(node, path=tuple(filter(None, values))))
        else:
            found.append(node)
            without.append(node.name)
    note = f"{counted(len(without), 'node')} without the labels {', '.join(level_labels)}"
    return found, [f"{note} ({listed(without)})"] if without else []


def _whole_paths(
    nodes: Sequence[NodeRecord], fleet: str
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The path of each node by its name, all equally long, and the nodes without a place.

    Shorter paths repeat their widest step, and their narrowest where only others have an NVLink
    domain: leaf switches are then on one level.
    """
    switches = {node.name: node.path or () for node in nodes}
    longest = max(map(len, switches.values()), default=0)
    has_nvlink = any(node.nvlink_domain is not None for node in nodes)
    has_cluster = any(node.cluster is not None for node in nodes)
    paths: dict[str, tuple[str, ...]] = {}
    unplaced: list[str] = []
    for node in nodes:
        path = switches[node.name]
        if not path and longest:
            path = (UNPLACED,) * longest
            if node.nvlink_domain is None:
                unplaced.append(node.name)
        elif len(path) < longest:
            path = (path[0],) * (longest - len(path)) + path
        if has_nvlink:
            below = path[-1] if path else UNPLACED
            path = (*path, below if node.nvlink_domain is None else node.nvlink_domain)
            if not longest and node.nvlink_domain is None:
                unplaced.append(node.name)
        if has_cluster:
            path = (fleet if node.cluster is None else node.cluster, *path)
        while len(path) < LEVELS:
            path = (path[0] if path and has_cluster else fleet, *path)
        paths[node.name] = path
    return paths, unplaced


def _kept_levels(columns: Sequence[tuple[str, ...]]) -> tuple[list[int], int]:
    """Indices of the levels that remain, and how many divide nodes as the next one does."""
    prefixes = [list(zip(*columns[: i + 1], strict=True)) for i in range(len(columns))]
    domains = [len(set(each)) for each in prefixes]
    kept = list(range(len(columns)))
    for level in reversed(range(len(columns) - 1)):
        if len(kept) > LEVELS and domains[level] == domains[level + 1]:
            kept.remove(level)
    return kept, len(columns) - len(kept)


def _places(paths: Sequence[tuple[str, ...]], kept: Sequence[int]) -> Iterator[Place]:
    """The place of each path by the levels that remain."""
    ends = [kept[-LEVELS] + 1, kept[-2] + 1, kept[-1] + 1]
    widest = [level for level in kept if level < ends[0]]
    names = [
        _names({path[:end]: _own(path, end, widest if end == ends[0] else ()) for path in paths})
        for end in ends
    ]
    for path in paths:
        cluster, spine, leaf = (name[path[:end]] for name, end in zip(names, ends, strict=True))
        yield Place(cluster, spine, leaf)


def _own(path: tuple[str, ...], end: int, joined: Sequence[int]) -> tuple[str, ...]:
    """Steps that name the domain of a path that ends there: the last one, or those `joined`."""
    steps = tuple(path[level] for level in joined) or (path[end - 1],)
    return tuple(dict.fromkeys(steps))


def _names(domains: Mapping[tuple[str, ...], tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """A name for each domain, by its path; `domains` has the steps that name it by itself.

    Where two would have one name, all get wider steps before their own until none do.
    """
    steps = dict(domains)
    for wider in range(max(map(len, domains), default=0) + 1):
        if len(set(map(_joined, steps.values()))) == len(steps):
            break
        steps = {
            path: tuple(dict.fromkeys((*path[-1 - wider : -1], *own)))
            for path, own in domains.items()
        }
    counts = Counter(_joined(own) for own in steps.values())
    named: dict[tuple[str, ...], str] = {}
    taken: defaultdict[str, set[str]] = defaultdict(set)
    for path, own in steps.items():
        name = _joined(own)
        if counts[name] > 1:
            name = unique(name, {*taken[name], *(other for other in counts if other != name)})
            taken[_joined(own)].add(name)
        named[path] = name
    return named


def _joined(steps: Iterable[str]) -> str:
    return as_label("-".join(steps))
