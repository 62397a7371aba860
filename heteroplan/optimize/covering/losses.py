"""The loss of a node or of a domain in a block: what may be served so that enough is left.

`NodeLoss` knows one group; `LeastLost` is a bound where the pools of many are added up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.optimize.program.mix import most_on_a_node
from heteroplan.optimize.program.problem import Floats, Ints, on_a_node


@dataclass(frozen=True, slots=True, eq=False)
class NodeLoss:
    """Resilience of one group: with any one node lost, `serve` of what is served still is."""

    serve: float
    gpus: Ints
    """[E] GPUs of a replica on one node."""
    nodes: tuple[tuple[tuple[int, ...], int], ...]
    """For each node type: the engines on it, and the GPUs of a node."""

    def replicas(self) -> dict[int, int]:
        """Of each engine that one node takes away at most."""
        return {
            e: on_a_node(int(self.gpus[e]), node_gpus)
            for members, node_gpus in self.nodes
            for e in members
        }

    def safe(
        self,
        cover: Floats,
        reached: Mapping[int, Floats],
        after: Mapping[int, tuple[Floats, Floats]],
        side: NDArray[np.bool_],
        queue: Ints | None,
    ) -> Floats:
        """[t, ...] what may be served of `cover` so that the loss of a node is survived.

        Engines have `reached` [t, ...] so much of it; in pools as small as are left at least, all
        their replicas and each serve what `after` says. `side` [E] says which engines count,
        `queue` [E] which engines' replicas count together, as a block has it.
        """
        served = cover
        for members, node_gpus in self.nodes:
            engines = [e for e in members if side[e] and e in reached]
            if not engines:
                continue
            whole = cover
            for e in _in_queues(engines, queue):
                if e in reached:
                    whole = whole - (reached[e] - after[e][0])
            per_gpu = [after[e][1] / self.gpus[e] for e in engines]
            lost = most_on_a_node(node_gpus, [after[e][0] for e in engines], per_gpu)
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
