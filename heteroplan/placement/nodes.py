"""Which GPUs of the nodes of one type are free in which interval."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity, Leaf, SubgroupPriority
from heteroplan.entities.placement import node_names
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.program.supply import Places

type Gpus = NDArray[np.int32]
type Rows = slice | Ints
"""Nodes by number: those of a domain, or some picked by hand."""
type Spot = tuple[int, ...]
"""The nodes that a replica stands on, all of one leaf."""


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """What a replica takes from each of its nodes: running, and starting before."""

    at: Ints
    """Intervals in which it takes anything."""
    gpus: Gpus
    """[len(at), 1] GPUs taken; more than the replica's share where its next start overlaps."""

    @classmethod
    def of(cls, share: int, times: Ints, intervals: int) -> "Hold":
        """`share` GPUs a node in each of `times`, which wrap around a day of `intervals`."""
        if len(times) <= intervals:
            return cls(times % intervals, np.full((len(times), 1), share, dtype=np.int32))
        at, often = np.unique(times % intervals, return_counts=True)
        return cls(at, (share * often[:, None]).astype(np.int32))


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """All nodes of one type, those of a domain side by side."""

    gpus: int
    """A node."""
    names: tuple[str, ...]
    leaves: tuple[Leaf, ...]
    leaf_of: Ints
    """[node] index of its leaf."""
    scarcity: Ints
    """[node] 0 on leaves of low priority, 1 medium, 2 high."""
    free: Gpus
    """[T, node], maintenance applied; changes as replicas are placed."""

    def part(self, rows: slice) -> "Nodes":
        """Some of the nodes, to be filled on their own."""
        return replace(
            self,
            names=self.names[rows],
            leaf_of=self.leaf_of[rows],
            scarcity=self.scarcity[rows],
            free=self.free[:, rows].copy(),
        )

    def copy(self) -> "Nodes":
        """All of the nodes, to be filled on their own."""
        return replace(self, free=self.free.copy())

    def rows(self, level: Affinity, domain: str) -> slice:
        """The nodes of a domain."""
        inside = np.array([leaf.domain(level) == domain for leaf in self.leaves])
        found = np.flatnonzero(inside[self.leaf_of])
        return slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 0)

    def standing(self, leaf: str, names: Sequence[str]) -> Ints:
        """The nodes called `names`; all of the leaf where there are none."""
        index = [each.name for each in self.leaves].index(leaf)
        on = np.flatnonzero(self.leaf_of == index)
        return np.array([n for n in on if not names or self.names[n] in names], dtype=np.int64)

    def take(self, spot: Spot, hold: Hold) -> None:
        """Hold GPUs on the nodes of a spot."""
        self.free[hold.at[:, None], list(spot)] -= hold.gpus

    def give(self, spot: Spot, hold: Hold) -> None:
        """Undo `take`."""
        self.free[hold.at[:, None], list(spot)] += hold.gpus

    def has_room(self, spot: Spot, hold: Hold) -> bool:
        """Whether the GPUs of a hold are free on the nodes of a spot."""
        return bool((self.free[hold.at[:, None], list(spot)] >= hold.gpus).all())

    def find(self, rows: Rows, count: int, hold: Hold) -> Spot | None:
        """`count` nodes of one leaf with room for `hold`: low priority, then the tightest fit."""
        if count == 1:
            return next(iter(self._find_single(rows, hold, 1)), None)
        free = self.free[:, rows]
        left = (free[hold.at] - hold.gpus).min(axis=0)
        fits = np.flatnonzero(left >= 0)
        if fits.size < count:
            return None
        node = np.arange(len(self.names))[rows]
        tightness = left[fits].astype(np.int64) * _LARGE + free[:, fits].sum(axis=0)
        return self.side_by_side(node[fits], tightness, count)

    def fill(self, rows: Rows, count: int, hold: Hold, most: int) -> list[Spot]:
        """Hold GPUs for up to `most` replicas of `count` nodes each, one after another."""
        found: list[Spot] = []
        if count == 1:
            found = self._find_single(rows, hold, most)
            node, often = np.unique(np.array(found, dtype=np.int64), return_counts=True)
            self.free[hold.at[:, None], node] -= hold.gpus * often.astype(np.int32)
            return found
        while len(found) < most and (spot := self.find(rows, count, hold)) is not None:
            self.take(spot, hold)
            found.append(spot)
        return found

    def _find_single(self, rows: Rows, hold: Hold, most: int) -> list[Spot]:
        """Up to `most` single nodes for replicas that each take `hold`, as often as it fits.

        The same as `find` one after another: a node that is taken is the tightest until it is full.
        """
        free = self.free[:, rows]
        left = (free[hold.at] - hold.gpus).min(axis=0)
        fits = np.flatnonzero(left >= 0)
        if not fits.size:
            return []
        node = np.arange(len(self.names))[rows]
        worth = self.scarcity[node[fits]] * _LARGE + left[fits]
        if most == 1:
            ties = worth == worth.min()
            fits, worth = fits[ties], worth[ties]
        order = fits[np.lexsort((free[:, fits].sum(axis=0), worth))][:most]
        often = (free[:, order][hold.at] // hold.gpus).min(axis=0)
        return [(int(n),) for n in np.repeat(node[order], often)[:most]]

    def side_by_side(self, node: Ints, tightness: Ints, count: int) -> Spot | None:
        """Of these nodes `count` of one leaf: the tightest of the leaf with the fewest of them.

        Leaves of low priority come first.
        """
        room = np.bincount(self.leaf_of[node])
        enough = [leaf for leaf in np.flatnonzero(room) if room[leaf] >= count]
        if not enough:
            return None
        first = {leaf: int(np.argmax(self.leaf_of[node] == leaf)) for leaf in enough}
        best = min(enough, key=lambda leaf: (self.scarcity[node[first[leaf]]], room[leaf]))
        among = np.flatnonzero(self.leaf_of[node] == best)
        chosen = among[np.argsort(tightness[among], kind="stable")[:count]]
        return tuple(sorted(int(n) for n in node[chosen]))

    def reach(self, rows: Rows, count: int, share: int, times: Ints) -> Ints:
        """[len(times)] how long `count` nodes of one leaf stay free from each of `times` on."""
        node = np.arange(len(self.names))[rows]
        free = self.free[:, rows][times % len(self.free)] >= share
        lasts = np.zeros((len(times) + 1, len(node)), dtype=np.int64)
        for i in reversed(range(len(times))):
            lasts[i] = (lasts[i + 1] + 1) * free[i]
        best = np.zeros(len(times), dtype=np.int64)
        for leaf in np.unique(self.leaf_of[node]):
            here = lasts[:-1, self.leaf_of[node] == leaf]
            if here.shape[1] >= count:
                np.maximum(best, np.sort(here, axis=1)[:, -count], out=best)
        return best


_LARGE = 1 << 24
"""More than a node's free GPUs add up to over a horizon."""


def nodes_of(place: Places, node_type: str) -> Nodes:
    """All nodes of a type, empty; those away for maintenance have no GPUs free.

    Nor have the first ones of a leaf where GPUs stay free for rolling updates.
    """
    fleet = place.scenario.fleet
    leaves = _side_by_side_leaves(fleet)
    counts = [leaf.nodes.get(node_type, 0) for leaf in leaves]
    leaf_of = np.repeat(np.arange(len(leaves)), counts)
    number = np.concatenate([np.arange(count) for count in counts])
    there, kept = (
        np.array([of[leaf.name, node_type] for leaf in leaves])[leaf_of].T
        for of in (place.on_leaf, place.kept_free)
    )
    shape, order = fleet.node_type(node_type), list(SubgroupPriority)
    scarcity = [order.index(place.priority[leaf.name]) for leaf in leaves]
    return Nodes(
        gpus=shape.gpus,
        names=tuple(name for leaf in leaves for name in node_names(leaf, node_type)),
        leaves=leaves,
        leaf_of=leaf_of,
        scarcity=np.array(scarcity, dtype=np.int64)[leaf_of],
        free=np.asarray(
            shape.gpus * (number < there) - np.clip(kept - shape.gpus * number, 0, shape.gpus),
            dtype=np.int32,
            order="C",
        ),
    )


def _side_by_side_leaves(fleet: Fleet) -> tuple[Leaf, ...]:
    """Leaves, those of a spine and of a cluster next to one another."""
    order = [list(fleet.network.domains(level)) for level in (Affinity.CLUSTER, Affinity.SPINE)]
    return tuple(
        sorted(
            fleet.network.leaves,
            key=lambda leaf: (order[0].index(leaf.cluster), order[1].index(leaf.spine)),
        )
    )
