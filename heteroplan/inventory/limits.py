"""What keeps nodes from being used: states, reservations and quotas.

Nodes that are out stay in the fleet and are unavailable; nodes beyond a quota are no supply, and
are taken out of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from heteroplan.errors import UsageError
from heteroplan.inventory.join import listed
from heteroplan.inventory.levels import Place
from heteroplan.inventory.node import NodeRecord, Quota, Reservation
from heteroplan.inventory.node_types import NodeType
from heteroplan.text import counted

EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""Start of what is out without one."""
FOR_GOOD = datetime(2199, 1, 1, tzinfo=UTC)
"""End of what is out without one."""

type TypedNode = tuple[NodeRecord, NodeType]


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a node is out, its end not included."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, order=True)
class Absence:
    """Nodes of one leaf and node type that are out in the same time."""

    leaf: str
    node_type: str
    start: datetime
    end: datetime
    nodes: tuple[str, ...]
    """Their names."""
    reasons: tuple[str, ...]


def absences(
    nodes: Sequence[TypedNode],
    places: Mapping[str, Place],
    reservations: Sequence[Reservation],
    own: Sequence[str] = (),
) -> list[Absence]:
    """When which nodes are out; a node that is out twice at a time counts once.

    Reservations that are `own` keep no node from being used.
    """
    reserved: dict[str, list[Reservation]] = defaultdict(list)
    for reservation in reservations:
        if reservation.name not in own:
            for name in reservation.nodes:
                reserved[name].append(reservation)
    grouped: dict[tuple[str, str, Span, tuple[str, ...]], list[str]] = defaultdict(list)
    for node, node_type in nodes:
        spans = [Span(EVER, FOR_GOOD)] if node.out else []
        spans += [Span(each.start or EVER, each.end or FOR_GOOD) for each in reserved[node.name]]
        reasons = [*([node.out] if node.out else []), *(r.name for r in reserved[node.name])]
        leaf = places[node.name].leaf
        for span in _joined(spans):
            key = (leaf, node_type.name, span, tuple(dict.fromkeys(reasons)))
            grouped[key].append(node.name)
    return [
        Absence(leaf, node_type, span.start, span.end, tuple(names), reasons)
        for (leaf, node_type, span, reasons), names in grouped.items()
    ]


def within_quotas(
    nodes: Sequence[TypedNode],
    places: Mapping[str, Place],
    quotas: Sequence[Quota],
    queue: str | None = None,
) -> tuple[list[TypedNode], list[str]]:
    """The nodes that quotas leave, and what was taken out.

    Quotas for the same nodes add up. Of a `queue` its quotas alone count, and other nodes than
    theirs are taken out. Whole leaves stay where that uses no less of the quota. Raises UsageError
    for an unknown queue.
    """
    counting = _of_queue(quotas, queue) if queue is not None else list(quotas)
    kept = list(nodes)
    notes: list[str] = []
    if queue is not None and not any(not quota.labels for quota in counting):
        inside = [each for each in kept if any(_selects(quota, each) for quota in counting)]
        if len(inside) < len(kept):
            gone = [node.name for node, _ in kept if node.name not in _names(inside)]
            notes.append(
                f"{queue} has no quota for {counted(len(gone), 'node')}: left out ({listed(gone)})"
            )
        kept = inside
    for same in _alike(counting):
        kept, note = _within(kept, places, same)
        notes += note
    return kept, notes


def _within(
    nodes: Sequence[TypedNode], places: Mapping[str, Place], quotas: Sequence[Quota]
) -> tuple[list[TypedNode], list[str]]:
    """What quotas for the same nodes leave of all nodes."""
    most = sum(quota.gpus for quota in quotas)
    about = [each for each in nodes if _selects(quotas[0], each)]
    there = sum(node_type.gpus for _, node_type in about)
    if there <= most:
        return list(nodes), []
    chosen = _names(_chosen(about, places, most))
    gone = [node.name for node, _ in about if node.name not in chosen]
    used = sum(node_type.gpus for node, node_type in about if node.name in chosen)
    names = ", ".join(quota.name for quota in quotas)
    note = (
        f"{names}: {counted(most, 'GPU')} of {there:,}; {counted(len(gone), 'node')} beyond "
        f"left out ({listed(gone)})"
    )
    if used < most:
        note += f"; {counted(most - used, 'GPU')} of the quota are less than a node"
    dropped = set(gone)
    return [each for each in nodes if each[0].name not in dropped], [note]


def _chosen(nodes: Sequence[TypedNode], places: Mapping[str, Place], most: int) -> list[TypedNode]:
    """Nodes with at most so many GPUs: whole leaves, the largest first, and then parts of others.

    Nodes that are out come last.
    """
    by_leaf: dict[str, list[TypedNode]] = defaultdict(list)
    for each in nodes:
        by_leaf[places[each[0].name].leaf].append(each)
    sizes = {leaf: sum(shape.gpus for _, shape in below) for leaf, below in by_leaf.items()}
    room = most
    chosen: list[TypedNode] = []
    parts: list[str] = []
    for leaf in sorted(by_leaf, key=lambda leaf: -sizes[leaf]):
        if sizes[leaf] <= room:
            chosen += by_leaf[leaf]
            room -= sizes[leaf]
        else:
            parts.append(leaf)
    for leaf in parts:
        for each in sorted(
            by_leaf[leaf], key=lambda each: (each[0].out is not None, -each[1].gpus)
        ):
            if each[1].gpus <= room:
                chosen.append(each)
                room -= each[1].gpus
    return chosen


def _usefulness(node: TypedNode) -> tuple[bool, int]:
    """Smaller for a node that can be used, and for a larger one."""
    return node[0].out is not None, -node[1].gpus


def _alike(quotas: Iterable[Quota]) -> list[list[Quota]]:
    """Quotas for the same nodes together."""
    found: dict[frozenset[tuple[str, str]], list[Quota]] = defaultdict(list)
    for quota in quotas:
        found[frozenset(quota.labels.items())].append(quota)
    return list(found.values())


def _of_queue(quotas: Sequence[Quota], queue: str) -> list[Quota]:
    """The quotas of one queue, by its name or the last word of it."""
    found = [quota for quota in quotas if queue in (quota.name, quota.name.rpartition(" ")[2])]
    if not found:
        known = ", ".join(dict.fromkeys(quota.name for quota in quotas)) or "none"
        raise UsageError(f"--queue {queue}: no source has such a quota; there are {known}")
    return found


def _selects(quota: Quota, node: TypedNode) -> bool:
    return all(node[0].labels.get(name) == value for name, value in quota.labels.items())


def _names(nodes: Iterable[TypedNode]) -> set[str]:
    return {node.name for node, _ in nodes}


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans that touch or overlap as one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found
