"""The interval before the horizon: what runs then keeps its nodes, what starts then finds others.

Sizes are packed with one interval more, in which everything stands that runs; what comes out is
counted from the horizon on again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from heteroplan.entities.scenario import Running
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.program.supply import Places
from heteroplan.placement.first_fit import Footprint, Placed, Unplaced
from heteroplan.placement.nodes import Nodes


def nodes_from_before(
    place: Places, nodes: Nodes, node_type: str, strangers: Sequence[Running]
) -> Nodes:
    """The nodes with one interval more, in which `strangers` stand that no pool may keep."""
    free, gpus = _there_before(place, nodes, node_type), place.scenario.replica_gpus()
    for each in strangers:
        if each.node_type == node_type and each.nodes:
            _take(nodes, free, each, gpus[each.workload, each.engine])
    return replace(nodes, free=np.vstack([np.maximum(0, free), nodes.free]).astype(np.int32))


def standing(place: Places, nodes: Mapping[str, Nodes]) -> list[Running]:
    """What runs before the horizon, by node type on `nodes`, each with the names of its nodes.

    One of which only the leaf is known stands on the fullest of its nodes that have room.
    """
    gpus = place.scenario.replica_gpus()
    free = {name: _there_before(place, on, name) for name, on in nodes.items()}
    found = []
    for each in sorted(place.scenario.current or (), key=lambda each: not each.nodes):
        on, needed = nodes.get(each.node_type), gpus[each.workload, each.engine]
        if on is None:
            continue
        if not each.nodes:
            count = max(1, needed // on.gpus)
            here = on.standing(each.leaf, ())
            fits = here[free[each.node_type][here] >= needed // count]
            fullest = fits[np.argsort(free[each.node_type][fits], kind="stable")][:count]
            if len(fullest) == count:
                each = replace(each, nodes=tuple(on.names[n] for n in sorted(fullest)))
        if each.nodes:
            _take(on, free[each.node_type], each, needed)
        found.append(each)
    return found


def hold_before(
    free: Ints, rows: slice, placed: Iterable[Placed], footprints: Mapping[int, Footprint]
) -> None:
    """Take from GPUs `free` [n] before the horizon what is placed on some `rows` of nodes then."""
    for each in placed:
        if each.first <= each.lead:
            free[rows][list(each.spot)] -= footprints[each.life.pool].share


def in_horizon[Each: (Placed, Unplaced)](found: Iterable[Each]) -> Iterator[Each]:
    """What was placed or not from the interval before on, counted from the horizon on.

    What goes on elsewhere when the horizon begins is no move, as nothing before it is counted.
    """
    for each in found:
        first, intervals = max(0, each.first - 1), each.intervals - (each.first == 0)
        if intervals:
            late = replace(each, first=first, intervals=intervals)
            if isinstance(late, Placed):
                late = replace(late, lead=min(late.lead, first), moved=late.moved and first > 0)
            yield late


def _there_before(place: Places, nodes: Nodes, node_type: str) -> Ints:
    """[n] GPUs of nodes that are there in the interval before the horizon."""
    there = np.zeros(len(nodes.names), dtype=np.int64)
    for number, leaf in enumerate(nodes.leaves):
        on = np.flatnonzero(nodes.leaf_of == number)
        there[on[: place.on_leaf_before[leaf.name, node_type]]] = nodes.gpus
    return there


def _take(nodes: Nodes, free: Ints, running: Running, gpus: int) -> None:
    """Hold a running replica's GPUs on its nodes."""
    on = nodes.standing(running.leaf, running.nodes)
    free[on] -= gpus // max(1, len(on))
