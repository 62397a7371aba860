"""The loss of a node or of a domain in a block: what may be served so that enough is left.

`NodeLoss` knows one group; `LeastLost` is a bound where the pools of many are added up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.optimize.program.mix import most_on_a_node
from heteroplan.optimize.program.problem import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """What engines of a block add to the share of the demand that is served."""

    each: Mapping[int, Floats]
    """[t, ...] by engine."""
    after: Mapping[int, tuple[Floats, Floats]]
    """[t, ...] of engines that serve less in smaller pools, what all their replicas, and each,
    would add in a pool as small as is left at least."""


@dataclass(frozen=True, slots=True, eq=False)
class NodeLoss:
    """Resilience of one group: with any one node lost, `serve` of what is served still is."""

    serve: float
    gpus: Ints
    """[E] GPUs of a replica on one node."""
    nodes: tuple[tuple[tuple[int, ...], int], ...]
    """For each node type: the engines on it, and the GPUs of a node."""

    def safe(
        self,
        cover: Floats,
        reached: Reached,
        side: NDArray[np.bool_],
        share: Floats,
        queue: Ints | None,
    ) -> Floats:
        """[t, ...] what may be served of `cover` so that the loss of a node is survived.

        `side` [E] says which engines count, `share` [E, t] what one replica serves, `queue` [E]
        which engines' replicas count together, as a block has it.
        """
        served = cover
        column = [-1, *[1] * (cover.ndim - 1)]
        for members, node_gpus in self.nodes:
            engines = [e for e in members if side[e] and e in reached.each]
            if not engines:
                continue
            whole, mine, each = cover, [], []
            for e in engines:
                alone = (reached.each[e], share[e].reshape(column))
                all_of_it, one = reached.after.get(e, alone)
                mine.append(all_of_it)
                each.append(one / self.gpus[e])
            for e in _in_queues(engines, queue):
                if e in reached.after:
                    whole = whole - (reached.each[e] - reached.after[e][0])
            lost = most_on_a_node(node_gpus, mine, each)
            left = np.maximum(0.0, whole - lost) / self.serve
            served = np.minimum(served, left)
        return served


ALL_OF_THEM = 10**9
"""Replicas that a loss takes away where it takes all."""


@dataclass(frozen=True, slots=True, eq=False)
class LeastLost:
    """What is lost at least of engines whose pools are added up, whichever node or domain it is.

    Of n replicas in D places one has n / D or more, and loses so many or as many as a node holds.
    """

    serve: Floats
    """[T] share of the demand that must still be served."""
    places: Ints
    """[E] pools of which each may lose a node, or domains that may be lost."""
    replicas: Ints
    """[E] that one node takes away, the fewest of all pools; or `ALL_OF_THEM` of a domain."""

    def of(self, engines: list[int]) -> "LeastLost":
        """Of some engines."""
        return replace(self, places=self.places[engines], replicas=self.replicas[engines])

    def part(self, e: int, counts: Ints) -> Floats:
        """[...] part of counts [...] of an engine that is lost."""
        largest = -(-counts // self.places[e])
        return np.asarray(np.minimum(largest, self.replicas[e]) / np.maximum(1, counts))

    def spare(self, counts: Ints) -> Ints:
        """[E, *] replicas that are of use beside counts [E, *] that serve enough."""
        places, replicas = self.places[:, None], self.replicas[:, None]
        others = np.minimum(replicas, -(-counts // np.maximum(1, places - 1)) + 1)
        alone = np.where(replicas < ALL_OF_THEM, replicas, 0)
        return np.asarray(np.where(places > 1, others, alone))


def _in_queues(engines: list[int], queue: Ints | None) -> list[int]:
    """Engines, and those whose replicas are in a queue with theirs."""
    if queue is None:
        return engines
    return [int(e) for e in np.flatnonzero(np.isin(queue, queue[engines]))]
